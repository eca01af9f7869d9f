import CNetlinkShims
public import Wire

/// A network interface by the kernel's number, with the name for people. The number stays when the name changes.
public struct LinkID: Hashable, Sendable {
  /// ifi_index, from 1.
  public var index: Int32
  /// e.g. `lan0`; at most 15 bytes (IFNAMSIZ).
  public var name: String

  public init(index: Int32, name: String) {
    self.index = index
    self.name = name
  }
}

extension LinkID: CustomStringConvertible {
  public var description: String { name }
}

/// The flags of an interface (netdevice(7)).
public struct LinkFlags: OptionSet, Hashable, Sendable {
  public let rawValue: UInt32
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// IFF_UP: switched on by the administrator.
  public static let up = LinkFlags(rawValue: 0x1)
  /// IFF_LOOPBACK.
  public static let loopback = LinkFlags(rawValue: 0x8)
  /// IFF_RUNNING: up, and able to carry packets.
  public static let running = LinkFlags(rawValue: 0x40)
  /// IFF_LOWER_UP: the medium is there (carrier).
  public static let lowerUp = LinkFlags(rawValue: 0x1_0000)
}

/// One network interface as the kernel describes it (RTM_NEWLINK).
public struct Link: Sendable, Equatable {
  public var id: LinkID
  public var flags: LinkFlags
  /// The Ethernet address in use; nil for other kinds of interfaces.
  public var hardware: MACAddress?
  /// The address burnt into the card (IFLA_PERM_ADDRESS); nil for virtual interfaces.
  public var permanentHardware: MACAddress?
  /// Largest packet in bytes.
  public var mtu: Int
  /// Index of the bridge that this interface is a port of.
  public var master: Int32?
  /// Index of the interface below: the trunk of a VLAN, the other end of a veth pair (IFLA_LINK).
  public var parent: Int32?
  /// Free text of the administrator (IFLA_IFALIAS).
  public var alias: String?
  /// The driver's name for its kind: `bridge`, `vlan`, `veth`; nil for hardware.
  public var kind: String?
  /// 802.1Q identifier of a VLAN interface.
  public var vlan: UInt16?
  /// Of a bridge.
  public var bridge: BridgeOptions?
  /// Of a port of a bridge.
  public var port: BridgePortOptions?

  public init(
    id: LinkID, flags: LinkFlags = [], hardware: MACAddress? = nil, permanentHardware: MACAddress? = nil,
    mtu: Int = 1500, master: Int32? = nil, parent: Int32? = nil, alias: String? = nil, kind: String? = nil,
    vlan: UInt16? = nil, bridge: BridgeOptions? = nil, port: BridgePortOptions? = nil
  ) {
    self.id = id
    self.flags = flags
    self.hardware = hardware
    self.permanentHardware = permanentHardware
    self.mtu = mtu
    self.master = master
    self.parent = parent
    self.alias = alias
    self.kind = kind
    self.vlan = vlan
    self.bridge = bridge
    self.port = port
  }

  /// Switched on by the administrator.
  public var isUp: Bool { flags.contains(.up) }
  /// Something is plugged in and answers.
  public var hasCarrier: Bool { flags.contains(.lowerUp) }
}

/// How a bridge behaves.
public struct BridgeOptions: Hashable, Sendable {
  /// IEEE 802.1D spanning tree.
  public var hasSpanningTree: Bool
  /// How long a new port listens before it forwards, in hundredths of a second; 200 to 3,000, or with spanning tree off also 0.
  public var forwardDelay: UInt32

  public init(hasSpanningTree: Bool = false, forwardDelay: UInt32 = 0) {
    self.hasSpanningTree = hasSpanningTree
    self.forwardDelay = forwardDelay
  }
}

/// How one port of a bridge behaves.
public struct BridgePortOptions: Hashable, Sendable {
  /// The port exchanges nothing with other isolated ports (IFLA_BRPORT_ISOLATED).
  public var isIsolated: Bool
  /// Frames may leave through the port that they came in by (IFLA_BRPORT_MODE).
  public var isHairpin: Bool

  public init(isIsolated: Bool = false, isHairpin: Bool = false) {
    self.isIsolated = isIsolated
    self.isHairpin = isHairpin
  }
}

/// What an interface has carried since it was made (IFLA_STATS64).
public struct LinkCounters: Hashable, Sendable {
  public var receivedPackets: UInt64
  public var sentPackets: UInt64
  public var receivedBytes: UInt64
  public var sentBytes: UInt64

