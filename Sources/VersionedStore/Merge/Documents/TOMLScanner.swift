import GitFormat

/// Splits a TOML 1.0 text into statements, each with the comments and empty lines before it. Values are stepped over, not
/// read.
struct TOMLScanner {
  enum Statement {
    case header(path: [[UInt8]], isArray: Bool)
    case key(path: [[UInt8]])
  }

  private let bytes: [UInt8]
  private(set) var place = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  private func error(_ why: String) -> FormatError {
    FormatError("TOML, line \(bytes[..<min(place, bytes.count)].count { $0 == UInt8(ascii: "\n") } + 1)", why)
  }

  private var next: UInt8? { place < bytes.count ? bytes[place] : nil }

  private func isNext(_ text: StaticString) -> Bool {
    text.withUTF8Buffer { bytes[min(place, bytes.count)...].starts(with: $0) }
  }

  /// Empty lines and comments, up to the next statement or the end.
  mutating func trivia() -> [UInt8] {
    let start = place
    while true {
      let line = place
      skipBlanks()
      if next == UInt8(ascii: "#") { skipToLineEnd() }
      if isNext("\r\n") { place += 1 }
      if next == UInt8(ascii: "\n") {
        place += 1
      } else if next != nil {
        place = line
        break
      } else {
        break
      }
    }
    return Array(bytes[start..<place])
  }

  /// The next statement and its text with the end of the line; nil at the end.
  mutating func statement() throws(FormatError) -> (Statement, [UInt8])? {
    guard next != nil else { return nil }
    let start = place
    skipBlanks()
    let statement: Statement
    if next == UInt8(ascii: "[") {
      statement = try header()
    } else {
      statement = .key(path: try keyPath())
      guard next == UInt8(ascii: "=") else { throw error("a key is not followed by “=”") }
      place += 1
      try value()
    }
    try lineEnd()
    return (statement, Array(bytes[start..<place]))
  }

  private mutating func header() throws(FormatError) -> Statement {
    place += 1
    let isArray = next == UInt8(ascii: "[")
    if isArray { place += 1 }
    let path = try keyPath()
    guard isArray ? isNext("]]") : isNext("]") else { throw error("a header is not closed") }
    place += isArray ? 2 : 1
    return .header(path: path, isArray: isArray)
  }

  /// A dotted key and the spaces around it.
  private mutating func keyPath() throws(FormatError) -> [[UInt8]] {
    var parts: [[UInt8]] = []
    repeat {
      if !parts.isEmpty { place += 1 }
      guard parts.count < 128 else { throw error("a key has more than 128 parts") }
      skipBlanks()
      parts.append(try keyPart())
      skipBlanks()
    } while next == UInt8(ascii: ".")
    return parts
  }

  private mutating func keyPart() throws(FormatError) -> [UInt8] {
    let start = place
    switch next {
    case UInt8(ascii: "\""):
      try string()
      return try unescaped(bytes[(start + 1)..<(place - 1)])
    case UInt8(ascii: "'"):
      try string()
      return Array(bytes[(start + 1)..<(place - 1)])
    default:
      while let byte = next, Self.isBare(byte) { place += 1 }
      guard place > start else { throw error("there is no key") }
      return Array(bytes[start..<place])
    }
  }

  /// Steps over a value: strings, and brackets with whatever lines are in them.
  private mutating func value() throws(FormatError) {
    skipBlanks()
    let start = place
    var open: [UInt8] = []
    while let byte = next {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "'"): try string()
      case UInt8(ascii: "["), UInt8(ascii: "{"):
        open.append(byte == UInt8(ascii: "[") ? UInt8(ascii: "]") : UInt8(ascii: "}"))
        place += 1
      case UInt8(ascii: "]"), UInt8(ascii: "}"):
        guard open.popLast() == byte else { throw error("a bracket is closed that is not open") }
        place += 1
      case UInt8(ascii: "#"):
        if open.isEmpty { return try check(start) }
        skipToLineEnd()
      case UInt8(ascii: "\n"):
        if open.isEmpty { return try check(start) }
        place += 1
      default: place += 1
      }
    }
    guard open.isEmpty else { throw error("a bracket is not closed") }
    try check(start)
  }

  private func check(_ start: Int) throws(FormatError) {
    let text = bytes[start..<place]
    guard text.contains(where: { $0 != 0x20 && $0 != 0x09 && $0 != 0x0D }) else { throw error("a key has no value") }
  }

  /// Steps over a string in any of the four kinds of quotes.
  private mutating func string() throws(FormatError) {
    let quote = bytes[place]
    let isBasic = quote == UInt8(ascii: "\"")
    let isLong = isBasic ? isNext("\"\"\"") : isNext("'''")
    place += isLong ? 3 : 1
    while let byte = next {
      place += 1
      if byte == UInt8(ascii: "\\"), isBasic {
        place = min(place + 1, bytes.count)
      } else if byte == quote {
        if !isLong { return }
        let run = 1 + bytes[place...].prefix { $0 == quote }.count
        place += run - 1
        // Up to two quotes may stand before the closing ones.
        if run >= 3 {
          guard run <= 5 else { throw error("a string ends in too many quotes") }
          return
        }
      } else if byte == UInt8(ascii: "\n"), !isLong {
        break
      }
    }
    throw error("a string is not closed")
  }

  private mutating func lineEnd() throws(FormatError) {
    skipBlanks()
    if next == UInt8(ascii: "#") { skipToLineEnd() }
    if isNext("\r\n") { place += 1 }
    guard next == nil || next == UInt8(ascii: "\n") else { throw error("something follows a statement") }
    place = min(place + 1, bytes.count)
  }

  private mutating func skipBlanks() {
    while next == 0x20 || next == 0x09 { place += 1 }
  }

  private mutating func skipToLineEnd() {
    while place < bytes.count, next != UInt8(ascii: "\n"), !isNext("\r\n") { place += 1 }
  }

  private static func isBare(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
      true
    default: false
    }
  }

  /// The text of a quoted key, so that one key in two spellings is one.
  private func unescaped(_ text: ArraySlice<UInt8>) throws(FormatError) -> [UInt8] {
    var rest = text
    var result: [UInt8] = []
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "\\") else {
        result.append(byte)
        continue
      }
      switch rest.popFirst() {
      case UInt8(ascii: "b"): result.append(0x08)
      case UInt8(ascii: "t"): result.append(0x09)
      case UInt8(ascii: "n"): result.append(0x0A)
      case UInt8(ascii: "f"): result.append(0x0C)
      case UInt8(ascii: "r"): result.append(0x0D)
      case UInt8(ascii: "\""): result.append(UInt8(ascii: "\""))
      case UInt8(ascii: "\\"): result.append(UInt8(ascii: "\\"))
      case let kind? where kind | 0x20 == UInt8(ascii: "u"):
        let digits = String(decoding: rest.prefix(kind == UInt8(ascii: "u") ? 4 : 8), as: UTF8.self)
        guard let scalar = UInt32(digits, radix: 16).flatMap(Unicode.Scalar.init) else {
          throw error("a key has an unknown escape")
        }
        rest = rest.dropFirst(digits.utf8.count)
        result += Array(String(Character(scalar)).utf8)
      default: throw error("a key has an unknown escape")
      }
    }
    return result
  }
}
