import PacketSamples
import TestSupport
import Testing
import Wire

private let host = MACAddress(value: 0x0200_0000_0001)
private let guest = MACAddress(value: 0x0200_0000_0050)
private let host4 = IPv4Address(192, 168, 77, 1)
private let guest4 = IPv4Address(192, 168, 77, 50)
private let host6 = IPv6Address(high: 0xfd00 << 48, low: 1)
private let guest6 = IPv6Address(high: 0xfd00 << 48, low: 0x50)
private let lares = Array("lares".utf8)

/// What `write` writes; nil where it does not fit.
private func written(_ capacity: Int = 200, _ write: (inout PacketWriter) -> Void) -> [UInt8]? {
  writtenPacket(capacity: capacity) { writer in
    write(&writer)
    return true
  }
}

private let ethernet = EthernetHeader(destination: guest, source: host, type: .ipv4)
private let ethernet6 = EthernetHeader(destination: guest, source: host, type: .ipv6)

@Suite struct EmittedPackets {
  @Test func arpRequest_RFC826() {
    let bytes = written {
      EthernetHeader(destination: .broadcast, source: host, type: .arp).emit(into: &$0)
      ARPMessage(operation: .request, senderHardware: host, sender: host4, target: guest4).emit(into: &$0)
    }
    #expect(bytes == PacketSample.arpRequest.bytes)
  }

  @Test func echoRequest_RFC792() {
    let bytes = written {
      ethernet.emit(into: &$0)
      IPv4Header(
        source: host4, destination: guest4, protocol: .icmpv4, payloadLength: 13, identification: 0x1234,
        dontFragment: false
      ).emit(into: &$0)
      ICMPv4Header(type: .echoRequest, rest: 0xbeef_0007)
        .emit(into: &$0) { $0.write(contentsOf: lares.span.bytes) }
    }
    #expect(bytes == PacketSample.echoRequest.bytes)
  }

  @Test func udp_RFC768() {
    let bytes = written {
      ethernet.emit(into: &$0)
      IPv4Header(
        source: host4, destination: guest4, protocol: .udp, payloadLength: 13, timeToLive: 63, trafficClass: 0xb8,
        identification: 1
      ).emit(into: &$0)
      UDPHeader(sourcePort: 40000, destinationPort: 7)
        .emit(lares.span.bytes, from: .v4(host4), to: .v4(guest4), into: &$0)
    }
    #expect(bytes == PacketSample.udp.bytes)
  }

  @Test func udpOverIPv6_RFC8200_8_1() {
    let bytes = written {
      ethernet6.emit(into: &$0)
      IPv6Header(
        source: host6, destination: guest6, nextHeader: .udp, payloadLength: 13, hopLimit: 63, trafficClass: 12,
        flowLabel: 0x12345
      ).emit(into: &$0)
      UDPHeader(sourcePort: 40000, destinationPort: 7)
        .emit(lares.span.bytes, from: .v6(host6), to: .v6(guest6), into: &$0)
    }
    #expect(bytes == PacketSample.udpOverIPv6.bytes)
  }

  @Test func echoRequest_RFC4443_4_1() {
    let bytes = written {
      ethernet6.emit(into: &$0)
      IPv6Header(source: host6, destination: guest6, nextHeader: .icmpv6, payloadLength: 13).emit(into: &$0)
      ICMPv6Header(type: .echoRequest, rest: 0xbeef_0007)
        .emit(from: host6, to: guest6, into: &$0) { $0.write(contentsOf: lares.span.bytes) }
    }
    #expect(bytes == PacketSample.echoRequestOverIPv6.bytes)
  }

  @Test func neighbourSolicitation_RFC4861_4_3() {
    let bytes = written {
      EthernetHeader(destination: MACAddress(multicast: guest6.solicitedNode), source: host, type: .ipv6)
        .emit(into: &$0)
      NeighbourMessage(.solicitation, target: guest6, hardware: host)
        .emit(from: host6, to: guest6.solicitedNode, into: &$0)
    }
    #expect(bytes == PacketSample.neighbourSolicitation.bytes)
  }

