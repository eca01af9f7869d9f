import GitFormat

/// Reads values in chunks. Trees and chunks are taken for hostile: sizes are checked before anything is read by them.
struct ChunkReader {
  let pointer: ChunkPointer
  let objects: any ObjectReader
  private let limits: ChunkLimits

  /// - Throws: `.tooLarge` where the pointer names more bytes than a value may have.
  init(_ pointer: ChunkPointer, in objects: any ObjectReader) throws(StoreError) {
    self.pointer = pointer
    self.objects = objects
    limits = objects.chunkLimits
    guard pointer.size <= limits.largest else { throw .tooLarge("a value of \(pointer.size) bytes") }
  }

  /// Calls with the bytes of a range, piece by piece and in order. Reads the chunks that have a part in it, and no others.
  ///
  /// - Precondition: the range is within the value.
  /// - Throws: `.malformed` where trees or chunks are not what their places ask for; what reading and the closure throw.
  func forEachPiece(
    in range: Range<Int>, _ body: (UnsafeRawBufferPointer) throws(StoreError) -> Void
  ) throws(StoreError) {
    guard !range.isEmpty else { return }
    try visitTree(pointer.tree, at: 0..<pointer.size, depth: 1, range, body)
  }

  /// The whole value, checked against its SHA-256 when the last piece is out.
  ///
  /// - Throws: as above; `.malformed` where the bytes are not those that the pointer promises.
  func forEachPiece(_ body: (UnsafeRawBufferPointer) throws(StoreError) -> Void) throws(StoreError) {
    var hasher = ObjectHasher(.sha256)
    try forEachPiece(in: 0..<pointer.size) { piece throws(StoreError) in
      hasher.update(piece)
      try body(piece)
    }
    let hash: ObjectID
    do { hash = try hasher.finish() } catch { throw .malformed(error) }
    guard hash == pointer.sha256 else {
      throw .malformed(FormatError("value in chunks", "its SHA-256 is \(hash), its pointer says \(pointer.sha256)"))
    }
  }

  private func visitTree(
    _ id: ObjectID, at place: Range<Int>, depth: Int, _ range: Range<Int>,
    _ body: (UnsafeRawBufferPointer) throws(StoreError) -> Void
  ) throws(StoreError) {
    guard depth <= ChunkTree.deepest else { throw ChunkTree.malformed("trees nest deeper than \(ChunkTree.deepest)") }
    for part in try ChunkTree.parts(of: try objects.bytes(id, .tree), size: place.count, objects.format) {
      let here = place.lowerBound + part.range.lowerBound..<place.lowerBound + part.range.upperBound
      guard here.overlaps(range) else { continue }
      if part.isTree {
        try visitTree(part.id, at: here, depth: depth + 1, range, body)
      } else {
        try visitChunk(part.id, at: here, range, body)
      }
    }
  }

  private func visitChunk(
    _ id: ObjectID, at place: Range<Int>, _ range: Range<Int>,
    _ body: (UnsafeRawBufferPointer) throws(StoreError) -> Void
  ) throws(StoreError) {
    guard place.count <= limits.maximum, place.count >= limits.minimum || place.upperBound == pointer.size else {
      throw ChunkTree.malformed("a chunk of \(place.count) bytes is too small or too large")
    }
    let found = try objects.kindAndSize(id)
    guard found.kind == .blob else { throw .wrongKind(id, found: found.kind, expected: .blob) }
    guard found.size == place.count else {
      throw ChunkTree.malformed("chunk \(id) has \(found.size) bytes, its place \(place.count)")
    }
    let bytes = try objects.bytes(id, .blob)
    guard bytes.count == place.count else { throw ChunkTree.malformed("chunk \(id) has \(bytes.count) bytes by now") }
    let wanted = range.clamped(to: place)
    let span = bytes.span.bytes
    try span.withUnsafeBytes { bytes throws(StoreError) in
      let part = bytes[(wanted.lowerBound - place.lowerBound)..<(wanted.upperBound - place.lowerBound)]
      try body(UnsafeRawBufferPointer(rebasing: part))
    }
  }
}
