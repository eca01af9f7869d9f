import Glibc
public import HostSystem
public import Wire

/// The kernel's tunables under /proc/sys. Those of the network belong to the calling thread's network namespace.
public enum Sysctl {
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

    /// The interface whose tunable it is: the fourth component below `net.ipv4.conf` and `net.ipv6.conf`, but for `all` and `default`.
    public var interface: String? {
      guard components.count == 5, components[0] == "net", ["ipv4", "ipv6"].contains(components[1]),
        components[2] == "conf", !["all", "default"].contains(components[3])
      else { return nil }
      return components[3]
    }

    var path: String { "/proc/sys/" + components.joined(separator: "/") }

    private static func isAllowed(_ component: String) -> Bool {
      !component.isEmpty && component != "." && component != ".." && !component.utf8.contains { $0 == 0 || $0 == 0x2f }
    }
  }

  /// The value without the line's end. Fails with ENOENT where this kernel has no such tunable, or the interface is not there.
  public static func read(_ key: Key) throws(SystemError) -> String {
    do {
      let descriptor = try Descriptor(opening: key.path, O_RDONLY)
      var bytes = try descriptor.readToEnd(of: key.path)
      while let last = bytes.last, last == UInt8(ascii: "\n") || last == UInt8(ascii: " ") { bytes.removeLast() }
      return String(decoding: bytes, as: UTF8.self)
    } catch {
      throw SystemError("reading \(key)", code: error.code)
    }
  }

  /// Sets a value. Fails with EROFS or EACCES where /proc/sys is not ours to write, with EINVAL where the kernel refuses the value.
  public static func write(_ key: Key, _ value: String) throws(SystemError) {
    do {
      let descriptor = try Descriptor(opening: key.path, O_WRONLY)
      try descriptor.writeAll(Array(value.utf8), to: key.path)
    } catch {
      throw SystemError("setting \(key) to \(value)", code: error.code)
    }
  }
}
