import GitFormat

/// Makes an object, and tells its name: stores it, or only names it.
typealias ObjectMaker = (ObjectKind, [UInt8]) throws(StoreError) -> ObjectID

/// Makes chunks and their trees of a value that comes in pieces. Holds a few chunks of it.
struct ValueCutter: ~Copyable {
  private let limits: ChunkLimits
  private let cutter: ChunkCutter
  private let write: ObjectMaker
  private var trees: ChunkTreeBuilder
  private var hasher = ObjectHasher(.sha256)
  /// What is not in chunks yet, from `start` on.
  private var pending: [UInt8] = []
  private var start = 0
  private var size = 0

  init(_ limits: ChunkLimits, _ write: @escaping ObjectMaker) {
    self.limits = limits
    cutter = ChunkCutter(limits)
    self.write = write
    trees = ChunkTreeBuilder(write)
  }

  /// - Throws: `.tooLarge` for a value above the limits; what the maker of objects throws.
  mutating func append(_ bytes: UnsafeRawBufferPointer) throws(StoreError) {
    var rest = bytes
    while !rest.isEmpty {
      let piece = UnsafeRawBufferPointer(rebasing: rest.prefix(limits.maximum))
      rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(piece.count))
      guard piece.count <= limits.largest - size else {
        throw .tooLarge("a value of more than \(limits.largest) bytes")
      }
      size += piece.count
      hasher.update(piece)
      pending.append(contentsOf: piece)
      while pending.count - start >= limits.maximum { try cut() }
      if start > limits.maximum {
        pending.removeSubrange(..<start)
        start = 0
      }
    }
  }

  mutating func append(_ bytes: [UInt8]) throws(StoreError) {
    let span = bytes.span.bytes
    try span.withUnsafeBytes { bytes throws(StoreError) in try append(bytes) }
  }

  /// Makes a chunk of the first bytes that are pending.
  private mutating func cut() throws(StoreError) {
    let length = pending.withUnsafeBytes { cutter.length(of: UnsafeRawBufferPointer(rebasing: $0[start...])) }
    let id = try write(.blob, Array(pending[start..<(start + length)]))
    start += length
    try trees.append(id, size: length)
  }

  /// What stands for the value; nil for one without bytes, which has no chunks.
  consuming func finish() throws(StoreError) -> ChunkPointer? {
    while pending.count > start { try cut() }
    guard size > 0 else { return nil }
    let tree = try trees.finish()
    do { return ChunkPointer(size: size, sha256: try hasher.finish(), tree: tree) } catch { throw .malformed(error) }
  }
}
