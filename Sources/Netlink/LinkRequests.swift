import CNetlinkShims
public import Wire

/// What to change on an interface; nil leaves a thing as it is.
public struct LinkChange: Sendable, Equatable {
  public var isUp: Bool?
  /// Bytes.
  public var mtu: Int?
  public var hardware: MACAddress?
  public var alias: String?
  /// The bridge to become a port of; `.some(nil)` leaves the bridge.
  public var master: LinkID??

  public init(
    isUp: Bool? = nil, mtu: Int? = nil, hardware: MACAddress? = nil, alias: String? = nil, master: LinkID?? = nil
  ) {
    self.isUp = isUp
    self.mtu = mtu
    self.hardware = hardware
    self.alias = alias
    self.master = master
  }

  /// e.g. `up, MTU 1492`.
  var words: String {
    var words: [String] = []
    if let isUp { words.append(isUp ? "up" : "down") }
    if let mtu { words.append("MTU \(mtu)") }
    if let hardware { words.append("hardware address \(hardware)") }
    if let alias { words.append("alias \"\(alias)\"") }
    if let master { words.append(master.map { "port of \($0)" } ?? "port of no bridge") }
    return words.joined(separator: ", ")
  }
}

/// The kinds of interfaces that can be made.
public enum NewLink: Sendable, Equatable {
  case bridge(BridgeOptions)
  /// An 802.1Q tag, 1 to 4094, on `parent`.
  case vlan(parent: LinkID, tag: UInt16)
  /// A pair of Ethernet ports joined by a wire; the other end gets the name `peer`.
  case pair(peer: String)

  fileprivate var words: String {
    switch self {
    case .bridge: "bridge"
    case .vlan(let parent, let tag): "VLAN \(tag) of \(parent) as"
    case .pair(let peer): "pair with \(peer) as"
    }
  }
}

extension NetlinkRequest {
  /// RTM_SETLINK's successor: RTM_NEWLINK on an interface that exists. All of `change` in one message.
  public static func change(_ link: LinkID, _ change: LinkChange) -> NetlinkRequest {
    NetlinkRequest(type: RTM_NEWLINK, attempt: "setting \(link) \(change.words)") { message in
      let up = LinkFlags.up.rawValue
      message.linkHeader(index: link.index, flags: change.isUp == true ? up : 0, mask: change.isUp == nil ? 0 : up)
      if let mtu = change.mtu { message.put(Int(IFLA_MTU), UInt32(clamping: mtu)) }
      if let hardware = change.hardware { message.put(Int(IFLA_ADDRESS), hardware) }
      if let alias = change.alias { message.put(Int(IFLA_IFALIAS), Array(alias.utf8)) }
      if let master = change.master { message.put(Int(IFLA_MASTER), master?.index ?? 0) }
    }
  }

  /// Sets how a port of a bridge behaves.
  public static func change(port link: LinkID, _ options: BridgePortOptions) -> NetlinkRequest {
    let words = "setting port \(link) isolated \(options.isIsolated), hairpin \(options.isHairpin)"
    return NetlinkRequest(type: RTM_NEWLINK, attempt: words) { message in
      message.linkHeader(index: link.index)
      message.nest(Int(IFLA_LINKINFO)) { info in
        info.put(Int(IFLA_INFO_SLAVE_KIND), "bridge")
        info.nest(Int(IFLA_INFO_SLAVE_DATA)) { data in
          data.put(Int(IFLA_BRPORT_MODE), UInt8(options.isHairpin ? 1 : 0))
          data.put(Int(IFLA_BRPORT_ISOLATED), UInt8(options.isIsolated ? 1 : 0))
        }
      }
    }
  }

