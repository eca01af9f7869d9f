// The smallest steps: single bytes, blanks, line ends, comments, UTF-8.
extension TOMLParser {
  /// The next byte, or nil at the end.
  func peek(_ ahead: Int = 0) -> UInt8? { offset + ahead < bytes.count ? bytes[offset + ahead] : nil }

  /// Steps over `byte` if it is the next.
  mutating func skip(_ byte: UInt8) -> Bool {
    guard peek() == byte else { return false }
    offset += 1
    return true
  }

  /// Spaces and tabs.
  mutating func skipBlanks() {
    while let byte = peek(), byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") { offset += 1 }
  }

  /// LF or CRLF; false where neither is next. A lone CR is an error.
  mutating func skipLineEnd() throws(Failure) -> Bool {
    if skip(UInt8(ascii: "\n")) { return true }
    guard peek() == UInt8(ascii: "\r") else { return false }
    guard peek(1) == UInt8(ascii: "\n") else {
      throw Failure(offset: offset, problem: "a carriage return without a line feed")
    }
    offset += 2
    return true
  }

  /// A comment up to its line's end, if one is next.
  mutating func skipComment() throws(Failure) {
    guard peek() == UInt8(ascii: "#") else { return }
    while let byte = peek(), byte != UInt8(ascii: "\n") {
      if byte == UInt8(ascii: "\r"), peek(1) == UInt8(ascii: "\n") { return }
      try skipCharacter(in: "a comment")
    }
  }

  /// Blanks, comments and line ends, as they may stand between the elements of an array.
  mutating func skipBlankLines() throws(Failure) {
    repeat {
      skipBlanks()
      try skipComment()
    } while try skipLineEnd()
  }

  /// One character that is no control character but a tab, checked to be well-formed UTF-8 (RFC 3629).
  mutating func skipCharacter(in place: String) throws(Failure) {
    let lead = bytes[offset]
    if lead < 0x80 {
      guard lead >= 0x20 && lead != 0x7f || lead == UInt8(ascii: "\t") else {
        throw Failure(offset: offset, problem: "the control character \(Self.codePoint(UInt32(lead))) in \(place)")
      }
      offset += 1
      return
    }
    let length: Int
    let second: ClosedRange<UInt8>
    switch lead {
    case 0xc2...0xdf: (length, second) = (2, 0x80...0xbf)
    case 0xe0: (length, second) = (3, 0xa0...0xbf)
    case 0xed: (length, second) = (3, 0x80...0x9f)
    case 0xe1...0xef: (length, second) = (3, 0x80...0xbf)
    case 0xf0: (length, second) = (4, 0x90...0xbf)
    case 0xf1...0xf3: (length, second) = (4, 0x80...0xbf)
    case 0xf4: (length, second) = (4, 0x80...0x8f)
    default: throw badEncoding(in: place)
    }
    guard let next = peek(1), second.contains(next) else { throw badEncoding(in: place) }
    for ahead in 2..<max(length, 2) {
      guard let next = peek(ahead), next & 0xc0 == 0x80 else { throw badEncoding(in: place) }
    }
    offset += length
  }

  private func badEncoding(in place: String) -> Failure {
    Failure(offset: offset, problem: "bytes in \(place) that are not UTF-8", hint: "save the file as UTF-8")
  }

  func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

  func text(_ path: [TOMLKeyPart]) -> String { TOMLValue.keyPath(path.map(\.name)) }

  /// What stands at the offset, for an error: `the end of the line`, `"x"`, `U+0000`.
  func found() -> String {
    guard let byte = peek() else { return "the end of the file" }
    switch byte {
    case UInt8(ascii: "\n"), UInt8(ascii: "\r"): return "the end of the line"
    case 0..<0x20, 0x7f: return "the control character \(Self.codePoint(UInt32(byte)))"
    default:
      var ahead = self
      do throws(Failure) { try ahead.skipCharacter(in: "") } catch { return "bytes that are not UTF-8" }
      return TOMLValue.quoted(text(offset..<ahead.offset))
    }
  }

  static func codePoint(_ value: UInt32) -> String {
    let digits = String(value, radix: 16, uppercase: true)
    return "U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
  }
}
