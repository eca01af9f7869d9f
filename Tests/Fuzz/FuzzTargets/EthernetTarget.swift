import EchoService
import Wire

extension FuzzTarget {
  /// Frames: what is accepted is written as it was, parts lie inside their whole, and the echo service answers only who
  /// asked, with a frame that can be read.
  static let ethernet = FuzzTarget("ethernet") { bytes in
    if let frame = EthernetFrame(bytes.span.bytes) {
      try promise(
        written { frame.header.emit(into: &$0) } == Array(bytes[..<frame.header.length]), "another Ethernet header")
      if let message = ARPMessage(frame.payload) {
        try promise(
          written { message.emit(into: &$0) } == Array(frame.payload.array[..<ARPMessage.length]), "another ARP message"
        )
      }
      if let packet = IPv4Packet(frame.payload) { try check(packet, of: frame.payload) }
      if let packet = IPv6Packet(frame.payload) { try check(packet, of: frame.payload) }
    }
    if let view = UDPv4FrameView(bytes.span.bytes) {
      try promise(view.payload.byteCount + UDPv4Frame.headerSize <= bytes.count, "a payload longer than its frame")
    }
    try checkEcho(bytes)
  }

  private static func written(capacity: Int = 2_048, _ write: (inout PacketWriter) -> Void) -> [UInt8]? {
    var buffer = [UInt8](repeating: 0xaa, count: capacity)
    var bytes = buffer.mutableSpan
    var writer = PacketWriter(bytes.mutableBytes)
    write(&writer)
    guard let count = writer.finishedCount else { return nil }
    return Array(buffer[..<count])
  }

  private static func check(_ packet: borrowing IPv4Packet, of bytes: RawSpan) throws {
    let total = IPv4Header.length + packet.options.byteCount + packet.payload.byteCount
    try promise(total <= bytes.byteCount, "an IPv4 packet longer than its frame")
    let original = bytes.array
    if !packet.isFragment, !packet.hasOptions, original[6] & 0x80 == 0 {
      let again = written { packet.header.emit(into: &$0) }
      // One's complement has two zeros, and a sender may have chosen the other.
      try promise(
        again.map { Array($0[..<10] + $0[12...]) } == Array(original[..<10] + original[12..<20]), "another IPv4 header")
    }
    try checkUDP(packet.payload, .v4(packet.header.source), .v4(packet.header.destination))
    if let message = ICMPv4Message(packet.payload) {
      try promise(message.payload.byteCount + ICMPv4Header.length == packet.payload.byteCount, "ICMP of another length")
    }
  }

  private static func check(_ packet: borrowing IPv6Packet, of bytes: RawSpan) throws {
    let header = packet.header
    try promise(written { header.emit(into: &$0) } == Array(bytes.array[..<IPv6Header.length]), "another IPv6 header")
    try checkUDP(packet.payload, .v6(header.source), .v6(header.destination))
    if let message = NeighbourMessage(packet) {
      try promise(!message.target.isMulticast, "a neighbour with a multicast address")
    }
    if let message = ICMPv6Message(packet.payload, from: header.source, to: header.destination) {
      try promise(
        message.payload.byteCount + ICMPv6Header.length == packet.payload.byteCount, "ICMPv6 of another length")
    }
  }

  private static func checkUDP(_ payload: RawSpan, _ source: IPAddress, _ destination: IPAddress) throws {
    guard let datagram = UDPDatagram(payload) else { return }
    try promise(
      datagram.payload.byteCount + UDPHeader.length <= payload.byteCount, "a datagram longer than its packet")
    _ = datagram.hasValidChecksum(from: source, to: destination)
  }

  private static func checkEcho(_ bytes: [UInt8]) throws {
    // Who the samples of PacketSamples are sent to.
    guard let own = MACAddress("02:00:00:00:00:50"), let v4 = InterfaceAddress("192.168.77.50/24"),
      let v6 = InterfaceAddress("fd00::50/64"),
      var responder = EchoResponder(hardwareAddress: own, addresses: [v4, v6])
    else { throw BrokenPromise(description: "no echo service") }
    var buffer = [UInt8](repeating: 0, count: 1_518)
    var output = buffer.mutableSpan
    var writer = PacketWriter(output.mutableBytes)
    let answers = responder.respond(to: bytes.span.bytes, into: &writer)
    guard answers, let count = writer.finishedCount else { return }
    let counters = responder.counters
    try promise(counters.answered == 1 && counters.ignored + counters.malformed == 0, "counted: \(counters)")
    let answer = Array(buffer[..<count])
    guard let frame = EthernetFrame(answer.span.bytes), let question = EthernetFrame(bytes.span.bytes) else {
      throw BrokenPromise(description: "an answer that is no frame")
    }
    try promise(
      frame.header.destination == question.header.source && frame.header.source == own, "an answer to somebody else")
    // A short frame is padded, so an answer may be longer only by what a header is longer.
    try promise(count <= bytes.count + 32, "\(count) bytes of answer to \(bytes.count): an amplifier")
  }
}
