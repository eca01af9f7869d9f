public import Household

/// Where a running Lares keeps its files.
public struct Folders: Sendable, Equatable {
  /// What must last: leases, history, secrets, caches.
  public var state: String
  /// What is gone after a reboot: facts, sockets.
  public var run: String

  public init(state: String, run: String) {
    self.state = state
    self.run = run
  }

  /// The image's folders.
  public static let system = Folders(state: "/var/lib/lares", run: "/run/lares")

  /// The folder of a kind of facts.
  public func facts<Value>(_ kind: FactKind<Value>) -> String {
    (kind.isDurable ? state : run) + "/facts/" + kind.name
  }

  /// The API's socket.
  public var controlSocket: String { run + "/control/socket" }

  /// The socket that takes the daemons' log lines, a datagram each.
  public var logSocket: String { run + "/control/log" }

  /// The folder of a daemon's own durable files, e.g. `names`.
  public func state(of daemon: String) -> String { state + "/" + daemon }
}
