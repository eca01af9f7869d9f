import GitFormat

/// Objects that were read or written, by their names and by their places in packs, within a number of bytes. What is asked for again
/// stays longest: a hand goes round and takes out what was not asked for since it last came by (the clock algorithm,
/// F. Corbató, 1968), so that one long walk over all objects does not drive out the trees that every walk begins with.
final class ObjectCache: Sendable {
  /// Where an entry of a pack begins.
  struct Place: Hashable {
    /// `PackFile.number`.
    var pack: UInt32
    var offset: Int

    fileprivate var key: UInt64 { UInt64(truncatingIfNeeded: offset) ^ UInt64(pack) << 40 }
  }

  private struct Slot {
    var object: GitObject
    /// nil for one that was not read from a pack.
    var place: Place?
    /// nil as long as it was only read as the base of a delta.
    var id: ObjectID?
    var isWanted = false
  }

  private struct State {
    var slots: [Slot?] = []
    var ids = SlotTable()
    var places = SlotTable()
    var free: [Int] = []
    var hand = 0
    var used = 0

    func slot(_ id: ObjectID) -> Int? { ids.find(id.prefix64) { slots[$0]?.id == id } }
    func slot(_ place: Place) -> Int? { places.find(place.key) { slots[$0]?.place == place } }
  }

  /// The most bytes that are kept.
  let capacity: Int
  private let state = Guarded(State())

  /// What one object takes beside its bytes: a slot, its numbers in two tables, and what the array and the allocator add.
  private static let overhead = MemoryLayout<Slot?>.stride + 2 * SlotTable.bytesPerSlot + 48

  init(capacity: Int) { self.capacity = capacity }

  /// Lets go of everything.
  func removeAll() { state.withLock { $0 = State() } }

  /// How many bytes are in use.
  var used: Int { state.withLock(\.used) }

  func object(_ id: ObjectID) -> GitObject? {
    state.withLock { state in state.slot(id).flatMap { Self.take(&state.slots[$0]) } }
  }

  func object(at place: Place) -> GitObject? {
    state.withLock { state in state.slot(place).flatMap { Self.take(&state.slots[$0]) } }
  }

  private static func take(_ slot: inout Slot?) -> GitObject? {
    slot?.isWanted = true
    return slot?.object
  }

  /// Keeps an object of a pack, unless it would take too much of the cache.
  ///
  /// - Parameter id: nil where it is not known.
  func insert(_ object: GitObject, at place: Place, _ id: ObjectID?) {
    state.withLock { state in
      if let known = state.slot(place) {
        guard let id, state.slots[known]?.id == nil, state.slot(id) == nil else { return }
        state.slots[known]?.id = id
        state.ids.insert(known, id.prefix64)
        return
      }
      // Another copy of the object may have its name already.
      insert(Slot(object: object, place: place, id: id.flatMap { state.slot($0) == nil ? $0 : nil }), &state)
    }
  }

  /// Keeps an object that may be of no pack, unless it would take too much of the cache.
  func insert(_ object: GitObject, _ id: ObjectID) {
    state.withLock { state in
      if state.slot(id) == nil { insert(Slot(object: object, place: nil, id: id), &state) }
    }
  }

  private func insert(_ slot: Slot, _ state: inout State) {
    let size = slot.object.bytes.count + Self.overhead
    guard size <= capacity / 4 else { return }
    while state.used + size > capacity { Self.evictOne(&state) }
    let number = state.free.popLast() ?? state.slots.count
    if number == state.slots.count { state.slots.append(nil) }
    state.slots[number] = slot
    if let place = slot.place { state.places.insert(number, place.key) }
    if let id = slot.id { state.ids.insert(number, id.prefix64) }
    state.used += size
  }

  /// - Precondition: the cache is not empty, as it is not where anything is in use.
  private static func evictOne(_ state: inout State) {
    while true {
      state.hand += 1
      if state.hand >= state.slots.count { state.hand = 0 }
      guard let slot = state.slots[state.hand] else { continue }
      if slot.isWanted {
        state.slots[state.hand]?.isWanted = false
        continue
      }
      if let place = slot.place { state.places.remove(state.hand, place.key) }
      if let id = slot.id { state.ids.remove(state.hand, id.prefix64) }
      state.slots[state.hand] = nil
      state.free.append(state.hand)
      state.used -= slot.object.bytes.count + overhead
      return
    }
  }
}
