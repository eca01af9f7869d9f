/// Appends numbers in network byte order to a growing buffer, and patches what was only known later.
public struct ByteWriter: Sendable {
  public private(set) var bytes: [UInt8] = []

  public init(capacity: Int = 0) { bytes.reserveCapacity(capacity) }

  public var count: Int { bytes.count }

  public mutating func write(_ value: UInt8) { bytes.append(value) }

  public mutating func write(_ value: UInt16) {
    bytes.append(UInt8(truncatingIfNeeded: value >> 8))
    bytes.append(UInt8(truncatingIfNeeded: value))
  }

  public mutating func write(_ value: UInt32) {
    write(UInt16(truncatingIfNeeded: value >> 16))
    write(UInt16(truncatingIfNeeded: value))
  }

  public mutating func write(_ value: UInt64) {
    write(UInt32(truncatingIfNeeded: value >> 32))
    write(UInt32(truncatingIfNeeded: value))
  }

  public mutating func write(_ address: MACAddress) {
    write(UInt16(truncatingIfNeeded: address.value >> 32))
    write(UInt32(truncatingIfNeeded: address.value))
  }

  public mutating func write(_ address: IPv4Address) { write(address.value) }

  public mutating func write(_ address: IPv6Address) {
    write(address.high)
    write(address.low)
  }

  public mutating func write(contentsOf other: some Collection<UInt8>) { bytes.append(contentsOf: other) }

  /// Appends `count` zero bytes.
  public mutating func pad(_ count: Int) { bytes.append(contentsOf: repeatElement(0, count: count)) }

  /// Overwrites the two bytes at `offset`, which must have been written already.
  public mutating func patch(_ value: UInt16, at offset: Int) {
    bytes[offset] = UInt8(truncatingIfNeeded: value >> 8)
    bytes[offset + 1] = UInt8(truncatingIfNeeded: value)
  }
}
