/// A neighbour solicitation or advertisement (RFC 4861 sections 4.3 and 4.4), ARP's counterpart in IPv6.
public struct NeighbourMessage: Hashable, Sendable {
  public enum Kind: Hashable, Sendable {
    /// Asks who has the target.
    case solicitation
    /// Says who has it; `solicited` in an answer to one source, `override` where caches shall forget what they had.
    case advertisement(router: Bool, solicited: Bool, override: Bool)
  }

  /// The hop limit that proves that no router forwarded the message (section 3.1).
  public static let hopLimit: UInt8 = 255

  public var kind: Kind
  public var target: IPv6Address
  /// The sender's address in a solicitation, the target's in an advertisement; nil where it is left out.
  public var hardware: MACAddress?

  public init(_ kind: Kind, target: IPv6Address, hardware: MACAddress?) {
    self.kind = kind
    self.target = target
    self.hardware = hardware
  }

  /// Nil where `packet` is something else, or fails a check of section 7.1.1 or 7.1.2.
  public init?(_ packet: borrowing IPv6Packet) {
    let header = packet.header
    guard header.nextHeader == .icmpv6, header.hopLimit == Self.hopLimit,
      let message = ICMPv6Message(packet.payload, from: header.source, to: header.destination),
      let kind = Kind(message.header), message.header.code == 0
    else { return nil }
    var reader = ByteReader(message.payload)
    var hardware: MACAddress? = nil
    guard let target = reader.readIPv6Address(), !target.isMulticast,
      Self.readOptions(&reader, kind.option, &hardware)
    else { return nil }
    switch kind {
    case .solicitation where header.source == .any:
      guard hardware == nil, header.destination == target.solicitedNode else { return nil }
    case .advertisement(_, solicited: true, _):
      guard !header.destination.isMulticast else { return nil }
    default: break
    }
    self.init(kind, target: target, hardware: hardware)
  }

  /// Claims `address` for `hardware` towards all nodes, unasked (section 7.2.6).
  public static func announcement(of address: IPv6Address, at hardware: MACAddress) -> NeighbourMessage {
    NeighbourMessage(
      .advertisement(router: false, solicited: false, override: true), target: address, hardware: hardware)
  }

  /// Writes the packet, header and all.
  public func emit(from source: IPv6Address, to destination: IPv6Address, into writer: inout PacketWriter) {
    let length = ICMPv6Header.length + 16 + (hardware == nil ? 0 : 8)
    IPv6Header(
      source: source, destination: destination, nextHeader: .icmpv6, payloadLength: length, hopLimit: Self.hopLimit
    ).emit(into: &writer)
    kind.header.emit(from: source, to: destination, into: &writer) { body in
      body.write(target)
      if let hardware {
        body.write(kind.option)
        body.write(1 as UInt8)
        body.write(hardware)
      }
    }
  }

  /// Looks for the option `wanted` among those that are left. False where one has length zero or reaches past the end.
  private static func readOptions(
    _ reader: inout ByteReader, _ wanted: UInt8, _ hardware: inout MACAddress?
  ) -> Bool {
    while reader.remaining > 0 {
      guard let type = reader.readUInt8(), let units = reader.readUInt8(), units > 0,
        let body = reader.readBytes(Int(units) * 8 - 2)
      else { return false }
      if type == wanted, units == 1 {
        var address = ByteReader(body)
        hardware = address.readMACAddress()
      }
    }
    return true
  }
}

extension NeighbourMessage.Kind {
  private static let routerFlag: UInt32 = 1 << 31
  private static let solicitedFlag: UInt32 = 1 << 30
  private static let overrideFlag: UInt32 = 1 << 29

  init?(_ header: ICMPv6Header) {
    switch header.type {
    case .neighbourSolicitation: self = .solicitation
    case .neighbourAdvertisement:
      self = .advertisement(
        router: header.rest & Self.routerFlag != 0, solicited: header.rest & Self.solicitedFlag != 0,
        override: header.rest & Self.overrideFlag != 0)
    default: return nil
    }
  }

  var header: ICMPv6Header {
    switch self {
    case .solicitation: ICMPv6Header(type: .neighbourSolicitation, rest: 0)
    case .advertisement(let router, let solicited, let override):
      ICMPv6Header(
        type: .neighbourAdvertisement,
        rest: (router ? Self.routerFlag : 0) | (solicited ? Self.solicitedFlag : 0)
          | (override ? Self.overrideFlag : 0))
    }
  }

  /// Source or target link-layer address (section 4.6.1).
  fileprivate var option: UInt8 { self == .solicitation ? 1 : 2 }
}

extension IPv6Address {
  /// `ff02::1`.
  public static let allNodes = IPv6Address(high: 0xff02 << 48, low: 1)

  /// The group that everybody who has this address listens to (RFC 4291 section 2.7.1).
  public var solicitedNode: IPv6Address {
    IPv6Address(high: 0xff02 << 48, low: 0x1_ff00_0000 | low & 0xff_ffff)
  }
}

extension MACAddress {
  /// Where frames to `group`, an IPv6 multicast address, go (RFC 2464 section 7).
  public init(multicast group: IPv6Address) { self.init(value: 0x3333 << 32 | group.low & 0xffff_ffff) }
}
