import Household
import Netlink
import Testing
import Wire

@testable import Interfaces

@Suite struct InterfacePlanTests {
  /// The steps that concern interfaces, as words; tunables apart.
  private func words(_ plan: InterfacePlan) -> [String] {
    plan.steps.filter { if case .setTunable = $0 { false } else { true } }.map(\.description)
  }

  @Test func aSinglePortCarriesItsNetwork() {
    let kernel = SimulatedKernel(hardware: ["lan0"])
    let plan = InterfacePlan(
      model: model([network("home", ["lan0"], ["192.168.77.1/24", "fd00:77::1/64"])]), actual: kernel.state)
    #expect(
      words(plan) == [
        "give lan0 address 192.168.77.1/24", "give lan0 address fd00:77::1/64", "switch lan0 on",
      ])
    #expect(plan.problems.isEmpty)
  }

  @Test func severalPortsAreBridged() {
    let kernel = SimulatedKernel(hardware: ["lan0", "lan1"])
    let plan = InterfacePlan(
      model: model([network("guest", ["lan0", "lan1"], ["192.168.78.1/24"], isolated: true)]), actual: kernel.state)
    #expect(plan.steps.contains(.createBridge("br-guest", hardware: MACAddress("02:00:00:00:01:00"))))
    #expect(
      words(plan) == [
        "create bridge br-guest", "mark br-guest as made by Lares",
        "make lan0 a port of br-guest", "mark lan0 as a port used by Lares", "keep lan0 apart from other ports",
        "make lan1 a port of br-guest", "mark lan1 as a port used by Lares", "keep lan1 apart from other ports",
        "give br-guest address 192.168.78.1/24", "switch lan0 on", "switch lan1 on", "switch br-guest on",
      ])
  }

  @Test func tagsOnOneTrunkAreNetworksOfTheirOwn() {
    let kernel = SimulatedKernel(hardware: ["lan0"])
    let plan = InterfacePlan(
      model: model([
        network("home", ["lan0"], ["192.168.77.1/24"]), network("guest", ["lan0"], vlan: 20, ["192.168.78.1/24"]),
      ]), actual: kernel.state)
    #expect(
      words(plan) == [
        "create lan0.20 for tag 20 on lan0", "mark lan0.20 as made by Lares", "give lan0 address 192.168.77.1/24",
        "give lan0.20 address 192.168.78.1/24", "switch lan0 on", "switch lan0.20 on",
      ])
  }

  @Test func anUplinkGetsItsHardwareAddressAndMTUAndKeepsItsAddresses() throws {
    var kernel = SimulatedKernel(hardware: ["wan0"])
    kernel.state.addresses = [LinkAddress(link: 1, address: try #require(InterfaceAddress("198.51.100.7/24")))]
    let uplink = UplinkSettings(
      name: "wan", interface: "wan0", vlan: 832, hardware: MACAddress("02:00:00:00:00:aa"), mtu: 1492)
    let plan = InterfacePlan(model: model(uplinks: [uplink]), actual: kernel.state)
    #expect(
      words(plan) == [
        "create wan0.832 for tag 832 on wan0", "mark wan0.832 as made by Lares",
        "give wan0.832 hardware address 02:00:00:00:00:aa", "set the MTU of wan0.832 to 1492",
        "take address 198.51.100.7/24 from wan0", "switch wan0 on", "switch wan0.832 on",
      ], "the trunk below a tagged uplink has no addresses of its own")
    let plain = UplinkSettings(name: "wan", interface: "wan0")
    #expect(words(InterfacePlan(model: model(uplinks: [plain]), actual: kernel.state)) == ["switch wan0 on"])
  }

  @Test func aHardwareAddressThatIsNoLongerWantedGivesWayToThePortsOwn() {
    var kernel = SimulatedKernel(hardware: ["wan0"])
    kernel.state.links[0].permanentHardware = MACAddress("02:00:00:00:00:01")
    let plan = InterfacePlan(
      model: model(uplinks: [UplinkSettings(name: "wan", interface: "wan0")]), actual: kernel.state)
    #expect(plan.steps.contains(.setHardware("wan0", MACAddress("02:00:00:00:00:01")!)))
  }

  @Test func whatIsMissingLeavesTheRestWorking() {
    let kernel = SimulatedKernel(hardware: ["lan0"])
    let plan = InterfacePlan(
      model: model([
        network("home", ["lan0", "lan1"], ["192.168.77.1/24"]), network("guest", ["lan2"], ["192.168.78.1/24"]),
        network("things", ["lan1"], vlan: 30, ["192.168.79.1/24"]),
      ]), actual: kernel.state)
    #expect(
      plan.problems == [
        "interface lan1 of network home is not there", "interface lan2 of network guest is not there",
      ])
    #expect(plan.missing == ["lan1", "lan2"])
    #expect(
      words(plan) == [
        "create bridge br-home", "mark br-home as made by Lares", "make lan0 a port of br-home",
        "mark lan0 as a port used by Lares", "give br-home address 192.168.77.1/24", "switch lan0 on",
        "switch br-home on",
      ])
  }

  @Test func aForeignInterfaceWithOurNameIsLeftAlone() {
    var kernel = SimulatedKernel(hardware: ["lan0", "lan1", "br-home"])
    let wanted = model([network("home", ["lan0", "lan1"], ["192.168.77.1/24"])])
    let plan = InterfacePlan(model: wanted, actual: kernel.state)
    #expect(
      plan.problems == [
        "network home needs br-home, but an interface of that name is there already and is something else"
      ])
    #expect(words(plan) == ["switch lan0 on", "switch lan1 on"])

    kernel.state.links[2].alias = InterfaceMark.made.rawValue
    #expect(
      words(InterfacePlan(model: wanted, actual: kernel.state)).prefix(2) == [
        "remove br-home", "create bridge br-home",
      ])
  }

  @Test func linkLocalAndRenewedAddressesStay() throws {
    var kernel = SimulatedKernel(hardware: ["lan0"])
    kernel.state.links[0].flags = .up
    let kept = ["fe80::1/64", "2001:db8:1::1/64"].compactMap { InterfaceAddress($0) }
    let gone = ["192.168.1.7/24", "2001:db8:2::1/64"].compactMap { InterfaceAddress($0) }
    kernel.state.addresses = [
      LinkAddress(link: 1, address: kept[0], origin: .kernel),
      LinkAddress(link: 1, address: kept[1], lifetime: AddressLifetime(valid: 600, preferred: 300)),
      LinkAddress(link: 1, address: gone[0], origin: .boot),
      LinkAddress(
        link: 1, address: gone[1], origin: .unspecified, lifetime: AddressLifetime(valid: 600, preferred: 300)),
    ]
    let plan = InterfacePlan(model: model([network("home", ["lan0"])]), actual: kernel.state)
    #expect(words(plan) == gone.map { "take address \($0) from lan0" })
  }

  @Test func anAddressThatSomebodyElseHasIsReported() throws {
    var kernel = SimulatedKernel(hardware: ["lan0"])
    let address = try #require(InterfaceAddress("fd00:77::1/64"))
    kernel.state.addresses = [LinkAddress(link: 1, address: address, flags: .duplicate)]
    let plan = InterfacePlan(model: model([network("home", ["lan0"], ["fd00:77::1/64"])]), actual: kernel.state)
    #expect(plan.problems == ["address fd00:77::1 of network home is in use by another host"])
  }

  @Test func onlyWhatBearsOurMarkIsTakenFromInterfacesThatNobodyNames() throws {
    var kernel = SimulatedKernel(hardware: ["eth9", "lan0", "wlan0"])
    kernel.add(Link(id: LinkID(index: 0, name: "docker0"), kind: "bridge", bridge: BridgeOptions(forwardDelay: 1500)))
    kernel.add(Link(id: LinkID(index: 0, name: "br-old"), alias: "lares", kind: "bridge", bridge: BridgeOptions()))
    kernel.state.links[1].master = 5
    kernel.state.links[1].alias = "lares-port"
    kernel.state.addresses = [
      LinkAddress(link: 1, address: try #require(InterfaceAddress("192.168.77.1/24"))),
      LinkAddress(link: 1, address: try #require(InterfaceAddress("10.0.0.5/24")), origin: .boot),
      LinkAddress(link: 3, address: try #require(InterfaceAddress("10.0.1.5/24")), origin: .fixed),
    ]
    let plan = InterfacePlan(model: model(), actual: kernel.state)
    #expect(
      words(plan) == [
        "take address 192.168.77.1/24 from eth9", "take lan0 out of its bridge", "take the mark from lan0",
        "remove br-old",
      ])
  }

  @Test func reversePathFiltersAreStrictAtHomeAndLooseTowardsTheProvider() throws {
    var kernel = SimulatedKernel(hardware: ["lan0", "wan0", "lan1"])
    let plan = InterfacePlan(
      model: model(
        [network("home", ["lan0"]), network("guest", ["lan1"], vlan: 5)],
        uplinks: [UplinkSettings(name: "wan", interface: "wan0")]), actual: kernel.state)
    for step in plan.steps { try kernel.perform(step) }
    func value(_ key: Sysctl.Key?) -> String? { key.flatMap { kernel.state.tunables[$0] } }
    #expect(value(Sysctl.Key(.v4, interface: "lan0", "rp_filter")) == "1")
    #expect(value(Sysctl.Key(.v4, interface: "lan1.5", "rp_filter")) == "1")
    #expect(value(Sysctl.Key(.v4, interface: "wan0", "rp_filter")) == "2")
    #expect(value(Sysctl.Key(.v4, interface: "all", "rp_filter")) == "0", "the larger value would win")
    #expect(value(Sysctl.Key(.v6, interface: "lan0", "accept_ra")) == "0")
    #expect(value(Sysctl.Key(.v6, interface: "lan1", "disable_ipv6")) == "1")
    #expect(value(Sysctl.Key("net.ipv4.ip_forward")) == "1")
    #expect(value(Sysctl.Key("net.netfilter.nf_conntrack_tcp_loose")) == "0")
    #expect(plan.steps.first == .setTunable(try #require(Sysctl.Key("net.ipv4.ip_forward")), "1"))
  }

  @Test func tunablesThatTheKernelLacksAreNotAskedFor() throws {
    var kernel = SimulatedKernel(hardware: ["lan0"])
    kernel.state.tunables = kernel.state.tunables.filter { !$0.key.components.contains("ipv6") }
    let plan = InterfacePlan(model: model([network("home", ["lan0"])]), actual: kernel.state)
    #expect(!plan.steps.contains { $0.description.contains("ipv6") })
    #expect(plan.steps.contains { $0.description == "set net.ipv4.conf.lan0.rp_filter to 1" })
  }

  @Test func tearingDownTakesAwayWhatIsOurs() throws {
    var kernel = SimulatedKernel(hardware: ["lan0", "lan1", "wan0"])
    let wanted = model(
      [network("home", ["lan0", "lan1"], ["192.168.77.1/24"]), network("guest", ["lan0"], vlan: 9, ["10.9.0.1/24"])],
      uplinks: [UplinkSettings(name: "wan", interface: "wan0")])
    for step in InterfacePlan(model: wanted, actual: kernel.state).steps { try kernel.perform(step) }
    kernel.state.addresses.append(LinkAddress(link: 3, address: try #require(InterfaceAddress("198.51.100.7/24"))))
    let ours = Route.byDefault(through: .v4(IPv4Address(198, 51, 100, 1)), link: 3)
    var foreign = ours
    foreign.origin = .boot
    let steps = InterfacePlan.teardown(actual: kernel.state, routes: [foreign, ours])
    #expect(steps.first == .removeRoute(ours))
    for step in steps.dropFirst() { try kernel.perform(step) }
    #expect(kernel.state.links.map(\.id.name) == ["lan0", "lan1", "wan0"])
    #expect(kernel.state.links.allSatisfy { $0.master == nil && $0.alias == nil })
    #expect(kernel.state.addresses.isEmpty)
    #expect(kernel.state.tunables[try #require(Sysctl.Key("net.ipv4.ip_forward"))] == "0")
  }
}
