import CHostSystem
import Glibc

/// Linux capabilities (capabilities(7)) that daemons of Lares need.
public struct Capabilities: OptionSet, Sendable {
  public let rawValue: UInt64
  public init(rawValue: UInt64) { self.rawValue = rawValue }
  /// CAP_NET_BIND_SERVICE: ports below 1024.
  public static let bindService = Capabilities(rawValue: 1 << 10)
  /// CAP_NET_ADMIN: interfaces, routes, the packet filter.
  public static let networkAdministration = Capabilities(rawValue: 1 << 12)
  /// CAP_NET_RAW: packet sockets.
  public static let rawNetwork = Capabilities(rawValue: 1 << 13)

  /// As capabilities(7) writes them: `CAP_NET_ADMIN, CAP_NET_RAW`.
  var names: String {
    let known: [(Capabilities, String)] = [
      (.bindService, "CAP_NET_BIND_SERVICE"), (.networkAdministration, "CAP_NET_ADMIN"), (.rawNetwork, "CAP_NET_RAW"),
    ]
    return known.filter { contains($0.0) }.map(\.1).joined(separator: ", ")
  }

  /// What this process has now.
  public static var effective: Capabilities { Capabilities(rawValue: lares_capget()) }
}

/// Giving up what a daemon does not need.
public enum Privileges {
  /// The group that all daemons share, so that they can read each other's facts. Numbers from the range that
  /// systemd leaves to dynamic users (61184 to 65519), so that they belong to nobody on an ordinary machine.
  public static let sharedGroup: UInt32 = 61_184

  /// Becomes `user`, keeps `capabilities` and nothing else, and never gains any again.
  ///
  /// - Returns: what could not be done and does not matter for safety, in words; `status` shows it.
  /// - Throws: where a capability that the daemon needs is missing, or one that it must not have stays.
  public static func reduce(to capabilities: Capabilities, user: UInt32?) throws(SystemError) -> [String] {
    var notes: [String] = []
    let missing = capabilities.subtracting(.effective)
    guard missing.isEmpty else {
      throw SystemError(
        "keeping \(missing.names), without which this daemon cannot work (start it as root)", code: EPERM)
    }
    for capability in 0..<64 where capabilities.rawValue & 1 << UInt64(capability) == 0 {
      _ = lares_prctl(PR_CAPBSET_DROP, UInt(capability), 0)
    }
    if let user {
      _ = lares_prctl(PR_SET_KEEPCAPS, 1, 0)
      if lares_become(user, sharedGroup) != 0 {
        notes.append("runs as the same user as the other daemons, because user ids cannot be changed here")
      }
    }
    try systemCall("giving up capabilities") { lares_capset(capabilities.rawValue, 0) }
    try systemCall("forbidding new privileges") { lares_prctl(PR_SET_NO_NEW_PRIVS, 1, 0) }
    return notes
  }

  /// Runs `body` with the rights of another user and the shared group, where root has started this process: what it makes is
  /// that user's. Within it, the same with root gives root's rights back for a while.
  ///
  /// - Throws: what the body throws, or where the rights cannot be changed.
  public static func acting<Result>(as user: UInt32, _ body: () throws -> Result) throws -> Result {
    let before = (user: geteuid(), group: getegid())
    guard getuid() == 0, user != before.user else { return try body() }
    try become(user, group: user == 0 ? getgid() : sharedGroup)
    defer { try? become(before.user, group: before.group) }
    return try body()
  }

  private static func become(_ user: UInt32, group: UInt32) throws(SystemError) {
    try systemCall("taking root's rights") { seteuid(0) }
    try systemCall("taking group \(group)") { setegid(group) }
    try systemCall("taking the rights of user \(user)") { seteuid(user) }
  }

  /// Ends this process when its parent ends (PR_SET_PDEATHSIG). Changing the user clears it, so call it after.
  public static func dieWithParent(_ signal: Int32 = 9) {
    _ = lares_prctl(PR_SET_PDEATHSIG, UInt(signal), 0)
  }
}
