import CNetworkNamespace
import Glibc

/// A network namespace for one test. It has no name, so nothing is left behind: it ends with its last process and descriptor.
///
/// What opens sockets or runs programs inside does so in ``run(_:)``. A socket stays in the namespace that it was opened in.
public final class NetworkNamespace: Sendable {
  /// Names the namespace for others: `ip link set … netns PATH`.
  public let path: String
  private let descriptor: Int32

  /// A new namespace with `lo` up. Needs root, or CAP_SYS_ADMIN.
  public init() throws {
    descriptor = try Self.returning {
      try Self.check("making a network namespace (tests need root)", lares_test_new_network_namespace())
      return try Self.current()
    }
    path = "/proc/\(getpid())/fd/\(descriptor)"
    try shell("ip link set lo up")
  }

  deinit { close(descriptor) }

  /// Runs `body` inside. It must not suspend: the calling thread is in the namespace just until it returns.
  @discardableResult
  public func run<Value>(_ body: () throws -> Value) throws -> Value {
    try Self.returning {
      try Self.check("entering a network namespace", lares_test_enter_network_namespace(descriptor))
      return try body()
    }
  }

  /// Runs a command line with sh(1) inside, and answers what it printed. Throws with its complaint where it fails.
  @discardableResult
  public func shell(_ command: String) throws -> String {
    try run {
      guard let stream = popen("exec 2>&1; \(command)", "r") else { throw Failure(what: "popen: errno \(errno)") }
      var output: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: 4096)
      while case let count = fread(&buffer, 1, buffer.count, stream), count > 0 { output += buffer[..<count] }
      let text = String(decoding: output, as: UTF8.self)
      let status = pclose(stream)
      guard status == 0 else { throw Failure(what: "`\(command)` ended with status \(status >> 8): \(text)") }
      return text
    }
  }

  /// What went wrong in the set-up of a test.
  public struct Failure: Error, CustomStringConvertible {
    let what: String
    public var description: String { what }
  }

  /// Runs `body` and puts the thread back where it was. A thread that cannot go back would spoil other tests: that ends the process.
  private static func returning<Value>(_ body: () throws -> Value) throws -> Value {
    let origin = try current()
    defer {
      precondition(lares_test_enter_network_namespace(origin) == 0, "the thread cannot leave a network namespace")
      close(origin)
    }
    return try body()
  }

  private static func current() throws -> Int32 {
    let descriptor = lares_test_open_network_namespace()
    try check("opening a network namespace", max(0, -descriptor))
    return descriptor
  }

  private static func check(_ what: String, _ code: Int32) throws {
    guard code == 0 else { throw Failure(what: "\(what): \(String(cString: strerror(code)))") }
  }
}
