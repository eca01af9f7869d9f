import Glibc
import Wire

/// Answers by question, in memory of a fixed size, for one thread.
///
/// Entries lie one after another in a ring. The hand that makes room goes round it and gives a second chance: an entry
/// that was used since it last came by is moved to the front, the others fall out (CLOCK). An index of eight-way
/// buckets, each one cache line, finds them: a slot holds 32 bits of the hash and where the entry lies.
struct AnswerCache: ~Copyable {
  /// Octets of ring per entry: what an ordinary answer takes, with room for some that are long.
  static let bytesPerEntry = 256
  /// Entries that one insertion moves at most, so that its cost is bounded.
  private static let maximumMoves = 64
  private static let ways = 8
  private static let unit = 16

  private let index: UnsafeMutablePointer<UInt64>
  private let bucketMask: Int
  private let ring: UnsafeMutableRawPointer
  private let mappedBytes: Int
  private let ringSize: Int
  private let scratch: UnsafeMutableRawPointer
  /// Most entries held at a time.
  let capacity: Int
  /// Where the next entry goes, and the oldest one; octets in use between them.
  private var head = 0
  private var tail = 0
  private var used = 0
  private(set) var count = 0
  private(set) var evictions: UInt64 = 0

  /// Longest entry; longer answers are not kept.
  static let maximumEntrySize = 16_384

  /// Maps memory for `capacity` entries, which takes room only once it is used. Nil where the kernel refuses.
  init?(capacity: Int) {
    self.capacity = max(64, capacity)
    var buckets = 1
    while buckets * 3 < self.capacity { buckets *= 2 }
    bucketMask = buckets - 1
    ringSize = max(self.capacity * Self.bytesPerEntry, 4 * Self.maximumEntrySize)
    let indexBytes = buckets * Self.ways * MemoryLayout<UInt64>.size
    mappedBytes = indexBytes + ringSize + Self.maximumEntrySize
    let memory = mmap(
      nil, mappedBytes, PROT_READ | PROT_WRITE, Int32(MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE), -1, 0)
    guard let memory, memory != MAP_FAILED else { return nil }
    index = memory.bindMemory(to: UInt64.self, capacity: buckets * Self.ways)
    ring = memory + indexBytes
    scratch = ring + ringSize
  }

  deinit { munmap(index, mappedBytes) }

  /// The entry for a question; nil where there is none.
  @inline(__always)
  func find(_ key: borrowing QuestionKey) -> CacheEntry? {
    let bucket = index + (Int(truncatingIfNeeded: key.hash) & bucketMask) &* Self.ways
    let tag = UInt32(truncatingIfNeeded: key.hash >> 32)
    for way in 0..<Self.ways {
      let slot = bucket[way]
      if UInt32(truncatingIfNeeded: slot >> 32) == tag, UInt32(truncatingIfNeeded: slot) != 0 {
        let entry = entry(in: slot)
        if entry.matches(key) { return entry }
      }
    }
    return nil
  }

  /// Takes an answer in, in place of an older one to the same question. False where it is too long to keep.
  @discardableResult
  mutating func insert(_ answer: StoredAnswer, for key: borrowing QuestionKey) -> Bool {
    let size = CacheEntry.size(of: answer.records, wordCount: key.wordCount)
    remove(key)
    guard size <= Self.maximumEntrySize else { return false }
    makeRoom(for: size)
    let entry = CacheEntry(base: ring + head)
    entry.write(answer, key: key, size: size)
    place(entry)
    return true
  }

  /// Forgets a question's answer.
  mutating func remove(_ key: borrowing QuestionKey) {
    guard let entry = find(key) else { return }
    unlink(entry)
  }

  /// Forgets everything.
  mutating func removeAll() {
    index.update(repeating: 0, count: (bucketMask + 1) * Self.ways)
    (head, tail, used, count) = (0, 0, 0, 0)
  }

  /// Forgets the entries whose name, in lower case on the wire, fulfils a condition.
  mutating func removeAll(where shouldRemove: (UnsafeRawBufferPointer) -> Bool) {
    var unwanted: [CacheEntry] = []
    visitAll { if shouldRemove($0.name) { unwanted.append($0) } }
    for entry in unwanted { unlink(entry) }
  }

  /// Every entry, oldest first.
  func visitAll(_ body: (CacheEntry) -> Void) {
    var offset = tail
    var left = used
    while left > 0 {
      let entry = CacheEntry(base: ring + offset)
      let size = blockSize(at: offset)
      if isLinked(entry, at: offset) { body(entry) }
      offset += size
      left -= size
      if offset == ringSize { offset = 0 }
    }
  }

