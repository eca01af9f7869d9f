import GitFormat

/// Finds where chunks end by what is in them, so that the chunks after a change are the same as before it: FastCDC with
/// normalised chunking (Xia et al., USENIX ATC 2016).
///
/// A hash of the last 64 bytes, h ← 2h + gear[byte], ends a chunk where its highest bits are zero: two bits more than an
/// average chunk needs before it has that size, two fewer after. The first `minimum` bytes are skipped.
struct ChunkCutter: Sendable {
  private let limits: ChunkLimits

  init(_ limits: ChunkLimits) { self.limits = limits }

  /// A number for each byte: the first eight bytes, highest first, of the SHA-256 of that byte alone.
  static let gear: [UInt64] = (UInt8.min...UInt8.max).map { byte in
    var hasher = ObjectHasher(.sha256)
    hasher.update([byte])
    // Only SHA-1 has collisions that are refused.
    return (try? hasher.finish())?.prefix64 ?? 0
  }

  /// The length of the first chunk of these bytes, which are `maximum` at least or all that is left of a value.
  func length(of bytes: UnsafeRawBufferPointer) -> Int {
    let end = min(bytes.count, limits.maximum)
    guard end > limits.minimum else { return end }
    return Self.gear.withUnsafeBufferPointer { gear in
      var hash: UInt64 = 0
      var position = limits.minimum
      for (limit, bits) in [(min(end, limits.average), limits.averageBits + 2), (end, limits.averageBits - 2)] {
        let shift = UInt64(64 - bits)
        while position < limit {
          hash = hash << 1 &+ gear[Int(bytes[position])]
          position += 1
          if hash >> shift == 0 { return position }
        }
      }
      return end
    }
  }
}
