import Household
import Netlink
import Wire

/// Builds a plan phase by phase: what is safe first, what lets packets through last.
struct InterfacePlanner {
  let wanted: [WantedInterface]
  let actual: InterfaceSnapshot
  private(set) var steps: [InterfaceStep] = []
  private(set) var problems: [String] = []
  private(set) var missing: Set<String> = []
  /// Names that will be there once the steps so far are done.
  private var present: Set<String>
  /// Names that will be made, or made again: nothing that is known of the old one holds.
  private var made: Set<String> = []

  init(wanted: [WantedInterface], actual: InterfaceSnapshot) {
    self.wanted = wanted
    self.actual = actual
    present = Set(actual.links.map(\.id.name))
  }

  mutating func plan() {
    planTunables(InterfaceTunables.common)
    release()
    for interface in wanted { planExistence(of: interface) }
    let reachable = wanted.filter { present.contains($0.name) }
    for interface in reachable { planTunables(InterfaceTunables.settings(of: interface), of: interface.name) }
    for interface in reachable { planBridging(of: interface) }
    for interface in reachable { planUplink(of: interface) }
    for interface in reachable { planAddresses(of: interface) }
    for interface in reachable where existing(interface.name)?.isUp != true { steps.append(.switchOn(interface.name)) }
  }

  /// Takes away what bears our mark and nobody wants.
  mutating func release() {
    let names = Set(wanted.map(\.name))
    for link in actual.links where !names.contains(link.id.name) {
      let name = link.id.name
      if link.mark == .made {
        steps.append(.remove(name))
        present.remove(name)
        continue
      }
      for address in actual.addresses(of: link) where address.origin == .lares {
        steps.append(.removeAddress(address.address, from: name))
      }
      if link.mark == .port {
        if link.master != nil { steps.append(.leave(name)) }
        steps.append(.mark(name, .none))
        steps += InterfaceTunables.released(name).map { .setTunable($0.key, $0.value) }
      }
    }
  }

  /// The link as it is, unless it will be made anew.
  private func existing(_ name: String) -> Link? { made.contains(name) ? nil : actual.link(named: name) }

  /// - Parameter interface: Where it is new, its tunables are set unread; else those that the kernel lacks are passed over.
  private mutating func planTunables(_ settings: [InterfaceTunables.Setting], of interface: String? = nil) {
    let isNew = interface.map { made.contains($0) } ?? false
    for setting in settings {
      let value = actual.tunables[setting.key]
      if isNew || (value != nil && value != setting.value) { steps.append(.setTunable(setting.key, setting.value)) }
    }
  }
}

// MARK: - What must be there

extension InterfacePlanner {
  private mutating func planExistence(of interface: WantedInterface) {
    switch interface.source {
    case .found:
      guard !present.contains(interface.name) else { return }
      missing.insert(interface.name)
      problems.append("interface \(interface.name) of \(interface.owner) is not there")
    case .vlan(let trunk, let tag):
      guard present.contains(trunk) else { return _ = present.remove(interface.name) }
      let index = actual.link(named: trunk)?.id.index
      make(interface, .createVLAN(interface.name, trunk: trunk, tag: tag)) {
        $0.kind == "vlan" && $0.vlan == tag && $0.parent == index
      }
    case .bridge(let ports):
      let hardware = ports.compactMap { actual.link(named: $0)?.hardware }.first
      make(interface, .createBridge(interface.name, hardware: hardware)) { $0.kind == "bridge" }
      if let bridge = existing(interface.name), let options = bridge.bridge, options != BridgeOptions() {
        steps.append(.configureBridge(interface.name))
      }
    }
  }

  /// Makes what is not there, makes again what is ours and wrong, adopts what is right, and leaves alone what is somebody else's.
  private mutating func make(
    _ interface: WantedInterface, _ creation: InterfaceStep, isRight: (Link) -> Bool
  ) {
    let name = interface.name
    if let link = actual.link(named: name) {
      if isRight(link) {
        if link.mark != .made { steps.append(.mark(name, .made)) }
        return
      }
      guard link.mark == .made else {
        present.remove(name)
        problems.append(
          "\(interface.owner) needs \(name), but an interface of that name is there already and is something else")
        return
      }
      steps.append(.remove(name))
    }
    steps += [creation, .mark(name, .made)]
    present.insert(name)
    made.insert(name)
  }
}

// MARK: - What it must be like

extension InterfacePlanner {
  private mutating func planBridging(of interface: WantedInterface) {
    let name = interface.name
    let link = existing(name)
    guard case .port(let bridge, let isIsolated) = interface.use, present.contains(bridge) else {
      if let master = actual.link(index: link?.master), master.kind == "bridge" {
        steps.append(.leave(name))
      }
      if link?.mark == .port { steps.append(.mark(name, .none)) }
      return
    }
    let isJoined = link?.master != nil && link?.master == existing(bridge)?.id.index
    if !isJoined { steps.append(.join(name, bridge: bridge)) }
    if interface.source == .found, link?.mark != .port { steps.append(.mark(name, .port)) }
    let options = isJoined ? link?.port : nil
    if (options ?? BridgePortOptions()) != BridgePortOptions(isIsolated: isIsolated) {
      steps.append(.isolate(name, isIsolated))
    }
  }

  private mutating func planUplink(of interface: WantedInterface) {
    guard case .uplink(let hardware, let mtu) = interface.use else { return }
    let link = existing(interface.name)
    if let wanted = hardware ?? link?.permanentHardware, link?.hardware != wanted {
      steps.append(.setHardware(interface.name, wanted))
    }
    if let mtu, link?.mtu != mtu { steps.append(.setMTU(interface.name, mtu)) }
  }

  private mutating func planAddresses(of interface: WantedInterface) {
    let wanted: [InterfaceAddress]
    switch interface.use {
    case .uplink: return
    case .home(let addresses): wanted = addresses
    case .trunk, .port: wanted = []
    }
    let present = existing(interface.name).map { actual.addresses(of: $0) } ?? []
    for address in present where !wanted.contains(address.address) && !isKept(address) {
      steps.append(.removeAddress(address.address, from: interface.name))
    }
    for address in wanted where !present.contains(where: { $0.address == address }) {
      steps.append(.addAddress(address, to: interface.name))
    }
    for address in present where address.flags.contains(.duplicate) {
      problems.append("address \(address.address.address) of \(interface.owner) is in use by another host")
    }
  }

  /// The kernel's own link-local address, and what another part of Lares renews.
  private func isKept(_ address: LinkAddress) -> Bool {
    address.address.address.v6?.isLinkLocal == true || (address.origin == .lares && address.lifetime != .forever)
  }
}
