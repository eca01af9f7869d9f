import GitFormat
import HostSystem
import Wire

// Many writers share appends and syncs. Whoever comes while nobody appends, appends for all that wait, as one block; the
// next may append while that is on its way to the disk. Whoever has appended while nobody syncs, syncs for all that has
// been appended by then.
extension JournalQueue {
  /// Somebody's batch on its way.
  final class Item {
    let batch: PreparedBatch?
    let payload: [UInt8]
    /// The collection after which the batch was checked.
    let collection: UInt64?
    /// Set by whoever refuses, appends or syncs, before that one signals.
    fileprivate(set) var outcome: Outcome?
    /// Set, before that one signals, by whoever hands the next sync over to this one.
    fileprivate var isToSync = false
    /// Signalled when there is an outcome, or when it is this one's turn to append or to sync.
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

    /// For the one who appends.
    func refuse(_ outcome: Outcome) { self.outcome = outcome }
  }

  enum Outcome {
    case done
    case failed(StoreError)
    /// The reference is about to be left to others for a moment.
    case tryAgain
  }

  /// How long a writer may sync for others beyond its own turn, nanoseconds: less than a sync of most disks takes.
  private static let longestSyncing = 400_000

  /// Those who wait to be appended, and those who wait to be durable.
  struct Line {
    fileprivate var waiting: [Item] = []
    fileprivate var appended: [Item] = []
    fileprivate var isAppending = false
    fileprivate var isSyncing = false
  }

  /// Waits until an item is on the disk, or refused.
  func add(_ item: Item) -> Outcome {
    let isFirst = line.withLock { line in
      line.waiting.append(item)
      defer { line.isAppending = true }
      return !line.isAppending
    }
    if !isFirst { item.turn.wait() }
    if item.outcome == nil, !item.isToSync, !append(item) { item.turn.wait() }
    return item.outcome ?? sync(item)
  }

  /// Appends all that wait, `own` among them, and hands over to one who has come meanwhile, and to one who syncs if
  /// nobody does.
  ///
  /// - Returns: whether there is nothing to wait for: `own` was refused, or is to sync.
  private func append(_ own: Item) -> Bool {
    let items = line.withLock { line in
      defer { line.waiting = [] }
      return line.waiting
    }
    do throws(StoreError) {
      try withJournal { () throws(StoreError) in try append(items) }
    } catch {
      for item in items where item.outcome == nil { item.outcome = .failed(error) }
    }
    // From here on others may settle what is appended: only they look at its outcome.
    let appended = items.filter { $0.outcome == nil }
    let refused = items.filter { $0.outcome != nil }
    // Whoever is awake syncs, if it can.
    let isRefused = own.outcome != nil
    let candidate = isRefused ? appended.first : own
    let (next, syncer) = line.withLock { line in
      line.appended += appended
      line.isAppending = !line.waiting.isEmpty
      guard !line.isSyncing, let candidate else { return (line.waiting.first, nil as Item?) }
      line.isSyncing = true
      candidate.isToSync = true
      return (line.waiting.first, candidate)
    }
    next?.turn.signal()
    for item in refused where item !== own { item.turn.signal() }
    if let syncer, syncer !== own { syncer.turn.signal() }
    return isRefused || syncer === own
  }

  /// Makes durable what is appended, `own` too, and what others append meanwhile for as long as a switch of threads would
  /// count; then hands over to one who has appended meanwhile.
  private func sync(_ own: Item) -> Outcome {
    let start = Clock.now
    while true {
      let items = line.withLock { line in
        defer { line.appended = [] }
        return line.appended
      }
      let outcome: Outcome
      do throws(StoreError) {
        try syncJournal()
        outcome = .done
      } catch { outcome = .failed(error) }
      if own.outcome == nil { own.outcome = outcome }
      for item in items where item !== own {
        item.outcome = outcome
        item.turn.signal()
      }
      let goesOn = Clock.now.nanoseconds - start.nanoseconds < Self.longestSyncing
      let (next, isDone) = line.withLock { line in
        line.isSyncing = !line.appended.isEmpty
        guard let next = line.appended.first else { return (nil as Item?, true) }
        if goesOn { return (nil, false) }
        next.isToSync = true
        return (next, true)
      }
      next?.turn.signal()
      if isDone { return own.outcome ?? outcome }
    }
  }

  /// Makes durable what others have appended, for one whom that refused: until then it would read what was before, and
  /// be refused again.
  func settle() throws(StoreError) {
    guard monitor.withLock({ shared.syncedEnd(state.generation) < state.end }) else { return }
    try syncJournal()
  }

  /// Makes everything that is appended by now durable. After a failure nothing counts as durable any more: the kernel
  /// may have dropped what it could not write, and would call a second try a success.
  private func syncJournal() throws(StoreError) {
    // One at a time: the kernel tells a failure once for an open file, so of two syncs the other would be a success.
    try syncing.withLock { () throws(StoreError) in
      guard !shared.isPoisoned else { throw .poisoned(file: journal.path) }
      let (end, generation) = monitor.withLock { (state.end, state.generation) }
      do throws(SystemError) {
        try journal.file.sync(.journal)
      } catch {
        shared.isPoisoned = true
        throw .system(error)
      }
      guard !shared.isPoisoned else { throw .poisoned(file: journal.path) }
      shared.raiseSyncedEnd(to: end, generation)
    }
  }
}
