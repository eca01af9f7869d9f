public import Wire

/// The `echo` service: answers ARP, ping (RFC 792) and UDP echo (RFC 862) for one IPv4 address. Frames in, frames out.
///
/// It answers to the hardware address that asked, so it keeps no neighbours and no routes.
public struct EchoResponder: Sendable {
  /// The port of RFC 862.
  public static let port: UInt16 = 7

  public let hardwareAddress: MACAddress
  public let address: IPv4Address
  /// The network's broadcast address, which no packet may come from.
  private let broadcast: IPv4Address
  public private(set) var counters = Counters()

  /// What became of the frames.
  public struct Counters: Sendable, Equatable {
    public var answered = 0
    /// Well-formed, but for somebody else or asking for nothing.
    public var ignored = 0
    public var malformed = 0
  }

  /// Why a frame is not answered.
  private enum Silence: Error {
    case ignored
    case malformed
  }

  /// Nil where `address` is not of IPv4.
  public init?(hardwareAddress: MACAddress, address: InterfaceAddress) {
    guard case .v4(let own) = address.address, case .v4(let last) = address.prefix.lastAddress else { return nil }
    self.hardwareAddress = hardwareAddress
    self.address = own
    broadcast = address.length < 31 ? last : .broadcast
  }

  /// Puts a gratuitous ARP into `room`: the service is ready. Returns its length, 0 where it does not fit.
  public func announce(into room: inout MutableRawSpan) -> Int {
    var writer = PacketWriter(room.extracting(0..<room.byteCount))
    EthernetHeader(destination: .broadcast, source: hardwareAddress, type: .arp).emit(into: &writer)
    ARPMessage.announcement(of: address, at: hardwareAddress).emit(into: &writer)
    return writer.finishedCount ?? 0
  }

  /// Puts the answer to `frame` into `room` and returns its length; 0 where there is none.
  public mutating func respond(to frame: RawSpan, into room: inout MutableRawSpan) -> Int {
    var writer = PacketWriter(room.extracting(0..<room.byteCount))
    do throws(Silence) {
      try answer(frame, &writer)
      guard let count = writer.finishedCount else { throw .ignored }
      counters.answered += 1
      return count
    } catch {
      switch error {
      case .ignored: counters.ignored += 1
      case .malformed: counters.malformed += 1
      }
      return 0
    }
  }

  private func answer(_ bytes: RawSpan, _ writer: inout PacketWriter) throws(Silence) {
    guard let frame = EthernetFrame(bytes) else { throw .malformed }
    let header = frame.header
    guard header.tag == nil, !header.source.isGroup, header.source != hardwareAddress else { throw .ignored }
    let reply = EthernetHeader(destination: header.source, source: hardwareAddress, type: header.type)
    switch header.type {
    case .arp where header.destination == hardwareAddress || header.destination == .broadcast:
      guard let message = ARPMessage(frame.payload) else { throw .malformed }
      try answer(message, reply, &writer)
    case .ipv4 where header.destination == hardwareAddress:
      guard let packet = IPv4Packet(frame.payload) else { throw .malformed }
      reply.emit(into: &writer)
      try answer(packet, &writer)
    default: throw .ignored
    }
  }

  private func answer(
    _ message: ARPMessage, _ reply: EthernetHeader, _ writer: inout PacketWriter
  ) throws(Silence) {
    guard message.operation == .request, message.target == address, message.sender != address,
      message.senderHardware == reply.destination
    else { throw .ignored }
    reply.emit(into: &writer)
    message.reply(from: hardwareAddress).emit(into: &writer)
  }

  /// Drops fragments, and packets with options: none of them asks for an echo in good faith.
  private func answer(_ packet: borrowing IPv4Packet, _ writer: inout PacketWriter) throws(Silence) {
    let header = packet.header
    guard header.destination == address, isHost(header.source), !packet.isFragment, !packet.hasOptions else {
      throw .ignored
    }
    var reply = IPv4Header(
      source: address, destination: header.source, protocol: header.protocol, payloadLength: header.payloadLength)
    switch header.protocol {
    case .icmpv4:
      guard let message = ICMPv4Message(packet.payload) else { throw .malformed }
      guard message.header.type == .echoRequest, message.header.code == 0 else { throw .ignored }
      reply.emit(into: &writer)
      ICMPv4Header(type: .echoReply, rest: message.header.rest).emit(message.payload, into: &writer)
    case .udp:
      guard let datagram = UDPDatagram(packet.payload),
        datagram.hasValidChecksum(from: .v4(header.source), to: .v4(address))
      else { throw .malformed }
      let ports = try replyPorts(to: datagram.header)
      reply.payloadLength = UDPHeader.length + datagram.payload.byteCount
      reply.emit(into: &writer)
      ports.emit(datagram.payload, from: .v4(address), to: .v4(header.source), into: &writer)
    default: throw .ignored
    }
  }

  /// Port 0 cannot be answered; an answer to the echo port of another echo service would never end.
  private func replyPorts(to header: UDPHeader) throws(Silence) -> UDPHeader {
    guard header.destinationPort == Self.port, header.sourcePort != 0, header.sourcePort != Self.port else {
      throw .ignored
    }
    return UDPHeader(sourcePort: header.destinationPort, destinationPort: header.sourcePort)
  }

  /// False for what RFC 1122 section 3.2.1.3 forbids as a source, and for our own address.
  private func isHost(_ source: IPv4Address) -> Bool {
    switch source.value >> 24 {
    case 0, 127, 224...255: false
    default: source != address && source != broadcast
    }
  }
}
