public import GitFormat

/// Takes a file's bytes in order.
public typealias PackSink = (UnsafeRawBufferPointer) throws(StoreError) -> Void

/// What was written of a pack.
public struct WrittenPack: Sendable {
  /// The hash that the pack ends with, and by which Git names its files.
  public let checksum: ObjectID
  /// In the order of the file.
  public let entries: [PackIndex.Entry]
  /// Bytes of the whole pack.
  public let size: Int

  /// `pack-<checksum>`, the name of the pack's files without their endings.
  public var name: String { "pack-\(checksum)" }

  /// The bytes of the pack's index.
  public func index() throws(StoreError) -> [UInt8] {
    do { return try PackIndex.serialize(entries, packChecksum: checksum, checksum.format) } catch {
      throw .malformed(error)
    }
  }
}

/// Writes a pack, entry by entry, and keeps what its index needs.
struct PackWriter: ~Copyable {
  private let format: ObjectFormat
  private let sink: PackSink
  private var hasher: ObjectHasher
  /// What was not yet given to the sink.
  private var pending: [UInt8] = []
  private var entries: [PackIndex.Entry] = []
  /// So many bytes were written.
  private(set) var offset = 0

  private static let pieceSize = 1 << 17

  /// - Parameter count: how many entries will follow.
  init(count: Int, _ format: ObjectFormat, sink: @escaping PackSink) throws(StoreError) {
    guard let number = UInt32(exactly: count) else { throw .tooLarge("a pack of \(count) objects") }
    self.format = format
    self.sink = sink
    hasher = ObjectHasher(format)
    entries.reserveCapacity(count)
    pending.reserveCapacity(Self.pieceSize + 4_096)
    pending += "PACK".utf8
    for value in [2, number] { pending += (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) } }
    offset = pending.count
  }

  /// Writes an entry: its header, and data that is compressed already.
  mutating func append(
    _ id: ObjectID, _ content: PackEntry.Content, size: Int, compressed: UnsafeRawBufferPointer
  ) throws(StoreError) {
    let start = pending.count
    PackEntry.appendHeader(content, size: size, to: &pending)
    let header = pending.withUnsafeBytes { PackEntry.crc(UnsafeRawBufferPointer(rebasing: $0[start...])) }
    let length = pending.count - start + compressed.count
    entries.append(PackIndex.Entry(id: id, crc: PackEntry.crc(compressed, after: header), offset: offset))
    offset += length
    if compressed.count >= Self.pieceSize {
      try flush()
      hasher.update(compressed)
      try sink(compressed)
    } else {
      pending.append(contentsOf: compressed)
      if pending.count >= Self.pieceSize { try flush() }
    }
  }

  private mutating func flush() throws(StoreError) {
    hasher.update(pending)
    try Self.give(pending, to: sink)
    pending.removeAll(keepingCapacity: true)
  }

  private static func give(_ bytes: [UInt8], to sink: PackSink) throws(StoreError) {
    let bytes = bytes.span.bytes
    try bytes.withUnsafeBytes { bytes throws(StoreError) in try sink(bytes) }
  }

  /// Writes the checksum.
  consuming func finish() throws(StoreError) -> WrittenPack {
    try flush()
    let (sink, entries, size) = (self.sink, self.entries, offset + format.length)
    let checksum: ObjectID
    do { checksum = try hasher.finish() } catch { throw .malformed(error) }
    try Self.give(checksum.bytes, to: sink)
    return WrittenPack(checksum: checksum, entries: entries, size: size)
  }
}
