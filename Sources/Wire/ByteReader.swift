/// Reads numbers in network byte order from borrowed bytes, front to back. Past the end it returns nil and does not move.
public struct ByteReader: ~Escapable {
  private let bytes: RawSpan
  /// Offset of the next byte from the start of the span.
  public private(set) var position = 0

  @_lifetime(copy bytes)
  public init(_ bytes: RawSpan) { self.bytes = bytes }

  /// Bytes not yet read.
  public var remaining: Int { bytes.byteCount - position }

  @_lifetime(self: copy self)
  public mutating func readUInt8() -> UInt8? { read(UInt8.self) }

  @_lifetime(self: copy self)
  public mutating func readUInt16() -> UInt16? { read(UInt16.self) }

  @_lifetime(self: copy self)
  public mutating func readUInt32() -> UInt32? { read(UInt32.self) }

  @_lifetime(self: copy self)
  public mutating func readUInt64() -> UInt64? { read(UInt64.self) }

  @_lifetime(self: copy self)
  public mutating func readMACAddress() -> MACAddress? {
    guard remaining >= 6, let high = readUInt16(), let low = readUInt32() else { return nil }
    return MACAddress(value: UInt64(high) << 32 | UInt64(low))
  }

  @_lifetime(self: copy self)
  public mutating func readIPv4Address() -> IPv4Address? { readUInt32().map { IPv4Address(value: $0) } }

  @_lifetime(self: copy self)
  public mutating func readIPv6Address() -> IPv6Address? {
    guard remaining >= 16, let high = readUInt64(), let low = readUInt64() else { return nil }
    return IPv6Address(high: high, low: low)
  }

  /// The next `count` bytes, borrowed; nil where fewer are left.
  @_lifetime(self: copy self)
  @_lifetime(copy self)
  public mutating func readBytes(_ count: Int) -> RawSpan? {
    guard count >= 0, count <= remaining else { return nil }
    let start = position
    position += count
    return bytes.extracting(start..<start + count)
  }

  /// Steps over `count` bytes; false, and no step, where fewer are left.
  @_lifetime(self: copy self)
  public mutating func skip(_ count: Int) -> Bool {
    guard count >= 0, count <= remaining else { return false }
    position += count
    return true
  }

  @_lifetime(self: copy self)
  private mutating func read<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type) -> T? {
    let size = MemoryLayout<T>.size
    guard size <= remaining else { return nil }
    defer { position += size }
    return T(bigEndian: bytes.unsafeLoadUnaligned(fromByteOffset: position, as: T.self))
  }
}

extension RawSpan {
  /// The bytes as an array.
  public var array: [UInt8] {
    withUnsafeBytes { Array($0) }
  }
}
