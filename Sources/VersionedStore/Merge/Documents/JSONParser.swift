import GitFormat

/// Reads JSON (RFC 8259) without changing a spelling.
struct JSONParser {
  private let bytes: [UInt8]
  private var place = 0
  /// RFC 8259 section 9 lets a reader limit the depth.
  private static let maximumDepth = 128

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  mutating func document() throws(FormatError) -> JSONNode {
    let node = try value(depth: 0)
    skipSpace()
    guard place == bytes.count else { throw error("something follows the value") }
    return node
  }

  static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D }

  private func error(_ why: String) -> FormatError { FormatError("JSON at byte \(place)", why) }

  private var next: UInt8? { place < bytes.count ? bytes[place] : nil }

  private mutating func skipSpace() {
    while let byte = next, Self.isSpace(byte) { place += 1 }
  }

  /// Steps over a character if it is the next one after spaces.
  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    skipSpace()
    guard next == UInt8(ascii: character) else { return false }
    place += 1
    return true
  }

  private mutating func value(depth: Int) throws(FormatError) -> JSONNode {
    guard depth < Self.maximumDepth else { throw error("it nests deeper than \(Self.maximumDepth)") }
    if take("{") { return .object(try members(depth)) }
    if take("[") { return .array(try elements(depth)) }
    if take("\"") { return .string(try string()) }
    if next == UInt8(ascii: "-") || next.map(Self.isDigit) == true { return .number(try number()) }
    for literal in [JSONNode.Literal.null, .true, .false]
    where bytes[place...].starts(with: literal.rawValue.utf8) {
      place += literal.rawValue.utf8.count
      return .literal(literal)
    }
    throw error("there is no value")
  }

  private mutating func members(_ depth: Int) throws(FormatError) -> [JSONNode.Member] {
    var members: [JSONNode.Member] = []
    var names: Set<[UInt8]> = []
    if take("}") { return [] }
    repeat {
      guard take("\"") else { throw error("there is no name of a member") }
      let key = try string()
      guard names.insert(key).inserted else {
        throw error("“\(String(decoding: key, as: UTF8.self))” stands twice in one object")
      }
      guard take(":") else { throw error("a member's name is not followed by a colon") }
      members.append(JSONNode.Member(key: key, value: try value(depth: depth + 1)))
    } while take(",")
    guard take("}") else { throw error("an object is not closed") }
    return members
  }

  private mutating func elements(_ depth: Int) throws(FormatError) -> [JSONNode] {
    var elements: [JSONNode] = []
    if take("]") { return [] }
    repeat { elements.append(try value(depth: depth + 1)) } while take(",")
    guard take("]") else { throw error("an array is not closed") }
    return elements
  }

  /// The spelling of a string whose first quote has been read.
  private mutating func string() throws(FormatError) -> [UInt8] {
    let start = place
    while let byte = next {
      place += 1
      switch byte {
      case UInt8(ascii: "\""): return Array(bytes[start..<place - 1])
      case UInt8(ascii: "\\"):
        guard let escape = next, "\"\\/bfnrtu".utf8.contains(escape) else { throw error("an escape is unknown") }
        place += 1
        guard escape == UInt8(ascii: "u") else { continue }
        let digits = bytes[place...].prefix(4)
        guard digits.count == 4, digits.allSatisfy(Self.isHexDigit) else { throw error("\\u has no four digits") }
        place += 4
      case 0..<0x20: throw error("a string has a control character in it")
      default: continue
      }
    }
    throw error("a string is not closed")
  }

  private mutating func number() throws(FormatError) -> [UInt8] {
    let start = place
    if next == UInt8(ascii: "-") { place += 1 }
    let whole = digits()
    guard !whole.isEmpty, whole.count == 1 || whole.first != UInt8(ascii: "0") else {
      throw error("a number begins with no digit, or with a zero too many")
    }
    if next == UInt8(ascii: ".") {
      place += 1
      guard !digits().isEmpty else { throw error("a number has no digit after its point") }
    }
    if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
      place += 1
      if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { place += 1 }
      guard !digits().isEmpty else { throw error("a number has no digit in its exponent") }
    }
    return Array(bytes[start..<place])
  }

  private mutating func digits() -> ArraySlice<UInt8> {
    let run = bytes[place...].prefix(while: Self.isDigit)
    place = run.endIndex
    return run
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
  private static func isHexDigit(_ byte: UInt8) -> Bool {
    isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
  }
}
