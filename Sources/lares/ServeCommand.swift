import ArgumentParser
import Control
import Glibc
import HostSystem

struct Serve: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run one daemon; the image's units and lares run use this.", shouldDisplay: true)
  @Argument(help: "control, network, addresses or names.") var daemon: DaemonName
  @OptionGroup var options: RunOptions
  @Option(help: .hidden) var supervisor: Int32?

  func run() throws {
    let log = Log(daemon: daemon.rawValue, folders: options.folders)
    signal(SIGPIPE, SIG_IGN)
    umask(0o027)
    let owner = File.owner(of: options.config) ?? 0
    let notes = try reducePrivileges(owner: owner)
    let loop = try EventLoop()
    switch daemon {
    case .control:
      let control = try ControlDaemon(
        folders: options.folders, configurationFolder: options.config, ownerUser: owner, loop: loop, log: log,
        notes: notes, furtherCheck: checkWithDaemons)
      try loop.handleSignals([SIGTERM, SIGINT]) { _ in loop.stop() }
      try loop.run()
      withExtendedLifetime(control) {}
    case .network:
      try serveNetwork(DaemonRuntime(daemon, folders: options.folders, loop: loop, log: log, notes: notes))
    case .addresses:
      try serveAddresses(DaemonRuntime(daemon, folders: options.folders, loop: loop, log: log, notes: notes))
    case .names:
      try serveNames(DaemonRuntime(daemon, folders: options.folders, loop: loop, log: log, notes: notes))
    }
  }

  private func reducePrivileges(owner: UInt32) throws -> [String] {
    let user = geteuid() == 0 ? daemon.user(configurationOwner: owner) : nil
    let notes = try Privileges.reduce(to: daemon.capabilities, user: user)
    if let supervisor {
      Privileges.dieWithParent()
      // It may have died before the request.
      if getppid() != supervisor { throw ControlError.failed("the supervisor is gone") }
    }
    return notes
  }
}
