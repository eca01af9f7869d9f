import ArgumentParser
import Control
import Glibc
import HostSystem
import Wire

struct Run: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Start all daemons in the foreground, in the current network namespace.",
    discussion: """
      For development and the lab. Ctrl-C ends the daemons and leaves rules, addresses and routes as they are; only \
      lares teardown removes them.
      """)
  @OptionGroup var options: RunOptions
  @Flag(help: "Yes, change the network of this very machine.") var thisMachine = false

  func run() throws {
    if CurrentNetwork.isInitial, !thisMachine {
      throw ControlError.failed(
        """
        this would make the machine you are on a router: its interfaces, firewall and name service would change.
        Use make lab to try Lares in network namespaces, or add --this-machine if that is what you want.
        """)
    }
    let supervisor = try Supervisor(options: options)
    try supervisor.run()
  }
}

/// Starts every daemon, starts each again when it ends, and ends them all with itself.
private final class Supervisor {
  private let options: RunOptions
  private let loop: EventLoop
  private let log: Log
  private let lock: FileLock
  private var children: [DaemonName: Child] = [:]
  private var isStopping = false

  private struct Child {
    var process: ChildProcess?
    var started = Clock.now
    /// Milliseconds to wait before the next start.
    var wait: Int64 = 100
  }

  init(options: RunOptions) throws {
    self.options = options
    log = Log(daemon: "run", folders: options.folders)
    loop = try EventLoop()
    lock = try Self.prepareFolders(options)
  }

  /// Makes the folders with the owners that the daemons need, and takes the lock that keeps a second run out.
  private static func prepareFolders(_ options: RunOptions) throws -> FileLock {
    let folders = options.folders
    guard let owner = File.owner(of: options.config) else {
      throw ControlError.failed("there is no folder \(options.config): give the one with lares.toml by --config")
    }
    guard (try File.readIfPresent(options.config + "/lares.toml")) != nil else {
      throw ControlError.failed(
        "there is no lares.toml in \(options.config); docs/configuration.md shows the smallest useful one")
    }
    for folder in [folders.state, folders.run] { try File.makeFolder(folder, mode: 0o755) }
    let lock = try takeLock(folders)
    for folder in [folders.state + "/facts", folders.run + "/facts"] {
      try File.makeFolder(folder, mode: 0o1770)
      File.give(folder, to: geteuid(), group: Privileges.sharedGroup)
    }
    for daemon in DaemonName.allCases {
      let folder = folders.state(of: daemon.rawValue)
      try File.makeFolder(folder, mode: 0o700)
      File.give(folder, to: daemon.user(configurationOwner: owner), group: Privileges.sharedGroup)
    }
    let control = File.folderName(of: folders.controlSocket)
    try File.makeFolder(control, mode: 0o750)
    File.give(control, to: owner, group: Privileges.sharedGroup)
    return lock
  }

  private static func takeLock(_ folders: Folders) throws -> FileLock {
    do {
      return try FileLock(path: folders.run + "/lock")
    } catch {
      guard error.code == EWOULDBLOCK else { throw error }
      throw ControlError.failed("another lares run already uses \(folders.run)")
    }
  }

  func run() throws {
    try loop.handleSignals([SIGTERM, SIGINT, SIGHUP, SIGCHLD]) { [unowned self] signal in
      if signal == SIGCHLD { reap() } else { stop() }
    }
    for daemon in DaemonName.allCases { start(daemon) }
    try loop.run()
  }

  private func start(_ daemon: DaemonName) {
    guard !isStopping else { return }
    var child = children[daemon] ?? Child()
    child.started = Clock.now
    do {
      child.process = try ChildProcess(
        ["/proc/self/exe", "serve", daemon.rawValue, "--supervisor", String(ProcessIdentity.current)]
          + options.arguments)
    } catch {
      log.error("\(error)")
      loop.schedule(afterMilliseconds: 1_000) { [unowned self] in start(daemon) }
    }
    children[daemon] = child
    // What was written while control was away.
    loop.schedule(afterMilliseconds: 1_000) { [log] in log.flush() }
  }

  /// Takes note of daemons that ended, and starts each again: at once the first time, ever later while it keeps failing.
  private func reap() {
    for (daemon, child) in children {
      guard let process = child.process, let ending = try? process.poll() else { continue }
      children[daemon]?.process = nil
      guard !isStopping else { continue }
      let lasted = Clock.now.milliseconds(since: child.started)
      let wait = lasted > 10_000 ? 100 : min(child.wait * 2, 5_000)
      children[daemon]?.wait = wait
      log.warning("\(daemon.rawValue) ended (\(Self.words(ending))); starting it again in \(wait) ms")
      loop.schedule(afterMilliseconds: wait) { [unowned self] in start(daemon) }
    }
    if isStopping, children.values.allSatisfy({ $0.process == nil }) { loop.stop() }
  }

  private static func words(_ ending: ChildProcess.Ending) -> String {
    switch ending {
    case .exited(let status): "exit status \(status)"
    case .signalled(let signal): "signal \(signal)"
    }
  }

  private func stop() {
    guard !isStopping else { return }
    isStopping = true
    for child in children.values { child.process?.send(SIGTERM) }
    loop.schedule(afterMilliseconds: 5_000) { [unowned self] in
      for child in children.values { child.process?.send(SIGKILL) }
    }
    reap()
  }
}
