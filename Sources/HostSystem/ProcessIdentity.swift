import Glibc

/// Who this process is, and who others are.
public enum ProcessIdentity {
  /// This process's identifier.
  public static var current: Int32 { getpid() }

  /// The user's name, or its number in digits where it has none.
  public static func userName(_ user: UInt32) -> String {
    var entry = passwd()
    var result: UnsafeMutablePointer<passwd>?
    var buffer = [CChar](repeating: 0, count: 4_096)
    guard getpwuid_r(user, &entry, &buffer, buffer.count, &result) == 0, result != nil, let name = entry.pw_name else {
      return String(user)
    }
    return String(cString: name)
  }
}