  public init(receivedPackets: UInt64, sentPackets: UInt64, receivedBytes: UInt64, sentBytes: UInt64) {
    self.receivedPackets = receivedPackets
    self.sentPackets = sentPackets
    self.receivedBytes = receivedBytes
    self.sentBytes = sentBytes
  }
}

extension Link {
  /// Reads an RTM_NEWLINK or RTM_DELLINK; nil for any other message, one too short, one without a name, or one of another family (bridge ports
  /// announce themselves a second time as AF_BRIDGE).
  public init?(_ message: borrowing Message) {
    guard message.type == UInt16(RTM_NEWLINK) || message.type == UInt16(RTM_DELLINK),
      message.payload.number(at: 0, as: UInt8.self) == 0,
      let index: Int32 = message.payload.number(at: 4), let flags: UInt32 = message.payload.number(at: 8),
      message.payload.byteCount >= 16
    else { return nil }
    self.init(id: LinkID(index: index, name: ""), flags: LinkFlags(rawValue: flags), mtu: 0)
    var attributes = message.attributes(after: 16)
    while let attribute = attributes.next() { read(attribute) }
    guard !id.name.isEmpty else { return nil }
  }

  private mutating func read(_ attribute: borrowing Attribute) {
    switch attribute.type {
    case Int(IFLA_IFNAME): id.name = attribute.text
    case Int(IFLA_ADDRESS): hardware = attribute.hardware
    case Int(IFLA_PERM_ADDRESS): permanentHardware = attribute.hardware
    case Int(IFLA_MTU): mtu = attribute.number(UInt32.self).map { Int($0) } ?? 0
    case Int(IFLA_MASTER): master = attribute.number()
    case Int(IFLA_LINK): parent = attribute.number()
    case Int(IFLA_IFALIAS): alias = attribute.text
    case Int(IFLA_LINKINFO): readInfo(attribute)
    default: break
    }
  }

  /// IFLA_LINKINFO: the kind stands before the data that it explains.
  private mutating func readInfo(_ info: borrowing Attribute) {
    var portKind = ""
    var attributes = info.nested
    while let attribute = attributes.next() {
      switch attribute.type {
      case Int(IFLA_INFO_KIND): kind = attribute.text
      case Int(IFLA_INFO_DATA) where kind == "bridge": bridge = BridgeOptions(attribute)
      case Int(IFLA_INFO_DATA) where kind == "vlan": vlan = Self.vlan(attribute)
      case Int(IFLA_INFO_SLAVE_KIND): portKind = attribute.text
      case Int(IFLA_INFO_SLAVE_DATA) where portKind == "bridge": port = BridgePortOptions(attribute)
      default: break
      }
    }
  }

  private static func vlan(_ data: borrowing Attribute) -> UInt16? {
    var attributes = data.nested
    while let attribute = attributes.next() {
      if attribute.type == Int(IFLA_VLAN_ID) { return attribute.number() }
    }
    return nil
  }
}

extension BridgeOptions {
  fileprivate init(_ data: borrowing Attribute) {
    self.init()
    var attributes = data.nested
    while let attribute = attributes.next() {
      switch attribute.type {
      case Int(IFLA_BR_STP_STATE): hasSpanningTree = attribute.number(UInt32.self) != 0
      case Int(IFLA_BR_FORWARD_DELAY): forwardDelay = attribute.number() ?? 0
      default: break
      }
    }
  }
}

extension BridgePortOptions {
  fileprivate init(_ data: borrowing Attribute) {
    self.init()
    var attributes = data.nested
    while let attribute = attributes.next() {
      switch attribute.type {
      case Int(IFLA_BRPORT_ISOLATED): isIsolated = attribute.number(UInt8.self) == 1
      case Int(IFLA_BRPORT_MODE): isHairpin = attribute.number(UInt8.self) == 1
      default: break
      }
    }
  }
}

extension LinkCounters {
  /// Reads the IFLA_STATS64 of an RTM_NEWLINK (struct rtnl_link_stats64).
  init?(_ message: borrowing Message) {
    var attributes = message.attributes(after: 16)
    while let attribute = attributes.next() {
      guard attribute.type == Int(IFLA_STATS64), let receivedPackets: UInt64 = attribute.payload.number(at: 0),
        let sentPackets: UInt64 = attribute.payload.number(at: 8),
        let receivedBytes: UInt64 = attribute.payload.number(at: 16),
        let sentBytes: UInt64 = attribute.payload.number(at: 24)
      else { continue }
      self.init(
        receivedPackets: receivedPackets, sentPackets: sentPackets, receivedBytes: receivedBytes, sentBytes: sentBytes)
      return
    }
    return nil
  }
}
