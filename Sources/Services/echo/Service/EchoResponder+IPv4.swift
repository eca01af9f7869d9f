public import Wire

extension EchoResponder {
  /// Writes a gratuitous ARP; false without an IPv4 address. With it the service is ready in this family.
  public func announceIPv4(into writer: inout PacketWriter) -> Bool {
    guard let address = v4?.address.v4 else { return false }
    EthernetHeader(destination: .broadcast, source: hardwareAddress, type: .arp).emit(into: &writer)
    ARPMessage.announcement(of: address, at: hardwareAddress).emit(into: &writer)
    return true
  }

  func answer(_ message: ARPMessage, from source: MACAddress, _ writer: inout PacketWriter) throws(Silence) {
    guard message.operation == .request, message.target == v4?.address.v4, message.sender != message.target,
      message.senderHardware == source
    else { throw .ignored }
    message.reply(from: hardwareAddress).emit(into: &writer)
  }

  /// Drops fragments, and packets with options: none of them asks for an echo in good faith.
  func answer(_ packet: borrowing IPv4Packet, _ writer: inout PacketWriter) throws(Silence) {
    let header = packet.header
    guard header.destination == v4?.address.v4, isHost(header.source), !packet.isFragment, !packet.hasOptions else {
      throw .ignored
    }
    var reply = IPv4Header(
      source: header.destination, destination: header.source, protocol: header.protocol,
      payloadLength: header.payloadLength)
    switch header.protocol {
    case .icmpv4:
      guard let message = ICMPv4Message(packet.payload) else { throw .malformed }
      guard message.header.type == .echoRequest, message.header.code == 0 else { throw .ignored }
      reply.emit(into: &writer)
      ICMPv4Header(type: .echoReply, rest: message.header.rest)
        .emit(into: &writer) { $0.write(contentsOf: message.payload) }
    case .udp:
      guard let datagram = UDPDatagram(packet.payload),
        datagram.hasValidChecksum(from: .v4(header.source), to: .v4(header.destination))
      else { throw .malformed }
      let ports = try replyPorts(to: datagram.header)
      reply.payloadLength = UDPHeader.length + datagram.payload.byteCount
      reply.emit(into: &writer)
      ports.emit(datagram.payload, from: .v4(reply.source), to: .v4(reply.destination), into: &writer)
    default: throw .ignored
    }
  }

  /// False for what RFC 1122 section 3.2.1.3 forbids as a source, and for our own address.
  private func isHost(_ source: IPv4Address) -> Bool {
    switch source.value >> 24 {
    case 0, 127, 224...255: return false
    default:
      guard let v4, source != v4.address.v4 else { return false }
      return v4.length >= 31 || source != v4.prefix.lastAddress.v4
    }
  }
}
