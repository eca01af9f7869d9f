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
      guard ethernet.header.type == .ipv6, let packet = IPv6Packet(ethernet.payload),
        let message = NeighbourMessage(packet), case .advertisement = message.kind
      else { return false }
      return message.target == target
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

  /// A neighbour solicitation to the target's solicited-node group (RFC 4861 section 4.3).
  private static func solicitation(_ target: IPv6Address, from source: IPv6Address, at hardware: MACAddress) -> [UInt8]?
  {
    let group = target.solicitedNode
    return emit { writer in
      EthernetHeader(
        destination: MACAddress(value: 0x3333_0000_0000 | group.low & 0xffff_ffff), source: hardware, type: .ipv6
      ).emit(into: &writer)
      NeighbourMessage(.solicitation, target: target, hardware: hardware)
        .emit(from: source, to: group, into: &writer)
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
