/// A value of TOML 1.0.0, without its place in a file.
public enum TOMLValue: Sendable {
  case string(String)
  case integer(Int64)
  case float(Double)
  case boolean(Bool)
  /// RFC 3339 date and time with an offset.
  case offsetDateTime(TOMLDateTime, offsetMinutes: Int)
  case localDateTime(TOMLDateTime)
  case localDate(TOMLDate)
  case localTime(TOMLTime)
  case array([TOMLValue])
  /// Keys in the order of the file; each stands once.
  case table([TOMLField])
}

/// One key of a table value.
public struct TOMLField: Sendable, Equatable {
  public var key: String
  public var value: TOMLValue

  public init(_ key: String, _ value: TOMLValue) {
    self.key = key
    self.value = value
  }
}

/// A calendar date: year 0 to 9999, month 1 to 12, day as the month has them.
public struct TOMLDate: Sendable, Hashable {
  public var year: Int
  public var month: Int
  public var day: Int

  /// Nil for a date that the Gregorian calendar does not have.
  public init?(year: Int, month: Int, day: Int) {
    guard (0...9999).contains(year), (1...12).contains(month), day >= 1 else { return nil }
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    let days = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    guard day <= days[month - 1] else { return nil }
    (self.year, self.month, self.day) = (year, month, day)
  }
}

/// A time of day to the nanosecond; a finer fraction in the file is cut off.
public struct TOMLTime: Sendable, Hashable {
  public var hour: Int
  public var minute: Int
  /// 60 is a leap second (RFC 3339 section 5.6).
  public var second: Int
  public var nanosecond: Int

  /// Nil where a part is out of its range.
  public init?(hour: Int, minute: Int, second: Int, nanosecond: Int = 0) {
    guard (0...23).contains(hour), (0...59).contains(minute), (0...60).contains(second),
      (0..<1_000_000_000).contains(nanosecond)
    else { return nil }
    (self.hour, self.minute, self.second, self.nanosecond) = (hour, minute, second, nanosecond)
  }
}

/// A date with a time of day.
public struct TOMLDateTime: Sendable, Hashable {
  public var date: TOMLDate
  public var time: TOMLTime

  public init(_ date: TOMLDate, _ time: TOMLTime) {
    self.date = date
    self.time = time
  }
}

extension TOMLValue: Equatable {
  /// Sameness of what a file says: the order of a table's keys does not count, every NaN equals every other, and
  /// strings are compared by their bytes, as TOML does.
  public static func == (a: Self, b: Self) -> Bool {
    switch (a, b) {
    case (.string(let a), .string(let b)): a.utf8.elementsEqual(b.utf8)
    case (.integer(let a), .integer(let b)): a == b
    case (.float(let a), .float(let b)): a.bitPattern == b.bitPattern || (a.isNaN && b.isNaN)
    case (.boolean(let a), .boolean(let b)): a == b
    case (.offsetDateTime(let a, let offsetA), .offsetDateTime(let b, let offsetB)): a == b && offsetA == offsetB
    case (.localDateTime(let a), .localDateTime(let b)): a == b
    case (.localDate(let a), .localDate(let b)): a == b
    case (.localTime(let a), .localTime(let b)): a == b
    case (.array(let a), .array(let b)): a == b
    case (.table(let a), .table(let b)):
      a.count == b.count
        && a.allSatisfy { field in
          b.contains { $0.key.utf8.elementsEqual(field.key.utf8) && $0.value == field.value }
        }
    default: false
    }
  }
}

extension TOMLValue {
  /// What kind of value it is, with its article: `a string`, `an integer`.
  public var kindDescription: String {
    switch self {
    case .string: "a string"
    case .integer: "an integer"
    case .float: "a float"
    case .boolean: "a boolean"
    case .offsetDateTime, .localDateTime: "a date and time"
    case .localDate: "a date"
    case .localTime: "a time"
    case .array: "an array"
    case .table: "a table"
    }
  }
}

extension TOMLValue: CustomStringConvertible {
  /// The value as TOML on one line; a table is an inline table.
  public var description: String {
    switch self {
    case .string(let text): Self.quoted(text)
    case .integer(let number): String(number)
    case .float(let number): Self.text(of: number)
    case .boolean(let flag): String(flag)
    case .offsetDateTime(let moment, let offset): "\(moment)\(Self.text(ofOffset: offset))"
    case .localDateTime(let moment): moment.description
    case .localDate(let date): date.description
    case .localTime(let time): time.description
    case .array(let elements): "[\(elements.map(\.description).joined(separator: ", "))]"
    case .table(let fields) where fields.isEmpty: "{}"
    case .table(let fields): "{ \(fields.map { "\(Self.key($0.key)) = \($0.value)" }.joined(separator: ", ")) }"
    }
  }

  /// A key as it stands in a file: bare where its characters allow, else quoted.
  public static func key(_ name: String) -> String {
    !name.isEmpty && name.utf8.allSatisfy(isBareKeyByte) ? name : quoted(name)
  }

  /// Keys joined by dots, quoted where they must be: `network.home`, `dns.forward."corp.example"`.
  public static func keyPath(_ keys: some Sequence<String>) -> String { keys.map(key).joined(separator: ".") }

  /// A basic string with its quotes and escapes.
  public static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case "\u{0}"..."\u{1f}", "\u{7f}":
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }

  private static func text(of number: Double) -> String {
    if number.isNaN { return "nan" }
    if number.isInfinite { return number < 0 ? "-inf" : "inf" }
    return number.description
  }

  private static func text(ofOffset minutes: Int) -> String {
    guard minutes != 0 else { return "Z" }
    return "\(minutes < 0 ? "-" : "+")\(padded(abs(minutes) / 60, 2)):\(padded(abs(minutes) % 60, 2))"
  }
}

extension TOMLDate: CustomStringConvertible {
  /// `1979-05-27`.
  public var description: String { "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))" }
}

extension TOMLTime: CustomStringConvertible {
  /// `07:32:00`, with as many digits of a fraction as it has.
  public var description: String {
    let clock = "\(padded(hour, 2)):\(padded(minute, 2)):\(padded(second, 2))"
    guard nanosecond > 0 else { return clock }
    var fraction = padded(nanosecond, 9)
    while fraction.hasSuffix("0") { fraction.removeLast() }
    return "\(clock).\(fraction)"
  }
}

extension TOMLDateTime: CustomStringConvertible {
  /// `1979-05-27T07:32:00`.
  public var description: String { "\(date)T\(time)" }
}

/// The number with zeros before it, to at least `width` digits.
private func padded(_ number: Int, _ width: Int) -> String {
  let digits = String(number)
  return String(repeating: "0", count: max(0, width - digits.count)) + digits
}

/// True for the bytes of bare keys: ASCII letters, digits, `_` and `-`.
func isBareKeyByte(_ byte: UInt8) -> Bool {
  switch byte {
  case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
    true
  default: false
  }
}
