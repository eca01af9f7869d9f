import GitFormat

/// A batch as bytes for the journal, made by the thread that wants it stored, before it waits for others.
struct PreparedBatch {
  /// Small objects are stored as they are, others compressed as fast as can be: what that costs in space is won back
  /// when packs are merged.
  private static func level(_ size: Int) -> Int { size <= 512 ? 0 : 1 }

  let payload: [UInt8]
  /// Places count from the payload's first byte.
  let batch: JournalBatch

  init(_ batch: Batch) {
    var entries: [UInt8] = []
    var ranges: [(id: ObjectID, entry: Range<Int>)] = []
    ranges.reserveCapacity(batch.objects.count)
    for new in batch.objects {
      let start = entries.count
      PackEntry.append(new.object.kind, new.object.bytes, level: Self.level(new.object.bytes.count), to: &entries)
      ranges.append((new.id, start..<entries.count))
    }
    let written = JournalRecord.payload(objects: ranges, entries: entries, refs: batch.refs)
    payload = written.bytes
    self.batch = JournalBatch(objects: written.places, refs: batch.refs)
  }

  /// The batch with places in the file, where the payload begins at an offset.
  func placed(at offset: Int) -> JournalBatch {
    JournalBatch(
      objects: batch.objects.map { ($0.id, $0.place.lowerBound + offset..<$0.place.upperBound + offset) },
      refs: batch.refs)
  }
}