  @Test func neighbourAdvertisement_RFC4861_4_4() {
    let bytes = written {
      EthernetHeader(destination: host, source: guest, type: .ipv6).emit(into: &$0)
      NeighbourMessage(
        .advertisement(router: false, solicited: true, override: true), target: guest6, hardware: guest
      ).emit(from: guest6, to: host6, into: &$0)
    }
    #expect(bytes == PacketSample.neighbourAdvertisement.bytes)
  }

  /// RFC 768: a checksum that comes out as zero is sent as all ones.
  @Test func udpChecksumIsNeverZero() throws {
    let bytes = try #require(
      written {
        UDPHeader(sourcePort: 0, destinationPort: 0)
          .emit(([0xff, 0xd6, 0, 0] as [UInt8]).span.bytes, from: .v4(.any), to: .v4(.any), into: &$0)
      })
    #expect(bytes[6...7] == [0xff, 0xff])
    #expect(UDPDatagram(bytes.span.bytes)?.hasValidChecksum(from: .v4(.any), to: .v4(.any)) == true)
  }

  @Test(arguments: 0..<46) func whatDoesNotFitIsRefused(capacity: Int) {
    let bytes = written(capacity) {
      ethernet.emit(into: &$0)
      IPv4Header(source: host4, destination: guest4, protocol: .udp, payloadLength: 12).emit(into: &$0)
      UDPHeader(sourcePort: 1, destinationPort: 7)
        .emit(([1, 2, 3, 4] as [UInt8]).span.bytes, from: .v4(host4), to: .v4(guest4), into: &$0)
    }
    #expect(bytes == nil)
  }

  @Test(arguments: [-1, 65_516, Int(Int32.max)]) func impossibleLengthIsRefused(length: Int) {
    #expect(
      written {
        IPv4Header(source: host4, destination: guest4, protocol: .udp, payloadLength: length).emit(into: &$0)
      } == nil)
  }
}

@Suite struct CheckedPackets {
  /// The IPv4 packet of a sample, changed by `change` with the header's checksum made right again, is accepted.
  private func accepts(_ sample: PacketSample, _ change: (inout [UInt8]) -> Void) -> Bool {
    var packet = Array(sample.bytes[14...])
    change(&packet)
    if packet.count >= 20 {
      (packet[10], packet[11]) = (0, 0)
      var sum = InternetChecksum()
      sum.add(packet.span.bytes.extracting(0..<min(Int(packet[0] & 15) * 4, packet.count)))
      (packet[10], packet[11]) = (UInt8(sum.value >> 8), UInt8(truncatingIfNeeded: sum.value))
    }
    return IPv4Packet(packet.span.bytes)?.header != nil
  }

  @Test func ipv4_RFC791_3_1() {
    #expect(accepts(.udp) { _ in })
    #expect(accepts(.udp) { $0 += [0, 0, 0] }, "padding")
    #expect(!accepts(.udp) { $0[0] = 0x65 }, "version")
    #expect(!accepts(.udp) { $0[0] = 0x44 }, "header of 16 bytes")
    #expect(!accepts(.udp) { $0[0] = 0x4f }, "header beyond the packet")
    #expect(!accepts(.udp) { $0[3] = 19 }, "total length less than the header")
    #expect(!accepts(.udp) { $0[3] += 1 }, "total length beyond the frame")
    #expect(!accepts(.udp) { $0.removeLast() }, "cut")
    #expect(!accepts(.udp) { ($0[6], $0[7]) = (0x1f, 0xff) }, "a fragment beyond 65,535 bytes")
    var wrong = Array(PacketSample.udp.bytes[14...])
    wrong[8] -= 1
    #expect(IPv4Packet(wrong.span.bytes)?.header == nil, "checksum")
  }

  @Test func fragment_RFC791_3_2() {
    let bytes = PacketSample.fragment.bytes
    guard let packet = IPv4Packet(bytes.span.bytes.extracting(14...)) else {
      Issue.record("refused")
      return
    }
    #expect(packet.isFragment && packet.moreFragments)
    #expect(packet.fragmentOffset == 24)
    #expect(packet.payload.array == Array("12345678".utf8))
  }

