import GitFormat
import Glibc
import HostSystem
import Synchronization
import Wire

/// The acknowledged but unpublished part of a repository, and the queue of those who want to add to it.
///
/// Whoever finds no leader leads: takes all that wait, checks their reference changes, appends them as one block, and
/// syncs once for all. Several processes may do so on one journal; the journal's file lock makes them take turns at
/// appending, and each syncs for itself.
final class JournalQueue: Sendable {
  /// How long a reference may be locked without a break, so that other programs get their turn, and how long a break is.
  private static let longestHold = 1_000_000_000
  private static let breakMilliseconds = 50

  /// Somebody's batch on its way.
  final class Item {
    fileprivate let batch: PreparedBatch?
    fileprivate let payload: [UInt8]
    /// The collection after which the batch was checked.
    fileprivate let collection: UInt64?
    /// Set by the leader, before it signals.
    fileprivate var outcome: Outcome?
    /// Signalled when there is an outcome, or when it is this one's turn to lead.
    fileprivate let turn = Semaphore()

    init(_ batch: PreparedBatch, after collection: UInt64) {
      self.batch = batch
      self.collection = collection
      payload = batch.payload
    }

    init(publishedUpTo offset: Int) {
      batch = nil
      collection = nil
      payload = JournalRecord.payload(publishedUpTo: offset)
    }
  }

  enum Outcome {
    case done
    case failed(StoreError)
    /// The reference is about to be left to others for a moment.
    case tryAgain
  }

  private nonisolated(unsafe) var state: State
  private struct State {
    var waiting: [Item] = []
    var isLed = false
    var unpublished = Unpublished()
    /// When the lock of a reference was taken, and until when it is left alone.
    var lockedSince: [RefName: Instant] = [:]
    var restsUntil: [RefName: Instant] = [:]
    /// How far this process has read: the journal's generation, and the offset behind the last record.
    var generation: UInt64
    var end = Journal.start
  }

  /// Guards `state`.
  private let monitor = Monitor()
  /// Since when something has been waiting to be published, in nanoseconds of the monotonic clock; 0: nothing is.
  private let unpublishedSince = Atomic<Int64>(0)
  /// Guards nothing but the sleep of the thread that publishes.
  let publishing = Monitor()
  /// Held while the journal is read on or written, before `monitor`.
  private let journalLock = Monitor()
  private nonisolated(unsafe) let journal: Journal
  private let shared: SharedState
  let references: References

  init(journal: Journal, shared: SharedState, references: References) {
    self.journal = journal
    self.shared = shared
    self.references = references
    state = State(generation: journal.generation)
  }

  // MARK: - Adding

  /// Waits until an item is on the disk, or refused.
  func add(_ item: Item) throws(StoreError) -> Outcome {
    let leads = monitor.withLock {
      state.waiting.append(item)
      defer { state.isLed = true }
      return !state.isLed
    }
    if !leads { item.turn.wait() }
    if item.outcome == nil { lead(item) }
    return item.outcome ?? .tryAgain
  }

  /// Stores all that wait, `own` among them, and hands over to one who has come meanwhile.
  private func lead(_ own: Item) {
    let items = monitor.withLock {
      defer { state.waiting = [] }
      return state.waiting
    }
    store(items)
    let next = monitor.withLock {
      if state.waiting.isEmpty { state.isLed = false }
      return state.waiting.first
    }
    next?.turn.signal()
    for item in items where item !== own { item.turn.signal() }
  }

  private func store(_ items: [Item]) {
    do throws(StoreError) {
      let (accepted, end, generation) = try withJournal { () throws(StoreError) in try append(items) }
      guard !accepted.isEmpty else { return }
      try sync(to: end, generation)
      for item in accepted { item.outcome = .done }
    } catch {
      for item in items where item.outcome == nil { item.outcome = .failed(error) }
    }
  }

  /// Holding the journal: checks and appends what can be.
  private func append(_ items: [Item]) throws(StoreError) -> (accepted: [Item], end: Int, generation: UInt64) {
    guard !shared.isPoisoned else { throw .poisoned(file: journal.path) }
    // References as they will be when the items before are stored.
    var ahead: [RefName: ObjectID?] = [:]
    var locked: [RefName] = []
    var accepted: [Item] = []
    for item in items {
      if let collection = item.collection, collection != shared.collection {
        item.outcome = .tryAgain
        continue
      }
      do throws(StoreError) {
        for change in item.batch?.batch.refs ?? [] {
          guard try check(change, &ahead, &locked) else {
            item.outcome = .tryAgain
            break
          }
        }
        guard item.outcome == nil else { continue }
        for change in item.batch?.batch.refs ?? [] { ahead[change.name] = .some(change.new) }
        accepted.append(item)
      } catch {
        item.outcome = .failed(error)
      }
    }
    let kept = Set(accepted.flatMap { $0.batch?.batch.refs.map(\.name) ?? [] })
    for name in locked where !kept.contains(name) { try references.unlock(name) }
    guard !accepted.isEmpty else { return ([], journal.end, journal.generation) }
    do throws(StoreError) {
      try write(accepted)
    } catch {
      for name in locked where kept.contains(name) { try? references.unlock(name) }
      throw error
    }
    let now = Clock.now
    monitor.withLock { for name in locked where kept.contains(name) { state.lockedSince[name] = now } }
    return (accepted, journal.end, journal.generation)
  }

