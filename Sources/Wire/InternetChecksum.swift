/// The one's complement sum of RFC 1071, fed in pieces.
public struct InternetChecksum: Sendable {
  private var sum: UInt64 = 0
  private var oddByte: UInt8? = nil

  public init() {}

  public mutating func add(_ value: UInt16) { sum += UInt64(value) }

  public mutating func add(_ value: UInt32) {
    add(UInt16(truncatingIfNeeded: value >> 16))
    add(UInt16(truncatingIfNeeded: value))
  }

  /// Adds bytes; a piece of odd length joins with the first byte of the next piece.
  public mutating func add(_ bytes: RawSpan) {
    var index = 0
    if let first = oddByte, bytes.byteCount > 0 {
      add(UInt16(first) << 8 | UInt16(bytes.unsafeLoad(fromByteOffset: 0, as: UInt8.self)))
      oddByte = nil
      index = 1
    }
    while index + 1 < bytes.byteCount {
      sum += UInt64(UInt16(bigEndian: bytes.unsafeLoadUnaligned(fromByteOffset: index, as: UInt16.self)))
      index += 2
    }
    if index < bytes.byteCount { oddByte = bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self) }
  }

  /// The checksum to put into a header. Over a header that carries a right checksum it is 0.
  public var value: UInt16 {
    var total = sum
    if let oddByte { total += UInt64(oddByte) << 8 }
    while total >> 16 != 0 { total = total & 0xffff + total >> 16 }
    return ~UInt16(truncatingIfNeeded: total)
  }
}