  @Test func options_RFC791_3_1() {
    let bytes = PacketSample.echoRequestWithOptions.bytes
    guard let packet = IPv4Packet(bytes.span.bytes.extracting(14...)) else {
      Issue.record("refused")
      return
    }
    #expect(packet.hasOptions && !packet.isFragment)
    #expect(packet.options.array == [0x94, 4, 0, 0])
    #expect(packet.payload.byteCount == 8)
  }

  @Test func tag_IEEE802_1Q() {
    let bytes = PacketSample.taggedEchoRequest.bytes
    guard let frame = EthernetFrame(bytes.span.bytes) else {
      Issue.record("refused")
      return
    }
    #expect(frame.header.tag?.identifier == 42)
    #expect(frame.header.tag?.priority == 5)
    #expect(frame.header.type == .ipv4)
    #expect(IPv4Packet(frame.payload)?.header.destination == guest4)
    #expect(written { frame.header.emit(into: &$0) } == Array(bytes[..<18]))
  }

  @Test func aLengthIsNoType_IEEE802_3() {
    var bytes = PacketSample.udp.bytes
    (bytes[12], bytes[13]) = (0x05, 0xdc)
    #expect(EthernetFrame(bytes.span.bytes)?.header == nil)
  }

  @Test(arguments: [(0, 2), (2, 0), (4, 7), (5, 8), (7, 3)] as [(Int, UInt8)])
  func arpOfAnotherKind_RFC826(offset: Int, value: UInt8) {
    var message = Array(PacketSample.arpRequest.bytes[14...])
    #expect(ARPMessage(message.span.bytes) != nil)
    message[offset] = value
    #expect(ARPMessage(message.span.bytes) == nil)
  }

  @Test func udpLength_RFC768() {
    let datagram = Array(PacketSample.udp.bytes[34...])
    for (length, accepted) in [(7, false), (8, true), (13, true), (14, false), (0, false)] as [(UInt8, Bool)] {
      var changed = datagram
      changed[5] = length
      #expect((UDPDatagram(changed.span.bytes)?.header != nil) == accepted, "\(length)")
    }
  }

  @Test func udpChecksum_RFC8200_8_1() {
    var bytes = Array(PacketSample.udp.bytes[34...])
    #expect(UDPDatagram(bytes.span.bytes)?.hasValidChecksum(from: .v4(host4), to: .v4(guest4)) == true)
    #expect(UDPDatagram(bytes.span.bytes)?.hasValidChecksum(from: .v4(host4), to: .v4(host4)) == false)
    (bytes[6], bytes[7]) = (0, 0)
    #expect(UDPDatagram(bytes.span.bytes)?.hasValidChecksum(from: .v4(host4), to: .v4(guest4)) == true)
    #expect(UDPDatagram(bytes.span.bytes)?.hasValidChecksum(from: .v6(host6), to: .v6(guest6)) == false)
  }

  @Test func ipv6_RFC8200_3() {
    let bytes = PacketSample.udpOverIPv6.bytes
    guard let packet = IPv6Packet(bytes.span.bytes.extracting(14...)) else {
      Issue.record("refused")
      return
    }
    #expect(packet.header.flowLabel == 0x12345 && packet.header.trafficClass == 12 && packet.header.hopLimit == 63)
    #expect(IPv6Packet(bytes.span.bytes.extracting(14..<bytes.count - 1))?.header == nil)
    #expect(IPv6Packet(bytes.span.bytes.extracting(13...))?.header == nil)
  }

