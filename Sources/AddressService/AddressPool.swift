import Wire

/// Which addresses of a pool have ever been used: one bit each, so that a free one is found fast in a large pool.
struct AddressPool: Sendable {
  let range: ClosedRange<IPv4Address>
  private var used: [UInt64]
  /// Addresses whose bit is not set.
  private(set) var freeCount: Int

  init(_ range: ClosedRange<IPv4Address>) {
    self.range = range
    freeCount = Int(range.upperBound.value - range.lowerBound.value) + 1
    used = [UInt64](repeating: 0, count: (freeCount + 63) / 64)
    // The bits behind the last address are never free.
    let tail = freeCount % 64
    if tail != 0 { used[used.count - 1] = .max << UInt64(tail) }
  }

  var count: Int { Int(range.upperBound.value - range.lowerBound.value) + 1 }

  func isFree(_ address: IPv4Address) -> Bool {
    guard range.contains(address) else { return false }
    let index = Int(address.value - range.lowerBound.value)
    return used[index / 64] & 1 << UInt64(index % 64) == 0
  }

  mutating func setUsed(_ address: IPv4Address, _ isUsed: Bool) {
    guard range.contains(address), isFree(address) == isUsed else { return }
    let index = Int(address.value - range.lowerBound.value)
    used[index / 64] ^= 1 << UInt64(index % 64)
    freeCount += isUsed ? -1 : 1
  }

  /// The first free address at or after the place that `hash` names, around the end; nil where all are used.
  func firstFree(from hash: UInt64) -> IPv4Address? {
    guard freeCount > 0 else { return nil }
    let start = Int(hash % UInt64(count))
    // The word of the start is looked at twice: first its bits from the start on, at the end those before.
    for step in 0...used.count {
      let word = (start / 64 + step) % used.count
      var free = ~used[word]
      if step == 0 { free &= .max << UInt64(start % 64) }
      if free != 0 { return range.lowerBound.advanced(by: word * 64 + free.trailingZeroBitCount) }
    }
    return nil
  }
}

extension DHCPClientKey {
  /// The same number for the same client on every run (FNV-1a), so that it finds the same address even where its
  /// lease was lost.
  var stableHash: UInt64 {
    let bytes: [UInt8] =
      switch self {
      case .identifier(let bytes): bytes
      case .hardware(let address): (0..<6).map { UInt8(truncatingIfNeeded: address.value >> UInt64(40 - 8 * $0)) }
      }
    let hash = bytes.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
    return hash ^ hash >> 32
  }
}
