/// Puts numbers in network byte order into a lent buffer, front to back, without allocation.
///
/// What does not fit is left out and remembered: nothing traps, and `finishedCount` is nil at the end.
public struct PacketWriter: ~Copyable, ~Escapable {
  private var buffer: MutableRawSpan
  /// Bytes written so far.
  public private(set) var count = 0
  /// True once something did not fit.
  public private(set) var overflowed = false

  @_lifetime(copy buffer)
  public init(_ buffer: consuming MutableRawSpan) { self.buffer = buffer }

  @_lifetime(self: copy self)
  public mutating func write(_ value: UInt8) { store(value) }

  @_lifetime(self: copy self)
  public mutating func write(_ value: UInt16) { store(value.bigEndian) }

  @_lifetime(self: copy self)
  public mutating func write(_ value: UInt32) { store(value.bigEndian) }

  @_lifetime(self: copy self)
  public mutating func write(_ value: UInt64) { store(value.bigEndian) }

  @_lifetime(self: copy self)
  public mutating func write(_ address: MACAddress) {
    write(UInt16(truncatingIfNeeded: address.value >> 32))
    write(UInt32(truncatingIfNeeded: address.value))
  }

  @_lifetime(self: copy self)
  public mutating func write(_ address: IPv4Address) { write(address.value) }

  @_lifetime(self: copy self)
  public mutating func write(_ address: IPv6Address) {
    write(address.high)
    write(address.low)
  }

  @_lifetime(self: copy self)
  public mutating func write(contentsOf bytes: RawSpan) {
    guard reserve(bytes.byteCount) else { return }
    let start = count
    bytes.withUnsafeBytes { source in
      buffer.withUnsafeMutableBytes { UnsafeMutableRawBufferPointer(rebasing: $0[start...]).copyMemory(from: source) }
    }
    count += bytes.byteCount
  }

  /// Overwrites the two bytes at `offset`; they must have been written, else it counts as an overflow.
  @_lifetime(self: copy self)
  public mutating func patch(_ value: UInt16, at offset: Int) {
    guard offset >= 0, offset <= count - 2 else {
      overflowed = true
      return
    }
    buffer.storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt16.self)
  }

  /// Adds the bytes from `start` to the last one written to `checksum`.
  public func add(from start: Int, to checksum: inout InternetChecksum) {
    guard start >= 0, start <= count else { return }
    checksum.add(buffer.bytes.extracting(start..<count))
  }

  /// Counts as an overflow: for a field whose value does not fit.
  @_lifetime(self: copy self)
  public mutating func refuse() { overflowed = true }

  /// The number of bytes written; nil where something did not fit.
  public var finishedCount: Int? { overflowed ? nil : count }

  @_lifetime(self: copy self)
  private mutating func store<T: FixedWidthInteger & BitwiseCopyable>(_ value: T) {
    guard reserve(MemoryLayout<T>.size) else { return }
    buffer.storeBytes(of: value, toByteOffset: count, as: T.self)
    count += MemoryLayout<T>.size
  }

  @_lifetime(self: copy self)
  private mutating func reserve(_ size: Int) -> Bool {
    guard !overflowed, size <= buffer.byteCount - count else {
      overflowed = true
      return false
    }
    return true
  }
}
