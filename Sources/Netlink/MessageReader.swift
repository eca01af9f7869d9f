public import Wire

/// One netlink message, borrowed from the datagram that it came in. Its length has been checked, so nothing here can fail.
public struct Message: ~Escapable {
  /// nlmsg_type.
  public let type: UInt16
  /// nlmsg_flags.
  public let flags: UInt16
  public let sequence: UInt32
  /// Port of the socket that the message is for; 0 in notifications.
  public let port: UInt32
  /// Everything behind the header.
  public let payload: RawSpan

  @_lifetime(copy payload)
  init(type: UInt16, flags: UInt16, sequence: UInt32, port: UInt32, payload: RawSpan) {
    self.type = type
    self.flags = flags
    self.sequence = sequence
    self.port = port
    self.payload = payload
  }

  /// The attributes behind a fixed part of `offset` bytes; none where the message is shorter.
  @_lifetime(copy self)
  public func attributes(after offset: Int) -> AttributeReader {
    let start = min(max(offset, 0).roundedUpToFour, payload.byteCount)
    return AttributeReader(payload.extracting(start..<payload.byteCount))
  }
}

/// Steps through the messages of one datagram. Stops at the first whose length does not fit (NLMSG_OK).
public struct MessageReader: ~Escapable {
  private let bytes: RawSpan
  private var position = 0

  @_lifetime(copy bytes)
  public init(_ bytes: RawSpan) { self.bytes = bytes }

  @_lifetime(self: copy self)
  @_lifetime(copy self)
  public mutating func next() -> Message? {
    let left = bytes.byteCount - position
    guard left >= 16 else { return nil }
    let length = Int(bytes.unsafeLoadUnaligned(fromByteOffset: position, as: UInt32.self))
    guard length >= 16, length <= left else { return nil }
    let start = position
    position += min(length.roundedUpToFour, left)
    return Message(
      type: bytes.unsafeLoadUnaligned(fromByteOffset: start + 4, as: UInt16.self),
      flags: bytes.unsafeLoadUnaligned(fromByteOffset: start + 6, as: UInt16.self),
      sequence: bytes.unsafeLoadUnaligned(fromByteOffset: start + 8, as: UInt32.self),
      port: bytes.unsafeLoadUnaligned(fromByteOffset: start + 12, as: UInt32.self),
      payload: bytes.extracting(start + 16..<start + length))
  }
}

/// One attribute, borrowed. The accessors answer nil where the payload is too short for what is asked.
public struct Attribute: ~Escapable {
  /// nla_type without its flag bits.
  public let type: Int
  public let payload: RawSpan

  @_lifetime(copy payload)
  init(type: Int, payload: RawSpan) {
    self.type = type
    self.payload = payload
  }

  /// A number in host byte order.
  public func number<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type = T.self) -> T? { payload.number(at: 0) }

  /// A number in network byte order.
  public func bigEndian<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type = T.self) -> T? {
    payload.number(at: 0, as: T.self).map { T(bigEndian: $0) }
  }

  /// Text up to the first NUL or the end; bytes that are not UTF-8 become U+FFFD.
  public var text: String {
    payload.withUnsafeBytes { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }

  /// An address of 4 or 16 bytes; nil for any other length.
  public var address: IPAddress? {
    var reader = ByteReader(payload)
    switch payload.byteCount {
    case 4: return reader.readIPv4Address().map { .v4($0) }
    case 16: return reader.readIPv6Address().map { .v6($0) }
    default: return nil
    }
  }

  /// A hardware address of exactly 6 bytes.
  public var hardware: MACAddress? {
    guard payload.byteCount == 6 else { return nil }
    var reader = ByteReader(payload)
    return reader.readMACAddress()
  }

  /// The attributes inside.
  public var nested: AttributeReader {
    @_lifetime(copy self)
    get { AttributeReader(payload) }
  }
}

/// Steps through attributes. Stops at the first whose length does not fit (NLA_OK).
public struct AttributeReader: ~Escapable {
  private let bytes: RawSpan
  private var position = 0

  @_lifetime(copy bytes)
  public init(_ bytes: RawSpan) { self.bytes = bytes }

  @_lifetime(self: copy self)
  @_lifetime(copy self)
  public mutating func next() -> Attribute? {
    let left = bytes.byteCount - position
    guard left >= 4 else { return nil }
    let length = Int(bytes.unsafeLoadUnaligned(fromByteOffset: position, as: UInt16.self))
    let type = bytes.unsafeLoadUnaligned(fromByteOffset: position + 2, as: UInt16.self)
    guard length >= 4, length <= left else { return nil }
    let start = position
    position += min(length.roundedUpToFour, left)
    return Attribute(
      type: Int(type & AttributeType.mask), payload: bytes.extracting(start + 4..<start + length))
  }
}

extension RawSpan {
  /// The number in host byte order at `offset`; nil where the span ends before it does.
  func number<T: FixedWidthInteger & BitwiseCopyable>(at offset: Int, as _: T.Type = T.self) -> T? {
    guard offset >= 0, byteCount >= MemoryLayout<T>.size, offset <= byteCount - MemoryLayout<T>.size else {
      return nil
    }
    return unsafeLoadUnaligned(fromByteOffset: offset, as: T.self)
  }
}

extension Int {
  /// NLMSG_ALIGN and NLA_ALIGN. For lengths, which are far from the end of the range.
  var roundedUpToFour: Int { (self + 3) & ~3 }
}
