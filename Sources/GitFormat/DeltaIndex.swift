extension Delta {
  /// A base that deltas are made against: its bytes, and where each short run of them stands.
  ///
  /// Runs of six bytes at every place of a small base, at evenly spread places of a large one, are hashed into chains.
  /// A target is walked once; at each place the longest of a few candidates is taken and grown in both directions. (The
  /// idea of Git's diff-delta and of J. MacDonald, "File System Support for Delta Compression", 2000; there with longer
  /// runs at every 16th place.)
  public struct Index: Sendable {
    public let base: [UInt8]
    /// The last run's number + 1 for each hash; 0: none.
    private let heads: [UInt32]
    /// The run before with the same hash, by number; + 1, 0: none.
    private let next: [UInt32]
    /// Between the beginnings of runs that are in the table.
    private let stride: Int
    private let shift: UInt64

    /// More runs than this are not kept of a base.
    private static let mostRuns = 1 << 20
    /// A hash is over so many bytes, and read eight at a time.
    fileprivate static let run = 6
    private static let read = 8
    /// So many candidates are compared at a place.
    private static let chainLimit = 24

    public init(_ base: [UInt8]) {
      self.base = base
      let places = Self.isReachable(base.count) ? max(0, base.count - Self.read + 1) : 0
      let stride = max(1, (places + Self.mostRuns - 1) / Self.mostRuns)
      let runs = (places + stride - 1) / stride
      var bits = 4
      while 1 << bits < runs { bits += 1 }
      let shift = UInt64(64 - bits)
      var heads = [UInt32](repeating: 0, count: 1 << bits)
      next = [UInt32](unsafeUninitializedCapacity: runs) { next, count in
        base.withUnsafeBytes { base in
          heads.withUnsafeMutableBufferPointer { heads in
            for number in 0..<runs {
              let hash = Self.hash(base, number * stride, shift)
              next[number] = heads[hash]
              heads[hash] = UInt32(number + 1)
            }
          }
        }
        count = runs
      }
      self.heads = heads
      self.stride = stride
      self.shift = shift
    }

    /// The offsets of copies have 32 bits: a larger base is of no use.
    private static func isReachable(_ size: Int) -> Bool { size <= Int(UInt32.max) }

    @inline(__always)
    private static func hash(_ bytes: UnsafeRawBufferPointer, _ place: Int, _ shift: UInt64) -> Int {
      let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self))
      return Int(truncatingIfNeeded: ((word << 16) &* 0x9E37_79B9_7F4A_7C15) >> shift)
    }

    /// A delta that makes the target of the base; nil where none below the limit was found.
    ///
    /// - Parameter limit: the most bytes that the delta may have.
    public func delta(to target: [UInt8], limit: Int) -> [UInt8]? {
      target.withUnsafeBytes { delta(to: $0, limit: limit) }
    }

    public func delta(to target: UnsafeRawBufferPointer, limit: Int) -> [UInt8]? {
      guard Self.isReachable(base.count) else { return nil }
      return base.withUnsafeBytes { base in
        var writer = DeltaWriter(base: base, target: target, limit: limit)
        // Most versions of a file share how they begin and end.
        let (prefix, suffix) = Self.commonEnds(base, target)
        if prefix > 0 { writer.copy(0, prefix) }
        let end = target.count - suffix
        heads.withUnsafeBufferPointer { heads in
          next.withUnsafeBufferPointer { next in
            search(base, target, prefix..<end, Chains(heads: heads, next: next), &writer)
          }
        }
        writer.flush(upTo: end)
        if suffix > 0 { writer.copy(base.count - suffix, suffix) }
        return writer.result
      }
    }

    private struct Chains {
      let heads: UnsafeBufferPointer<UInt32>
      let next: UnsafeBufferPointer<UInt32>
    }

    /// Finds what a part of the target shares with the base.
    private func search(
      _ base: UnsafeRawBufferPointer, _ target: UnsafeRawBufferPointer, _ range: Range<Int>, _ chains: Chains,
      _ writer: inout DeltaWriter
    ) {
      var place = range.lowerBound
      let last = min(range.upperBound - Self.run, target.count - Self.read)
      while place <= last, writer.hasRoom(at: place) {
        guard var match = longestMatch(base, target, place, range.upperBound, chains, writer.expected(at: place)) else {
          place += 1
          continue
        }
        // Back over what was taken for new.
        while match.target > writer.written, match.base > 0, base[match.base - 1] == target[match.target - 1] {
          match.target -= 1
          match.base -= 1
          match.count += 1
        }
        writer.flush(upTo: match.target)
        writer.copy(match.base, match.count)
        place = writer.written
      }
    }

    private struct Match {
      var base: Int
      var target: Int
      var count: Int
    }

    @inline(__always)
    private func longestMatch(
      _ base: UnsafeRawBufferPointer, _ target: UnsafeRawBufferPointer, _ place: Int, _ end: Int, _ chains: Chains,
      _ expected: Int
    ) -> Match? {
      var best = Match(base: 0, target: place, count: Self.run - 1)
      func consider(_ candidate: Int) {
        let most = min(base.count - candidate, end - place)
        guard most > best.count, base[candidate + best.count] == target[place + best.count] else { return }
        let count = commonPrefix(base.baseAddress! + candidate, target.baseAddress! + place, most)
        if count > best.count {
          best.base = candidate
          best.count = count
        }
      }
      // An edit in place goes on where the last copy would have.
      if expected < base.count { consider(expected) }
      var number = Int(chains.heads[Self.hash(target, place, shift)])
      var tries = Self.chainLimit
      while number != 0, tries > 0 {
        consider((number - 1) * stride)
        number = Int(chains.next[number - 1])
        tries -= 1
      }
      return best.count >= Self.run ? best : nil
    }

    /// How many bytes the two share at their beginnings and at their ends, not overlapping; 0 where too few for a copy.
    private static func commonEnds(
      _ base: UnsafeRawBufferPointer, _ target: UnsafeRawBufferPointer
    ) -> (prefix: Int, suffix: Int) {
      guard let a = base.baseAddress, let b = target.baseAddress else { return (0, 0) }
      let most = min(base.count, target.count)
      var prefix = commonPrefix(a, b, most)
      if prefix < run { prefix = 0 }
      let suffix = commonSuffix(a + base.count, b + target.count, most - prefix)
      return (prefix, suffix < run ? 0 : suffix)
    }
  }
}

