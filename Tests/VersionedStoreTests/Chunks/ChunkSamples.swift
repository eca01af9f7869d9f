import GitFormat
import TestSupport
import Testing

@testable import VersionedStore

extension ChunkLimits {
  /// Values above 4 KiB in chunks of 64 bytes to 1 KiB, most near 256: a value has many chunks, and trees of trees.
  static let test = ChunkLimits(threshold: 4_096, minimum: 64, averageBits: 8, maximum: 1_024, assembled: 1 << 22)
}

/// Bytes that do not repeat.
func randomBytes(_ count: Int, _ seed: UInt64 = 1) -> [UInt8] {
  var random = SeededGenerator(seed)
  var bytes: [UInt8] = []
  bytes.reserveCapacity(count + 8)
  while bytes.count < count { withUnsafeBytes(of: random.next()) { bytes += $0 } }
  return Array(bytes.prefix(count))
}

/// Bytes in memory, in pieces of an odd size.
struct ArraySource: ValueSource {
  private var rest: ArraySlice<UInt8>
  let size: Int?
  private let piece: Int

  init(_ bytes: [UInt8], knowsSize: Bool = true, piece: Int = 1_021) {
    rest = bytes[...]
    size = knowsSize ? bytes.count : nil
    self.piece = piece
  }

  mutating func next(atMost count: Int) throws(StoreError) -> [UInt8] {
    let bytes = Array(rest.prefix(min(count, piece)))
    rest = rest.dropFirst(bytes.count)
    return bytes
  }
}

extension StoreMaker {
  /// A repository whose values above 4 KiB are in chunks.
  func chunkRepository() throws -> Repository {
    let clock = TestClock()
    return Repository(
      try backend(format), identity: Identity(name: "Store", email: "store@home.arpa"), chunks: .test
    ) { clock.tick() }
  }
}

/// A value's chunks and trees, made into memory.
struct MadeChunks {
  let objects: MemoryBackend
  let pointer: ChunkPointer
  private(set) var chunks: [ObjectID] = []
  private(set) var trees: [ObjectID] = []

  init(_ bytes: [UInt8], _ format: ObjectFormat = .sha1, limits: ChunkLimits = .test, piece: Int = 777) throws {
    let buffer = ObjectBuffer(over: MemoryBackend(format: format))
    var cutter = ValueCutter(limits) { kind, bytes throws(StoreError) in try buffer.write(kind, bytes) }
    for start in stride(from: 0, to: bytes.count, by: piece) {
      try cutter.append(Array(bytes[start..<min(bytes.count, start + piece)]))
    }
    pointer = try #require(try cutter.finish())
    objects = MemoryBackend(format: format)
    try objects.commit(Batch(objects: buffer.objects))
    chunks = buffer.objects.filter { $0.object.kind == .blob }.map(\.id)
    trees = buffer.objects.filter { $0.object.kind == .tree }.map(\.id)
  }
}

/// Objects with other limits for chunks.
struct LimitedReader: ObjectReader {
  let base: any ObjectReader
  var chunkLimits = ChunkLimits.test
  var format: ObjectFormat { base.format }
  func object(_ id: ObjectID) throws(StoreError) -> GitObject { try base.object(id) }
  func contains(_ id: ObjectID) throws(StoreError) -> Bool { try base.contains(id) }
}