  /// Whether a reference change may be made on what is there; false where the reference has to be left alone now.
  private func check(
    _ change: RefChange, _ ahead: inout [RefName: ObjectID?], _ locked: inout [RefName]
  ) throws(StoreError) -> Bool {
    let name = change.name
    var current = ahead[name]
    if current == nil {
      let now = Clock.now
      let (newest, isDue) = monitor.withLock {
        let newest = state.unpublished.newest(name)
        // Another process may have let go of what this one locked.
        if newest == nil { noteUnlocked(name, now) }
        let since = state.lockedSince[name]
        let isTired = since.map { now.nanoseconds - $0.nanoseconds > Self.longestHold } ?? false
        return (newest, isTired || state.restsUntil[name].map { $0 > now } ?? false)
      }
      if isDue { return false }
      current = newest
    }
    if current == nil {
      if try references.lock(name) { locked.append(name) }
      current = .some(try references.read(name))
    }
    guard let found = current, found == change.old else {
      throw .refChanged(name, expected: change.old, found: current ?? nil)
    }
    if found == nil, change.new != nil { try references.checkName(name) }
    ahead[name] = .some(found)
    return true
  }

  private func write(_ items: [Item]) throws(StoreError) {
    let start = journal.end
    try onDisk { () throws(SystemError) in try journal.append(items.map(\.payload)) }
    shared.tail = journal.end
    monitor.withLock {
      var offset = start
      for item in items {
        let body = offset + JournalRecord.headerLength
        offset = body + item.payload.count
        if let batch = item.batch { note(batch.placed(at: body), end: offset) }
      }
    }
  }

  /// Within the monitor.
  private func note(_ batch: JournalBatch, end: Int) {
    state.end = end
    if state.unpublished.isEmpty {
      unpublishedSince.store(Clock.now.nanoseconds, ordering: .releasing)
      publishing.withLock { publishing.wakeAll() }
    }
    state.unpublished.add(batch, end: end)
  }

  /// Makes the journal durable up to an offset. After a failure nothing counts as durable any more: the kernel may have
  /// dropped what it could not write, and would call a second try a success.
  private func sync(to end: Int, _ generation: UInt64) throws(StoreError) {
    do {
      try journal.file.sync(.journal)
    } catch {
      shared.isPoisoned = true
      throw .system(error)
    }
    guard !shared.isPoisoned else { throw .poisoned(file: journal.path) }
    shared.raiseSyncedEnd(to: end, generation)
  }

  // MARK: - The journal and other processes

  /// Runs with the journal to itself, having read what others wrote.
  private func withJournal<Result>(_ body: () throws(StoreError) -> Result) throws(StoreError) -> Result {
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
      monitor.withLock {
        state.unpublished = Unpublished()
        state.lockedSince = [:]
        state.generation = journal.generation
        state.end = journal.end
      }
    }
    guard shared.tail > journal.end else { return }
    try onDisk { () throws(SystemError) in
      try journal.readOn(to: shared.tail) { content, end in monitor.withLock { take(content, end: end) } }
    }
  }

  /// Within the monitor.
  private func take(_ content: JournalRecord.Content, end: Int) {
    state.end = end
    switch content {
    case .batch(let batch): note(batch, end: end)
    case .published(let offset):
      drop(upTo: offset)
      // Whoever published them has unlocked them too.
      state.lockedSince = state.lockedSince.filter { state.unpublished.has($0.key) }
    }
  }

  private func drop(upTo offset: Int) {
    state.unpublished.drop(upTo: offset)
    unpublishedSince.store(state.unpublished.isEmpty ? 0 : Clock.now.nanoseconds, ordering: .releasing)
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
    if case .failed(let error) = try add(Item(publishedUpTo: end)) { throw error }
    try withJournal { () throws(StoreError) in
      monitor.withLock { drop(upTo: end) }
      let now = Clock.now
      for name in refs where !monitor.withLock({ state.unpublished.has(name) }) {
        try references.unlock(name)
        monitor.withLock { noteUnlocked(name, now) }
      }
      if journal.end > Journal.comfortableSize, monitor.withLock({ state.unpublished.isEmpty }) { try beginAnew() }
    }
  }

  /// Within the monitor: a reference is not locked any more; another process may have published its last change. After a
  /// long time it is left to others for a moment.
  private func noteUnlocked(_ name: RefName, _ now: Instant) {
    guard let since = state.lockedSince.removeValue(forKey: name),
      now.nanoseconds - since.nanoseconds > Self.longestHold
    else { return }
    state.restsUntil[name] = now.advanced(milliseconds: Int64(Self.breakMilliseconds))
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
      state.generation = journal.generation
      state.end = journal.end
      state.restsUntil = state.restsUntil.filter { $0.value > Clock.now }
    }
  }

  /// Since when something has been waiting to be published.
  var waitingSince: Instant? {
    let since = unpublishedSince.load(ordering: .acquiring)
    return since == 0 ? nil : Instant(nanoseconds: since)
  }
}
