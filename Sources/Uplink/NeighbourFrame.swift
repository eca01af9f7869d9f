import Wire

/// The frames of ARP (RFC 826, RFC 5227) and Neighbour Discovery (RFC 4861) that the uplink sends and understands. Pure.
enum NeighbourFrame {
  /// An ARP message to all.
  static func frame(_ message: ARPMessage) -> [UInt8] {
    emit { writer in
      EthernetHeader(destination: .broadcast, source: message.senderHardware, type: .arp).emit(into: &writer)
      message.emit(into: &writer)
    } ?? []
  }

  /// Asks for the hardware address of `target`; nil where the families differ.
  static func question(_ target: IPAddress, from source: IPAddress, at hardware: MACAddress) -> [UInt8]? {
    switch (target, source) {
    case (.v4(let target), .v4(let source)):
      frame(ARPMessage(operation: .request, senderHardware: hardware, sender: source, target: target))
    case (.v6(let target), .v6(let source)): solicitation(target, from: source, at: hardware)
    default: nil
    }
  }

  /// True for the ARP reply or neighbour advertisement that says where `target` is.
  static func answers(_ frame: RawSpan, for target: IPAddress, to hardware: MACAddress) -> Bool {
    guard let ethernet = EthernetFrame(frame), ethernet.header.source != hardware else { return false }
    switch target {
    case .v4(let target):
      guard ethernet.header.type == .arp, let message = ARPMessage(ethernet.payload) else { return false }
      return message.operation == .reply && message.sender == target && message.senderHardware != hardware
    case .v6(let target):
      // RFC 4861 section 7.1.2: hop limit 255, so it comes from this link.
      guard ethernet.header.type == .ipv6, let packet = IPv6Packet(ethernet.payload), packet.header.hopLimit == 255,
        packet.header.nextHeader == .icmpv6,
        let message = ICMPv6Message(packet.payload, from: packet.header.source, to: packet.header.destination),
        message.header.type == .neighbourAdvertisement, message.header.code == 0
      else { return false }
      var reader = ByteReader(message.payload)
      return reader.readIPv6Address() == target
    }
  }

  /// Who else has `address`, or is about to take it (RFC 5227 section 2.1.1); nil where the frame does not say so.
  static func claimant(of address: IPv4Address, in frame: RawSpan, except hardware: MACAddress) -> MACAddress? {
    guard let ethernet = EthernetFrame(frame), ethernet.header.type == .arp,
      let message = ARPMessage(ethernet.payload), message.senderHardware != hardware
    else { return nil }
    let isProbe = message.operation == .request && message.sender == .any && message.target == address
    return message.sender == address || isProbe ? message.senderHardware : nil
  }

  /// A neighbour solicitation to the solicited-node address (RFC 4861 section 4.3, RFC 4291 section 2.7.1).
  private static func solicitation(_ target: IPv6Address, from source: IPv6Address, at hardware: MACAddress) -> [UInt8]?
  {
    let group = IPv6Address(high: 0xff02_0000_0000_0000, low: 0x1_ff00_0000 | target.low & 0xff_ffff)
    var body = ByteWriter(capacity: 24)
    body.write(target)
    // Option 1, one unit of eight bytes: the source link-layer address.
    body.write(0x0101 as UInt16)
    body.write(hardware)
    return emit { writer in
      EthernetHeader(
        destination: MACAddress(value: 0x3333_0000_0000 | group.low & 0xffff_ffff), source: hardware, type: .ipv6
      ).emit(into: &writer)
      IPv6Header(
        source: source, destination: group, nextHeader: .icmpv6, payloadLength: 8 + body.count, hopLimit: 255
      ).emit(into: &writer)
      ICMPv6Header(type: .neighbourSolicitation, rest: 0).emit(
        body.bytes.span.bytes, from: source, to: group, into: &writer)
    }
  }

  private static func emit(_ body: (inout PacketWriter) -> Void) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: 128)
    var span = bytes.mutableSpan
    var writer = PacketWriter(span.mutableBytes)
    body(&writer)
    guard let count = writer.finishedCount else { return nil }
    return Array(bytes.prefix(count))
  }
}
