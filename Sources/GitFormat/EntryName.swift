/// The name of one entry of a tree: bytes, as Git has them. Two spellings of one letter are two names.
public struct EntryName: Hashable, Sendable {
  public let bytes: [UInt8]

  /// Takes bytes as they are; `TreeObject` and `Path` say what may stand in a tree.
  public init(_ bytes: [UInt8]) { self.bytes = bytes }
  public init(_ text: some StringProtocol) { bytes = Array(text.utf8) }

  /// For people: the bytes as UTF-8, with a replacement character for what is none.
  public var text: String { String(decoding: bytes, as: UTF8.self) }
}

extension EntryName: Comparable {
  public static func < (left: Self, right: Self) -> Bool {
    left.bytes.withUnsafeBytes { left in right.bytes.withUnsafeBytes { left.compared(to: $0) < 0 } }
  }
}

extension EntryName: ExpressibleByStringLiteral, CustomStringConvertible {
  public init(stringLiteral text: String) { self.init(text) }
  public var description: String { text }
}

/// A place in a tree: names from the root down. The root is the empty path.
public struct Path: Hashable, Sendable {
  public var names: [EntryName]

  public init(_ names: [EntryName]) { self.names = names }

  /// `people/ada/phone`; slashes at the ends and double ones count for nothing.
  public init(_ text: some StringProtocol) {
    let bytes = Array(text.utf8)
    names = []
    names.reserveCapacity(1 + bytes.count { $0 == UInt8(ascii: "/") })
    var start = 0
    for end in 0...bytes.count where end == bytes.count || bytes[end] == UInt8(ascii: "/") {
      if start < end { names.append(EntryName(Array(bytes[start..<end]))) }
      start = end + 1
    }
  }

  public static var root: Path { Path([]) }
  public var isRoot: Bool { names.isEmpty }
  public var last: EntryName? { names.last }
  /// The names with slashes between them.
  public var bytes: [UInt8] { Array(names.map(\.bytes).joined(separator: CollectionOfOne(UInt8(ascii: "/")))) }
  public var parent: Path { Path(Array(names.dropLast())) }

  public static func / (path: Path, name: EntryName) -> Path { Path(path.names + [name]) }
  public static func + (left: Path, right: Path) -> Path { Path(left.names + right.names) }

  public func hasPrefix(_ prefix: Path) -> Bool { names.starts(with: prefix.names) }
}

extension Path: Comparable {
  public static func < (left: Self, right: Self) -> Bool { left.names.lexicographicallyPrecedes(right.names) }
}

extension Path: ExpressibleByStringLiteral, CustomStringConvertible {
  public init(stringLiteral text: String) { self.init(text) }
  public var description: String { names.map(\.text).joined(separator: "/") }
}
