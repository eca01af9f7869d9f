// Values without quotes or brackets: booleans, numbers, dates and times.
extension TOMLParser {
  mutating func parseBareValue() throws(Failure) -> TOMLValue {
    let start = offset
    while let byte = peek(), Self.isBareValueByte(byte) { offset += 1 }
    if Self.looksLikeDate(bytes[start..<offset]), peek() == UInt8(ascii: " "), let next = peek(1), next &- 48 < 10 {
      offset += 1
      while let byte = peek(), Self.isBareValueByte(byte) { offset += 1 }
    }
    let token = bytes[start..<offset]
    guard !token.isEmpty else {
      throw Failure(
        offset: start, problem: "found \(found()), expected a value",
        hint: peek().map { $0 >= 0x80 } == true ? "text stands in \"double quotes\"" : nil)
    }
    if let value = try Self.value(of: token) { return value }
    throw wrongBareValue(start)
  }

  private mutating func wrongBareValue(_ start: Int) -> Failure {
    while let byte = peek(), byte > 0x20, byte < 0x7f, !",]}#\"'".utf8.contains(byte) { offset += 1 }
    let token = text(start..<offset)
    switch token.lowercased() {
    case "true", "false", "yes", "no", "on", "off":
      return Failure(offset: start, problem: "\(token) is no value", hint: "a switch is true or false")
    default:
      let isNumber = bytes[start] &- 48 < 10 && token.utf8.allSatisfy { $0 &- 48 < 10 || $0 == UInt8(ascii: "_") }
      return Failure(
        offset: start, problem: "\(token) is no value",
        hint: isNumber ? "a number has no leading zero" : "text stands in quotes: \"\(token)\"")
    }
  }

  private static func isBareValueByte(_ byte: UInt8) -> Bool {
    isBareKeyByte(byte) || byte == UInt8(ascii: "+") || byte == UInt8(ascii: ".") || byte == UInt8(ascii: ":")
  }

  private static func looksLikeDate(_ token: ArraySlice<UInt8>) -> Bool {
    token.count == 10 && token[token.startIndex + 4] == UInt8(ascii: "-")
      && token[token.startIndex + 7] == UInt8(ascii: "-")
  }

  /// The value that a token is, or nil.
  private static func value(of token: ArraySlice<UInt8>) throws(Failure) -> TOMLValue? {
    let text = String(decoding: token, as: UTF8.self)
    switch text {
    case "true": return .boolean(true)
    case "false": return .boolean(false)
    case "inf", "+inf": return .float(.infinity)
    case "-inf": return .float(-.infinity)
    case "nan", "+nan", "-nan": return .float(.nan)
    default: break
    }
    if token.contains(UInt8(ascii: ":")) || looksLikeDate(token.prefix(10)) { return dateOrTime(token) }
    return try number(token)
  }

  // MARK: Numbers

  private static func number(_ token: ArraySlice<UInt8>) throws(Failure) -> TOMLValue? {
    if token.first == UInt8(ascii: "0"), token.count > 2 {
      switch token[token.startIndex + 1] {
      case UInt8(ascii: "x"): return try integer(token.dropFirst(2), radix: 16, start: token.startIndex)
      case UInt8(ascii: "o"): return try integer(token.dropFirst(2), radix: 8, start: token.startIndex)
      case UInt8(ascii: "b"): return try integer(token.dropFirst(2), radix: 2, start: token.startIndex)
      default: break
      }
    }
    if let value = float(token) { return value }
    let digits = token.first.map(isSign) == true ? token.dropFirst() : token
    guard hasNoLeadingZero(digits) else { return nil }
    return try integer(
      digits, radix: 10, isNegative: token.first == UInt8(ascii: "-"), start: token.startIndex)
  }

  private static func integer(
    _ digits: ArraySlice<UInt8>, radix: UInt8, isNegative: Bool = false, start: Int
  ) throws(Failure) -> TOMLValue? {
    guard let digits = withoutUnderscores(digits, isDigit: { digitValue($0).map { $0 < radix } ?? false }) else {
      return nil
    }
    guard let value = Int64((isNegative ? "-" : "") + String(decoding: digits, as: UTF8.self), radix: Int(radix)) else {
      throw Failure(offset: start, problem: "the integer does not fit 64 bits")
    }
    return .integer(value)
  }

