/// What a table says of one name: whether it holds for the name itself, for everything below it, and in which sense.
struct SuffixMark: OptionSet, Sendable {
  let rawValue: UInt8

  static let blockName = SuffixMark(rawValue: 1)
  static let blockBelow = SuffixMark(rawValue: 2)
  static let allowName = SuffixMark(rawValue: 4)
  static let allowBelow = SuffixMark(rawValue: 8)

  static let block: SuffixMark = [.blockName, .blockBelow]
  static let allow: SuffixMark = [.allowName, .allowBelow]
}

/// One name in eight bytes: 56 bits of its hash, 4 bits for the list it is from, 4 bits of marks.
///
/// Entries sort by hash. Zero is no entry, as an entry has at least one mark. A name that stands in no list meets the hash of one that does with
/// a probability of n/2^56, 1 in 70 thousand million for a million names; with a key that nobody knows, it cannot be sought offline.
struct SuffixEntry {
  var rawValue: UInt64

  init(rawValue: UInt64) { self.rawValue = rawValue }

  init(hash: UInt64, list: UInt8, marks: SuffixMark) {
    rawValue = hash & ~0xff | UInt64(list & 15) << 4 | UInt64(marks.rawValue & 15)
  }

  var fingerprint: UInt64 { rawValue >> 8 }
  var list: UInt8 { UInt8(truncatingIfNeeded: rawValue >> 4) & 15 }
  var marks: SuffixMark { SuffixMark(rawValue: UInt8(truncatingIfNeeded: rawValue) & 15) }
}

/// Names with marks, read by any number of threads at once.
///
/// The entries stand in order of their hash, each at or after the place that its hash names (linear probing over a sorted table), so a search that
/// fails ends as soon as a greater hash is met: the table can be seven eighths full and still cost one cache line.
final class SuffixTable: Sendable {
  let view: View
  /// Different names.
  let count: Int
  /// Bytes of the table.
  var byteCount: Int { view.end * MemoryLayout<UInt64>.stride }

  /// Unowned access, for the hit path. Whoever holds one keeps the table alive.
  struct View: @unchecked Sendable {
    // Never written after `init`, so threads may share it.
    fileprivate let slots: UnsafePointer<UInt64>
    fileprivate let end: Int
    fileprivate let capacity: UInt64
    let key: NameHashKey

    /// The entry of a hash; nil where no name has it.
    @inline(__always)
    func find(_ hash: UInt64) -> SuffixEntry? {
      let fingerprint = hash >> 8
      var index = SuffixTable.place(of: fingerprint, in: capacity)
      while index < end {
        let entry = SuffixEntry(rawValue: slots[index])
        if entry.rawValue == 0 || entry.fingerprint > fingerprint { return nil }
        if entry.fingerprint == fingerprint { return entry }
        index &+= 1
      }
      return nil
    }
  }

  /// Takes entries that are sorted, each hash once.
  init(sorted entries: [UInt64], key: NameHashKey) {
    count = entries.count
    let capacity = UInt64(entries.count + entries.count / 7 + 1)
    var end = Int(capacity)
    var next = 0
    for entry in entries {
      next = max(next, Self.place(of: entry >> 8, in: capacity)) + 1
    }
    end = max(end, next)
    let slots = UnsafeMutablePointer<UInt64>.allocate(capacity: end)
    slots.initialize(repeating: 0, count: end)
    next = 0
    for entry in entries {
      next = max(next, Self.place(of: entry >> 8, in: capacity))
      slots[next] = entry
      next += 1
    }
    view = View(slots: slots, end: end, capacity: capacity, key: key)
  }

  deinit { view.slots.deallocate() }

  /// Where the search for a hash begins. It grows with the hash, which keeps the table sorted.
  @inline(__always)
  fileprivate static func place(of fingerprint: UInt64, in capacity: UInt64) -> Int {
    Int(truncatingIfNeeded: (fingerprint &<< 8).multipliedFullWidth(by: capacity).high)
  }
}

/// Collects entries in any order, then sorts them, with what several lists say of one name joined.
struct SuffixTableBuilder {
  let key: NameHashKey
  private var entries: [UInt64] = []
  private var compactAt = 1 << 20

  init(key: NameHashKey) { self.key = key }

  /// Makes room for `count` more entries.
  mutating func reserve(_ count: Int) { entries.reserveCapacity(entries.count + count) }

  mutating func add(hash: UInt64, list: UInt8 = 0, marks: SuffixMark) {
    guard !marks.isEmpty else { return }
    if entries.count >= compactAt { compact() }
    entries.append(SuffixEntry(hash: hash, list: list, marks: marks).rawValue)
  }

  /// Adds a name in lower case on the wire.
  mutating func add(_ name: UnsafeRawBufferPointer, list: UInt8 = 0, marks: SuffixMark) {
    add(hash: key.hash(of: name), list: list, marks: marks)
  }

  consuming func build() -> SuffixTable {
    compact()
    return SuffixTable(sorted: entries, key: key)
  }

  /// Sorts and joins, so that the same name in many lists takes memory once.
  private mutating func compact() {
    entries.sort()
    var kept = 0
    for index in entries.indices {
      let entry = SuffixEntry(rawValue: entries[index])
      if kept > 0, entries[kept - 1] >> 8 == entry.fingerprint {
        entries[kept - 1] = Self.join(SuffixEntry(rawValue: entries[kept - 1]), entry).rawValue
      } else {
        entries[kept] = entry.rawValue
        kept += 1
      }
    }
    entries.removeLast(entries.count - kept)
    compactAt = max(1 << 20, kept * 2)
  }

  /// The marks of both; the list is the first that blocks, as a person wants to know who blocked a name.
  private static func join(_ first: SuffixEntry, _ second: SuffixEntry) -> SuffixEntry {
    let list = first.marks.isDisjoint(with: .block) ? second.list : first.list
    return SuffixEntry(hash: first.rawValue, list: list, marks: first.marks.union(second.marks))
  }
}
