import EchoService
import PacketSamples
import TestSupport
import Testing
import Wire

private let host = MACAddress(value: 0x0200_0000_0001)
private let guest = MACAddress(value: 0x0200_0000_0050)

/// The service with an address of each family, unless told otherwise.
private final class Service {
  var responder: EchoResponder

  init(_ addresses: [String] = ["192.168.77.50/24", "fd00::50/64"]) throws {
    let addresses = try addresses.map { try #require(InterfaceAddress($0)) }
    responder = try #require(EchoResponder(hardwareAddress: guest, addresses: addresses))
  }

  func answer(_ bytes: [UInt8], capacity: Int = 1518) -> [UInt8]? {
    writtenPacket(capacity: capacity) { responder.respond(to: bytes.span.bytes, into: &$0) }
  }
}

@Suite struct EchoResponderTests {
  @Test func arp_RFC826() throws {
    let service = try Service()
    let answer = try #require(service.answer(PacketSample.arpRequest.bytes))
    #expect(EthernetFrame(answer.span.bytes)?.header == .init(destination: host, source: guest, type: .arp))
    #expect(
      ARPMessage(answer.span.bytes.extracting(14...))
        == ARPMessage(
          operation: .reply, senderHardware: guest, sender: IPv4Address(192, 168, 77, 50), targetHardware: host,
          target: IPv4Address(192, 168, 77, 1)))
  }

  /// The reply differs from the request in addresses, type, time to live and what follows from them.
  @Test func ping_RFC792() throws {
    let service = try Service()
    let answer = try #require(service.answer(PacketSample.echoRequest.bytes))
    guard let packet = IPv4Packet(answer.span.bytes.extracting(14...)), let message = ICMPv4Message(packet.payload)
    else {
      Issue.record("the answer is malformed")
      return
    }
    #expect(packet.header.source == IPv4Address(192, 168, 77, 50))
    #expect(packet.header.destination == IPv4Address(192, 168, 77, 1))
    #expect(message.header == ICMPv4Header(type: .echoReply, rest: 0xbeef_0007))
    #expect(message.payload.array == Array("lares".utf8))
  }

  @Test func udpEcho_RFC862() throws {
    let service = try Service()
    let answer = try #require(service.answer(PacketSample.udp.bytes))
    guard let packet = IPv4Packet(answer.span.bytes.extracting(14...)), let datagram = UDPDatagram(packet.payload)
    else {
      Issue.record("the answer is malformed")
      return
    }
    let isValid = datagram.hasValidChecksum(from: .v4(packet.header.source), to: .v4(packet.header.destination))
    #expect(isValid)
    #expect(datagram.header == UDPHeader(sourcePort: 7, destinationPort: 40000))
    #expect(datagram.payload.array == Array("lares".utf8))
  }

  @Test func neighbourSolicitation_RFC4861_7_2_4() throws {
    let service = try Service()
    #expect(service.answer(PacketSample.neighbourSolicitation.bytes) == PacketSample.neighbourAdvertisement.bytes)
  }

  /// Somebody who wants to take the address hears that it is taken.
  @Test func duplicateAddressDetection_RFC4862_5_4_3() throws {
    let service = try Service()
    let answer = try #require(service.answer(PacketSample.duplicateAddressDetection.bytes))
    guard let packet = IPv6Packet(answer.span.bytes.extracting(14...)) else {
      Issue.record("the answer is malformed")
      return
    }
    #expect(packet.header.destination == .allNodes)
    #expect(NeighbourMessage(packet)?.kind == .advertisement(router: false, solicited: false, override: true))
  }

  @Test func pingOverIPv6_RFC4443_4_2() throws {
    let service = try Service()
    let answer = try #require(service.answer(PacketSample.echoRequestOverIPv6.bytes))
    guard let packet = IPv6Packet(answer.span.bytes.extracting(14...)),
      let message = ICMPv6Message(packet.payload, from: packet.header.source, to: packet.header.destination)
    else {
      Issue.record("the answer is malformed")
      return
    }
    #expect(message.header == ICMPv6Header(type: .echoReply, rest: 0xbeef_0007))
    #expect(message.payload.array == Array("lares".utf8))
  }

  @Test func udpEchoOverIPv6_RFC862() throws {
    let service = try Service()
    let answer = try #require(service.answer(PacketSample.udpOverIPv6.bytes))
    guard let packet = IPv6Packet(answer.span.bytes.extracting(14...)), let datagram = UDPDatagram(packet.payload)
    else {
      Issue.record("the answer is malformed")
      return
    }
    let isValid = datagram.hasValidChecksum(from: .v6(packet.header.source), to: .v6(packet.header.destination))
    #expect(isValid)
    #expect(datagram.header == UDPHeader(sourcePort: 7, destinationPort: 40000))
    #expect(datagram.payload.array == Array("lares".utf8))
  }

  @Test func announcements_RFC5227_2_3_and_RFC4861_7_2_6() throws {
    let responder = try Service().responder
    let arp = try #require(writtenPacket { responder.announceIPv4(into: &$0) })
    #expect(EthernetFrame(arp.span.bytes)?.header.destination == .broadcast)
    let message = ARPMessage(arp.span.bytes.extracting(14...))
    #expect(message == .announcement(of: IPv4Address(192, 168, 77, 50), at: guest))
    #expect(message?.sender == message?.target)
    let advertisement = try #require(writtenPacket { responder.announceIPv6(into: &$0) })
    #expect(EthernetFrame(advertisement.span.bytes)?.header.destination == MACAddress("33:33:00:00:00:01"))
    guard let packet = IPv6Packet(advertisement.span.bytes.extracting(14...)) else {
      Issue.record("the advertisement is malformed")
      return
    }
    #expect(NeighbourMessage(packet)?.target == IPv6Address("fd00::50"))
  }

