/// Reads the grammar of TOML 1.0.0 front to back. Never reads outside its bytes.
struct TOMLParser {
  let bytes: [UInt8]
  var offset = 0
  /// Arrays and inline tables that are open.
  var depth = 0
  private(set) var failures: [Failure] = []
  /// The keys that this statement has assigned to or is assigning to, those around before those inside.
  private var keys: [String] = []

  struct Failure: Error {
    let offset: Int
    let problem: String
    var hint: String? = nil
    /// A byte that stands in the way, e.g. the same key's first place.
    var earlier: Int? = nil
    /// Where reading can go on; nil: behind the line.
    var resume: Int? = nil
    /// The keys whose value, or whose way to a value, is wrong.
    var keys: [String] = []
  }

  static let byteOrderMark: [UInt8] = [0xef, 0xbb, 0xbf]

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  // MARK: Statements

  /// The whole document. What could not be read is in `failures`, and neither in the statements nor in the table.
  mutating func parseDocument() -> ([TOMLStatement], TOMLTable) {
    var statements: [TOMLStatement] = []
    var tree = TOMLTreeBuilder()
    if bytes.starts(with: Self.byteOrderMark) { offset = Self.byteOrderMark.count }
    var start = 0
    while offset < bytes.count, failures.count < TOMLDocument.maximumErrors {
      let isHeader = startsHeader()
      do throws(Failure) {
        let content = try parseStatement()
        record(content, statement: statements.count, in: &tree)
        statements.append(TOMLStatement(range: start..<offset, content: content))
      } catch {
        var failure = error
        failure.keys = keys
        failures.append(failure)
        if isHeader { tree.openUnknown() }
        recover(from: error, statementStart: start)
      }
      start = offset
    }
    if start == 0, !bytes.isEmpty, statements.isEmpty, failures.isEmpty {
      statements = [TOMLStatement(range: 0..<bytes.count, content: .blank)]
    }
    return (statements, tree.finish())
  }

  private mutating func record(_ content: TOMLStatement.Content, statement: Int, in tree: inout TOMLTreeBuilder) {
    do throws(Failure) {
      switch content {
      case .blank, .comment: break
      case .header(let path, let isArray): try tree.open(path, isArray: isArray, statement: statement)
      case .member(let member): try tree.add(member)
      }
    } catch {
      failures.append(error)
      if case .header = content { tree.openUnknown() }
    }
  }

  private func startsHeader() -> Bool {
    var ahead = self
    ahead.skipBlanks()
    return ahead.peek() == UInt8(ascii: "[")
  }

  private mutating func parseStatement() throws(Failure) -> TOMLStatement.Content {
    keys = []
    skipBlanks()
    let content: TOMLStatement.Content
    switch peek() {
    case nil, UInt8(ascii: "\n"), UInt8(ascii: "\r"): content = .blank
    case UInt8(ascii: "#"): content = .comment
    case UInt8(ascii: "["): content = try parseHeader()
    default: content = .member(try parseMember())
    }
    try finishLine()
    return content
  }

