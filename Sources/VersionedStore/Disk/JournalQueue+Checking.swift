import GitFormat
import HostSystem
import Synchronization
import Wire

// What goes into the journal: checked against what is there, under the locks of the references.
extension JournalQueue {
  /// How long a reference may be locked without a break, so that other programs get their turn, and how long a break is.
  private static let longestHold = 1_000_000_000
  private static let breakMilliseconds = 50
  /// How long it is while stock Git collects: it wants the lock of every reference, and asks for one only about once a
  /// second in the end (up to 1.25 s, lockfile.c).
  private static let longBreakMilliseconds = 1_300

  /// Holding the journal.
  func append(_ items: [Item]) throws(StoreError) {
    guard !shared.isPoisoned else { throw .poisoned(file: journal.path) }
    // References as they will be when the items before are stored.
    var ahead: [RefName: ObjectID?] = [:]
    var locked: [RefName] = []
    var accepted: [Item] = []
    for item in items {
      if let collection = item.collection, collection != shared.collection {
        item.refuse(.tryAgain)
        continue
      }
      do throws(StoreError) {
        for change in item.batch?.batch.refs ?? [] {
          guard try hasRoom(for: change, of: item, after: accepted), try check(change, &ahead, &locked) else {
            item.refuse(.tryAgain)
            break
          }
        }
        guard item.outcome == nil else { continue }
        for change in item.batch?.batch.refs ?? [] { ahead[change.name] = .some(change.new) }
        accepted.append(item)
      } catch {
        item.refuse(.failed(error))
      }
    }
    let unneeded = locked.filter { name in
      !accepted.contains { $0.batch?.batch.refs.contains { $0.name == name } ?? false }
    }
    for name in unneeded { try references.unlock(name) }
    locked.removeAll(where: unneeded.contains)
    guard !accepted.isEmpty else { return }
    do throws(StoreError) {
      try write(accepted)
    } catch {
      for name in locked { try? references.unlock(name) }
      throw error
    }
    guard !locked.isEmpty else { return }
    let now = Clock.now
    monitor.withLock { for name in locked { state.lockedSince[name] = now } }
  }

  /// Whether a new reference can be beside those that are on their way into Git's files; false where one of them that is
  /// deleted is in its way there.
  private func hasRoom(
    for change: RefChange, of item: Item, after accepted: [Item]
  ) throws(StoreError) -> Bool {
    guard change.old == nil, change.new != nil else { return true }
    func others(_ item: Item) -> [RefChange] {
      (item.batch?.batch.refs ?? []).filter { $0.name.excludes(change.name) }
    }
    var pending = monitor.withLock { state.unpublished.newest { $0.excludes(change.name) } }
    for other in accepted.lazy.flatMap(others) { pending[other.name] = .some(other.new) }
    if let other = others(item).first?.name ?? pending.first(where: { $0.value != nil })?.key {
      throw .invalid("\(change.name) cannot be beside \(other)")
    }
    return pending.isEmpty
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
    if change.new == nil { try references.checkNobodyPacks() }
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
  func note(_ batch: JournalBatch, end: Int) {
    state.end = end
    if state.unpublished.isEmpty {
      unpublishedSince.store(Clock.now.nanoseconds, ordering: .releasing)
      publishing.withLock { publishing.wakeAll() }
    }
    state.unpublished.add(batch, end: end)
  }

  /// Within the monitor: a reference is not locked any more. After a long time it is left to others for a moment.
  func noteUnlocked(_ name: RefName, _ now: Instant) {
    guard let since = state.lockedSince.removeValue(forKey: name),
      now.nanoseconds - since.nanoseconds > Self.longestHold
    else { return }
    let isCollecting = File.isThere(references.folder + "/gc.pid")
    let pause = isCollecting ? Self.longBreakMilliseconds : Self.breakMilliseconds
    state.restsUntil[name] = now.advanced(milliseconds: Int64(pause))
  }
}
