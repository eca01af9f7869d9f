import Glibc
import Household

/// Structured log lines on standard error: one JSON object a line, or text for people where that is a terminal.
public struct Log: Sendable {
  public enum Level: String, Sendable, Comparable, CaseIterable {
    case debug, info, notice, warning, error
    public static func < (a: Self, b: Self) -> Bool { a.order < b.order }
    private var order: Int { Self.allCases.firstIndex(of: self)! }
  }

  /// Who writes, e.g. `names`.
  public let daemon: String
  public var minimum: Level
  private let isTerminal: Bool

  public init(daemon: String, minimum: Level = .info) {
    self.daemon = daemon
    self.minimum = minimum
    isTerminal = isatty(STDERR_FILENO) == 1
  }

  public func debug(_ message: @autoclosure () -> String, _ fields: [String: String] = [:]) {
    write(.debug, message, fields)
  }
  public func info(_ message: @autoclosure () -> String, _ fields: [String: String] = [:]) {
    write(.info, message, fields)
  }
  public func notice(_ message: @autoclosure () -> String, _ fields: [String: String] = [:]) {
    write(.notice, message, fields)
  }
  public func warning(_ message: @autoclosure () -> String, _ fields: [String: String] = [:]) {
    write(.warning, message, fields)
  }
  public func error(_ message: @autoclosure () -> String, _ fields: [String: String] = [:]) {
    write(.error, message, fields)
  }

  /// One line in one write(2), so that lines of several daemons do not mix.
  private func write(_ level: Level, _ message: () -> String, _ fields: [String: String]) {
    guard level >= minimum else { return }
    var line: [UInt8]
    if isTerminal {
      let details = fields.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
      line = Array("\(daemon): \(level == .info ? "" : "\(level.rawValue): ")\(message())\(details)\n".utf8)
    } else {
      let object = fields.merging([
        "time": String(Clock.wall), "daemon": daemon, "level": level.rawValue, "message": message(),
      ]) { $1 }
      guard let json = try? JSON.encode(object) else { return }
      line = json + [UInt8(ascii: "\n")]
    }
    line.withUnsafeBytes { _ = Glibc.write(STDERR_FILENO, $0.baseAddress!, $0.count) }
  }
}
