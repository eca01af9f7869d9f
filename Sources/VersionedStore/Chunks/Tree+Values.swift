public import GitFormat

/// A file of any size, to be read in pieces.
public struct ValueReader: Sendable {
  private enum Source: Sendable {
    case bytes([UInt8])
    case chunks(ChunkReader)
  }

  public let mode: FileMode
  /// In bytes.
  public let size: Int
  private let source: Source

  init(_ bytes: [UInt8], _ mode: FileMode) {
    self.mode = mode
    size = bytes.count
    source = .bytes(bytes)
  }

  init(_ pointer: ChunkPointer, _ mode: FileMode, in objects: any ObjectReader) throws(StoreError) {
    self.mode = mode
    size = pointer.size
    source = .chunks(try ChunkReader(pointer, in: objects))
  }

  /// What stands for the value, where it is in chunks.
  public var pointer: ChunkPointer? {
    if case .chunks(let reader) = source { return reader.pointer }
    return nil
  }

  /// Calls with the bytes of a range, in order, a chunk at most at a time; of a value in chunks only those are read that
  /// have a part in it.
  ///
  /// - Throws: `.invalid` for a range that is not within the value; `.malformed` where chunks are not what they should be.
  public func forEachPiece(
    in range: Range<Int>, _ body: (UnsafeRawBufferPointer) throws(StoreError) -> Void
  ) throws(StoreError) {
    guard range.lowerBound >= 0, range.upperBound <= size else {
      throw .invalid("bytes \(range) of a value that has \(size)")
    }
    switch source {
    case .chunks(let reader): try reader.forEachPiece(in: range, body)
    case .bytes(let bytes):
      guard !range.isEmpty else { return }
      let span = bytes.span.bytes
      try span.withUnsafeBytes { bytes throws(StoreError) in try body(UnsafeRawBufferPointer(rebasing: bytes[range])) }
    }
  }

  /// Calls with all bytes, in order. Only when it returns are they known to be right: the SHA-256 of a value in chunks is
  /// compared at the end.
  ///
  /// - Throws: as above; `.malformed` where the SHA-256 is another one.
  public func forEachPiece(
    _ body: (UnsafeRawBufferPointer) throws(StoreError) -> Void
  ) throws(StoreError) {
    if case .chunks(let reader) = source { return try reader.forEachPiece(body) }
    try forEachPiece(in: 0..<size, body)
  }

  /// The bytes of a range, in memory.
  public func read(_ range: Range<Int>) throws(StoreError) -> [UInt8] {
    var bytes: [UInt8] = []
    try forEachPiece(in: range) { bytes.append(contentsOf: $0) }
    return bytes
  }
}

// Values of any size.
extension Tree {
  /// The file at a path, to be read in pieces; nil where there is none. A file that is one object is read now.
  public func value(_ path: Path) throws(StoreError) -> ValueReader? {
    reads?.note(path, .entry)
    let entry = try lookUp(path)
    if let pointer = try pointer(path, entry), let mode = entry.mode {
      return try ValueReader(pointer, mode, in: objects)
    }
    switch entry {
    case .contents(let mode, let bytes): return ValueReader(bytes, mode)
    case .object(let mode, let id) where mode.kind == .blob: return ValueReader(try objects.bytes(id, .blob), mode)
    default: return nil
    }
  }

  /// A part of the file at a path; what is beyond its end is left out. nil where there is no file.
  public func read(_ path: Path, _ range: Range<Int>) throws(StoreError) -> [UInt8]? {
    guard let value = try value(path) else { return nil }
    return try value.read(range.clamped(to: 0..<value.size))
  }

  /// How many bytes the file at a path has; nil where there is none. Reads no contents.
  public func size(_ path: Path) throws(StoreError) -> Int? {
    reads?.note(path, .entry)
    let entry = try lookUp(path)
    if let pointer = try pointer(path, entry) { return pointer.size }
    switch entry {
    case .contents(_, let bytes): return bytes.count
    case .object(let mode, let id) where mode.kind == .blob: return try objects.kindAndSize(id).size
    default: return nil
    }
  }

