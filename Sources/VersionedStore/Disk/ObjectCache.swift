import GitFormat
import Synchronization

/// Objects that were read, by their place in a pack, within a number of bytes. What is asked for again stays longest: a
/// hand goes round and takes out what was not asked for since it last came by (the clock algorithm, F. Corbató, 1968), so
/// that one long walk over all objects does not drive out the trees that every walk begins with.
final class ObjectCache: Sendable {
  struct Key: Hashable {
    /// `PackFile.number`.
    var pack: UInt32
    var offset: Int
  }

  private struct Slot {
    var key: Key
    var object: GitObject
    var isWanted = false
  }

  private struct State {
    var slots: [Slot?] = []
    var places: [Key: Int] = [:]
    var free: [Int] = []
    var hand = 0
    var used = 0
  }

  /// The most bytes that are kept.
  let capacity: Int
  private let state = Mutex(State())

  /// What one object takes beside its bytes.
  private static let overhead = 160

  init(capacity: Int) { self.capacity = capacity }

  /// How many bytes are in use.
  var used: Int { state.withLock(\.used) }

  func object(_ key: Key) -> GitObject? {
    state.withLock { state in
      guard let place = state.places[key] else { return nil }
      state.slots[place]!.isWanted = true
      return state.slots[place]!.object
    }
  }

  /// Keeps an object, unless it would take too much of the cache.
  func insert(_ object: GitObject, _ key: Key) {
    let size = object.bytes.count + Self.overhead
    guard size <= capacity / 4 else { return }
    state.withLock { state in
      guard state.places[key] == nil else { return }
      while state.used + size > capacity { Self.evictOne(&state) }
      let slot = Slot(key: key, object: object)
      let place: Int
      if let free = state.free.popLast() {
        place = free
        state.slots[place] = slot
      } else {
        place = state.slots.count
        state.slots.append(slot)
      }
      state.places[key] = place
      state.used += size
    }
  }

  /// - Precondition: the cache is not empty, as it is not where anything is in use.
  private static func evictOne(_ state: inout State) {
    while true {
      state.hand = (state.hand + 1) % state.slots.count
      guard let slot = state.slots[state.hand] else { continue }
      if slot.isWanted {
        state.slots[state.hand]!.isWanted = false
        continue
      }
      state.places[slot.key] = nil
      state.slots[state.hand] = nil
      state.free.append(state.hand)
      state.used -= slot.object.bytes.count + overhead
      return
    }
  }
}