  @Test(arguments: [[], ["192.168.77.50/24", "192.168.77.51/24"], ["fd00::1/64", "fd00::2/64"]])
  func oneAddressPerFamily(addresses: [String]) {
    #expect(EchoResponder(hardwareAddress: guest, addresses: addresses.compactMap { InterfaceAddress($0) }) == nil)
  }

  @Test func aFamilyWithoutAddressIsSilent() throws {
    let service = try Service(["fd00::50/64"])
    #expect(writtenPacket { service.responder.announceIPv4(into: &$0) } == nil)
    for sample in [PacketSample.arpRequest, .echoRequest, .udp] { #expect(service.answer(sample.bytes) == nil) }
    #expect(service.answer(PacketSample.udpOverIPv6.bytes) != nil)
  }

  @Test(arguments: [
    PacketSample.neighbourAdvertisement, .taggedEchoRequest, .fragment, .echoRequestWithOptions,
  ])
  func silence(sample: PacketSample) throws {
    let service = try Service()
    #expect(service.answer(sample.bytes) == nil)
    #expect(service.responder.counters.ignored == 1)
  }

  @Test(arguments: [PacketSample.echoRequest, .udp, .udpOverIPv6, .neighbourSolicitation])
  func aFlippedBitIsMalformed(sample: PacketSample) throws {
    var bytes = sample.bytes
    bytes[bytes.count - 1] ^= 1
    let service = try Service()
    #expect(service.answer(bytes) == nil)
    #expect(service.responder.counters.malformed == 1)
  }

  /// Sources of RFC 1122 section 3.2.1.3, the network's broadcast address, and the service's own.
  @Test(arguments: ["0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "192.168.77.255", "192.168.77.50"])
  func noHost(source: String) throws {
    let source = try #require(IPv4Address(source))
    let request = try #require(udp(from: source, EthernetHeader(destination: guest, source: host, type: .ipv4)))
    let service = try Service()
    #expect(service.answer(request) == nil)
    #expect(
      service.responder.counters
        == {
          var c = EchoResponder.Counters(); c.ignored = 1; return c
        }())
  }

  /// Two echo services would send a datagram back and forth without end; port 0 cannot be answered.
  @Test(arguments: [(7, 7), (0, 7), (40000, 8)] as [(UInt16, UInt16)])
  func ports(source: UInt16, destination: UInt16) throws {
    let header = EthernetHeader(destination: guest, source: host, type: .ipv4)
    let ports = UDPHeader(sourcePort: source, destinationPort: destination)
    let service = try Service()
    #expect(service.answer(try #require(udp(from: IPv4Address(192, 168, 77, 1), header, ports))) == nil)
  }

  @Test(arguments: [
    EthernetHeader(destination: host, source: host, type: .ipv4),
    EthernetHeader(destination: .broadcast, source: host, type: .ipv4),
    EthernetHeader(destination: guest, source: .broadcast, type: .ipv4),
    EthernetHeader(destination: guest, source: guest, type: .ipv4),
  ])
  func notForUs(header: EthernetHeader) throws {
    let request = try #require(udp(from: IPv4Address(192, 168, 77, 1), header))
    let service = try Service()
    #expect(service.answer(request) == nil)
  }

  @Test func anAnswerThatDoesNotFitIsNotSent() throws {
    let service = try Service()
    let request = PacketSample.udp.bytes
    #expect(service.answer(request, capacity: request.count - 1) == nil)
    #expect(service.answer(request, capacity: request.count)?.count == request.count)
  }

  /// Nothing traps, every frame is counted once, and an answer goes to who asked and is not longer than the question.
  @Test(arguments: Soak.seeds(1...4, soak: 4_000)) func mutations(seed: UInt64) throws {
    var mutator = PacketMutator(seed: seed)
    let service = try Service()
    let count = 5_000
    for _ in 0..<count {
      let bytes = mutator.frame()
      guard let answer = service.answer(bytes) else { continue }
      #expect(Array(answer[..<6]) == Array(bytes[6..<12]))
      // Only an advertisement may be longer, by its link-layer address.
      #expect(answer.count <= bytes.count + 8)
    }
    let counters = service.responder.counters
    #expect(counters.answered + counters.ignored + counters.malformed == count)
    #expect(counters.answered > 100 && counters.ignored > 100 && counters.malformed > 100)
  }

  private func udp(
    from source: IPv4Address, _ header: EthernetHeader,
    _ ports: UDPHeader = UDPHeader(sourcePort: 40000, destinationPort: 7)
  ) -> [UInt8]? {
    let destination = IPv4Address(192, 168, 77, 50)
    return writtenPacket {
      header.emit(into: &$0)
      IPv4Header(source: source, destination: destination, protocol: .udp, payloadLength: 8).emit(into: &$0)
      ports.emit([UInt8]().span.bytes, from: .v4(source), to: .v4(destination), into: &$0)
      return true
    }
  }
}
