import Glibc
public import Household

/// Structured log lines on standard error: one JSON object a line, or text for people where that is a terminal. Where a
/// control daemon runs, it gets each line too and keeps it; nothing waits for it.
public struct Log: Sendable {
  public typealias Level = LogLevel

  /// Who writes, e.g. `names`.
  public let daemon: String
  public var minimum: Level
  private let isTerminal: Bool
  private let channel: LogChannel?

  /// - Parameter folders: of the running Lares whose control daemon keeps the lines; nil: none does.
  public init(daemon: String, minimum: Level = .info, folders: Folders? = nil) {
    self.daemon = daemon
    self.minimum = minimum
    channel = folders.flatMap { LogChannel(path: $0.logSocket) }
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

  /// A line of which there may be very many, because somebody else decides when one is written. The router's own log does
  /// not keep it, so that it takes no other line's place.
  public func passing(_ message: @autoclosure () -> String, _ fields: [String: String] = [:]) {
    write(.info, message, fields, isPassing: true)
  }

  /// Hands on lines that control could not take when they were written. Each line tries that too.
  public func flush() { channel?.flush() }

  /// One line in one write(2), so that lines of several daemons do not mix.
  private func write(_ level: Level, _ message: () -> String, _ fields: [String: String], isPassing: Bool? = nil) {
    guard level >= minimum else { return }
    let message = message()
    channel?.send(
      LogLine(
        time: Clock.wallMilliseconds, daemon: daemon, level: level, message: message, fields: fields,
        isPassing: isPassing))
    var line: [UInt8]
    if isTerminal {
      let details = fields.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
      line = Array("\(daemon): \(level == .info ? "" : "\(level.rawValue): ")\(message)\(details)\n".utf8)
    } else {
      let object = fields.merging([
        "time": String(Clock.wall), "daemon": daemon, "level": level.rawValue, "message": message,
      ]) { $1 }
      guard let json = try? JSON.encode(object) else { return }
      line = json + [UInt8(ascii: "\n")]
    }
    line.withUnsafeBytes { _ = Glibc.write(STDERR_FILENO, $0.baseAddress!, $0.count) }
  }
}
