/// One part of a dotted key, with the bytes (quotes included) where it stands.
public struct TOMLKeyPart: Sendable {
  public let name: String
  public let range: Range<Int>
}

/// `key = value`, in a table's section or inside an inline table.
public struct TOMLMember: Sendable {
  /// At least one part; more where the key is dotted.
  public let path: [TOMLKeyPart]
  public let value: TOMLNode

  /// From the key's first byte to the value's last.
  public var range: Range<Int> { path[0].range.lowerBound..<value.range.upperBound }
}

/// A stretch of whole lines of a document. The statements of a document follow each other without gap or overlap, so
/// that writing them one after the other gives the document's bytes.
public struct TOMLStatement: Sendable {
  /// From the first byte of the line to the last, the line's end included.
  public let range: Range<Int>
  public let content: Content

  public enum Content: Sendable {
    /// White space only.
    case blank
    case comment
    /// `[path]`, or `[[path]]` where `isArray`.
    case header(path: [TOMLKeyPart], isArray: Bool)
    case member(TOMLMember)
  }
}

/// A value with the bytes where it stands.
public struct TOMLNode: Sendable {
  /// The value's own bytes; for a table with a header of its own, and for one that only exists because of keys below
  /// it, the key that named it first.
  public let range: Range<Int>
  public let content: Content

  public enum Content: Sendable {
    /// Neither array nor table.
    case scalar(TOMLValue)
    case array([TOMLNode])
    /// From `[[…]]` headers: every element is a table.
    case arrayOfTables([TOMLNode])
    case table(TOMLTable)
  }

  /// The value without its place.
  public var value: TOMLValue {
    switch content {
    case .scalar(let value): value
    case .array(let elements), .arrayOfTables(let elements): .array(elements.map(\.value))
    case .table(let table): table.value
    }
  }

  /// The table that the node is, or nil.
  public var table: TOMLTable? { if case .table(let table) = content { table } else { nil } }
}

/// A table with its keys in the order in which they first stand in the document.
public struct TOMLTable: Sendable {
  public let entries: [Entry]
  public let definition: Definition
  private let index: [[UInt8]: Int]

  public struct Entry: Sendable {
    public let key: String
    /// The bytes of the key where it stands first.
    public let keyRange: Range<Int>
    public let node: TOMLNode
  }

  /// How the document came to have the table. Sections are numbered by the index of their header's statement; the
  /// lines before the first header are section -1.
  public enum Definition: Sendable {
    /// By a header of its own (or by being the document's root).
    case section(Int)
    /// Only as the parent of a table with a header: `a` in `[a.b]`.
    case implied
    /// By dotted keys that stand in a section, or in an inline table.
    case dotted
    /// `{ … }`, with its members as they stand there.
    case inline([TOMLMember])
  }

  init(entries: [Entry], definition: Definition) {
    self.entries = entries
    self.definition = definition
    index = Dictionary(entries.enumerated().map { (Array($1.key.utf8), $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// The entry of exactly this key, byte for byte.
  public func entry(_ key: String) -> Entry? { index[Array(key.utf8)].map { entries[$0] } }

  public subscript(key: String) -> TOMLNode? { entry(key)?.node }

  /// The table without its places.
  public var value: TOMLValue { .table(entries.map { TOMLField($0.key, $0.node.value) }) }
}

/// What is wrong with a document's text, and where.
public struct TOMLError: Error, Sendable, Equatable {
  /// Offset of the byte that is wrong, from the start of the document.
  public let offset: Int
  /// From 1.
  public let line: Int
  /// From 1, in Unicode scalars.
  public let column: Int
  /// In words, without the place.
  public let problem: String
  /// What to do about it.
  public let hint: String?
  /// The keys of the statement up to the value that is wrong, without those of its table's header; empty where it is no value.
  public let keys: [String]
}

/// Everything that is wrong with a document's text, in the order of the text.
public struct TOMLErrors: Error, Sendable, Equatable {
  /// At least one.
  public let errors: [TOMLError]
}
