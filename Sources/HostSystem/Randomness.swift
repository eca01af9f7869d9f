import CHostSystem
import Glibc

/// Random bytes from the kernel (getrandom(2)), for identifiers, keys and ports that an attacker must not guess.
public struct SystemRandomness: RandomNumberGenerator, Sendable {
  public init() {}

  public mutating func next() -> UInt64 {
    var value: UInt64 = 0
    withUnsafeMutableBytes(of: &value) { Self.fill($0) }
    return value
  }

  /// Fills a buffer. Blocks only in the first moments of a boot, until the kernel's pool is ready.
  public static func fill(_ buffer: UnsafeMutableRawBufferPointer) {
    var filled = 0
    while filled < buffer.count {
      let count = lares_getrandom(buffer.baseAddress! + filled, UInt(buffer.count - filled))
      if count > 0 { filled += count }
    }
  }

  /// `count` random bytes.
  public static func bytes(_ count: Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      fill(UnsafeMutableRawBufferPointer(buffer))
      initialized = count
    }
  }
}
