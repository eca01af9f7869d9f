import AddressService
import HostSystem
import Household

/// Runs the DHCP server until it is asked to end.
func serveAddresses(_ runtime: DaemonRuntime) throws {
  let daemon = try AddressDaemon(folders: runtime.folders, loop: runtime.loop, log: runtime.log)
  runtime.problems = { daemon.problems }
  runtime.follow { model, fact in daemon.apply(model: model, commit: fact.commit) }
  try runtime.run()
}

func serveNames(_ runtime: DaemonRuntime) throws { runtime.follow { _, _ in }; try runtime.run() }
