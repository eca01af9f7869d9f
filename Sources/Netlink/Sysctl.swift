import Glibc
public import Wire

/// The kernel's tunables under /proc/sys. Those of the network belong to the calling thread's network namespace.
public enum Sysctl {
  /// What went wrong with a tunable, in one sentence when printed.
  public struct Failure: Error, Sendable, Equatable, CustomStringConvertible {
    public var key: Key
    /// errno(3), positive.
    public var code: Int32
    /// e.g. `setting net.ipv4.ip_forward to 1`.
    public var attempt: String

    public var description: String { NetlinkError(code: code, attempt: attempt).description }
  }

  /// The name of a tunable. Components are kept apart, so that an interface's name may have dots: `lan0.20`.
  public struct Key: Hashable, Sendable, CustomStringConvertible {
    /// e.g. `["net", "ipv4", "conf", "lan0.20", "rp_filter"]`.
    public let components: [String]

    /// Nil where a component is empty, `.`, `..`, or holds a slash or a NUL.
    public init?(_ components: [String]) {
      guard !components.isEmpty, components.allSatisfy(Self.isAllowed) else { return nil }
      self.components = components
    }

    /// As sysctl(8) writes them: `net.ipv4.ip_forward`, or `net/ipv4/conf/lan0.20/rp_filter`: the first separator decides which it is, and in
    /// the dotted form a slash stands for a dot inside a component.
    public init?(_ text: String) {
      let isDotted = text.first { $0 == "." || $0 == "/" } != "/"
      let parts = text.split(separator: isDotted ? "." : "/", omittingEmptySubsequences: false)
      self.init(isDotted ? parts.map { String($0.map { $0 == "/" ? "." : $0 }) } : parts.map(String.init))
    }

    /// `net.ipv4.conf.INTERFACE.name` or `net.ipv6.conf.INTERFACE.name`; nil for a name that no interface can have.
    public init?(_ family: IPFamily, interface: String, _ name: String) {
      self.init(["net", family == .v4 ? "ipv4" : "ipv6", "conf", interface, name])
    }

    /// The dotted form.
    public var description: String {
      components.map { String($0.map { $0 == "." ? "/" : $0 }) }.joined(separator: ".")
    }

    var path: String { "/proc/sys/" + components.joined(separator: "/") }

    private static func isAllowed(_ component: String) -> Bool {
      !component.isEmpty && component != "." && component != ".." && !component.utf8.contains { $0 == 0 || $0 == 0x2f }
    }
  }

  /// The value without the line's end. ENOENT: this kernel has no such tunable, or the interface is not there.
  public static func read(_ key: Key) throws(Failure) -> String {
    let descriptor = try open(key, O_RDONLY, "reading \(key)")
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 512)
    while true {
      let count = Glibc.read(descriptor, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw Failure(key: key, code: errno, attempt: "reading \(key)") }
      guard count > 0 else { break }
      bytes += buffer[..<count]
    }
    while let last = bytes.last, last == UInt8(ascii: "\n") || last == UInt8(ascii: " ") { bytes.removeLast() }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Sets a value. EROFS and EACCES: /proc/sys is not ours to write.
  public static func write(_ key: Key, _ value: String) throws(Failure) {
    let attempt = "setting \(key) to \(value)"
    let descriptor = try open(key, O_WRONLY, attempt)
    defer { close(descriptor) }
    let bytes = Array(value.utf8)
    // The kernel takes a value in one write or not at all.
    while Glibc.write(descriptor, bytes, bytes.count) < 0 {
      guard errno == EINTR else { throw Failure(key: key, code: errno, attempt: attempt) }
    }
  }

  private static func open(_ key: Key, _ mode: Int32, _ attempt: String) throws(Failure) -> Int32 {
    while true {
      let descriptor = Glibc.open(key.path, mode | O_CLOEXEC)
      if descriptor >= 0 { return descriptor }
      guard errno == EINTR else { throw Failure(key: key, code: errno, attempt: attempt) }
    }
  }
}
