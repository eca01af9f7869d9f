public import Wire

extension EchoResponder {
  /// Writes an unsolicited neighbour advertisement; false without an IPv6 address. With it the service is ready in
  /// this family. The address comes from whoever started the service, who has made sure that it is nobody else's.
  public func announceIPv6(into writer: inout PacketWriter) -> Bool {
    guard let v6 else { return false }
    let group = MACAddress(multicast: .allNodes)
    EthernetHeader(destination: group, source: hardwareAddress, type: .ipv6).emit(into: &writer)
    NeighbourMessage.announcement(of: v6, at: hardwareAddress).emit(from: v6, to: .allNodes, into: &writer)
    return true
  }

  /// Drops packets with extension headers: none of them asks for an echo in good faith.
  func answer(_ packet: borrowing IPv6Packet, _ writer: inout PacketWriter) throws(Silence) {
    let header = packet.header
    guard let v6, header.destination == v6 || header.destination == v6.solicitedNode, header.source != v6,
      !header.source.isMulticast, header.source != .loopback
    else { throw .ignored }
    switch header.nextHeader {
    case .icmpv6: try answerICMP(packet, v6, &writer)
    case .udp:
      guard header.destination == v6, header.source != .any else { throw .ignored }
      guard let datagram = UDPDatagram(packet.payload),
        datagram.hasValidChecksum(from: .v6(header.source), to: .v6(v6))
      else { throw .malformed }
      let ports = try replyPorts(to: datagram.header)
      emitHeader(.udp, to: header.source, from: v6, UDPHeader.length + datagram.payload.byteCount, &writer)
      ports.emit(datagram.payload, from: .v6(v6), to: .v6(header.source), into: &writer)
    default: throw .ignored
    }
  }

  private func answerICMP(
    _ packet: borrowing IPv6Packet, _ v6: IPv6Address, _ writer: inout PacketWriter
  ) throws(Silence) {
    let header = packet.header
    guard let message = ICMPv6Message(packet.payload, from: header.source, to: header.destination) else {
      throw .malformed
    }
    switch message.header.type {
    case .echoRequest where message.header.code == 0 && header.destination == v6 && header.source != .any:
      emitHeader(.icmpv6, to: header.source, from: v6, packet.payload.byteCount, &writer)
      let reply = ICMPv6Header(type: .echoReply, rest: message.header.rest)
      reply.emit(from: v6, to: header.source, into: &writer) { $0.write(contentsOf: message.payload) }
    case .neighbourSolicitation:
      guard let question = NeighbourMessage(packet) else { throw .malformed }
      guard question.target == v6 else { throw .ignored }
      // From the unspecified address somebody checks whether the address is free (RFC 4861 section 7.2.4).
      let isProbe = header.source == .any
      let answer = NeighbourMessage(
        .advertisement(router: false, solicited: !isProbe, override: true), target: v6, hardware: hardwareAddress)
      answer.emit(from: v6, to: isProbe ? .allNodes : header.source, into: &writer)
    default: throw .ignored
    }
  }

  private func emitHeader(
    _ next: IPProtocol, to destination: IPv6Address, from source: IPv6Address, _ length: Int,
    _ writer: inout PacketWriter
  ) {
    IPv6Header(source: source, destination: destination, nextHeader: next, payloadLength: length).emit(into: &writer)
  }
}