  private static func float(_ token: ArraySlice<UInt8>) -> TOMLValue? {
    let unsigned = token.first.map(isSign) == true ? token.dropFirst() : token
    let exponentAt = unsigned.firstIndex { $0 == UInt8(ascii: "e") || $0 == UInt8(ascii: "E") }
    let mantissa = unsigned[..<(exponentAt ?? unsigned.endIndex)]
    let pointAt = mantissa.firstIndex(of: UInt8(ascii: "."))
    guard exponentAt != nil || pointAt != nil else { return nil }
    let whole = mantissa[..<(pointAt ?? mantissa.endIndex)]
    guard hasNoLeadingZero(whole), var digits = withoutUnderscores(whole, isDigit: isDecimal) else { return nil }
    if let pointAt {
      guard let fraction = withoutUnderscores(mantissa[(pointAt + 1)...], isDigit: isDecimal) else { return nil }
      digits += [UInt8(ascii: ".")] + fraction
    }
    if let exponentAt {
      var exponent = unsigned[(exponentAt + 1)...]
      digits.append(UInt8(ascii: "e"))
      if let sign = exponent.first, isSign(sign) {
        digits.append(sign)
        exponent = exponent.dropFirst()
      }
      guard let power = withoutUnderscores(exponent, isDigit: isDecimal) else { return nil }
      digits += power
    }
    let sign = token.first == UInt8(ascii: "-") ? "-" : ""
    return Double(sign + String(decoding: digits, as: UTF8.self)).map(TOMLValue.float)
  }

  private static func isSign(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-") }

  private static func isDecimal(_ byte: UInt8) -> Bool { byte &- 48 < 10 }

  private static func hasNoLeadingZero(_ digits: ArraySlice<UInt8>) -> Bool {
    digits.count <= 1 || digits.first != UInt8(ascii: "0")
  }

  /// The digits alone; nil unless there is one, and each underscore stands between two.
  private static func withoutUnderscores(_ token: ArraySlice<UInt8>, isDigit: (UInt8) -> Bool) -> [UInt8]? {
    var digits: [UInt8] = []
    var wasDigit = false
    for byte in token {
      if byte == UInt8(ascii: "_") {
        guard wasDigit else { return nil }
        wasDigit = false
      } else {
        guard isDigit(byte) else { return nil }
        digits.append(byte)
        wasDigit = true
      }
    }
    return wasDigit ? digits : nil
  }

  // MARK: Dates and times

  private static func dateOrTime(_ token: ArraySlice<UInt8>) -> TOMLValue? {
    guard looksLikeDate(token.prefix(10)) else {
      guard let (time, rest) = time(token), rest.isEmpty else { return nil }
      return .localTime(time)
    }
    guard let date = date(token.prefix(10)) else { return nil }
    let tail = token.dropFirst(10)
    guard let separator = tail.first else { return .localDate(date) }
    guard separator == UInt8(ascii: "T") || separator == UInt8(ascii: "t") || separator == UInt8(ascii: " "),
      let (time, rest) = time(tail.dropFirst())
    else { return nil }
    let moment = TOMLDateTime(date, time)
    if rest.isEmpty { return .localDateTime(moment) }
    return offsetMinutes(rest).map { .offsetDateTime(moment, offsetMinutes: $0) }
  }

  private static func date(_ token: ArraySlice<UInt8>) -> TOMLDate? {
    let start = token.startIndex
    guard let year = digits(token[start..<start + 4]), let month = digits(token[start + 5..<start + 7]),
      let day = digits(token[start + 8..<start + 10])
    else { return nil }
    return TOMLDate(year: year, month: month, day: day)
  }

  /// `HH:MM:SS` with an optional fraction, and what follows it.
  private static func time(_ token: ArraySlice<UInt8>) -> (TOMLTime, rest: ArraySlice<UInt8>)? {
    let start = token.startIndex
    guard token.count >= 8, token[start + 2] == UInt8(ascii: ":"), token[start + 5] == UInt8(ascii: ":"),
      let hour = digits(token[start..<start + 2]), let minute = digits(token[start + 3..<start + 5]),
      let second = digits(token[start + 6..<start + 8])
    else { return nil }
    var rest = token.dropFirst(8)
    var nanosecond = 0
    if rest.first == UInt8(ascii: ".") {
      let fraction = rest.dropFirst().prefix(while: isDecimal)
      guard !fraction.isEmpty, let value = digits(fraction.prefix(9)) else { return nil }
      nanosecond = (fraction.count..<max(9, fraction.count)).reduce(value) { value, _ in value * 10 }
      rest = rest.dropFirst(1 + fraction.count)
    }
    return TOMLTime(hour: hour, minute: minute, second: second, nanosecond: nanosecond).map { ($0, rest) }
  }

  /// `Z`, or `+HH:MM`.
  private static func offsetMinutes(_ token: ArraySlice<UInt8>) -> Int? {
    let start = token.startIndex
    if token.count == 1 { return token[start] | 0x20 == UInt8(ascii: "z") ? 0 : nil }
    guard token.count == 6, isSign(token[start]), token[start + 3] == UInt8(ascii: ":"),
      let hours = digits(token[start + 1..<start + 3]), hours <= 23,
      let minutes = digits(token[start + 4..<start + 6]), minutes <= 59
    else { return nil }
    return (hours * 60 + minutes) * (token[start] == UInt8(ascii: "-") ? -1 : 1)
  }

  /// The number that at most nine decimal digits are; nil where one is none.
  private static func digits(_ token: ArraySlice<UInt8>) -> Int? {
    token.allSatisfy(isDecimal) ? token.reduce(0) { $0 * 10 + Int($1 - 48) } : nil
  }
}
