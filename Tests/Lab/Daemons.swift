import Glibc
import HostSystem

extension Lab {
  /// The router's daemons, by their names in `lares serve`.
  public enum Daemon: String, CaseIterable, Sendable {
    case control, network, addresses, names
  }

  /// The process of a daemon, as this machine numbers it; nil while it does not run.
  public func process(of daemon: Daemon) -> Int32? {
    guard let run = router?.program else { return nil }
    return childProcesses(of: run).first { process in
      let words = (try? File.read("/proc/\(process)/cmdline"))?.split(separator: 0).prefix(3) ?? []
      return words.map { String(decoding: $0, as: UTF8.self) }.dropFirst() == ["serve", daemon.rawValue]
    }
  }

  /// Kills a daemon as a crash would (SIGKILL); its supervisor starts it again.
  public func crash(_ daemon: Daemon) throws {
    try wait(for: "\(daemon.rawValue) to run") { process(of: daemon) != nil }
    if let process = process(of: daemon) { kill(process, SIGKILL) }
  }

  /// Kills `lares run` as a crash would, and waits until every daemon has gone with it.
  public func crashRouter() throws {
    let processes = Daemon.allCases.compactMap { process(of: $0) }
    router?.stop(SIGKILL)
    try wait(for: "the daemons to end with lares run") { processes.allSatisfy { kill($0, 0) != 0 } }
  }

  /// Kills everything of the router as a power cut would, and starts it again.
  public func restartRouter() throws {
    try crashRouter()
    try startRouter()
    try waitForRouter()
  }
}
