public import GitFormat

/// Files and directories as a value: read from the store as far as it is looked at, and changed in memory.
///
/// A copy is a snapshot. Changes touch only the directories on their paths; `write(into:)` makes new objects of exactly
/// those. Directories without entries do not exist, as in Git: the last entry that goes takes its directory along.
public struct Tree: Sendable {
  let objects: any ObjectReader
  var root: Directory
  /// In a transaction: what it has looked at.
  var reads: ReadLog?

  init(_ root: Directory, in objects: any ObjectReader, reads: ReadLog? = nil) {
    self.root = root
    self.objects = objects
    self.reads = reads
  }

  /// The tree object with this name. Nothing is read yet.
  public init(_ id: ObjectID, in objects: any ObjectReader) {
    self.init(Directory(stored: id), in: objects)
  }

  /// A tree without files.
  public static func empty(in objects: any ObjectReader) -> Tree { Tree(Directory(stored: nil), in: objects) }

  /// The name of the tree object, which may not be written yet. Trees with equal contents have equal names.
  ///
  /// - Throws: where a directory that has to change cannot be read.
  public func id() throws(StoreError) -> ObjectID { try write(into: ObjectBuffer(over: objects)) }

  /// Makes objects of what has changed, and tells the name of the whole.
  public func write(into buffer: ObjectBuffer) throws(StoreError) -> ObjectID {
    if let id = try root.write(into: buffer) { return id }
    return try buffer.write(.tree, [])
  }

  /// Whether there is no file in it.
  public func isEmpty() throws(StoreError) -> Bool { try id() == ObjectID.emptyTree(objects.format) }
}

/// One directory of a tree in memory: what is stored, and what is different by now.
struct Directory: Sendable {
  /// nil: there is none.
  var stored: ObjectID?
  /// It was put here whole, in place of what was here; it is not the directory of before with some entries changed.
  var isGrafted = false
  var changes: [EntryName: Entry] = [:]

  /// What stands at a name in place of what is stored.
  indirect enum Entry: Sendable {
    case nothing
    case object(FileMode, ObjectID)
    case contents(FileMode, [UInt8])
    /// A value whose chunks are stored.
    case chunks(FileMode, ChunkPointer)
    case directory(Directory)
  }

  init(stored: ObjectID?, isGrafted: Bool = false) {
    // The tree without entries needs no object to be read.
    self.stored = stored.flatMap { $0 == .emptyTree($0.format) ? nil : $0 }
    self.isGrafted = isGrafted
  }

  /// The directory's object, with all that is new in it written before; nil where nothing is left.
  func write(into buffer: ObjectBuffer) throws(StoreError) -> ObjectID? {
    guard !changes.isEmpty else { return stored }
    var edits: [EntryChange] = []
    edits.reserveCapacity(changes.count)
    var trees: [EntryName: ObjectID] = [:]
    // In order of name, so that the same change makes the same batch.
    for (name, entry) in changes.count > 1 ? changes.sorted(by: { $0.key < $1.key }) : Array(changes) {
      let entry = try entry.inChunks(into: buffer)
      if case .chunks(_, let pointer) = entry { trees[name] = pointer.tree }
      edits.append(EntryChange(name, from: nil, to: try entry.write(as: name, into: buffer)))
    }
    try adjustChunks(adding: trees, &edits, in: buffer)
    return try Directories.applying(edits, to: stored, in: buffer)
  }

  /// Adds the change of the folder of chunks that goes with other changes.
  private func adjustChunks(
    adding trees: [EntryName: ObjectID], _ edits: inout [EntryChange], in buffer: ObjectBuffer
  ) throws(StoreError) {
    var folder = try ChunkFolder.find(in: stored, buffer)
    if let index = edits.firstIndex(where: { $0.name == ChunkFolder.name }) {
      guard edits[index].new?.mode.isTree != false else { return }
      folder = edits.remove(at: index).new?.id
    } else if folder == nil && trees.isEmpty {
      return
    }
    let entry = try ChunkFolder.adjusting(folder, to: edits, of: stored, adding: trees, in: buffer)
    edits.append(EntryChange(ChunkFolder.name, from: nil, to: entry))
  }
}

extension Directory.Entry {
  /// Contents above the limit in chunks, which are written; all else as it is.
  func inChunks(into buffer: ObjectBuffer) throws(StoreError) -> Self {
    guard case .contents(let mode, let bytes) = self, mode != .link, bytes.count > buffer.chunkLimits.threshold else {
      return self
    }
    var cutter = ValueCutter(buffer.chunkLimits) { kind, bytes throws(StoreError) in try buffer.write(kind, bytes) }
    try cutter.append(bytes)
    return try cutter.finish().map { .chunks(mode, $0) } ?? self
  }

  /// The entry for the directory's object; nil where there is to be none.
  func write(as name: EntryName, into buffer: ObjectBuffer) throws(StoreError) -> TreeEntry? {
    switch try inChunks(into: buffer) {
    case .nothing: return nil
    case .object(let mode, let id): return TreeEntry(name, mode, id)
    case .contents(let mode, let bytes): return TreeEntry(name, mode, try buffer.write(.blob, bytes))
    case .chunks(let mode, let pointer): return TreeEntry(name, mode, try buffer.write(.blob, pointer.bytes))
    case .directory(let directory):
      guard let id = try directory.write(into: buffer) else { return nil }
      return TreeEntry(name, .tree, id)
    }
  }
}

extension ObjectID {
  /// The name of the tree without entries.
  static func emptyTree(_ format: ObjectFormat) -> ObjectID { format == .sha1 ? emptyTreeSHA1 : emptyTreeSHA256 }

  private static let emptyTreeSHA1 = ObjectID(
    .sha1,
    [
      0x4b, 0x82, 0x5d, 0xc6, 0x42, 0xcb, 0x6e, 0xb9, 0xa0, 0x60, 0xe5, 0x4b, 0xf8, 0xd6, 0x92, 0x88, 0xfb, 0xee, 0x49,
      0x04,
    ])
  private static let emptyTreeSHA256 = ObjectID(
    .sha256,
    [
      0x6e, 0xf1, 0x9b, 0x41, 0x22, 0x5c, 0x53, 0x69, 0xf1, 0xc1, 0x04, 0xd4, 0x5d, 0x8d, 0x85, 0xef,
      0xa9, 0xb0, 0x57, 0xb5, 0x3b, 0x14, 0xb4, 0xb9, 0xb9, 0x39, 0xdd, 0x74, 0xde, 0xcc, 0x53, 0x21,
    ])
}
