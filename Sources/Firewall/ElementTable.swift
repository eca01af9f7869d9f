import Glibc
import Wire

/// The elements of a set: records of equal length in one buffer, sorted by their bytes, each once. A hundred thousand are one allocation.
///
/// A record is a key, or the first and the last key of a range, and behind it the value of a map.
public struct ElementTable: Sendable, Equatable {
  let keyLength: Int
  let valueLength: Int
  let isRanges: Bool
  private(set) var bytes: [UInt8] = []

  init(keyLength: Int, valueLength: Int = 0, isRanges: Bool = false, records: some Sequence<[UInt8]> = []) {
    self.keyLength = keyLength
    self.valueLength = valueLength
    self.isRanges = isRanges
    for record in records { append(record) }
    sort()
  }

  /// Records in any order, one behind the other.
  init(keyLength: Int, valueLength: Int, isRanges: Bool, unsorted: [UInt8]) {
    self.keyLength = keyLength
    self.valueLength = valueLength
    self.isRanges = isRanges
    bytes = unsorted
    sort()
  }

  var recordLength: Int { (isRanges ? 2 : 1) * keyLength + valueLength }

  /// How many elements there are; of a set of ranges, how many ranges.
  public var count: Int { recordLength == 0 ? 0 : bytes.count / recordLength }
  public var isEmpty: Bool { bytes.isEmpty }

  func record(_ index: Int) -> ArraySlice<UInt8> { bytes[index * recordLength..<(index + 1) * recordLength] }

  /// Whether the key is there, or in one of the ranges.
  func contains(_ key: [UInt8]) -> Bool { index(of: key) != nil }

  /// The value that a map has for the key.
  func value(for key: [UInt8]) -> [UInt8]? { index(of: key).map { Array(record($0).suffix(valueLength)) } }

  /// What must go and what must come to make `old` this.
  func changes(from old: ElementTable) -> ElementChange {
    var removed = ElementTable(keyLength: keyLength, valueLength: valueLength, isRanges: isRanges)
    var added = removed
    guard bytes != old.bytes else { return ElementChange(removed: removed, added: added) }
    var (mine, theirs) = (0, 0)
    while mine < count || theirs < old.count {
      let run = equalRecords(from: mine, in: old, from: theirs)
      (mine, theirs) = (mine + run, theirs + run)
      if mine == count, theirs == old.count { break }
      let order =
        if mine == count { Int32(1) } else if theirs == old.count { Int32(-1) } else {
          compare(record(mine), old.record(theirs))
        }
      if order < 0 {
        added.bytes += record(mine)
        mine += 1
      } else {
        removed.bytes += old.record(theirs)
        theirs += 1
      }
    }
    return ElementChange(removed: removed, added: added)
  }

  /// How many records are the same, beginning at the two positions. Compares growing blocks, so that long equal tables cost little.
  private func equalRecords(from mine: Int, in other: ElementTable, from theirs: Int) -> Int {
    let limit = min(count - mine, other.count - theirs)
    return bytes.withUnsafeBytes { a in
      other.bytes.withUnsafeBytes { b in
        var equal = 0
        var block = 1
        while equal < limit {
          let length = min(block, limit - equal)
          let (start, otherStart) = ((mine + equal) * recordLength, (theirs + equal) * recordLength)
          if memcmp(a.baseAddress! + start, b.baseAddress! + otherStart, length * recordLength) == 0 {
            equal += length
            block = length * 2
          } else if length == 1 {
            break
          } else {
            block = length / 2
          }
        }
        return equal
      }
    }
  }

  /// What of this is to be done: keys to be added that are not there, keys to be removed that are. For sets of single keys.
  func change(adding: [[UInt8]], removing: [[UInt8]]) -> ElementChange {
    ElementChange(
      removed: ElementTable(keyLength: keyLength, records: removing.filter { contains($0) && !adding.contains($0) }),
      added: ElementTable(keyLength: keyLength, records: adding.filter { !contains($0) }))
  }

