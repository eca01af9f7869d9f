public import Netlink

/// What the packet filter could not do. The kernel has either all of a change or nothing of it.
public enum FirewallError: Error, Sendable, Equatable {
  /// The kernel refused a part of a transaction, so all of it: what the part is (`rule forward.web`), and the kernel's reason.
  case refused(part: String, NetlinkError)
  /// A request that is no transaction failed.
  case failed(NetlinkError)
  /// Read back, the kernel does not have what it acknowledged: one sentence for each difference.
  case notAsWanted([String])
  /// No list of single addresses of this name is in force.
  case noSuchList(String)
  /// Something changed the tables while they were being compared, again and again.
  case restless
}

extension FirewallError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .refused(let part, let error): "the packet filter stays as it was, because of \(part): \(error)"
    case .failed(let error): "\(error)"
    case .notAsWanted(let differences):
      "the kernel's packet filter is not what was sent: \(differences.prefix(5).joined(separator: "; "))"
        + (differences.count > 5 ? "; and \(differences.count - 5) more differences" : "")
    case .noSuchList(let name):
      "the packet filter has no list \"\(name)\" of single addresses; apply a configuration that uses it"
    case .restless:
      "some other program keeps changing the packet filter; stop it, or give Lares the tables named \"lares\""
    }
  }
}