  // MARK: Ring

  /// Filler at the ring's end has the mark in place of a hash's size field.
  private static let fillerMark: UInt32 = 0x8000_0000

  private func blockSize(at offset: Int) -> Int {
    Int((ring + offset).load(fromByteOffset: 8, as: UInt32.self) & ~Self.fillerMark)
  }

  private func isFiller(at offset: Int) -> Bool {
    (ring + offset).load(fromByteOffset: 8, as: UInt32.self) & Self.fillerMark != 0
  }

  private func isLinked(_ entry: CacheEntry, at offset: Int) -> Bool {
    guard !isFiller(at: offset) else { return false }
    return slot(of: entry.hash, at: offset) != nil
  }

  /// Lets the hand go on until `size` octets are free in one piece at `head` and one more entry may be held.
  private mutating func makeRoom(for size: Int) {
    var moves = 0
    while true {
      if head + size > ringSize {
        let rest = ringSize - head
        guard ringSize - used >= rest else {
          advanceTail(moves: &moves)
          continue
        }
        (ring + head).storeBytes(of: UInt32(rest) | Self.fillerMark, toByteOffset: 8, as: UInt32.self)
        used += rest
        head = 0
      } else if ringSize - used >= size, count < capacity {
        return
      } else {
        advanceTail(moves: &moves)
      }
    }
  }

  /// Passes over the oldest block, moving it to the front where it deserves that.
  private mutating func advanceTail(moves: inout Int) {
    let offset = tail
    let size = blockSize(at: offset)
    let entry = CacheEntry(base: ring + offset)
    let wasLinked = isLinked(entry, at: offset)
    let deserves = wasLinked && entry.isUsed && moves < Self.maximumMoves
    if deserves { scratch.copyMemory(from: ring + offset, byteCount: size) }
    if wasLinked { unlink(entry) }
    used -= size
    tail = offset + size == ringSize ? 0 : offset + size
    if used == 0 { (head, tail) = (0, 0) }
    guard deserves, head + size <= ringSize, ringSize - used >= size else {
      if wasLinked { evictions += 1 }
      return
    }
    moves += 1
    let moved = CacheEntry(base: ring + head)
    moved.base.copyMemory(from: scratch, byteCount: size)
    moved.isUsed = false
    place(moved)
  }

  /// Links the entry that was written at `head`.
  private mutating func place(_ entry: CacheEntry) {
    let offset = head
    let size = entry.size
    head += size
    if head == ringSize { head = 0 }
    used += size
    let bucket = index + (Int(truncatingIfNeeded: entry.hash) & bucketMask) * Self.ways
    let slot = (entry.hash & ~0xffff_ffff) | UInt64(offset / Self.unit + 1)
    let way = (0..<Self.ways).first { bucket[$0] == 0 } ?? victim(in: bucket)
    if bucket[way] == 0 { count += 1 } else { evictions += 1 }
    bucket[way] = slot
  }

  /// The way of a full bucket to give up: one that nobody used, and of those the one that the hand would reach first.
  private func victim(in bucket: UnsafeMutablePointer<UInt64>) -> Int {
    var best = 0
    var bestRank = (Int.max, Int.max)
    for way in 0..<Self.ways {
      let entry = entry(in: bucket[way])
      let distance = entry.base - ring - tail
      let rank = (entry.isUsed ? 1 : 0, distance < 0 ? distance + ringSize : distance)
      if rank < bestRank { (best, bestRank) = (way, rank) }
    }
    return best
  }

  private mutating func unlink(_ entry: CacheEntry) {
    guard let slot = slot(of: entry.hash, at: entry.base - UnsafeMutableRawPointer(ring)) else { return }
    slot.pointee = 0
    count -= 1
  }

  private func slot(of hash: UInt64, at offset: Int) -> UnsafeMutablePointer<UInt64>? {
    let bucket = index + (Int(truncatingIfNeeded: hash) & bucketMask) * Self.ways
    let wanted = (hash & ~0xffff_ffff) | UInt64(offset / Self.unit + 1)
    for way in 0..<Self.ways where bucket[way] == wanted { return bucket + way }
    return nil
  }

  @inline(__always)
  private func entry(in slot: UInt64) -> CacheEntry {
    CacheEntry(base: ring + Int(UInt32(truncatingIfNeeded: slot) &- 1) &* Self.unit)
  }
}
