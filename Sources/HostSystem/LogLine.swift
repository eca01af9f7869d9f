import Glibc
public import Household

/// One line of the log, as daemons hand it to control and as control keeps it: a JSON object.
public struct LogLine: Codable, Sendable, Equatable {
  /// Milliseconds since 1970-01-01 00:00 UTC by the writer's wall clock.
  public var time: Int64
  /// Who says that it wrote the line. Any process that may write to the socket can say any name.
  public var daemon: String
  public var level: LogLevel
  public var message: String
  public var fields: [String: String]
  /// Whether it is one of very many, e.g. of a dropped packet: control sends it on and does not keep it; nil: no.
  public var isPassing: Bool?
  /// Lines of the same process that were thrown away before this one; nil: none.
  public var lost: Int?

  /// The most bytes of a line as JSON.
  public static let byteLimit = 8_192
  /// The last millisecond of the year 9999, the last that RFC 3339 can write.
  private static let lastTime: Int64 = 253_402_300_799_999

  public init(
    time: Int64, daemon: String, level: LogLevel, message: String, fields: [String: String] = [:],
    isPassing: Bool? = nil, lost: Int? = nil
  ) {
    self.time = time
    self.daemon = daemon
    self.level = level
    self.message = message
    self.fields = fields
    self.isPassing = isPassing
    self.lost = lost
  }

  /// What a process or a file says is a line; nil where it is none: no JSON of a line, too long, a time before 1970 or
  /// after 9999, or a daemon's name of other than 1 to 32 small letters, digits and hyphens.
  public init?(parsing bytes: some Collection<UInt8>) {
    guard bytes.count <= Self.byteLimit, let line = try? JSON.decode(Self.self, from: bytes),
      (0...Self.lastTime).contains(line.time), (0...1_000_000).contains(line.lost ?? 0),
      (1...32).contains(line.daemon.utf8.count), line.daemon.utf8.allSatisfy(Self.isNameByte)
    else { return nil }
    self = line
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): true
    default: false
    }
  }

  /// The line as JSON, at most `byteLimit` bytes: of a longer one the beginning of the message, without fields.
  public func json() throws -> [UInt8] {
    let whole = try JSON.encode(self)
    guard whole.count > Self.byteLimit else { return whole }
    var short = self
    // A byte takes at most six as JSON.
    short.message = String(decoding: message.utf8.prefix(1_000), as: UTF8.self) + " …"
    short.fields = [:]
    return try JSON.encode(short)
  }
}

/// Points in time as text.
public enum TimeText {
  /// `2026-11-22T14:49:55.123Z` (RFC 3339), in UTC.
  public static func utc(milliseconds: Int64) -> String {
    let seconds = milliseconds.quotientAndRemainder(dividingBy: 1_000)
    var time = time_t(seconds.quotient)
    var parts = tm()
    gmtime_r(&time, &parts)
    return "\(date(parts))T\(clock(parts)).\(digits(Int32(seconds.remainder), 3))Z"
  }

  /// `2026-11-22 14:49:55`, in the machine's time zone.
  public static func local(milliseconds: Int64) -> String {
    var time = time_t(milliseconds / 1_000)
    var parts = tm()
    localtime_r(&time, &parts)
    return "\(date(parts)) \(clock(parts))"
  }

  private static func date(_ parts: tm) -> String {
    "\(digits(parts.tm_year + 1_900, 4))-\(digits(parts.tm_mon + 1, 2))-\(digits(parts.tm_mday, 2))"
  }

  private static func clock(_ parts: tm) -> String {
    "\(digits(parts.tm_hour, 2)):\(digits(parts.tm_min, 2)):\(digits(parts.tm_sec, 2))"
  }

  private static func digits(_ number: Int32, _ count: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(0, count - text.count)) + text
  }
}
