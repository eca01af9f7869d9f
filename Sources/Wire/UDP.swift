/// A checked view of a UDP datagram (RFC 768).
public struct UDPDatagram: ~Escapable {
  private let bytes: RawSpan
  public let header: UDPHeader
  private let checksum: UInt16

  /// Nil where the length field is less than 8 or more than `bytes`. The checksum needs the addresses:
  /// `hasValidChecksum(from:to:)`.
  @_lifetime(copy bytes)
  public init?(_ bytes: RawSpan) {
    var reader = ByteReader(bytes)
    guard let source = reader.readUInt16(), let destination = reader.readUInt16(), let length = reader.readUInt16(),
      let checksum = reader.readUInt16(), Int(length) >= UDPHeader.length, Int(length) <= bytes.byteCount
    else { return nil }
    header = UDPHeader(sourcePort: source, destinationPort: destination)
    self.checksum = checksum
    self.bytes = bytes.extracting(0..<Int(length))
  }

  public var payload: RawSpan {
    @_lifetime(copy self)
    get { bytes.extracting(UDPHeader.length..<bytes.byteCount) }
  }

  /// True where the checksum is right, or left out as IPv4 allows and IPv6 does not (RFC 8200 section 8.1).
  public func hasValidChecksum(from source: IPAddress, to destination: IPAddress) -> Bool {
    if checksum == 0 { return source.family == .v4 }
    var sum = InternetChecksum(pseudoHeaderFrom: source, to: destination, protocol: .udp, length: bytes.byteCount)
    sum.add(bytes)
    return sum.value == 0
  }
}

/// The ports of a UDP datagram.
public struct UDPHeader: Hashable, Sendable {
  /// Bytes on the wire.
  public static let length = 8

  /// 0 where no answer is expected.
  public var sourcePort: UInt16
  public var destinationPort: UInt16

  public init(sourcePort: UInt16, destinationPort: UInt16) {
    self.sourcePort = sourcePort
    self.destinationPort = destinationPort
  }

  /// Writes the whole datagram with its checksum; a payload beyond 65,527 bytes counts as an overflow of `writer`.
  public func emit(
    _ payload: RawSpan, from source: IPAddress, to destination: IPAddress, into writer: inout PacketWriter
  ) {
    let start = writer.count
    guard let length = UInt16(exactly: Self.length + payload.byteCount) else {
      writer.refuse()
      return
    }
    writer.write(sourcePort)
    writer.write(destinationPort)
    writer.write(length)
    writer.write(0 as UInt16)
    writer.write(contentsOf: payload)
    var sum = InternetChecksum(pseudoHeaderFrom: source, to: destination, protocol: .udp, length: Int(length))
    writer.add(from: start, to: &sum)
    // Zero would say that there is none.
    writer.patch(sum.value == 0 ? 0xffff : sum.value, at: start + 6)
  }
}
