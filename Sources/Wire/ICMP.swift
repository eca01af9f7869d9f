/// The types of one version's messages.
public protocol ICMPKind: RawRepresentable, Hashable, Sendable where RawValue == UInt8 {
  init(rawValue: UInt8)
}

/// The types of ICMPv4 (RFC 792) that Lares deals with.
public struct ICMPv4Kind: ICMPKind {
  public let rawValue: UInt8
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  public static let echoReply = ICMPv4Kind(rawValue: 0)
  public static let destinationUnreachable = ICMPv4Kind(rawValue: 3)
  public static let echoRequest = ICMPv4Kind(rawValue: 8)
  public static let timeExceeded = ICMPv4Kind(rawValue: 11)
}

/// The types of ICMPv6 (RFC 4443, RFC 4861) that Lares deals with.
public struct ICMPv6Kind: ICMPKind {
  public let rawValue: UInt8
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  public static let destinationUnreachable = ICMPv6Kind(rawValue: 1)
  public static let packetTooBig = ICMPv6Kind(rawValue: 2)
  public static let echoRequest = ICMPv6Kind(rawValue: 128)
  public static let echoReply = ICMPv6Kind(rawValue: 129)
  public static let routerSolicitation = ICMPv6Kind(rawValue: 133)
  public static let routerAdvertisement = ICMPv6Kind(rawValue: 134)
  public static let neighbourSolicitation = ICMPv6Kind(rawValue: 135)
  public static let neighbourAdvertisement = ICMPv6Kind(rawValue: 136)
}

public typealias ICMPv4Header = ICMPHeader<ICMPv4Kind>
public typealias ICMPv6Header = ICMPHeader<ICMPv6Kind>
public typealias ICMPv4Message = ICMPMessage<ICMPv4Kind>
public typealias ICMPv6Message = ICMPMessage<ICMPv6Kind>

/// The first 8 bytes of a message.
public struct ICMPHeader<Kind: ICMPKind>: Hashable, Sendable {
  /// Bytes on the wire.
  public static var length: Int { 8 }

  public var type: Kind
  public var code: UInt8
  /// The second word, whose meaning depends on the type: an echo's identifier (high half) and sequence number.
  public var rest: UInt32

  public init(type: Kind, code: UInt8 = 0, rest: UInt32) {
    self.type = type
    self.code = code
    self.rest = rest
  }

  /// Writes the whole message, the body as `write` writes it. `pseudoHeader` starts the checksum for a message of the
  /// length that it is given.
  private func emit(
    into writer: inout PacketWriter, _ write: (inout PacketWriter) -> Void,
    pseudoHeader: (_ length: Int) -> InternetChecksum
  ) {
    let start = writer.count
    writer.write(type.rawValue)
    writer.write(code)
    writer.write(0 as UInt16)
    writer.write(rest)
    write(&writer)
    var sum = pseudoHeader(writer.count - start)
    writer.add(from: start, to: &sum)
    writer.patch(sum.value, at: start + 2)
  }
}

extension ICMPHeader<ICMPv4Kind> {
  /// Writes the whole message, the body as `write` writes it, with its checksum.
  public func emit(into writer: inout PacketWriter, _ write: (inout PacketWriter) -> Void) {
    emit(into: &writer, write) { _ in InternetChecksum() }
  }
}

extension ICMPHeader<ICMPv6Kind> {
  /// Writes the whole message, the body as `write` writes it, with its checksum, which covers the addresses.
  public func emit(
    from source: IPv6Address, to destination: IPv6Address, into writer: inout PacketWriter,
    _ write: (inout PacketWriter) -> Void
  ) {
    emit(into: &writer, write) { length in
      InternetChecksum(pseudoHeaderFrom: .v6(source), to: .v6(destination), protocol: .icmpv6, length: length)
    }
  }
}

/// A checked view of a message.
public struct ICMPMessage<Kind: ICMPKind>: ~Escapable {
  private let bytes: RawSpan
  public let header: ICMPHeader<Kind>

  /// What follows the first 8 bytes: an echo's data, or the packet that an error is about.
  public var payload: RawSpan {
    @_lifetime(copy self)
    get { bytes.extracting(ICMPHeader<Kind>.length..<bytes.byteCount) }
  }

  /// Nil where the message is shorter than 8 bytes, or its checksum, started with `pseudoHeader`, is wrong.
  @_lifetime(copy bytes)
  private init?(_ bytes: RawSpan, pseudoHeader: InternetChecksum) {
    var sum = pseudoHeader
    sum.add(bytes)
    var reader = ByteReader(bytes)
    guard sum.value == 0, let type = reader.readUInt8(), let code = reader.readUInt8(), reader.skip(2),
      let rest = reader.readUInt32()
    else { return nil }
    header = ICMPHeader(type: Kind(rawValue: type), code: code, rest: rest)
    self.bytes = bytes
  }
}

extension ICMPMessage<ICMPv4Kind> {
  /// Nil where the message is shorter than 8 bytes or its checksum is wrong.
  @_lifetime(copy bytes)
  public init?(_ bytes: RawSpan) { self.init(bytes, pseudoHeader: InternetChecksum()) }
}

extension ICMPMessage<ICMPv6Kind> {
  /// Nil where the message is shorter than 8 bytes or its checksum, which covers the addresses, is wrong.
  @_lifetime(copy bytes)
  public init?(_ bytes: RawSpan, from source: IPv6Address, to destination: IPv6Address) {
    self.init(
      bytes,
      pseudoHeader: InternetChecksum(
        pseudoHeaderFrom: .v6(source), to: .v6(destination), protocol: .icmpv6, length: bytes.byteCount))
  }
}