  /// Carries out what ``change(adding:removing:)`` found.
  mutating func take(_ change: ElementChange) {
    for index in 0..<change.removed.count {
      let position = firstIndex(notBefore: Array(change.removed.record(index)))
      bytes.removeSubrange(position * recordLength..<(position + 1) * recordLength)
    }
    for index in 0..<change.added.count {
      let key = change.added.record(index)
      bytes.insert(contentsOf: key, at: firstIndex(notBefore: Array(key)) * recordLength)
    }
  }

  private mutating func append(_ record: [UInt8]) {
    if record.count == recordLength { bytes += record }
  }

  private func index(of key: [UInt8]) -> Int? {
    guard key.count == keyLength else { return nil }
    // Only this record can hold it.
    let position = firstIndex(notBefore: key)
    guard position < count else { return nil }
    let order = compare(record(position).prefix(keyLength), key[...])
    return order == 0 || isRanges && order < 0 ? position : nil
  }

  /// The first record whose key, or last key of its range, is not before `key`.
  private func firstIndex(notBefore key: [UInt8]) -> Int {
    var range = 0..<count
    let lastKey = isRanges ? keyLength : 0
    while !range.isEmpty {
      let middle = range.lowerBound + range.count / 2
      let isBefore = compare(record(middle).dropFirst(lastKey).prefix(keyLength), key[...]) < 0
      range = isBefore ? middle + 1..<range.upperBound : range.lowerBound..<middle
    }
    return range.lowerBound
  }

  private func compare(_ a: ArraySlice<UInt8>, _ b: ArraySlice<UInt8>) -> Int32 {
    a.withUnsafeBytes { a in b.withUnsafeBytes { b in memcmp(a.baseAddress!, b.baseAddress!, min(a.count, b.count)) } }
  }

  /// Brings the records into order and drops those that are there twice.
  private mutating func sort() {
    let length = recordLength
    guard length > 0, count > 1 else { return }
    if length <= 4 { return sort(as: UInt32.self) }
    if length <= 8 { return sort(as: UInt64.self) }
    let order = (0..<count).sorted { compare(record($0), record($1)) < 0 }
    var sorted: [UInt8] = []
    sorted.reserveCapacity(bytes.count)
    for (position, index) in order.enumerated() where position == 0 || record(index) != record(order[position - 1]) {
      sorted += record(index)
    }
    bytes = sorted
  }

  /// The same for records that fit a number: each stands in its high bytes, and the rest is 0.
  private mutating func sort<Number: FixedWidthInteger & UnsignedInteger>(as _: Number.Type) {
    let length = recordLength
    let isWhole = length == MemoryLayout<Number>.size
    var numbers = [Number](unsafeUninitializedCapacity: count) { buffer, used in
      bytes.withUnsafeBytes { raw in
        for start in stride(from: 0, to: raw.count, by: length) {
          var number = Number.zero
          if isWhole {
            number = raw.loadUnaligned(fromByteOffset: start, as: Number.self)
          } else {
            withUnsafeMutableBytes(of: &number) {
              $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: raw[start..<start + length]))
            }
          }
          buffer[used] = Number(bigEndian: number)
          used += 1
        }
      }
    }
    Self.sort(&numbers)
    bytes = [UInt8](unsafeUninitializedCapacity: bytes.count) { buffer, used in
      var last: Number?
      used = 0
      for number in numbers where number != last {
        withUnsafeBytes(of: number.bigEndian) {
          (buffer.baseAddress! + used).update(from: $0.baseAddress!.assumingMemoryBound(to: UInt8.self), count: length)
        }
        used += length
        last = number
      }
    }
  }

  /// Sorts numbers: many of them by digits of 11 bits, lowest first, which takes no comparisons.
  private static func sort<Number: FixedWidthInteger & UnsignedInteger>(_ numbers: inout [Number]) {
    let digitBits = 11
    guard numbers.count > 1 << digitBits else { return numbers.sort() }
    var other = [Number](repeating: 0, count: numbers.count)
    var starts = [Int](repeating: 0, count: 1 << digitBits)
    for shift in stride(from: 0, to: Number.bitWidth, by: digitBits) {
      numbers.withUnsafeBufferPointer { numbers in
        other.withUnsafeMutableBufferPointer { other in
          starts.withUnsafeMutableBufferPointer { starts in
            starts.update(repeating: 0)
            for number in numbers { starts[digit(of: number, shift)] += 1 }
            var start = 0
            for value in starts.indices { (starts[value], start) = (start, start + starts[value]) }
            for number in numbers {
              let value = digit(of: number, shift)
              other[starts[value]] = number
              starts[value] += 1
            }
          }
        }
      }
      swap(&numbers, &other)
    }

    func digit(of number: Number, _ shift: Int) -> Int {
      Int(truncatingIfNeeded: number >> Number(truncatingIfNeeded: shift)) & ((1 << digitBits) - 1)
    }
  }
}

