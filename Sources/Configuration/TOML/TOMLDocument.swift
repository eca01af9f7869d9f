/// A TOML 1.0.0 document that keeps every byte of its text: the syntax with byte ranges, and the values that it means.
public struct TOMLDocument: Sendable {
  /// The document as it was given.
  public let bytes: [UInt8]
  /// The document's lines in their order, without gap or overlap.
  public let statements: [TOMLStatement]
  /// The table of everything.
  public let root: TOMLTable
  private let lineStarts: [Int]

  /// How deep arrays, inline tables and the parts of one key may nest.
  public static let maximumDepth = 64
  /// How many errors are reported before the reader gives up.
  public static let maximumErrors = 50

  /// Reads a document. After an error it goes on behind the wrong line, to report further ones.
  public init(parsing bytes: [UInt8]) throws(TOMLErrors) {
    var parser = TOMLParser(bytes)
    let (statements, root) = parser.parseDocument()
    let lineStarts = Self.lineStarts(in: bytes)
    guard parser.failures.isEmpty else {
      throw TOMLErrors(
        errors: parser.failures.map { failure in
          let (line, column) = Self.position(of: failure.offset, in: bytes, lineStarts: lineStarts)
          let earlier = failure.earlier.map { Self.position(of: $0, in: bytes, lineStarts: lineStarts) }
          return TOMLError(
            offset: failure.offset, line: line, column: column,
            problem: failure.problem + (earlier.map { " (line \($0.line))" } ?? ""), hint: failure.hint,
            keys: failure.keys)
        })
    }
    self.bytes = bytes
    self.statements = statements
    self.root = root
    self.lineStarts = lineStarts
  }

  public init(parsing text: String) throws(TOMLErrors) { try self.init(parsing: Array(text.utf8)) }

  /// The document's text: always the bytes that were read, put together again from the statements.
  public func render() -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    for statement in statements { result += bytes[statement.range] }
    return result
  }

  public var text: String { String(decoding: bytes, as: UTF8.self) }

  /// The text of a range of the document.
  public func text(in range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

  /// Line and column of a byte, both from 1; columns count Unicode scalars.
  public func position(of offset: Int) -> (line: Int, column: Int) {
    Self.position(of: offset, in: bytes, lineStarts: lineStarts)
  }

  /// The node that the keys lead to through tables; nil where there is none.
  public func node(at path: some Sequence<String>) -> TOMLNode? {
    var node = TOMLNode(range: 0..<0, content: .table(root))
    for key in path {
      guard let next = node.table?[key] else { return nil }
      node = next
    }
    return node
  }

  private static func lineStarts(in bytes: [UInt8]) -> [Int] {
    [0] + bytes.indices.lazy.filter { bytes[$0] == UInt8(ascii: "\n") }.map { $0 + 1 }
  }

  private static func position(of offset: Int, in bytes: [UInt8], lineStarts: [Int]) -> (line: Int, column: Int) {
    var low = 0
    var high = lineStarts.count
    while high - low > 1 {
      let middle = (low + high) / 2
      if lineStarts[middle] <= offset { low = middle } else { high = middle }
    }
    let before = bytes[lineStarts[low]..<min(max(offset, lineStarts[low]), bytes.count)]
    let isMarked = low == 0 && before.starts(with: TOMLParser.byteOrderMark)
    let scalars = before.count { $0 & 0xc0 != 0x80 }
    return (low + 1, scalars + (isMarked ? 0 : 1))
  }
}
