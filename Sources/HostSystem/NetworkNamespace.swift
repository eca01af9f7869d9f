import Glibc

/// Which network namespace a process is in.
public enum NetworkNamespace {
  /// Whether this process sees the network of the machine itself: the namespace of process 1, where that can be told.
  ///
  /// Where it cannot be told, the answer is true unless this process is in a user namespace of its own: an ordinary
  /// user without one has no rights over the machine's network, and the caller's refusal is the safe side.
  public static var isInitial: Bool {
    guard let own = identifier(of: "self") else { return true }
    if let first = identifier(of: "1") { return own == first }
    guard let map = try? File.read("/proc/self/uid_map") else { return true }
    let fields = String(decoding: map, as: UTF8.self).split(whereSeparator: \.isWhitespace)
    return fields == ["0", "0", "4294967295"]
  }

  private static func identifier(of process: String) -> UInt64? {
    var status = stat()
    return stat("/proc/\(process)/ns/net", &status) == 0 ? UInt64(status.st_ino) : nil
  }
}
