import GitFormat
import Glibc
import HostSystem
import Synchronization
import Wire

/// The acknowledged but unpublished part of a repository, and the queue of those who want to add to it.
///
/// Several processes may add to one journal; the journal's file lock makes them take turns at appending, and each syncs
/// for itself.
final class JournalQueue: Sendable {
  nonisolated(unsafe) var state: State
  struct State {
    var unpublished = Unpublished()
    /// When the lock of a reference was taken, and until when it is left alone.
    var lockedSince: [RefName: Instant] = [:]
    var restsUntil: [RefName: Instant] = [:]
    /// How far this process has read: the journal's generation, and the offset behind the last record.
    var generation: UInt64
    var end = Journal.start
  }

  /// Guards `state`.
  let monitor = Monitor()
  /// Those who add.
  let line = Guarded(Line())
  /// Since when something has been waiting to be published, in nanoseconds of the monotonic clock; 0: nothing is.
  let unpublishedSince = Atomic<Int64>(0)
  /// Guards nothing but the sleep of the thread that publishes.
  let publishing = Monitor()
  /// Held while the journal is read on or written, before `monitor`.
  private let journalLock = Monitor()
  /// Held while the journal's file is synced, before `monitor`.
  let syncing = Monitor()
  nonisolated(unsafe) let journal: Journal
  let shared: SharedState
  let references: References

  init(journal: Journal, shared: SharedState, references: References) {
    self.journal = journal
    self.shared = shared
    self.references = references
    state = State(generation: journal.generation)
  }

  // MARK: - The journal and other processes

  /// Runs with the journal to itself, having read what others wrote.
  func withJournal<Result>(_ body: () throws(StoreError) -> Result) throws(StoreError) -> Result {
    try journalLock.withLock { () throws(StoreError) in
      let descriptor = journal.file.descriptorNumber
      try onDisk { () throws(SystemError) in
        _ = try systemCall("locking \(journal.path)") { flock(descriptor, LOCK_EX) }
      }
      defer { flock(descriptor, LOCK_UN) }
      try readOn()
      return try body()
    }
  }

  private func readOn() throws(StoreError) {
    if shared.generation != journal.generation {
      journal.follow(generation: shared.generation)
      monitor.withLock { startAnew() }
    }
    guard shared.tail > journal.end else { return }
    try onDisk { () throws(SystemError) in
      try journal.readOn(to: shared.tail) { content, end in monitor.withLock { take(content, end: end) } }
    }
  }

  /// Within the monitor: the journal begins anew, so everything that was in it is in Git's own files.
  func startAnew() {
    drop(upTo: .max)
    state.generation = journal.generation
    state.end = journal.end
  }

  /// Within the monitor.
  private func take(_ content: JournalRecord.Content, end: Int) {
    state.end = end
    switch content {
    case .batch(let batch): note(batch, end: end)
    case .published(let offset): drop(upTo: offset)
    }
  }

  /// Within the monitor: everything up to an offset is in Git's own files, and whoever published it unlocks references
  /// that nothing more is waiting for.
  func drop(upTo offset: Int) {
    let now = Clock.now
    for name in state.unpublished.drop(upTo: offset) { noteUnlocked(name, now) }
    unpublishedSince.store(state.unpublished.isEmpty ? 0 : now.nanoseconds, ordering: .releasing)
  }

  /// Reads what others have written since.
  func follow() throws(StoreError) {
    let isBehind = monitor.withLock { shared.generation != state.generation || shared.tail > state.end }
    if isBehind { try withJournal { () throws(StoreError) in } }
  }

  /// For one who is alone with the repository: reads the whole journal and says anew what is shared.
  func recover() throws(StoreError) {
    try onDisk { () throws(SystemError) in
      try journal.readOn { content, end in monitor.withLock { take(content, end: end) } }
      try journal.file.sync(.journal)
    }
    shared.generation = journal.generation
    shared.tail = journal.end
    shared.setSyncedEnd(journal.end, journal.generation)
    shared.isPoisoned = false
  }

  // MARK: - Collections

  /// Runs while no process of ours appends anything, having read what there is. Nothing can be published meanwhile.
  func whileNobodyWrites(_ body: () throws(StoreError) -> Void) throws(StoreError) { try withJournal(body) }

  /// The same, with a reference locked.
  ///
  /// - Returns: false where somebody is changing the reference; then nothing has run.
  func whileNobodyWrites(
    holding name: RefName, _ body: () throws(StoreError) -> Void
  ) throws(StoreError) -> Bool {
    try withJournal { () throws(StoreError) in
      do throws(StoreError) {
        guard try references.lock(name) else { return false }
      } catch {
        if case .locked = error { return false }
        throw error
      }
      defer { try? references.unlock(name) }
      try body()
      return true
    }
  }

  /// What the journal holds and names, durable or not.
  func unpublishedObjects() -> [ObjectID] {
    monitor.withLock {
      state.unpublished.batches.flatMap { batch, _ in batch.objects.map(\.id) + batch.refs.compactMap(\.new) }
    }
  }

  /// Changes whenever a collection takes objects away.
  var collection: UInt64 { shared.collection }

  /// Whether a collection took objects away since a time.
  func hasDropped(since time: Instant) -> Bool { shared.collection != 0 && shared.lastDrop >= time }

  /// Within `whileNobodyWrites`, before objects are taken away: batches that were checked before are checked again.
  func noteDrop(at time: Instant) {
    shared.lastDrop = time
    shared.collection &+= 1
  }
}
