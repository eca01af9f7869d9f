import GitFormat
import VersionedStore

/// How a pack may be made for the one who reads it.
struct PackOptions {
  /// Deltas may name their base by its place in the pack.
  var offsetDeltas = true
  /// Bases of deltas may be objects that only the reader has.
  var isThin = false
}

extension ObjectSelection {
  /// Writes the selected objects as a pack. What stands in packs already goes over as it is.
  ///
  /// - Parameter onProgress: called after each piece with the number of bytes written so far.
  func writePack(
    to sink: any ByteSink, from objects: any ObjectReader, _ options: PackOptions,
    onProgress: @escaping (Int) throws(StoreError) -> Void
  ) throws(StoreError) {
    let history = selected.prefix { $0.kind == .commit || $0.kind == .tag }
    let contents = selected[history.endIndex...].reversed()
    let items = (Array(history) + contents).map { PackItem($0.id, path: $0.path) }
    var builder = PackBuilder()
    builder.options.usesOffsets = options.offsetDeltas
    builder.options.windowMemory = 32 << 20
    builder.options.deltaMemory = 32 << 20
    // A reader waits: what is larger and stands in no pack as a delta yet goes over whole.
    builder.options.largestDelta = 512 << 10
    builder.options.window = 5
    var written = 0
    _ = try builder.write(items, outside: options.isThin ? outside : [], from: ReaderSource(objects)) {
      (bytes) throws(StoreError) in
      try sink.write(bytes)
      written += bytes.count
      try onProgress(written)
    }
  }
}

/// Any reader of objects as a source for packs; where it has packs itself, with what stands in them.
private struct ReaderSource: PackSource {
  private let objects: any ObjectReader
  private let packed: (any PackSource)?

  init(_ objects: any ObjectReader) {
    self.objects = objects
    packed = (objects as? any Backend)?.packSource
  }

  var format: ObjectFormat { objects.format }

  func object(_ id: ObjectID) throws(StoreError) -> GitObject? { try objects.object(id) }

  func kindAndSize(_ id: ObjectID) throws(StoreError) -> (kind: ObjectKind, size: Int)? {
    if let found = try packed?.kindAndSize(id) { return found }
    let object = try objects.object(id)
    return (object.kind, object.bytes.count)
  }

  func storedEntry(_ id: ObjectID) -> StoredEntry? { packed?.storedEntry(id) }
}