/// How many bytes two places share, at most so many.
@inline(__always)
private func commonPrefix(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ most: Int) -> Int {
  var count = 0
  while count + 8 <= most {
    let difference =
      a.loadUnaligned(fromByteOffset: count, as: UInt64.self) ^ b.loadUnaligned(fromByteOffset: count, as: UInt64.self)
    if difference != 0 { return count + UInt64(littleEndian: difference).trailingZeroBitCount / 8 }
    count += 8
  }
  while count < most, a.load(fromByteOffset: count, as: UInt8.self) == b.load(fromByteOffset: count, as: UInt8.self) {
    count += 1
  }
  return count
}

/// How many bytes before two places are the same, at most so many.
private func commonSuffix(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ most: Int) -> Int {
  var count = 0
  while count + 8 <= most {
    let difference =
      (a - count - 8).loadUnaligned(as: UInt64.self) ^ (b - count - 8).loadUnaligned(as: UInt64.self)
    if difference != 0 { return count + UInt64(littleEndian: difference).leadingZeroBitCount / 8 }
    count += 8
  }
  while count < most, (a - count - 1).load(as: UInt8.self) == (b - count - 1).load(as: UInt8.self) { count += 1 }
  return count
}

/// Writes the instructions of one delta.
private struct DeltaWriter {
  private let target: UnsafeRawBufferPointer
  private let limit: Int
  private var output: [UInt8] = []
  /// So many bytes of the target have been written.
  private(set) var written = 0
  /// Where in the base the last copy ended.
  private var copied = 0

  init(base: UnsafeRawBufferPointer, target: UnsafeRawBufferPointer, limit: Int) {
    self.target = target
    self.limit = limit
    output.reserveCapacity(min(max(limit, 0) + 16, 512))
    appendSize(base.count)
    appendSize(target.count)
  }

  /// The delta, where it kept to its limit and is whole.
  var result: [UInt8]? { written == target.count && output.count <= limit ? output : nil }

  /// Whether the target's bytes up to a place, taken as new, still fit.
  @inline(__always)
  func hasRoom(at place: Int) -> Bool { output.count + place - written <= limit }

  /// Where a place of the target would be in the base, if nothing were added or removed since the last copy.
  @inline(__always)
  func expected(at place: Int) -> Int { copied + place - written }

  /// The target's bytes up to a place are new.
  mutating func flush(upTo end: Int) {
    guard hasRoom(at: end) else { return }
    while written < end {
      let count = min(end - written, 127)
      output.append(UInt8(count))
      output.append(contentsOf: UnsafeRawBufferPointer(rebasing: target[written..<(written + count)]))
      written += count
    }
  }

  /// So many bytes come from a place of the base.
  mutating func copy(_ start: Int, _ count: Int) {
    var (start, rest) = (start, count)
    while rest > 0, output.count <= limit {
      let size = min(rest, 0xFF_FFFF)
      appendCopy(start, size)
      start += size
      rest -= size
    }
    written += count - rest
    copied = start
  }

  private mutating func appendCopy(_ start: Int, _ size: Int) {
    let place = output.count
    output.append(0x80)
    // No byte of size stands for 0x10000.
    let number = start | (size == 0x10000 ? 0 : size) << 32
    for bit in 0..<7 {
      let byte = UInt8(truncatingIfNeeded: number >> (bit * 8))
      guard byte != 0 else { continue }
      output[place] |= 1 << UInt8(bit)
      output.append(byte)
    }
  }

  private mutating func appendSize(_ size: Int) {
    var rest = size
    while rest >= 0x80 {
      output.append(UInt8(rest & 0x7F) | 0x80)
      rest >>= 7
    }
    output.append(UInt8(rest))
  }
}
