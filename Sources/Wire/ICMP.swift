/// A checked view of an ICMPv4 message (RFC 792).
public struct ICMPv4Message: ~Escapable {
  private let bytes: RawSpan
  public let header: ICMPv4Header

  /// Nil where the message is shorter than 8 bytes or its checksum is wrong.
  @_lifetime(copy bytes)
  public init?(_ bytes: RawSpan) {
    var sum = InternetChecksum()
    sum.add(bytes)
    guard sum.value == 0, let header = ICMPHeader(bytes) else { return nil }
    self.header = ICMPv4Header(type: .init(rawValue: header.type), code: header.code, rest: header.rest)
    self.bytes = bytes
  }

  /// What follows the first 8 bytes: an echo's data, or the packet that an error is about.
  public var payload: RawSpan {
    @_lifetime(copy self)
    get { bytes.extracting(ICMPHeader.length..<bytes.byteCount) }
  }
}

/// The first 8 bytes of an ICMPv4 message.
public struct ICMPv4Header: Hashable, Sendable {
  /// Bytes on the wire.
  public static let length = ICMPHeader.length

  public struct Kind: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let echoReply = Kind(rawValue: 0)
    public static let destinationUnreachable = Kind(rawValue: 3)
    public static let echoRequest = Kind(rawValue: 8)
    public static let timeExceeded = Kind(rawValue: 11)
  }

  public var type: Kind
  public var code: UInt8
  /// The second word, whose meaning depends on the type: an echo's identifier (high half) and sequence number.
  public var rest: UInt32

  public init(type: Kind, code: UInt8 = 0, rest: UInt32) {
    self.type = type
    self.code = code
    self.rest = rest
  }

  /// Writes the whole message with its checksum.
  public func emit(_ payload: RawSpan, into writer: inout PacketWriter) {
    let start = writer.count
    ICMPHeader(type: type.rawValue, code: code, rest: rest).emit(into: &writer)
    writer.write(contentsOf: payload)
    var sum = InternetChecksum()
    writer.add(from: start, to: &sum)
    writer.patch(sum.value, at: start + 2)
  }
}

/// A checked view of an ICMPv6 message (RFC 4443).
public struct ICMPv6Message: ~Escapable {
  private let bytes: RawSpan
  public let header: ICMPv6Header

  /// Nil where the message is shorter than 8 bytes or its checksum, which covers the addresses, is wrong.
  @_lifetime(copy bytes)
  public init?(_ bytes: RawSpan, from source: IPv6Address, to destination: IPv6Address) {
    var sum = InternetChecksum(
      pseudoHeaderFrom: .v6(source), to: .v6(destination), protocol: .icmpv6, length: bytes.byteCount)
    sum.add(bytes)
    guard sum.value == 0, let header = ICMPHeader(bytes) else { return nil }
    self.header = ICMPv6Header(type: .init(rawValue: header.type), code: header.code, rest: header.rest)
    self.bytes = bytes
  }

  /// What follows the first 8 bytes.
  public var payload: RawSpan {
    @_lifetime(copy self)
    get { bytes.extracting(ICMPHeader.length..<bytes.byteCount) }
  }
}

/// The first 8 bytes of an ICMPv6 message.
public struct ICMPv6Header: Hashable, Sendable {
  /// Bytes on the wire.
  public static let length = ICMPHeader.length

  public struct Kind: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let destinationUnreachable = Kind(rawValue: 1)
    public static let packetTooBig = Kind(rawValue: 2)
    public static let echoRequest = Kind(rawValue: 128)
    public static let echoReply = Kind(rawValue: 129)
    public static let routerSolicitation = Kind(rawValue: 133)
    public static let routerAdvertisement = Kind(rawValue: 134)
    public static let neighbourSolicitation = Kind(rawValue: 135)
    public static let neighbourAdvertisement = Kind(rawValue: 136)
  }

  public var type: Kind
  public var code: UInt8
  /// The second word, whose meaning depends on the type: an echo's identifier (high half) and sequence number.
  public var rest: UInt32

  public init(type: Kind, code: UInt8 = 0, rest: UInt32) {
    self.type = type
    self.code = code
    self.rest = rest
  }

  /// Writes the whole message, the body as `write` writes it, with its checksum.
  public func emit(
    from source: IPv6Address, to destination: IPv6Address, into writer: inout PacketWriter,
    _ write: (inout PacketWriter) -> Void
  ) {
    let start = writer.count
    ICMPHeader(type: type.rawValue, code: code, rest: rest).emit(into: &writer)
    write(&writer)
    var sum = InternetChecksum(
      pseudoHeaderFrom: .v6(source), to: .v6(destination), protocol: .icmpv6, length: writer.count - start)
    writer.add(from: start, to: &sum)
    writer.patch(sum.value, at: start + 2)
  }
}

/// What both versions have in common.
private struct ICMPHeader {
  static let length = 8
  let type: UInt8
  let code: UInt8
  let rest: UInt32

  init(type: UInt8, code: UInt8, rest: UInt32) {
    self.type = type
    self.code = code
    self.rest = rest
  }

  init?(_ bytes: RawSpan) {
    var reader = ByteReader(bytes)
    guard let type = reader.readUInt8(), let code = reader.readUInt8(), reader.skip(2), let rest = reader.readUInt32()
    else { return nil }
    self.init(type: type, code: code, rest: rest)
  }

  func emit(into writer: inout PacketWriter) {
    writer.write(type)
    writer.write(code)
    writer.write(0 as UInt16)
    writer.write(rest)
  }
}
