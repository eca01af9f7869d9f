import HostSystem
import Household
import Wire

/// Which lines of the log are wanted.
struct LogFilter: Sendable {
  var daemon: String?
  /// The least level.
  var level = LogLevel.debug
  /// Milliseconds since 1970: lines from then on.
  var since: Int64?
  /// What the message, or a field as `key=value`, has in it, whatever its letters' case.
  var text: String? {
    didSet { folded = text?.lowercased() }
  }
  private var folded: String?

  func matches(_ line: LogLine) -> Bool {
    guard line.level >= level, line.time >= since ?? .min, daemon == nil || daemon == line.daemon else { return false }
    guard let folded, !folded.isEmpty else { return true }
    return line.message.lowercased().contains(folded)
      || line.fields.contains { "\($0.key)=\($0.value)".lowercased().contains(folded) }
  }
}

/// A question to the log, as `GET /v1/log` takes it.
struct LogQuery: Sendable {
  var filter = LogFilter()
  var after: LogRing.Position?
  var limit = 100

  /// The most lines of an answer.
  static var limits: ClosedRange<Int> { 1...1_000 }

  /// - Throws: `ControlError.badRequest` that names the parameter and what it takes.
  init(_ request: HTTPRequestHead) throws {
    func value<Value>(_ name: String, _ expected: String, _ parse: (String) -> Value?) throws -> Value? {
      guard let text = request.queryValue(name), !text.isEmpty else { return nil }
      guard let value = parse(text) else {
        throw ControlError.badRequest("\(name)=\(text.prefix(40)) is not \(expected)")
      }
      return value
    }
    filter.daemon = try value("daemon", "the name of a daemon") { $0 }
    filter.text = try value("text", "text") { $0 }
    let levels = LogLevel.allCases.map(\.rawValue).joined(separator: ", ")
    filter.level = try value("level", "one of \(levels)") { LogLevel(rawValue: $0) } ?? .debug
    filter.since = try value("since", "a time in seconds since 1970") { text in
      Int64(text).flatMap { (0...253_402_300_799).contains($0) ? $0 * 1_000 : nil }
    }
    after = try value("after", "what an answer gave as next") { LogRing.Position($0) }
    limit =
      try value("limit", "a number from 1 to \(Self.limits.upperBound)") { text in
        Int(text).flatMap { Self.limits.contains($0) ? $0 : nil }
      } ?? limit
  }
}
