public import GitFormat

/// A time of a hybrid logical clock (Kulkarni, Demirbas, Madappa, Avva and Leone, "Logical physical clocks", OPODIS 2014):
/// near to the time of day, and always later than what its writer had seen. Written `2026-11-22T16:49:34.123Z#0@1f`.
public struct HybridTime: Hashable, Sendable {
  /// Milliseconds since 1970, UTC: `0...maximumWall`.
  public let wall: Int64
  /// Orders what happened within one millisecond.
  public let counter: UInt32
  /// Who wrote; orders what happened at once in two places, and makes each time that of one event.
  public let node: UInt64

  /// The last millisecond of the year 9999.
  public static let maximumWall: Int64 = 253_402_300_799_999

  /// A wall time outside of the range counts as the nearest within.
  public init(wall: Int64, counter: UInt32 = 0, node: UInt64) {
    self.wall = min(max(0, wall), Self.maximumWall)
    self.counter = counter
    self.node = node
  }

  /// The next time of this writer; nil at the end of the year 9999.
  func successor(node: UInt64) -> Self? {
    if counter < .max { return Self(wall: wall, counter: counter + 1, node: node) }
    return wall < Self.maximumWall ? Self(wall: wall + 1, node: node) : nil
  }
}

extension HybridTime: Comparable {
  public static func < (left: Self, right: Self) -> Bool {
    (left.wall, left.counter, left.node) < (right.wall, right.counter, right.node)
  }
}

extension HybridTime: CustomStringConvertible {
  public var description: String {
    let date = CivilTime(milliseconds: wall)
    return "\(date.day)T\(date.clock)Z#\(counter)@\(String(node, radix: 16))"
  }

  /// Reads what `description` wrote; another spelling of the same time is refused.
  public init(decoding text: some Collection<UInt8>) throws(FormatError) {
    guard let time = Self(parsing: Array(text)), time.description.utf8.elementsEqual(text) else {
      throw FormatError("time", "it is not like 2026-11-22T16:49:34.123Z#0@1f")
    }
    self = time
  }

  private init?(parsing text: [UInt8]) {
    guard text.count > 24, text.count < 64, let mark = text.firstIndex(of: UInt8(ascii: "#")),
      let at = text.firstIndex(of: UInt8(ascii: "@")), mark < at
    else { return nil }
    func number<Number: FixedWidthInteger>(_ range: Range<Int>, radix: Int = 10) -> Number? {
      Number(String(decoding: text[range], as: UTF8.self), radix: radix)
    }
    guard let year: Int64 = number(0..<4), let month: Int64 = number(5..<7), let day: Int64 = number(8..<10),
      let hour: Int64 = number(11..<13), let minute: Int64 = number(14..<16), let second: Int64 = number(17..<19),
      let millisecond: Int64 = number(20..<23), let counter: UInt32 = number(mark + 1..<at),
      let node: UInt64 = number(at + 1..<text.count, radix: 16)
    else { return nil }
    let days = CivilTime.days(year: year, month: month, day: day)
    let wall = (((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000 + millisecond
    guard (0...Self.maximumWall).contains(wall) else { return nil }
    self.init(wall: wall, counter: counter, node: node)
  }
}

/// A wall time in the proleptic Gregorian calendar, UTC.
struct CivilTime {
  let year, month, dayOfMonth, hour, minute, second, millisecond: Int

  init(milliseconds: Int64) {
    let (days, rest) = (Int(milliseconds / 86_400_000), Int(milliseconds % 86_400_000))
    (hour, minute, second, millisecond) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1_000 % 60, rest % 1_000)
    // Years are counted from March on, so that a leap day is a year's last (Hinnant, "chrono-compatible date algorithms").
    let shifted = days + 719_468
    let era = shifted / 146_097
    let dayOfEra = shifted % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    dayOfMonth = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  }

  /// Days since 1970 of a date after the year 0.
  static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
    let year = month <= 2 ? year - 1 : year
    let era = (year >= 0 ? year : year - 399) / 400
    let yearOfEra = year - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }

  /// `2026-11-22`.
  var day: String { "\(Self.padded(year, 4))-\(Self.padded(month, 2))-\(Self.padded(dayOfMonth, 2))" }
  /// `16:49:34.123`.
  var clock: String {
    "\(Self.padded(hour, 2)):\(Self.padded(minute, 2)):\(Self.padded(second, 2)).\(Self.padded(millisecond, 3))"
  }

  static func padded(_ number: some BinaryInteger, _ width: Int, radix: Int = 10) -> String {
    let digits = String(number, radix: radix)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}