  /// Puts a value that has been staged at a path, in place of whatever is there. The value has to live until the tree is
  /// committed.
  ///
  /// - Throws: as `set` of bytes.
  public mutating func set(_ path: Path, _ value: StagedValue, mode: FileMode = .file) throws(StoreError) {
    switch value.content {
    case .bytes(let bytes): try set(path, bytes, mode: mode)
    case .chunks(let pointer):
      guard mode == .file || mode == .executable else { throw .invalid("a file's mode is file or executable") }
      guard try objects.contains(pointer.tree) else { throw .missing(pointer.tree) }
      try put(.chunks(mode, pointer), at: path)
    }
  }
}

// Pointers and what they point to.
extension Tree {
  /// What is at a path, as differences tell it; nil where there is nothing.
  func side(_ path: Path) throws(StoreError) -> TreeChange.Side? {
    let pointer = try pointer(path, try lookUp(path))
    return try entry(path).map { TreeChange.Side($0.mode, $0.id, chunks: pointer?.tree) }
  }

  /// The pointer that an entry at a path is, if its chunks stand beside it.
  func pointer(_ path: Path, _ entry: Directory.Entry) throws(StoreError) -> ChunkPointer? {
    switch entry {
    case .chunks(_, let pointer): return pointer
    case .object(let mode, let id) where mode == .file || mode == .executable:
      guard try objects.kindAndSize(id).size <= ChunkPointer.longest else { return nil }
      return try pointer(path, mode, objects.bytes(id, .blob))
    default: return nil
    }
  }

  /// The pointer that a stored file's bytes are, if its chunks stand beside it.
  func pointer(_ path: Path, _ mode: FileMode, _ bytes: [UInt8]) throws(StoreError) -> ChunkPointer? {
    guard mode == .file || mode == .executable, let name = path.last,
      let pointer = ChunkPointer(bytes, objects.format),
      try lookUp(path.parent / ChunkFolder.name / name).write(as: name, into: ObjectBuffer(over: objects))
        == TreeEntry(name, .tree, pointer.tree)
    else { return nil }
    return pointer
  }

  /// Puts a file of another tree at a path, whose objects may never be stored: its bytes, or chunks that are stored.
  mutating func set(_ path: Path, _ side: TreeChange.Side, of other: Tree) throws(StoreError) {
    if let chunks = side.chunks, try objects.contains(chunks),
      let pointer = try ChunkFolder.pointer(
        TreeEntry(EntryName([]), side.mode, side.id), naming: chunks, other.objects)
    {
      return try put(.chunks(side.mode, pointer), at: path)
    }
    try set(path, other.contents(of: side, at: path), mode: side.mode)
  }

  /// The bytes of a side of a difference.
  func contents(of side: TreeChange.Side, at path: Path) throws(StoreError) -> [UInt8] {
    if let chunks = side.chunks,
      let pointer = try ChunkFolder.pointer(TreeEntry(EntryName([]), side.mode, side.id), naming: chunks, objects)
    {
      return try assemble(pointer, path)
    }
    return try objects.bytes(side.id, .blob)
  }

  /// A value in chunks, in memory.
  ///
  /// - Throws: `.tooLarge` above the limit.
  func assemble(_ pointer: ChunkPointer, _ path: Path) throws(StoreError) -> [UInt8] {
    let limit = objects.chunkLimits.assembled
    guard pointer.size <= limit else {
      throw .tooLarge("\(path) has \(pointer.size) bytes; above \(limit), values are read in pieces")
    }
    var bytes: [UInt8] = []
    try ChunkReader(pointer, in: objects).forEachPiece { bytes.append(contentsOf: $0) }
    return bytes
  }
}
