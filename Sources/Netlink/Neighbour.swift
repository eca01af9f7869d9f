import CNetlinkShims
public import Wire

/// Who answers to an address on a link: an entry of the ARP table or of Neighbour Discovery's cache (RTM_NEWNEIGH).
public struct Neighbour: Sendable, Equatable, Hashable {
  /// Index of the interface.
  public var link: Int32
  public var address: IPAddress
  /// Nil while nobody has answered.
  public var hardware: MACAddress?
  public var state: NeighbourState

  public init(link: Int32, address: IPAddress, hardware: MACAddress?, state: NeighbourState) {
    self.link = link
    self.address = address
    self.hardware = hardware
    self.state = state
  }
}

/// How sure the kernel is of a neighbour (ndm_state).
public struct NeighbourState: OptionSet, Hashable, Sendable {
  public let rawValue: UInt16
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  /// NUD_INCOMPLETE: asked, no answer yet.
  public static let incomplete = NeighbourState(rawValue: 0x01)
  /// NUD_REACHABLE: answered a moment ago.
  public static let reachable = NeighbourState(rawValue: 0x02)
  /// NUD_STALE: answered some time ago.
  public static let stale = NeighbourState(rawValue: 0x04)
  /// NUD_DELAY: used though stale; about to be asked again.
  public static let delay = NeighbourState(rawValue: 0x08)
  /// NUD_PROBE: being asked again.
  public static let probe = NeighbourState(rawValue: 0x10)
  /// NUD_FAILED: did not answer.
  public static let failed = NeighbourState(rawValue: 0x20)
  /// NUD_NOARP: needs no asking.
  public static let noARP = NeighbourState(rawValue: 0x40)
  /// NUD_PERMANENT: set by hand, for good.
  public static let permanent = NeighbourState(rawValue: 0x80)

  /// The states in which the hardware address holds.
  public static let known: NeighbourState = [.reachable, .stale, .delay, .probe, .permanent]
}

extension Neighbour {
  /// Reads an RTM_NEWNEIGH or RTM_DELNEIGH of either family; nil for any other message (a bridge's forwarding table among them) or a
  /// malformed one.
  public init?(_ message: borrowing Message) {
    guard message.type == UInt16(RTM_NEWNEIGH) || message.type == UInt16(RTM_DELNEIGH),
      message.payload.byteCount >= 12, let family: UInt8 = message.payload.number(at: 0),
      let link: Int32 = message.payload.number(at: 4), let state: UInt16 = message.payload.number(at: 8)
    else { return nil }
    var address: IPAddress?
    var hardware: MACAddress?
    var attributes = message.attributes(after: 12)
    while let attribute = attributes.next() {
      switch attribute.type {
      case Int(NDA_DST): address = attribute.address
      case Int(NDA_LLADDR): hardware = attribute.hardware
      default: break
      }
    }
    guard let address, address.family.kernel == family else { return nil }
    self.init(link: link, address: address, hardware: hardware, state: NeighbourState(rawValue: state))
  }
}

extension NetlinkRequest {
  /// Adds a neighbour, or sets the one that is there. Permanent ones never expire and are never asked for.
  public static func replace(_ neighbour: Neighbour) -> NetlinkRequest {
    let who = neighbour.hardware.map { " at \($0)" } ?? ""
    return NetlinkRequest(
      type: RTM_NEWNEIGH, flags: NLM_F_CREATE | NLM_F_REPLACE, attempt: "setting neighbour \(neighbour.address)\(who)"
    ) { $0.put(neighbour) }
  }

  /// Removes a neighbour; fails with ENOENT where there is none.
  public static func delete(_ neighbour: Neighbour) -> NetlinkRequest {
    NetlinkRequest(type: RTM_DELNEIGH, attempt: "removing neighbour \(neighbour.address)") { $0.put(neighbour) }
  }

  /// All neighbours of both families, or those of one interface.
  static func neighbours(of link: Int32?) -> NetlinkRequest {
    NetlinkRequest(type: RTM_GETNEIGH, flags: NLM_F_DUMP, attempt: "listing the neighbours") { message in
      message.field(UInt32(0))
      message.field(UInt64(0))
      if let link { message.put(Int(NDA_IFINDEX), link) }
    }
  }
}

extension MessageWriter {
  /// struct ndmsg and its attributes.
  fileprivate mutating func put(_ neighbour: Neighbour) {
    field(neighbour.address.family.kernel)
    for _ in 0..<3 { field(UInt8(0)) }
    field(neighbour.link)
    field(neighbour.state.rawValue)
    field(UInt16(0))
    put(Int(NDA_DST), neighbour.address)
    if let hardware = neighbour.hardware { put(Int(NDA_LLADDR), hardware) }
  }
}
