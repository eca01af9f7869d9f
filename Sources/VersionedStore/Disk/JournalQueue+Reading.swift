import GitFormat
import HostSystem
import Synchronization
import Wire

// What is acknowledged and not in Git's own files, for readers and for the publisher.
extension JournalQueue {
  // MARK: - Reading

  /// The value of a reference that is durable but not published; nil where the journal says nothing of it.
  func reference(_ name: RefName) -> ObjectID?? {
    monitor.withLock { state.unpublished.durable(name, syncedEnd: shared.syncedEnd(state.generation)) }
  }

  /// All such references.
  func durableReferences() -> [RefName: ObjectID?] {
    monitor.withLock {
      let end = shared.syncedEnd(state.generation)
      return Dictionary(
        uniqueKeysWithValues: state.unpublished.refs.compactMap { name in
          state.unpublished.durable(name, syncedEnd: end).map { (name, $0) }
        })
    }
  }

  /// The pack entry of an object that is not published; nil where there is none, or no more.
  func entry(_ id: ObjectID) throws(StoreError) -> [UInt8]? {
    let (place, generation) = monitor.withLock { (state.unpublished.place(id), state.generation) }
    guard let place else { return nil }
    let bytes = try onDisk { () throws(SystemError) in try journal.read(place) }
    // Once the journal has begun anew, other bytes may stand there; then the object is in a pack.
    guard shared.generation == generation, bytes.count == place.count else { return nil }
    return bytes
  }

  /// The bytes of the journal that hold some batches, and the offset of the first.
  func bytes(of batches: [JournalBatch]) throws(StoreError) -> (bytes: [UInt8], base: Int) {
    let places = batches.lazy.flatMap(\.objects).map(\.place)
    guard let first = places.first, let last = batches.lazy.compactMap(\.objects.last).map(\.place).last else {
      return ([], 0)
    }
    let range = first.lowerBound..<last.upperBound
    return (try onDisk { () throws(SystemError) in try journal.read(range) }, range.lowerBound)
  }

  /// Whether an object is in the journal and not published.
  func hasEntry(_ id: ObjectID) -> Bool { monitor.withLock { state.unpublished.place(id) != nil } }

  // MARK: - Publishing

  /// What is durable and unpublished, and up to where that reaches.
  func batchesToPublish() throws(StoreError) -> (batches: [JournalBatch], end: Int) {
    try follow()
    return monitor.withLock {
      let end = shared.syncedEnd(state.generation)
      let batches = state.unpublished.batches.prefix { $0.end <= end }
      return (batches.map(\.batch), batches.last?.end ?? 0)
    }
  }

  /// Notes durably that Git's files have everything up to an offset, and lets go of references that nothing more is
  /// waiting for.
  func published(upTo end: Int, refs: some Sequence<RefName>) throws(StoreError) {
    if case .failed(let error) = add(Item(publishedUpTo: end)) { throw error }
    try withJournal { () throws(StoreError) in
      monitor.withLock { drop(upTo: end) }
      for name in refs where !monitor.withLock({ state.unpublished.has(name) }) { try references.unlock(name) }
      if journal.end > Journal.comfortableSize, monitor.withLock({ state.unpublished.isEmpty }) { try beginAnew() }
    }
  }

  /// Begins the journal anew and overwrites what was in it; false, with nothing done, where something in it is not
  /// published.
  func erase() throws(StoreError) -> Bool {
    try withJournal { () throws(StoreError) in
      guard monitor.withLock({ state.unpublished.isEmpty }) else { return false }
      try beginAnew()
      try onDisk { () throws(SystemError) in try journal.erase() }
      return true
    }
  }

  /// Holding the journal.
  private func beginAnew() throws(StoreError) {
    try onDisk { () throws(SystemError) in try journal.recycle() }
    shared.setSyncedEnd(Journal.start, journal.generation)
    shared.tail = Journal.start
    shared.generation = journal.generation
    monitor.withLock {
      startAnew()
      state.restsUntil = state.restsUntil.filter { $0.value > Clock.now }
    }
  }

  /// Since when something has been waiting to be published.
  var waitingSince: Instant? {
    let since = unpublishedSince.load(ordering: .acquiring)
    return since == 0 ? nil : Instant(nanoseconds: since)
  }
}
