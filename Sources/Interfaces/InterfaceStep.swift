public import Netlink
public import Wire

/// One change to the kernel's interfaces. Steps name interfaces, because some are made by an earlier step.
public enum InterfaceStep: Sendable, Hashable {
  case setTunable(Sysctl.Key, String)
  /// Makes a bridge with spanning tree off, that forwards at once; its Ethernet address is that of a port, for good.
  case createBridge(String, hardware: MACAddress?)
  case createVLAN(String, trunk: String, tag: UInt16)
  /// Says on the interface itself what it is to us.
  case mark(String, InterfaceMark)
  case remove(String)
  /// Spanning tree off, no delay.
  case configureBridge(String)
  case join(String, bridge: String)
  /// Out of whatever bridge it is in.
  case leave(String)
  case isolate(String, Bool)
  case setHardware(String, MACAddress)
  case setMTU(String, Int)
  case addAddress(InterfaceAddress, to: String)
  case removeAddress(InterfaceAddress, from: String)
  case switchOn(String)
  case removeRoute(Route)

  /// The interface that it changes; nil where it concerns the whole machine.
  public var interface: String? {
    switch self {
    case .removeRoute: nil
    case .setTunable(let key, _): key.interface
    case .createBridge(let name, _), .createVLAN(let name, _, _), .mark(let name, _), .remove(let name),
      .configureBridge(let name), .join(let name, _), .leave(let name), .isolate(let name, _),
      .setHardware(let name, _), .setMTU(let name, _), .addAddress(_, let name), .removeAddress(_, let name),
      .switchOn(let name):
      name
    }
  }

  /// What must be there before: the trunk of a VLAN, the bridge of a port, else nothing.
  var standsOn: String? {
    switch self {
    case .createVLAN(_, let trunk, _): trunk
    case .join(_, let bridge): bridge
    default: nil
    }
  }
}

extension InterfaceStep: CustomStringConvertible {
  /// In words, as an order: `make lan0 a port of br-home`.
  public var description: String {
    switch self {
    case .setTunable(let key, let value): "set \(key) to \(value)"
    case .createBridge(let name, _): "create bridge \(name)"
    case .createVLAN(let name, let trunk, let tag): "create \(name) for tag \(tag) on \(trunk)"
    case .mark(let name, .made): "mark \(name) as made by Lares"
    case .mark(let name, .port): "mark \(name) as a port used by Lares"
    case .mark(let name, .none): "take the mark from \(name)"
    case .remove(let name): "remove \(name)"
    case .configureBridge(let name): "switch spanning tree off on \(name)"
    case .join(let name, let bridge): "make \(name) a port of \(bridge)"
    case .leave(let name): "take \(name) out of its bridge"
    case .isolate(let name, true): "keep \(name) apart from other ports"
    case .isolate(let name, false): "let \(name) exchange with other ports"
    case .setHardware(let name, let hardware): "give \(name) hardware address \(hardware)"
    case .setMTU(let name, let mtu): "set the MTU of \(name) to \(mtu)"
    case .addAddress(let address, let name): "give \(name) address \(address)"
    case .removeAddress(let address, let name): "take address \(address) from \(name)"
    case .switchOn(let name): "switch \(name) on"
    case .removeRoute(let route): "remove the route to \(route)"
    }
  }
}

/// How we know our own again, also after a crash: by the alias that the kernel keeps for an interface (IFLA_IFALIAS).
public enum InterfaceMark: String, Sendable {
  /// On a bridge or a VLAN that we made.
  case made = "lares"
  /// On a port that we put into a bridge.
  case port = "lares-port"
  /// Not ours, or no longer.
  case none = ""
}

extension Link {
  var mark: InterfaceMark { alias.flatMap { InterfaceMark(rawValue: $0) } ?? .none }
}
