import Netlink
import Wire

@testable import Interfaces

/// The kernel as far as plans know it: carries out steps on a snapshot, and refuses what the kernel would refuse. It has 802.1Q.
struct SimulatedKernel {
  var state = InterfaceSnapshot()
  private var nextIndex: Int32 = 1

  struct Refusal: Error {
    var step: InterfaceStep
    var reason: String
  }

  init(hardware names: [String]) {
    for setting in InterfaceTunables.common { state.tunables[setting.key] = "unset" }
    for (number, name) in names.enumerated() {
      add(Link(id: LinkID(index: 0, name: name), hardware: MACAddress(value: 0x0200_0000_0100 + UInt64(number))))
    }
  }

  /// Tunables of an interface come with it.
  mutating func add(_ link: Link) {
    var link = link
    link.id.index = nextIndex
    nextIndex += 1
    state.links.append(link)
    for use in [WantedInterface.Use.trunk, .home(addresses: []), .uplink(hardware: nil, mtu: nil)] {
      let any = WantedInterface(name: link.id.name, source: .found, use: use, role: "", owner: "")
      for setting in InterfaceTunables.settings(of: any) { state.tunables[setting.key] = "unset" }
    }
  }

  mutating func perform(_ step: InterfaceStep) throws {
    switch step {
    case .setTunable(let key, let value):
      guard state.tunables[key] != nil else { throw Refusal(step: step, reason: "no such tunable") }
      state.tunables[key] = value
    case .createBridge(let name, let hardware):
      try create(
        step, Link(id: LinkID(index: 0, name: name), hardware: hardware, kind: "bridge", bridge: BridgeOptions()))
    case .createVLAN(let name, let trunk, let tag):
      let parent = state.links[try index(trunk, step)]
      try create(
        step,
        Link(
          id: LinkID(index: 0, name: name), hardware: parent.hardware, parent: parent.id.index, kind: "vlan", vlan: tag)
      )
    case .mark(let name, let mark):
      state.links[try index(name, step)].alias = mark == .none ? nil : mark.rawValue
    case .remove(let name): remove(state.links[try index(name, step)].id)
    case .configureBridge(let name): state.links[try index(name, step)].bridge = BridgeOptions()
    case .join(let name, let bridge):
      let master = state.links[try index(bridge, step)]
      guard master.kind == "bridge" else { throw Refusal(step: step, reason: "not a bridge") }
      state.links[try index(name, step)].master = master.id.index
      state.links[try index(name, step)].port = BridgePortOptions()
    case .leave(let name):
      state.links[try index(name, step)].master = nil
      state.links[try index(name, step)].port = nil
    case .isolate(let name, let isIsolated):
      let position = try index(name, step)
      guard state.links[position].port != nil else { throw Refusal(step: step, reason: "not a port") }
      state.links[position].port = BridgePortOptions(isIsolated: isIsolated)
    case .setHardware(let name, let hardware): state.links[try index(name, step)].hardware = hardware
    case .setMTU(let name, let mtu): state.links[try index(name, step)].mtu = mtu
    case .addAddress(let address, let name):
      let link = state.links[try index(name, step)].id.index
      guard !state.addresses.contains(where: { $0.link == link && $0.address == address }) else {
        throw Refusal(step: step, reason: "exists")
      }
      state.addresses.append(LinkAddress(link: link, address: address))
    case .removeAddress(let address, let name):
      let link = state.links[try index(name, step)].id.index
      let before = state.addresses.count
      state.addresses.removeAll { $0.link == link && $0.address == address }
      guard state.addresses.count == before - 1 else { throw Refusal(step: step, reason: "no such address") }
    case .switchOn(let name): state.links[try index(name, step)].flags.insert(.up)
    case .removeRoute: throw Refusal(step: step, reason: "no routes here")
    }
  }

  private mutating func create(_ step: InterfaceStep, _ link: Link) throws {
    guard state.link(named: link.id.name) == nil else { throw Refusal(step: step, reason: "exists") }
    add(link)
  }

  private mutating func remove(_ id: LinkID) {
    for child in state.links where child.kind == "vlan" && child.parent == id.index { remove(child.id) }
    state.links.removeAll { $0.id == id }
    state.addresses.removeAll { $0.link == id.index }
    state.tunables = state.tunables.filter { !$0.key.components.contains(id.name) }
    for position in state.links.indices where state.links[position].master == id.index {
      state.links[position].master = nil
      state.links[position].port = nil
    }
  }

  private func index(_ name: String, _ step: InterfaceStep) throws -> Int {
    guard let index = state.links.firstIndex(where: { $0.id.name == name }) else {
      throw Refusal(step: step, reason: "\(name) is not there")
    }
    return index
  }
}
