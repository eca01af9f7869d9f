public import GitFormat

/// A value whose chunks are stored before it stands anywhere. They are kept from collectors as long as this lives.
public final class StagedValue: Sendable {
  enum Content: Sendable {
    /// So few that they make one object.
    case bytes([UInt8])
    case chunks(ChunkPointer)
  }

  let content: Content
  private let holds: [ObjectHold]

  /// A value in memory.
  public convenience init(_ bytes: [UInt8]) { self.init(.bytes(bytes), []) }

  init(_ content: Content, _ holds: [ObjectHold]) {
    self.content = content
    self.holds = holds
  }

  /// In bytes.
  public var size: Int {
    switch content {
    case .bytes(let bytes): bytes.count
    case .chunks(let pointer): pointer.size
    }
  }

  /// What will stand at its path, where it is in chunks.
  public var pointer: ChunkPointer? {
    if case .chunks(let pointer) = content { return pointer }
    return nil
  }
}

extension Repository {
  /// Stores a value of any size, so that it can be put into a tree. Holds a few chunks of it in memory; of one whose size
  /// is not known before, up to 64 MiB. Chunks that are here already are not stored again.
  ///
  /// - Throws: what the source throws; `.tooLarge` for a value above 1 TiB; `.missing` where a collection took away chunks
  ///   meanwhile that were here when they were looked for: then try again; as `Backend.commit`.
  public func stage(_ source: inout some ValueSource) throws(StoreError) -> StagedValue {
    let limits = objects.chunkLimits
    var beginning: [UInt8] = []
    if source.size ?? 0 <= limits.threshold {
      while beginning.count <= limits.threshold {
        let piece = try source.next(atMost: min(Self.pieceSize, limits.threshold + 1 - beginning.count))
        if piece.isEmpty { return StagedValue(.bytes(beginning), []) }
        beginning += piece
      }
    }
    let batch = HeldBatch(backend, limits)
    var cutter = ValueCutter(limits) { kind, bytes throws(StoreError) in try batch.write(kind, bytes) }
    try cutter.append(beginning)
    beginning = []
    while true {
      let piece = try source.next(atMost: Self.pieceSize)
      if piece.isEmpty { break }
      try cutter.append(piece)
    }
    guard let pointer = try cutter.finish() else { return StagedValue(.bytes([]), []) }
    let holds = try batch.finish()
    guard pointer.size > limits.threshold else { return try shrunk(pointer, holds) }
    return StagedValue(.chunks(pointer), holds)
  }

  /// A source promised more bytes than it had.
  private func shrunk(_ pointer: ChunkPointer, _ holds: [ObjectHold]) throws(StoreError) -> StagedValue {
    var bytes: [UInt8] = []
    try ChunkReader(pointer, in: objects).forEachPiece { bytes.append(contentsOf: $0) }
    return withExtendedLifetime(holds) { StagedValue(.bytes(bytes), []) }
  }

  private static var pieceSize: Int { 1 << 18 }
}

extension Branch {
  /// Sets a file of any size, read piece by piece.
  ///
  /// - Returns: the commit; nil where the file was so already.
  /// - Throws: as `Repository.stage`, and as `set` of bytes.
  @discardableResult
  public func set(
    _ path: Path, from source: inout some ValueSource, mode: FileMode = .file, _ info: CommitInfo
  ) throws(StoreError) -> Commit? {
    try path.check(allowingReserved: false)
    let value = try repository.stage(&source)
    defer { withExtendedLifetime(value) {} }
    return try update(info) { tree throws(StoreError) in try tree.set(path, value, mode: mode) }
  }
}

/// Objects on their way into a back end, some at a time.
private final class HeldBatch {
  private let backend: any Backend
  private var objects: [NewObject] = []
  private var bytes = 0
  private var holds: [ObjectHold] = []
  /// What was stored already.
  private var known: Set<ObjectID> = []

  /// So many bytes are stored together.
  private let limit: Int

  init(_ backend: any Backend, _ limits: ChunkLimits) {
    self.backend = backend
    limit = 4 * limits.maximum
  }

  func write(_ kind: ObjectKind, _ bytes: [UInt8]) throws(StoreError) -> ObjectID {
    let id: ObjectID
    do { id = try ObjectID.of(kind, bytes, backend.format) } catch { throw .malformed(error) }
    guard known.insert(id).inserted else { return id }
    // Trees are stored though they may be here: they keep the chunks that are.
    if kind == .blob, try backend.contains(id) { return id }
    objects.append(NewObject(id: id, object: GitObject(kind, bytes)))
    self.bytes += bytes.count
    if self.bytes >= limit { try store() }
    return id
  }

  private func store() throws(StoreError) {
    guard !objects.isEmpty else { return }
    holds.append(try backend.hold(objects))
    objects = []
    bytes = 0
  }

  func finish() throws(StoreError) -> [ObjectHold] {
    try store()
    return holds
  }
}
