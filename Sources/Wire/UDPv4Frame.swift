/// An Ethernet frame with an IPv4 UDP datagram: what packet sockets carry for hosts that have no address yet.
public struct UDPv4Frame: Sendable, Hashable {
  public var source: MACAddress
  public var destination: MACAddress
  public var sourceAddress: IPv4Address
  public var destinationAddress: IPv4Address
  public var sourcePort: UInt16
  public var destinationPort: UInt16

  /// Bytes of the Ethernet, IPv4 (without options) and UDP headers together.
  public static let headerSize = 14 + IPv4Header.length + UDPHeader.length
  /// The longest payload that fits an IPv4 packet.
  public static let maximumPayload = 65_535 - IPv4Header.length - UDPHeader.length

  public init(
    source: MACAddress, destination: MACAddress, sourceAddress: IPv4Address, destinationAddress: IPv4Address,
    sourcePort: UInt16, destinationPort: UInt16
  ) {
    self.source = source
    self.destination = destination
    self.sourceAddress = sourceAddress
    self.destinationAddress = destinationAddress
    self.sourcePort = sourcePort
    self.destinationPort = destinationPort
  }

  /// The frame with both checksums; nil where the payload is longer than `maximumPayload`.
  public func encoded(payload: RawSpan) -> [UInt8]? {
    guard payload.byteCount <= Self.maximumPayload else { return nil }
    var frame = [UInt8](repeating: 0, count: Self.headerSize + payload.byteCount)
    var buffer = frame.mutableSpan
    var writer = PacketWriter(buffer.mutableBytes)
    EthernetHeader(destination: destination, source: source, type: .ipv4).emit(into: &writer)
    // Service 0x10 (low delay), as DHCP clients and servers send.
    IPv4Header(
      source: sourceAddress, destination: destinationAddress, protocol: .udp,
      payloadLength: UDPHeader.length + payload.byteCount, trafficClass: 0x10
    ).emit(into: &writer)
    UDPHeader(sourcePort: sourcePort, destinationPort: destinationPort)
      .emit(payload, from: .v4(sourceAddress), to: .v4(destinationAddress), into: &writer)
    return writer.finishedCount == Self.headerSize + payload.byteCount ? frame : nil
  }
}

/// A received Ethernet frame with a whole IPv4 UDP datagram, in borrowed bytes.
public struct UDPv4FrameView: ~Escapable {
  public let frame: UDPv4Frame
  /// False where the datagram carries a wrong UDP checksum. A sender on the same machine may leave the sum to a network
  /// card that does not exist: packet sockets tell so with TP_STATUS_CSUMNOTREADY (packet(7)).
  public let hasValidChecksum: Bool
  /// What UDP carries.
  public let payload: RawSpan

  /// Nil unless the bytes are an untagged Ethernet frame with an unfragmented IPv4 packet that holds a whole UDP
  /// datagram and has a right header checksum. Bytes after the packet are padding.
  @_lifetime(copy bytes)
  public init?(_ bytes: RawSpan) {
    guard let ethernet = EthernetFrame(bytes), ethernet.header.type == .ipv4, ethernet.header.tag == nil,
      let packet = IPv4Packet(ethernet.payload), !packet.isFragment, packet.header.protocol == .udp,
      let datagram = UDPDatagram(packet.payload)
    else { return nil }
    let (source, destination) = (packet.header.source, packet.header.destination)
    frame = UDPv4Frame(
      source: ethernet.header.source, destination: ethernet.header.destination, sourceAddress: source,
      destinationAddress: destination, sourcePort: datagram.header.sourcePort,
      destinationPort: datagram.header.destinationPort)
    hasValidChecksum = datagram.hasValidChecksum(from: .v4(source), to: .v4(destination))
    payload = datagram.payload
  }
}
