/// Numbers of slots by 64 bits of their keys: open addressing with linear probing, at most half full.
struct SlotTable {
  /// 32 bits of the hash, which tell a bucket's home and save most looks at the slot, and the slot's number + 1; 0: free.
  private var buckets: [UInt64] = Array(repeating: 0, count: 16)
  private var count = 0
  /// Strangers choose names of objects: they must not be able to choose those that collide here (multiply-shift hashing,
  /// M. Dietzfelbinger et al., 1997).
  private let multiplier = UInt64.random(in: 0 ... .max) | 1

  /// A bucket in a table that is between a quarter and half full.
  static let bytesPerSlot = 24

  private func hash(_ key: UInt64) -> UInt64 { (key &* multiplier) >> 32 }
  private var mask: Int { buckets.count - 1 }
  private func home(_ bucket: UInt64) -> Int { Int(truncatingIfNeeded: bucket >> 32) & mask }
  private func slot(_ bucket: UInt64) -> Int { Int(truncatingIfNeeded: bucket & 0xFFFF_FFFF) - 1 }

  /// The slot whose whole key is the one that is looked for.
  func find(_ key: UInt64, _ isWanted: (Int) -> Bool) -> Int? {
    let hash = hash(key)
    var place = Int(truncatingIfNeeded: hash) & mask
    while buckets[place] != 0 {
      let bucket = buckets[place]
      if bucket >> 32 == hash, isWanted(slot(bucket)) { return slot(bucket) }
      place = (place + 1) & mask
    }
    return nil
  }

  /// Adds a slot that is not in the table.
  mutating func insert(_ slot: Int, _ key: UInt64) {
    if count * 2 >= buckets.count {
      let old = buckets
      buckets = Array(repeating: 0, count: old.count * 2)
      for bucket in old where bucket != 0 { put(bucket) }
    }
    put(hash(key) << 32 | UInt64(slot + 1))
    count += 1
  }

  private mutating func put(_ bucket: UInt64) {
    var place = home(bucket)
    while buckets[place] != 0 { place = (place + 1) & mask }
    buckets[place] = bucket
  }

  /// Takes a slot out that is in the table.
  mutating func remove(_ slot: Int, _ key: UInt64) {
    let wanted = hash(key) << 32 | UInt64(slot + 1)
    var hole = home(wanted)
    while buckets[hole] != wanted {
      guard buckets[hole] != 0 else { return }
      hole = (hole + 1) & mask
    }
    // What stands behind the hole moves into it, unless its home is behind the hole too.
    var next = (hole + 1) & mask
    while buckets[next] != 0 {
      if (next - home(buckets[next])) & mask >= (next - hole) & mask {
        buckets[hole] = buckets[next]
        hole = next
      }
      next = (next + 1) & mask
    }
    buckets[hole] = 0
    count -= 1
  }
}
