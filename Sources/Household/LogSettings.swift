import Wire

/// How much a log line matters, least first.
public enum LogLevel: String, Codable, Sendable, Comparable, CaseIterable {
  case debug, info, notice, warning, error

  public static func < (a: Self, b: Self) -> Bool { a.severity > b.severity }

  /// The number of RFC 5424 section 6.2.1: the smaller, the graver.
  public var severity: UInt8 {
    switch self {
    case .debug: 7
    case .info: 6
    case .notice: 5
    case .warning: 4
    case .error: 3
    }
  }
}

/// Where log lines go besides the router's own ring.
public struct LogSettings: Sendable, Equatable {
  /// A syslog receiver over UDP (RFC 5426); nil: none.
  public var remote: SocketAddress?
  /// Lines below this level are not sent to it.
  public var level: LogLevel

  public init(remote: SocketAddress? = nil, level: LogLevel = .info) {
    self.remote = remote
    self.level = level
  }
}
