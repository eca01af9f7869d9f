/// From which size on values are stored in chunks, and how large chunks are, in bytes.
///
/// All who write a repository have to agree on them: only then are equal values equal trees, and are equal parts stored
/// once. Other limits than `standard` are for tests.
public struct ChunkLimits: Equatable, Sendable {
  /// Values larger than this are stored in chunks.
  public let threshold: Int
  /// Every chunk but a value's last has so many bytes at least.
  public let minimum: Int
  /// Two to this power is what most chunks are near to.
  public let averageBits: Int
  /// No chunk has more bytes.
  public let maximum: Int
  /// Values larger than this are not put together in memory; they are read in pieces.
  public let assembled: Int
  /// Values larger than this are refused.
  public let largest: Int

  /// Values above 64 MiB, in chunks of 256 KiB to 4 MiB, most of them near 1 MiB.
  public static let standard = ChunkLimits(threshold: 64 << 20, minimum: 256 << 10, averageBits: 20, maximum: 4 << 20)

  /// - Precondition: `64 <= minimum < 2^averageBits < maximum`, and `averageBits` is at least 8 and at most 40.
  public init(
    threshold: Int, minimum: Int, averageBits: Int, maximum: Int, assembled: Int = 1 << 30, largest: Int = 1 << 40
  ) {
    precondition((8...40).contains(averageBits) && 64 <= minimum)
    precondition(minimum < 1 << averageBits && 1 << averageBits < maximum)
    self.threshold = threshold
    self.minimum = minimum
    self.averageBits = averageBits
    self.maximum = maximum
    self.assembled = assembled
    self.largest = largest
  }

  var average: Int { 1 << averageBits }
}
