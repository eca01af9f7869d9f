import GitFormat

/// The trees that hold a value's chunks together.
///
/// The entries of a tree are either all chunks or all trees; each is named by where it begins in what the tree holds, as
/// twelve hexadecimal digits, so that a place is found without reading what is before it. A tree ends where the identifier
/// of its last entry says so, and trees of trees likewise, until there is one: a change of the value changes the trees on
/// the way to it, and the others stay as they are.
enum ChunkTree {
  /// A tree has so many entries at least, the last one of each level excepted, and so many at most.
  static let entries = 16...256
  /// No value has trees below more trees than this.
  static let deepest = 8
  private static let digits = 12

  /// Whether a tree of so many entries ends with this one.
  static func ends(after id: ObjectID, count: Int) -> Bool {
    guard count >= entries.lowerBound else { return false }
    return count >= entries.upperBound || (id.bytes.last ?? 0) & 0x3F == 0
  }

  /// What a tree is made of, in order.
  struct Node {
    var id: ObjectID
    var size: Int
  }

  /// The bytes of a tree.
  static func serialize(_ nodes: [Node], areTrees: Bool) -> [UInt8] {
    var offset = 0
    return TreeObject.serialize(
      nodes.map { node in
        defer { offset += node.size }
        return TreeEntry(name(offset), areTrees ? .tree : .file, node.id)
      })
  }

  private static func name(_ offset: Int) -> EntryName {
    let digits = String(offset, radix: 16)
    return EntryName(String(repeating: "0", count: max(0, Self.digits - digits.utf8.count)) + digits)
  }

  /// One part of what a tree holds.
  struct Part {
    var id: ObjectID
    var isTree: Bool
    /// Where it is in what the tree holds.
    var range: Range<Int>
  }

  /// Reads a tree that holds so many bytes.
  ///
  /// - Throws: `.malformed` where it is not written as above. How large its chunks are is for the reader to check.
  static func parts(of bytes: [UInt8], size: Int, _ format: ObjectFormat) throws(StoreError) -> [Part] {
    guard bytes.count <= entries.upperBound * (digits + 8 + format.length) else {
      throw malformed("it has more than \(entries.upperBound) entries")
    }
    var parts: [Part] = []
    var cursor = TreeCursor(bytes.span.bytes, format)
    while try cursor.next() {
      guard cursor.mode == .file || cursor.mode == .tree, !cursor.hasOddMode else {
        throw malformed("an entry is neither a chunk nor a tree")
      }
      guard let offset = offset(cursor.entryName), offset < size else {
        throw malformed("the entry \(cursor.entryName) is no place in \(size) bytes")
      }
      if let last = parts.indices.last {
        guard parts[last].range.lowerBound < offset, parts[last].isTree == cursor.mode.isTree else {
          throw malformed("the entry \(cursor.entryName) is of another kind than the one before, or before it")
        }
        parts[last].range = parts[last].range.lowerBound..<offset
      } else if offset != 0 {
        throw malformed("its first entry is not its beginning")
      }
      parts.append(Part(id: cursor.id, isTree: cursor.mode.isTree, range: offset..<size))
    }
    guard !parts.isEmpty else { throw malformed("it is empty") }
    return parts
  }

  private static func offset(_ name: EntryName) -> Int? {
    guard name.bytes.count == digits else { return nil }
    var offset = 0
    for byte in name.bytes {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): offset = offset << 4 | Int(byte - UInt8(ascii: "0"))
      case UInt8(ascii: "a")...UInt8(ascii: "f"): offset = offset << 4 | Int(byte - UInt8(ascii: "a") + 10)
      default: return nil
      }
    }
    return offset
  }

  static func malformed(_ why: String) -> StoreError { .malformed(FormatError("tree of chunks", why)) }
}

/// Makes the trees of chunks that come one after the other. Holds one unfinished tree a level.
struct ChunkTreeBuilder {
  private struct Level {
    var nodes: [ChunkTree.Node] = []
    var size = 0
    /// Whether there was a tree of this level before.
    var hasEnded = false
  }

  /// Of the chunks first, then of the trees that hold them, and so on.
  private var levels: [Level] = []
  private let write: ObjectMaker

  init(_ write: @escaping ObjectMaker) { self.write = write }

  mutating func append(_ id: ObjectID, size: Int) throws(StoreError) { try append(.init(id: id, size: size), at: 0) }

  private mutating func append(_ node: ChunkTree.Node, at level: Int) throws(StoreError) {
    if level == levels.count { levels.append(Level()) }
    levels[level].nodes.append(node)
    levels[level].size += node.size
    guard ChunkTree.ends(after: node.id, count: levels[level].nodes.count) else { return }
    try end(level)
  }

  private mutating func end(_ level: Int) throws(StoreError) {
    let ended = levels[level]
    levels[level] = Level(hasEnded: true)
    let id = try write(.tree, ChunkTree.serialize(ended.nodes, areTrees: level > 0))
    try append(ChunkTree.Node(id: id, size: ended.size), at: level + 1)
  }

  /// The one tree that holds all.
  ///
  /// - Precondition: there is a chunk.
  mutating func finish() throws(StoreError) -> ObjectID {
    var level = 0
    while true {
      if level > 0, !levels[level].hasEnded, levels[level].nodes.count == 1 { return levels[level].nodes[0].id }
      if !levels[level].nodes.isEmpty { try end(level) }
      level += 1
    }
  }
}
