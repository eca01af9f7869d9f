import GitFormat

/// What the journal holds that is not in Git's own files yet. Pure bookkeeping; its user holds a lock.
struct Unpublished {
  /// A batch, and the offset behind its record.
  private(set) var batches: [(batch: JournalBatch, end: Int)] = []
  /// The values that a reference takes one after the other, each with the offset behind the record that says so.
  private var values: [RefName: [(id: ObjectID?, end: Int)]] = [:]
  private var places: [ObjectID: Range<Int>] = [:]

  var isEmpty: Bool { batches.isEmpty }
  var refs: some Collection<RefName> { values.keys }

  mutating func add(_ batch: JournalBatch, end: Int) {
    batches.append((batch, end))
    for object in batch.objects { places[object.id] = object.place }
    for change in batch.refs { values[change.name, default: []].append((change.new, end)) }
  }

  /// Forgets what is in Git's own files.
  ///
  /// - Returns: the references that nothing more is said of.
  mutating func drop(upTo offset: Int) -> Set<RefName> {
    let count = batches.firstIndex { $0.end > offset } ?? batches.count
    var names: Set<RefName> = []
    for (batch, _) in batches[..<count] {
      for object in batch.objects where places[object.id]?.upperBound ?? 0 <= offset { places[object.id] = nil }
      for change in batch.refs { names.insert(change.name) }
    }
    for name in names {
      values[name]?.removeAll { $0.end <= offset }
      if values[name]?.isEmpty == true { values[name] = nil }
    }
    batches.removeFirst(count)
    return names.filter { values[$0] == nil }
  }

  /// Whether the journal has a newer value of a reference than Git's files.
  func has(_ name: RefName) -> Bool { values[name] != nil }

  /// The newest value of a reference, durable or not; nil where the journal says nothing of it.
  func newest(_ name: RefName) -> ObjectID?? { values[name]?.last.map { $0.id } }

  /// The newest values of some references, durable or not.
  func newest(where isWanted: (RefName) -> Bool) -> [RefName: ObjectID?] {
    values.filter { isWanted($0.key) }.compactMapValues { $0.last.map(\.id) }
  }

  /// The newest value that is durable, where the journal is so far on the disk; nil where it says nothing.
  func durable(_ name: RefName, syncedEnd: Int) -> ObjectID?? {
    values[name]?.last { $0.end <= syncedEnd }.map { $0.id }
  }

  /// Where the pack entry of an object stands.
  func place(_ id: ObjectID) -> Range<Int>? { places[id] }
}
