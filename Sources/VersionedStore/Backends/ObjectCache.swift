import GitFormat

/// What a cache tells objects apart by.
protocol CacheKey: Equatable, Sendable {
  /// 64 bits of it, which need not be random.
  var prefix64: UInt64 { get }
}

extension ObjectID: CacheKey {}

/// Objects that were read or written, within a number of bytes. What is asked for again stays longest: a hand goes round
/// and takes out what was not asked for since it last came by (the clock algorithm, F. Corbató, 1968), so that one long
/// walk over all objects does not drive out the trees that every walk begins with.
final class ObjectCache<Key: CacheKey>: Sendable {
  private struct State {
    // Of each slot: its object, nil where it is free; the object's key; whether it was asked for since the hand came by.
    var objects: [GitObject?] = []
    var keys: [Key] = []
    var areWanted: [Bool] = []
    var table = SlotTable()
    var free: [Int] = []
    var hand = 0
    var used = 0

    func slot(_ key: Key) -> Int? { table.find(key.prefix64) { keys[$0] == key } }
  }

  /// The most bytes that are kept.
  let capacity: Int
  private let state = Guarded(State())

  /// What one object takes beside its bytes: a slot, its number in the table, and what the array and the allocator add.
  private static var overhead: Int {
    MemoryLayout<GitObject?>.stride + MemoryLayout<Key>.stride + 1 + SlotTable.bytesPerSlot + 48
  }

  init(capacity: Int) { self.capacity = capacity }

  /// Lets go of everything.
  func removeAll() { state.withLock { $0 = State() } }

  /// How many bytes are in use.
  var used: Int { state.withLock(\.used) }

  func object(_ key: Key) -> GitObject? {
    state.withLock { state in
      guard let slot = state.slot(key) else { return nil }
      state.areWanted[slot] = true
      return state.objects[slot]
    }
  }

  /// Keeps an object, unless it would take too much of the cache.
  func insert(_ object: GitObject, _ key: Key) {
    let size = object.bytes.count + Self.overhead
    guard size <= capacity / 4 else { return }
    state.withLock { state in
      guard state.slot(key) == nil else { return }
      while state.used + size > capacity { Self.evictOne(&state) }
      let slot: Int
      if let free = state.free.popLast() {
        slot = free
        state.objects[slot] = object
        state.keys[slot] = key
      } else {
        slot = state.objects.count
        state.objects.append(object)
        state.keys.append(key)
        state.areWanted.append(false)
      }
      state.table.insert(slot, key.prefix64)
      state.used += size
    }
  }

  /// - Precondition: the cache is not empty, as it is not where anything is in use.
  private static func evictOne(_ state: inout State) {
    while true {
      state.hand += 1
      if state.hand >= state.objects.count { state.hand = 0 }
      let slot = state.hand
      guard let size = state.objects[slot]?.bytes.count else { continue }
      if state.areWanted[slot] {
        state.areWanted[slot] = false
        continue
      }
      state.table.remove(slot, state.keys[slot].prefix64)
      state.objects[slot] = nil
      state.free.append(slot)
      state.used -= size + overhead
      return
    }
  }
}
