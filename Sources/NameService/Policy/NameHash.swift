/// The secret under which a process hashes names. Without it nobody can choose names that collide.
public struct NameHashKey: Sendable, Equatable {
  public let low: UInt64
  public let high: UInt64

  public init(low: UInt64, high: UInt64) {
    self.low = low
    self.high = high
  }

  /// A key from a source of randomness: the kernel's in a daemon, a seeded one in a test.
  public init(using randomness: inout some RandomNumberGenerator) {
    self.init(low: randomness.next(), high: randomness.next())
  }
}

/// A keyed hash of a name and, on the way, of each name above it.
///
/// The function is SipHash-1-3 (Aumasson and Bernstein) over the labels from the last to the first, each with its length octet and padded with
/// zeros to whole words. A name and its parent share the state, so one pass over a name gives the hashes of all its suffixes.
struct NameHasher {
  private var v0, v1, v2, v3: UInt64

  @inline(__always)
  init(_ key: NameHashKey) {
    v0 = key.low ^ 0x736f_6d65_7073_6575
    v1 = key.high ^ 0x646f_7261_6e64_6f6d
    v2 = key.low ^ 0x6c79_6765_6e65_7261
    v3 = key.high ^ 0x7465_6462_7974_6573
  }

  /// Goes one label down: takes a label's length octet and the `count - 1` octets after it.
  @inline(__always)
  mutating func absorb(label: UnsafePointer<UInt8>, count: Int) {
    var offset = 0
    while offset < count {
      var word: UInt64 = 0
      let end = min(offset + 8, count)
      var shift: UInt64 = 0
      while offset < end {
        word |= UInt64(label[offset]) &<< shift
        shift &+= 8
        offset &+= 1
      }
      v3 ^= word
      round()
      v0 ^= word
    }
  }

  /// The hash of the name that has been absorbed so far.
  @inline(__always)
  var value: UInt64 {
    var end = self
    end.v2 ^= 0xff
    end.round()
    end.round()
    end.round()
    return end.v0 ^ end.v1 ^ end.v2 ^ end.v3
  }

  @inline(__always)
  private mutating func round() {
    v0 = v0 &+ v1
    v1 = v1 &<< 13 | v1 &>> 51
    v1 ^= v0
    v0 = v0 &<< 32 | v0 &>> 32
    v2 = v2 &+ v3
    v3 = v3 &<< 16 | v3 &>> 48
    v3 ^= v2
    v0 = v0 &+ v3
    v3 = v3 &<< 21 | v3 &>> 43
    v3 ^= v0
    v2 = v2 &+ v1
    v1 = v1 &<< 17 | v1 &>> 47
    v1 ^= v2
    v2 = v2 &<< 32 | v2 &>> 32
  }
}

/// Visits a name's suffixes from the top-level domain down to the name itself, with the hash of each.
///
/// - Parameters:
///   - name: one uncompressed name in lower case on the wire. Bytes that are no name have no suffixes.
///   - visit: takes a suffix's hash and its offset in `name`; false ends the walk.
@inline(__always)
func forEachSuffix(
  of name: UnsafeRawBufferPointer, key: NameHashKey, _ visit: (_ hash: UInt64, _ offset: Int) -> Bool
) {
  guard name.count <= 255, let base = name.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
  // A name of 255 octets has at most 127 labels.
  withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 128) { offsets in
    var labels = 0
    var index = 0
    while index < name.count, base[index] != 0 {
      guard base[index] <= 63 else { return }
      offsets[labels] = UInt8(truncatingIfNeeded: index)
      labels += 1
      index += 1 + Int(base[index])
    }
    guard index == name.count - 1 else { return }
    var hasher = NameHasher(key)
    while labels > 0 {
      labels -= 1
      let offset = Int(offsets[labels])
      hasher.absorb(label: base + offset, count: 1 + Int(base[offset]))
      guard visit(hasher.value, offset) else { return }
    }
  }
}

extension NameHashKey {
  /// The hash of a name in lower case on the wire; that of the root where the bytes are no name.
  func hash(of name: UnsafeRawBufferPointer) -> UInt64 {
    var last = NameHasher(self).value
    forEachSuffix(of: name, key: self) { hash, _ in
      last = hash
      return true
    }
    return last
  }
}