  /// RFC 4861 section 7.1.1, one change of a valid solicitation after the other, checksums made right again.
  @Test(
    arguments: [
      ("hop limit", 7, 254), ("code", 41, 1), ("multicast target", 48, 0xff), ("option of length zero", 65, 0),
      ("option past the end", 65, 2),
    ] as [(String, Int, UInt8)])
  func neighbourSolicitation_RFC4861_7_1_1(what: String, offset: Int, value: UInt8) {
    var bytes = Array(PacketSample.neighbourSolicitation.bytes[14...])
    #expect(neighbourMessage(bytes)?.hardware == host)
    bytes[offset] = value
    (bytes[42], bytes[43]) = (0, 0)
    var sum = InternetChecksum(
      pseudoHeaderFrom: .v6(host6), to: .v6(guest6.solicitedNode), protocol: .icmpv6, length: 32)
    sum.add(bytes.span.bytes.extracting(40...))
    (bytes[42], bytes[43]) = (UInt8(sum.value >> 8), UInt8(truncatingIfNeeded: sum.value))
    let body = Array(bytes[40...])
    #expect(ICMPv6Message(body.span.bytes, from: host6, to: guest6.solicitedNode)?.header != nil)
    #expect(neighbourMessage(bytes) == nil, "\(what)")
  }

  private func neighbourMessage(_ bytes: [UInt8]) -> NeighbourMessage? {
    guard let packet = IPv6Packet(bytes.span.bytes) else { return nil }
    return NeighbourMessage(packet)
  }
}

@Suite struct MutatedPackets {
  /// No frame traps, and what is accepted is written back as it was.
  @Test(arguments: Soak.seeds(1...4, soak: 4_000)) func fromTheFrameUp(seed: UInt64) {
    var mutator = PacketMutator(seed: seed)
    var accepted = 0
    for _ in 0..<5_000 {
      let bytes = mutator.frame()
      guard let frame = EthernetFrame(bytes.span.bytes) else { continue }
      #expect(written { frame.header.emit(into: &$0) } == Array(bytes[..<frame.header.length]))
      let payload = frame.payload
      if frame.header.type == .arp, let message = ARPMessage(payload) {
        #expect(written { message.emit(into: &$0) } == Array(payload.array[..<ARPMessage.length]))
        accepted += 1
      }
      if frame.header.type == .ipv4, let packet = IPv4Packet(payload) { accepted += check(packet, of: payload) }
      if frame.header.type == .ipv6, let packet = IPv6Packet(payload) { accepted += check(packet, of: payload) }
    }
    #expect(accepted > 500, "the mutations leave too little that is right")
  }

  private func check(_ packet: borrowing IPv4Packet, of bytes: RawSpan) -> Int {
    #expect(packet.options.byteCount + packet.payload.byteCount + IPv4Header.length <= bytes.byteCount)
    let isPlain = !packet.isFragment && !packet.hasOptions && bytes.array[6] & 0x80 == 0
    if isPlain {
      let again = written { packet.header.emit(into: &$0) }
      // One's complement has two zeros, and a sender may have chosen the other.
      #expect(again.map { Array($0[..<10] + $0[12...]) } == Array(bytes.array[..<10] + bytes.array[12..<20]))
    }
    check(packet.payload, .v4(packet.header.source), .v4(packet.header.destination))
    if let message = ICMPv4Message(packet.payload) { #expect(message.payload.byteCount <= packet.payload.byteCount) }
    return 1
  }

  private func check(_ packet: borrowing IPv6Packet, of bytes: RawSpan) -> Int {
    #expect(written { packet.header.emit(into: &$0) } == Array(bytes.array[..<40]))
    let header = packet.header
    check(packet.payload, .v6(header.source), .v6(header.destination))
    if let message = NeighbourMessage(packet) { #expect(!message.target.isMulticast) }
    if let message = ICMPv6Message(packet.payload, from: header.source, to: header.destination) {
      #expect(message.payload.byteCount + ICMPv6Header.length == packet.payload.byteCount)
    }
    return 1
  }

  private func check(_ payload: RawSpan, _ source: IPAddress, _ destination: IPAddress) {
    guard let datagram = UDPDatagram(payload) else { return }
    #expect(datagram.payload.byteCount + UDPHeader.length <= payload.byteCount)
    _ = datagram.hasValidChecksum(from: source, to: destination)
  }
}