  /// Sets how a bridge behaves.
  public static func change(bridge link: LinkID, _ options: BridgeOptions) -> NetlinkRequest {
    let words = "setting bridge \(link) spanning tree \(options.hasSpanningTree), delay \(options.forwardDelay)"
    return NetlinkRequest(type: RTM_NEWLINK, attempt: words) { message in
      message.linkHeader(index: link.index)
      message.nest(Int(IFLA_LINKINFO)) { info in
        info.put(Int(IFLA_INFO_KIND), "bridge")
        info.nest(Int(IFLA_INFO_DATA)) { $0.put(options) }
      }
    }
  }

  /// Makes an interface; fails with EEXIST where the name is taken. It starts switched off, and the kernel takes an alias only afterwards.
  ///
  /// - Parameter hardware: Its Ethernet address; nil: a random one, and for a bridge the lowest of its ports.
  public static func create(_ name: String, _ kind: NewLink, hardware: MACAddress? = nil) -> NetlinkRequest {
    let flags = NLM_F_CREATE | NLM_F_EXCL
    return NetlinkRequest(type: RTM_NEWLINK, flags: flags, attempt: "creating \(kind.words) \(name)") { message in
      message.linkHeader()
      message.put(Int(IFLA_IFNAME), name)
      if let hardware { message.put(Int(IFLA_ADDRESS), hardware) }
      if case .vlan(let parent, _) = kind { message.put(Int(IFLA_LINK), parent.index) }
      message.nest(Int(IFLA_LINKINFO)) { $0.put(kind) }
    }
  }

  /// Removes a virtual interface. Hardware answers EOPNOTSUPP.
  public static func delete(_ link: LinkID) -> NetlinkRequest {
    NetlinkRequest(type: RTM_DELLINK, attempt: "removing \(link)") { $0.linkHeader(index: link.index) }
  }

  /// All interfaces; with their counters only where asked, which saves the kernel most of the answer.
  static func links(withCounters: Bool) -> NetlinkRequest {
    NetlinkRequest(type: RTM_GETLINK, flags: NLM_F_DUMP, attempt: "listing the interfaces") { message in
      message.linkHeader()
      if !withCounters { message.put(Int(IFLA_EXT_MASK), UInt32(RTEXT_FILTER_SKIP_STATS)) }
    }
  }

  static func link(named name: String) -> NetlinkRequest {
    NetlinkRequest(type: RTM_GETLINK, attempt: "looking for interface \(name)") { message in
      message.linkHeader()
      message.put(Int(IFLA_IFNAME), name)
      message.put(Int(IFLA_EXT_MASK), UInt32(RTEXT_FILTER_SKIP_STATS))
    }
  }
}

extension MessageWriter {
  /// struct ifinfomsg.
  fileprivate mutating func linkHeader(index: Int32 = 0, flags: UInt32 = 0, mask: UInt32 = 0) {
    field(UInt8(0))
    field(UInt8(0))
    field(UInt16(0))
    field(index)
    field(flags)
    field(mask)
  }

  /// The contents of IFLA_LINKINFO.
  fileprivate mutating func put(_ kind: NewLink) {
    switch kind {
    case .bridge(let options):
      put(Int(IFLA_INFO_KIND), "bridge")
      nest(Int(IFLA_INFO_DATA)) { $0.put(options) }
    case .vlan(_, let tag):
      put(Int(IFLA_INFO_KIND), "vlan")
      nest(Int(IFLA_INFO_DATA)) { $0.put(Int(IFLA_VLAN_ID), tag) }
    case .pair(let peer):
      put(Int(IFLA_INFO_KIND), "veth")
      nest(Int(IFLA_INFO_DATA)) { data in
        // VETH_INFO_PEER of linux/veth.h.
        data.nest(1) { end in
          end.linkHeader()
          end.put(Int(IFLA_IFNAME), peer)
        }
      }
    }
  }

  fileprivate mutating func put(_ options: BridgeOptions) {
    put(Int(IFLA_BR_FORWARD_DELAY), options.forwardDelay)
    put(Int(IFLA_BR_STP_STATE), UInt32(options.hasSpanningTree ? 1 : 0))
  }
}
