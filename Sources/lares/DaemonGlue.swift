func serveNetwork(_ runtime: DaemonRuntime) throws { runtime.follow { _, _ in }; try runtime.run() }
func serveAddresses(_ runtime: DaemonRuntime) throws { runtime.follow { _, _ in }; try runtime.run() }
func serveNames(_ runtime: DaemonRuntime) throws { runtime.follow { _, _ in }; try runtime.run() }
