import Household
import Netlink
import TestSupport
import Testing
import Wire

@testable import Interfaces

/// From whatever the kernel has to whatever the configuration wants, and then on to another: each plan can be carried out, and after it nothing
/// is left to do.
@Suite struct ConvergenceTests {
  private static let ports = ["lan0", "lan1", "lan2", "wan0"]

  @Test(arguments: Soak.seeds(0...299, soak: 100_000))
  func everyPlanEndsInWhatIsWanted(seed: UInt64) throws {
    var random = SeededGenerator(seed)
    var kernel = SimulatedKernel(hardware: Self.ports.filter { _ in Int.random(in: 0..<5, using: &random) > 0 })
    try disturb(&kernel, using: &random)
    for _ in 0..<3 {
      let wanted = someModel(using: &random)
      let plan = InterfacePlan(model: wanted, actual: kernel.state)
      for step in plan.steps { try kernel.perform(step) }
      let after = InterfacePlan(model: wanted, actual: kernel.state)
      #expect(after.steps.map(\.description) == [])
      #expect(after.problems == plan.problems)
      check(wanted, kernel.state)
    }
    for step in InterfacePlan.teardown(actual: kernel.state, routes: []) { try kernel.perform(step) }
    #expect(!kernel.state.links.contains { $0.mark != .none })
    #expect(!kernel.state.addresses.contains { $0.origin == .lares })
  }

  /// What a person would look at, said without the planner's own words.
  private func check(_ model: HouseholdModel, _ state: InterfaceSnapshot) {
    for network in model.networks {
      guard let device = state.link(named: network.device), device.kind != "veth" else { continue }
      #expect(device.isUp)
      let addresses = state.addresses(of: device).filter { $0.address.address.v6?.isLinkLocal != true }
      #expect(Set(addresses.map(\.address)) == Set(network.addresses), "\(network.device)")
      guard network.portDevices.count > 1 else { continue }
      for port in network.portDevices.compactMap(state.link(named:)) {
        #expect(port.master == device.id.index)
        #expect(port.port?.isIsolated == network.isolated)
        #expect(state.addresses(of: port).allSatisfy { $0.address.address.v6?.isLinkLocal == true })
      }
    }
    for link in state.links where link.mark == .made {
      #expect(model.networks.contains { $0.device == link.id.name || $0.portDevices.contains(link.id.name) })
    }
  }

  /// Each port belongs to one network at most; tags stand beside.
  private func someModel(using random: inout SeededGenerator) -> HouseholdModel {
    var free = Self.ports.dropLast().shuffled(using: &random)
    var networks: [Network] = []
    for number in 0..<Int.random(in: 0...3, using: &random) {
      let tag = Bool.random(using: &random) ? 10 + number : nil
      var ports: [String] = []
      for _ in 0..<Int.random(in: 1...2, using: &random) {
        if tag != nil {
          ports.append(["lan0", "lan1"][ports.count])
        } else if let port = free.popLast() {
          ports.append(port)
        }
      }
      guard !ports.isEmpty else { continue }
      networks.append(
        network(
          "n\(number)", ports, vlan: tag,
          ["192.168.\(Int.random(in: 0...1, using: &random) + 2 * number).1/24", "fd00:\(number)::1/64"],
          isolated: Bool.random(using: &random)))
    }
    let uplink = UplinkSettings(
      name: "wan", interface: "wan0", hardware: Bool.random(using: &random) ? MACAddress(value: 0x02aa) : nil)
    return model(networks, uplinks: [uplink])
  }

  /// Somebody else was here before.
  private func disturb(_ kernel: inout SimulatedKernel, using random: inout SeededGenerator) throws {
    if Bool.random(using: &random) {
      kernel.add(
        Link(
          id: LinkID(index: 0, name: "br-n0"), alias: Bool.random(using: &random) ? "lares" : nil, kind: "bridge",
          bridge: BridgeOptions(hasSpanningTree: true, forwardDelay: 1500)))
      for name in Self.ports where kernel.state.link(named: name) != nil && Bool.random(using: &random) {
        try kernel.perform(.join(name, bridge: "br-n0"))
      }
    }
    if let lan0 = kernel.state.link(named: "lan0") {
      // A tag of ours with the right name and the wrong number.
      kernel.add(
        Link(
          id: LinkID(index: 0, name: "lan0.10"), parent: lan0.id.index, alias: "lares", kind: "vlan",
          vlan: Bool.random(using: &random) ? 10 : 77))
      kernel.state.addresses.append(
        LinkAddress(link: lan0.id.index, address: InterfaceAddress("172.16.0.9/16")!, origin: .boot))
      kernel.state.addresses.append(
        LinkAddress(link: lan0.id.index, address: InterfaceAddress("fe80::9/64")!, origin: .kernel))
    }
  }
}
