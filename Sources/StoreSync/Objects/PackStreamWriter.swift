import GitFormat
import VersionedStore

/// Writes a pack into a sink as its objects come (gitformat-pack, "pack-*.pack files"). Memory is one object's.
struct PackStreamWriter: ~Copyable {
  private let sink: any ByteSink
  private let format: ObjectFormat
  private var hasher: ObjectHasher
  private var entry: [UInt8] = []
  /// How many bytes have been written.
  private(set) var offset = 0

  /// Fast, and nearly as small as slower ones on what a household keeps.
  private static let level = 4

  private init(_ sink: any ByteSink, _ format: ObjectFormat) {
    self.sink = sink
    self.format = format
    hasher = ObjectHasher(format)
  }

  /// Writes the header.
  ///
  /// - Parameter count: how many objects are going to follow, exactly.
  static func begin(_ sink: any ByteSink, _ format: ObjectFormat, count: Int) throws(StoreError) -> PackStreamWriter {
    guard let count = UInt32(exactly: count) else { throw .tooLarge("a pack of \(count) objects") }
    var writer = PackStreamWriter(sink, format)
    var header = Array("PACK".utf8) + [0, 0, 0, 2]
    withUnsafeBytes(of: count.bigEndian) { header.append(contentsOf: $0) }
    try writer.emit(header)
    return writer
  }

  /// Appends an object or a delta.
  mutating func append(_ content: PackEntry.Content, _ bytes: [UInt8]) throws(StoreError) {
    entry.removeAll(keepingCapacity: entry.capacity <= 1 << 20)
    bytes.withUnsafeBytes { _ = PackEntry.append(content, $0, level: Self.level, to: &entry) }
    try emit(entry)
  }

  /// Appends the pack's checksum.
  consuming func finish() throws(StoreError) {
    let sink = self.sink
    let sum: ObjectID
    do { sum = try hasher.finish() } catch { throw .malformed(error) }
    try sink.write(sum.bytes)
  }

  private mutating func emit(_ bytes: [UInt8]) throws(StoreError) {
    hasher.update(bytes)
    offset += bytes.count
    try sink.write(bytes)
  }
}

/// How a pack may be made for the one who reads it.
struct PackOptions {
  /// Deltas may name their base by its place in the pack.
  var offsetDeltas = true
  /// Bases of deltas may be objects that only the reader has.
  var isThin = false
}

extension ObjectSelection {
  /// Writes the selected objects as a pack.
  ///
  /// - Parameter onProgress: called now and then with the number of objects written so far.
  func writePack(
    to sink: any ByteSink, from objects: any ObjectReader, _ options: PackOptions,
    onProgress: (Int) throws(StoreError) -> Void
  ) throws(StoreError) {
    var writer = try PackStreamWriter.begin(sink, objects.format, count: selected.count)
    var deltas = DeltaPlanner(self, options)
    for (index, item) in selected.enumerated() {
      let object = try objects.object(item.id)
      let offset = writer.offset
      if let (content, delta) = try deltas.delta(of: item, object, at: offset, objects) {
        try writer.append(content, delta)
      } else {
        try writer.append(.object(object.kind), object.bytes)
      }
      if index % 256 == 0 { try onProgress(index) }
    }
    try writer.finish()
  }
}

/// Says which objects are written as deltas, and of what.
private struct DeltaPlanner {
  private let selection: ObjectSelection
  private let options: PackOptions
  private let bases: Set<ObjectID>
  /// Where bases stand that have been written, and how many deltas lie between them and a whole object.
  private var written: [ObjectID: (offset: Int, chain: Int)] = [:]

  /// Larger objects are sent whole, so that a reader needs no two of them at once.
  private static let largest = 16 << 20
  /// Longer chains make reading slow (as Git's `pack.depth`).
  private static let longestChain = 50
  /// What a delta of it cannot save is not worth the reader's work.
  private static let smallest = 64

  init(_ selection: ObjectSelection, _ options: PackOptions) {
    self.selection = selection
    self.options = options
    bases = Set(selection.selected.lazy.compactMap(\.base))
  }

  /// The delta to write in place of the object; nil where it is written whole.
  mutating func delta(
    of item: SelectedObject, _ object: GitObject, at offset: Int, _ objects: any ObjectReader
  ) throws(StoreError) -> (PackEntry.Content, [UInt8])? {
    let found = try smallDelta(of: item, object, at: offset, objects)
    if bases.contains(item.id) { written[item.id] = (offset, found.map { $0.chain + 1 } ?? 0) }
    return found.map { ($0.content, $0.bytes) }
  }

  private func smallDelta(
    of item: SelectedObject, _ object: GitObject, at offset: Int, _ objects: any ObjectReader
  ) throws(StoreError) -> (content: PackEntry.Content, bytes: [UInt8], chain: Int)? {
    guard let base = item.base, (Self.smallest...Self.largest).contains(object.bytes.count) else { return nil }
    let content: PackEntry.Content
    var chain = 0
    if selection.contains(base) {
      // One that follows in the pack is none to lean on.
      guard let place = written[base], place.chain < Self.longestChain else { return nil }
      chain = place.chain
      content = options.offsetDeltas ? .offsetDelta(distance: offset - place.offset) : .delta(base: base)
    } else {
      guard options.isThin else { return nil }
      content = .delta(base: base)
    }
    let bytes = try objects.object(base).bytes
    guard bytes.count <= Self.largest, bytes.count >= Self.smallest,
      let delta = Delta.Index(bytes).delta(to: object.bytes, limit: object.bytes.count / 2)
    else { return nil }
    return (content, delta, chain)
  }
}
