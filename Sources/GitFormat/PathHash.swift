/// Where an object stands, as a number: packs look for deltas among objects with equal or near ones.
///
/// The upper half is near for paths that end alike, whatever folders they are in (Git's `pack_name_hash`: the last 16
/// characters count, the last ones most); the lower half tells those apart.
public struct PathHash: Hashable, Comparable, Sendable {
  public private(set) var value: UInt64 = 0

  /// The root of all paths.
  public static let root = PathHash()

  private init() {}

  public init(_ path: some Sequence<UInt8>) {
    append(path)
  }

  public init(_ path: Path) {
    for name in path.names { self = appending(name.bytes) }
  }

  /// The hash of an entry's path, `self` being its folder's.
  public func appending(_ name: some Sequence<UInt8>) -> PathHash {
    var hash = self
    if hash != .root { hash.append(CollectionOfOne(UInt8(ascii: "/"))) }
    hash.append(name)
    return hash
  }

  private mutating func append(_ bytes: some Sequence<UInt8>) {
    var near = UInt32(truncatingIfNeeded: value >> 32)
    var exact = UInt32(truncatingIfNeeded: value)
    for byte in bytes {
      near = near >> 2 &+ UInt32(byte) << 24
      exact = (exact ^ UInt32(byte)) &* 0x0100_0193
    }
    value = UInt64(near) << 32 | UInt64(exact)
  }

  public static func < (left: Self, right: Self) -> Bool { left.value < right.value }
}
