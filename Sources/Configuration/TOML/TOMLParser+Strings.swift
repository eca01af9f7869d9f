// The four kinds of strings.
extension TOMLParser {
  /// True where three quotes of the same kind are next.
  func startsMultiline() -> Bool { peek() == peek(1) && peek() == peek(2) }

  /// `"…"` on one line.
  mutating func parseBasicString() throws(Failure) -> String {
    let start = offset
    offset += 1
    var content: [UInt8] = []
    while true {
      switch peek() {
      case UInt8(ascii: "\""):
        offset += 1
        return String(decoding: content, as: UTF8.self)
      case UInt8(ascii: "\\"): try parseEscape(into: &content)
      case nil, UInt8(ascii: "\n"), UInt8(ascii: "\r"): throw unclosed(start, "\"")
      default: try copyCharacter(into: &content)
      }
    }
  }

  /// `'…'` on one line.
  mutating func parseLiteralString() throws(Failure) -> String {
    let start = offset
    offset += 1
    var content: [UInt8] = []
    while true {
      switch peek() {
      case UInt8(ascii: "'"):
        offset += 1
        return String(decoding: content, as: UTF8.self)
      case nil, UInt8(ascii: "\n"), UInt8(ascii: "\r"): throw unclosed(start, "'")
      default: try copyCharacter(into: &content)
      }
    }
  }

  /// `"""…"""`.
  mutating func parseMultilineBasicString() throws(Failure) -> String {
    let start = offset
    offset += 3
    _ = try skipLineEnd()
    var content: [UInt8] = []
    while true {
      switch peek() {
      case nil: throw unclosed(start, "\"\"\"")
      case UInt8(ascii: "\""):
        if closeMultiline(UInt8(ascii: "\""), into: &content) { return String(decoding: content, as: UTF8.self) }
      case UInt8(ascii: "\\"):
        if try !skipLineContinuation() { try parseEscape(into: &content) }
      default: try copyCharacterOrLineEnd(into: &content)
      }
    }
  }

  /// `'''…'''`.
  mutating func parseMultilineLiteralString() throws(Failure) -> String {
    let start = offset
    offset += 3
    _ = try skipLineEnd()
    var content: [UInt8] = []
    while true {
      switch peek() {
      case nil: throw unclosed(start, "'''")
      case UInt8(ascii: "'"):
        if closeMultiline(UInt8(ascii: "'"), into: &content) { return String(decoding: content, as: UTF8.self) }
      default: try copyCharacterOrLineEnd(into: &content)
      }
    }
  }

  /// A run of quotes inside a multi-line string: three end it, with up to two of the content before them.
  private mutating func closeMultiline(_ quote: UInt8, into content: inout [UInt8]) -> Bool {
    var count = 0
    while count < 5, peek(count) == quote { count += 1 }
    offset += count
    let isClosed = count >= 3
    content += repeatElement(quote, count: isClosed ? count - 3 : count)
    return isClosed
  }

  /// A backslash at the end of a line, with all white space up to the next character; false where it is none.
  private mutating func skipLineContinuation() throws(Failure) -> Bool {
    var ahead = self
    ahead.offset += 1
    ahead.skipBlanks()
    guard try ahead.skipLineEnd() else { return false }
    repeat { ahead.skipBlanks() } while try ahead.skipLineEnd()
    offset = ahead.offset
    return true
  }

  private mutating func parseEscape(into content: inout [UInt8]) throws(Failure) {
    let start = offset
    guard let letter = peek(1) else { throw Failure(offset: start, problem: "a \\ at the end of the file") }
    offset += 2
    switch letter {
    case UInt8(ascii: "b"): content.append(0x08)
    case UInt8(ascii: "t"): content.append(0x09)
    case UInt8(ascii: "n"): content.append(0x0a)
    case UInt8(ascii: "f"): content.append(0x0c)
    case UInt8(ascii: "r"): content.append(0x0d)
    case UInt8(ascii: "\""), UInt8(ascii: "\\"): content.append(letter)
    case UInt8(ascii: "u"): try parseCodePoint(digits: 4, start: start, into: &content)
    case UInt8(ascii: "U"): try parseCodePoint(digits: 8, start: start, into: &content)
    default:
      offset = start + 1
      throw Failure(
        offset: start, problem: "\\ before \(found()) is no escape",
        hint: "write \\\\ for a backslash, or put the text in 'single quotes'")
    }
  }

  private mutating func parseCodePoint(digits: Int, start: Int, into content: inout [UInt8]) throws(Failure) {
    var value: UInt32 = 0
    for _ in 0..<digits {
      guard let byte = peek(), let digit = digitValue(byte), digit < 16 else {
        throw Failure(offset: start, problem: "\\u takes 4 hexadecimal digits and \\U takes 8")
      }
      value = value << 4 | UInt32(digit)
      offset += 1
    }
    guard let scalar = Unicode.Scalar(value) else {
      throw Failure(offset: start, problem: "\(Self.codePoint(value)) is no Unicode character")
    }
    content += Array(String(Character(scalar)).utf8)
  }

  private mutating func copyCharacter(into content: inout [UInt8]) throws(Failure) {
    let start = offset
    try skipCharacter(in: "a string")
    content += bytes[start..<offset]
  }

  private mutating func copyCharacterOrLineEnd(into content: inout [UInt8]) throws(Failure) {
    let start = offset
    if try !skipLineEnd() { try skipCharacter(in: "a string") }
    content += bytes[start..<offset]
  }

  private func unclosed(_ start: Int, _ quote: String) -> Failure {
    Failure(offset: start, problem: "the string is never closed", hint: "end it with \(quote)")
  }
}

/// The value of an ASCII digit or letter, 0 to 35; nil for any other byte.
func digitValue(_ byte: UInt8) -> UInt8? {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
  case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - UInt8(ascii: "a") + 10
  case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte - UInt8(ascii: "A") + 10
  default: nil
  }
}
