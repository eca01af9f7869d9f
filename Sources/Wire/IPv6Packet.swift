/// A checked view of an IPv6 packet (RFC 8200). Extension headers are part of the payload.
public struct IPv6Packet: ~Escapable {
  private let bytes: RawSpan
  public let header: IPv6Header

  /// Nil where the version is not 6 or the payload is longer than `bytes`. Bytes behind it are an Ethernet frame's
  /// padding and left away.
  @_lifetime(copy bytes)
  public init?(_ bytes: RawSpan) {
    var reader = ByteReader(bytes)
    guard let first = reader.readUInt32(), first >> 28 == 6, let payloadLength = reader.readUInt16(),
      let next = reader.readUInt8(), let hopLimit = reader.readUInt8(), let source = reader.readIPv6Address(),
      let destination = reader.readIPv6Address(), Int(payloadLength) <= reader.remaining
    else { return nil }
    header = IPv6Header(
      source: source, destination: destination, nextHeader: IPProtocol(rawValue: next),
      payloadLength: Int(payloadLength), hopLimit: hopLimit, trafficClass: UInt8(truncatingIfNeeded: first >> 20),
      flowLabel: first & 0xf_ffff)
    self.bytes = bytes.extracting(0..<IPv6Header.length + Int(payloadLength))
  }

  public var payload: RawSpan {
    @_lifetime(copy self)
    get { bytes.extracting(IPv6Header.length..<bytes.byteCount) }
  }
}

/// The fixed header of an IPv6 packet.
public struct IPv6Header: Hashable, Sendable {
  /// Bytes on the wire.
  public static let length = 40

  public var source: IPv6Address
  public var destination: IPv6Address
  public var nextHeader: IPProtocol
  /// Bytes behind the header: 0 to 65,535.
  public var payloadLength: Int
  public var hopLimit: UInt8
  public var trafficClass: UInt8
  /// The low 20 bits.
  public var flowLabel: UInt32

  public init(
    source: IPv6Address, destination: IPv6Address, nextHeader: IPProtocol, payloadLength: Int, hopLimit: UInt8 = 64,
    trafficClass: UInt8 = 0, flowLabel: UInt32 = 0
  ) {
    self.source = source
    self.destination = destination
    self.nextHeader = nextHeader
    self.payloadLength = payloadLength
    self.hopLimit = hopLimit
    self.trafficClass = trafficClass
    self.flowLabel = flowLabel
  }

  /// A payload length out of range counts as an overflow of `writer`.
  public func emit(into writer: inout PacketWriter) {
    guard let length = UInt16(exactly: payloadLength) else {
      writer.refuse()
      return
    }
    writer.write(6 << 28 | UInt32(trafficClass) << 20 | flowLabel & 0xf_ffff)
    writer.write(length)
    writer.write(nextHeader.rawValue)
    writer.write(hopLimit)
    writer.write(source)
    writer.write(destination)
  }
}