extension ElementTable {
  /// The addresses of the prefixes of one family.
  init(hosts: [IPPrefix], family: IPFamily) {
    let length = family.bits / 8
    let unsorted = [UInt8](unsafeUninitializedCapacity: hosts.count * length) { buffer, used in
      let raw = UnsafeMutableRawBufferPointer(buffer)
      for prefix in hosts {
        switch (prefix.address, family) {
        case (.v4(let address), .v4):
          raw.storeBytes(of: address.value.bigEndian, toByteOffset: used, as: UInt32.self)
        case (.v6(let address), .v6):
          raw.storeBytes(of: address.high.bigEndian, toByteOffset: used, as: UInt64.self)
          raw.storeBytes(of: address.low.bigEndian, toByteOffset: used + 8, as: UInt64.self)
        default: continue
        }
        used += length
      }
    }
    self.init(keyLength: length, valueLength: 0, isRanges: false, unsorted: unsorted)
  }

  /// The prefixes of one family, with those that meet or overlap joined.
  init(prefixes: [IPPrefix], family: IPFamily) {
    let ranges = prefixes.filter { $0.family == family }.sorted().map { ($0.address, $0.lastAddress) }
    var unsorted: [UInt8] = []
    var current: (first: IPAddress, last: IPAddress)?
    for range in ranges {
      if let open = current {
        if range.0 <= open.last || open.last.next == range.0 {
          current = (open.first, max(open.last, range.1))
          continue
        }
        Self.append(open.first, to: &unsorted)
        Self.append(open.last, to: &unsorted)
      }
      current = range
    }
    if let open = current {
      Self.append(open.first, to: &unsorted)
      Self.append(open.last, to: &unsorted)
    }
    self.init(keyLength: family.bits / 8, valueLength: 0, isRanges: true, unsorted: unsorted)
  }

  private static func append(_ address: IPAddress, to bytes: inout [UInt8]) {
    switch address {
    case .v4(let address): withUnsafeBytes(of: address.value.bigEndian) { bytes.append(contentsOf: $0) }
    case .v6(let address):
      withUnsafeBytes(of: address.high.bigEndian) { bytes.append(contentsOf: $0) }
      withUnsafeBytes(of: address.low.bigEndian) { bytes.append(contentsOf: $0) }
    }
  }
}

extension IPAddress {
  /// The address behind this one; nil behind the last.
  fileprivate var next: IPAddress? {
    switch self {
    case .v4(let address): address == .broadcast ? nil : .v4(address.advanced(by: 1))
    case .v6(let address):
      if address.low != .max {
        .v6(IPv6Address(high: address.high, low: address.low + 1))
      } else {
        address.high == .max ? nil : .v6(IPv6Address(high: address.high + 1, low: 0))
      }
    }
  }
}