  private mutating func parseHeader() throws(Failure) -> TOMLStatement.Content {
    let start = offset
    offset += 1
    let isArray = peek() == UInt8(ascii: "[")
    if isArray { offset += 1 }
    skipBlanks()
    let path = try parseKeyPath()
    guard skip(UInt8(ascii: "]")), !isArray || skip(UInt8(ascii: "]")) else {
      throw Failure(
        offset: offset, problem: "the table header is not closed: found \(found()), expected \(isArray ? "]]" : "]")",
        hint: "write it as \(isArray ? "[[" : "[")\(text(start + (isArray ? 2 : 1)..<offset))\(isArray ? "]]" : "]")")
    }
    return .header(path: path, isArray: isArray)
  }

  mutating func parseMember() throws(Failure) -> TOMLMember {
    let path = try parseKeyPath()
    keys += path.map(\.name)
    guard skip(UInt8(ascii: "=")) else {
      throw Failure(offset: offset, problem: "found \(found()), expected = after the key \(text(path))")
    }
    skipBlanks()
    return TOMLMember(path: path, value: try parseValue())
  }

  /// Blanks, a comment, and the end of the line or of the document.
  private mutating func finishLine() throws(Failure) {
    skipBlanks()
    try skipComment()
    guard offset < bytes.count else { return }
    guard try skipLineEnd() else {
      throw Failure(offset: offset, problem: "found \(found()), expected the end of the line")
    }
  }

  /// Goes on behind the line of the error; behind the next line that looks like a header where the error was inside a
  /// value of several lines.
  private mutating func recover(from failure: Failure, statementStart: Int) {
    if let resume = failure.resume {
      offset = resume
      return
    }
    let wrong = min(max(failure.offset, statementStart), bytes.count)
    let isSpread = bytes[statementStart..<wrong].contains(UInt8(ascii: "\n"))
    offset = max(wrong, statementStart)
    repeat {
      while offset < bytes.count, bytes[offset] != UInt8(ascii: "\n") { offset += 1 }
      offset = min(offset + 1, bytes.count)
    } while isSpread && offset < bytes.count && bytes[offset] != UInt8(ascii: "[")
  }

  // MARK: Keys

  /// A key, dotted or not, with the blanks behind it.
  mutating func parseKeyPath() throws(Failure) -> [TOMLKeyPart] {
    var path: [TOMLKeyPart] = []
    while true {
      guard path.count < TOMLDocument.maximumDepth else {
        throw Failure(offset: offset, problem: "a key of more than \(TOMLDocument.maximumDepth) parts")
      }
      path.append(try parseKeyPart())
      skipBlanks()
      guard skip(UInt8(ascii: ".")) else { return path }
      skipBlanks()
    }
  }

  private mutating func parseKeyPart() throws(Failure) -> TOMLKeyPart {
    let start = offset
    let name: String
    switch peek() {
    case UInt8(ascii: "\""):
      name = try parseBasicString()
    case UInt8(ascii: "'"):
      name = try parseLiteralString()
    default:
      while let byte = peek(), isBareKeyByte(byte) { offset += 1 }
      guard offset > start else { throw Failure(offset: offset, problem: "found \(found()), expected a key") }
      name = text(start..<offset)
    }
    return TOMLKeyPart(name: name, range: start..<offset)
  }

  // MARK: Values

  mutating func parseValue() throws(Failure) -> TOMLNode {
    let start = offset
    let content: TOMLNode.Content
    switch peek() {
    case UInt8(ascii: "\""):
      content = .scalar(.string(startsMultiline() ? try parseMultilineBasicString() : try parseBasicString()))
    case UInt8(ascii: "'"):
      content = .scalar(.string(startsMultiline() ? try parseMultilineLiteralString() : try parseLiteralString()))
    case UInt8(ascii: "["): content = try nested { (parser) throws(Failure) in try parser.parseArray() }
    case UInt8(ascii: "{"): content = try nested { (parser) throws(Failure) in try parser.parseInlineTable() }
    default: content = .scalar(try parseBareValue())
    }
    return TOMLNode(range: start..<offset, content: content)
  }

  private mutating func nested(
    _ parse: (inout TOMLParser) throws(Failure) -> TOMLNode.Content
  ) throws(Failure) -> TOMLNode.Content {
    guard depth < TOMLDocument.maximumDepth else {
      throw Failure(offset: offset, problem: "values are nested more than \(TOMLDocument.maximumDepth) deep")
    }
    depth += 1
    defer { depth -= 1 }
    return try parse(&self)
  }

  private mutating func parseArray() throws(Failure) -> TOMLNode.Content {
    let start = offset
    offset += 1
    var elements: [TOMLNode] = []
    while true {
      try skipBlankLines()
      if skip(UInt8(ascii: "]")) { return .array(elements) }
      guard offset < bytes.count else {
        throw Failure(offset: start, problem: "the array is never closed", hint: "end it with ]")
      }
      elements.append(try parseValue())
      let end = offset
      try skipBlankLines()
      if looksUnclosed(since: end) {
        throw Failure(offset: start, problem: "the array is never closed", hint: "end it with ]")
      }
      if skip(UInt8(ascii: ",")) { continue }
      guard skip(UInt8(ascii: "]")) else {
        throw Failure(
          offset: offset, problem: "found \(found()) in an array, expected , or ]",
          hint: "the elements of an array are separated by commas")
      }
      return .array(elements)
    }
  }

  /// True where, on a line below, a key or a header begins that no array contains.
  private func looksUnclosed(since end: Int) -> Bool {
    guard bytes[end..<offset].contains(UInt8(ascii: "\n")), let byte = peek() else { return false }
    return byte == UInt8(ascii: "[") || (isBareKeyByte(byte) && byte &- 48 >= 10)
  }

  private mutating func parseInlineTable() throws(Failure) -> TOMLNode.Content {
    offset += 1
    skipBlanks()
    var members: [TOMLMember] = []
    var tree = TOMLTreeBuilder()
    let outerKeys = keys
    if !skip(UInt8(ascii: "}")) {
      repeat {
        skipBlanks()
        try refuseLineEnd()
        let member = try parseMember()
        try tree.add(member)
        members.append(member)
        keys = outerKeys
        skipBlanks()
        try refuseLineEnd()
      } while skip(UInt8(ascii: ","))
      guard skip(UInt8(ascii: "}")) else {
        throw Failure(offset: offset, problem: "found \(found()) in an inline table, expected , or }")
      }
    }
    return .table(tree.finish(as: .inline(members)))
  }

  private func refuseLineEnd() throws(Failure) {
    guard let byte = peek(), byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") || byte == UInt8(ascii: "#")
    else { return }
    throw Failure(
      offset: offset, problem: "an inline table ends on the line where it starts",
      hint: "write { … } on one line, or give the table a header [table.name] of its own", resume: inlineTableEnd())
  }

  /// The end of the line on which a table in braces seems to end, or the next header.
  private func inlineTableEnd() -> Int {
    var index = offset
    var open = depth
    while index < bytes.count {
      switch bytes[index] {
      case UInt8(ascii: "{"): open += 1
      case UInt8(ascii: "}"): open -= 1
      case UInt8(ascii: "\n") where open <= 0 || index + 1 < bytes.count && bytes[index + 1] == UInt8(ascii: "["):
        return index + 1
      default: break
      }
      index += 1
    }
    return index
  }
}
