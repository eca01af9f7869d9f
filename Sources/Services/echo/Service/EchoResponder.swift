public import Wire

/// The `echo` service: answers who asks for its addresses (ARP, neighbour discovery), ping and UDP echo (RFC 862).
/// Frames in, frames out.
///
/// It answers to the hardware address that asked, so it keeps no neighbours and no routes.
public struct EchoResponder: Sendable {
  /// The port of RFC 862.
  public static let port: UInt16 = 7

  public let hardwareAddress: MACAddress
  let v4: InterfaceAddress?
  let v6: IPv6Address?
  public private(set) var counters = Counters()

  /// What became of the frames.
  public struct Counters: Sendable, Equatable {
    public var answered: Int
    /// Well-formed, but for somebody else or asking for nothing.
    public var ignored: Int
    public var malformed: Int

    public init(answered: Int = 0, ignored: Int = 0, malformed: Int = 0) {
      self.answered = answered
      self.ignored = ignored
      self.malformed = malformed
    }
  }

  /// Why a frame is not answered.
  enum Silence: Error {
    case ignored
    case malformed
  }

  /// Nil without an address, or with two of one family.
  public init?(hardwareAddress: MACAddress, addresses: [InterfaceAddress]) {
    var v4: InterfaceAddress? = nil
    var v6: IPv6Address? = nil
    for entry in addresses {
      switch entry.address {
      case .v4 where v4 == nil: v4 = entry
      case .v6(let address) where v6 == nil: v6 = address
      default: return nil
      }
    }
    guard v4 != nil || v6 != nil else { return nil }
    self.hardwareAddress = hardwareAddress
    self.v4 = v4
    self.v6 = v6
  }

  /// Writes the answer to `frame`. False where there is none; what was written then is not to be sent.
  public mutating func respond(to frame: RawSpan, into writer: inout PacketWriter) -> Bool {
    do throws(Silence) {
      try answer(frame, &writer)
      guard writer.finishedCount != nil else { throw .ignored }
      counters.answered += 1
      return true
    } catch {
      switch error {
      case .ignored: counters.ignored += 1
      case .malformed: counters.malformed += 1
      }
      return false
    }
  }

  private func answer(_ bytes: RawSpan, _ writer: inout PacketWriter) throws(Silence) {
    guard let frame = EthernetFrame(bytes) else { throw .malformed }
    let header = frame.header
    guard header.tag == nil, !header.source.isGroup, header.source != hardwareAddress else { throw .ignored }
    let isUnicast = header.destination == hardwareAddress
    EthernetHeader(destination: header.source, source: hardwareAddress, type: header.type).emit(into: &writer)
    switch header.type {
    case .arp where isUnicast || header.destination == .broadcast:
      guard let message = ARPMessage(frame.payload) else { throw .malformed }
      try answer(message, from: header.source, &writer)
    case .ipv4 where isUnicast:
      guard let packet = IPv4Packet(frame.payload) else { throw .malformed }
      try answer(packet, &writer)
    case .ipv6 where isUnicast || header.destination == solicitedNodeGroup:
      guard let packet = IPv6Packet(frame.payload) else { throw .malformed }
      try answer(packet, &writer)
    default: throw .ignored
    }
  }

  private var solicitedNodeGroup: MACAddress? { v6.map { MACAddress(multicast: $0.solicitedNode) } }

  /// The ports of the answer. Port 0 cannot be answered; an answer to the echo port of another echo service would
  /// never end.
  func replyPorts(to header: UDPHeader) throws(Silence) -> UDPHeader {
    guard header.destinationPort == Self.port, header.sourcePort != 0, header.sourcePort != Self.port else {
      throw .ignored
    }
    return UDPHeader(sourcePort: header.destinationPort, destinationPort: header.sourcePort)
  }
}
