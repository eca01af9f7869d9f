import Glibc
import Netlink
import TestSupport
import Testing
import Wire

/// Against the real kernel, each test in a namespace of its own.
@Suite struct RouteSessionTests {
  @Test func listsWhatIpCreated() throws {
    let namespace = try NetworkNamespace()
    try namespace.shell(
      """
      ip link add br-x type bridge forward_delay 300 && ip link add a0 type veth peer name b0 \
      && ip link set a0 address 02:00:00:00:00:0a alias 'the first' mtu 1400 master br-x up \
      && ip link set a0 type bridge_slave isolated on hairpin on
      """)
    try namespace.run {
      let session = try RouteSession()
      let links = try session.links()
      #expect(links.map(\.id.name) == ["lo", "br-x", "b0", "a0"])
      let bridge = try #require(links.first { $0.id.name == "br-x" })
      #expect(bridge.kind == "bridge")
      #expect(bridge.bridge == BridgeOptions(hasSpanningTree: false, forwardDelay: 300))
      #expect(!bridge.isUp)
      let port = try #require(try session.link(named: "a0"))
      #expect(port.hardware == MACAddress("02:00:00:00:00:0a"))
      #expect(port.alias == "the first")
      #expect(port.mtu == 1400)
      #expect(port.master == bridge.id.index)
      #expect(port.isUp)
      #expect(!port.hasCarrier)
      #expect(port.kind == "veth")
      #expect(port.port == BridgePortOptions(isIsolated: true, isHairpin: true))
      #expect(port.parent == links.first { $0.id.name == "b0" }?.id.index)
      #expect(try session.link(named: "nowhere") == nil)
      #expect(session.writes == 0)
    }
  }

  @Test func makesAndChangesLinks() throws {
    let namespace = try NetworkNamespace()
    try namespace.run {
      let session = try RouteSession()
      try session.perform(.create("br-home", .bridge(BridgeOptions()), hardware: MACAddress("02:00:00:00:00:01")))
      try session.perform(.create("lan0", .pair(peer: "pc0")))
      let bridge = try #require(try session.link(named: "br-home"))
      let port = try #require(try session.link(named: "lan0"))
      try session.perform(
        .change(
          port.id,
          LinkChange(
            isUp: true, mtu: 1420, hardware: MACAddress("02:00:00:00:00:02"), alias: "port", master: bridge.id)))
      try session.perform(.change(port: port.id, BridgePortOptions(isIsolated: true)))
      let changed = try #require(try session.link(named: "lan0"))
      #expect(changed.isUp && changed.mtu == 1420 && changed.alias == "port" && changed.master == bridge.id.index)
      #expect(changed.hardware == MACAddress("02:00:00:00:00:02"))
      #expect(changed.port == BridgePortOptions(isIsolated: true))
      #expect(bridge.hardware == MACAddress("02:00:00:00:00:01"))
      #expect(bridge.bridge == BridgeOptions())
      try session.perform(.change(bridge: bridge.id, BridgeOptions(hasSpanningTree: true, forwardDelay: 400)))
      #expect(try session.link(named: "br-home")?.bridge == BridgeOptions(hasSpanningTree: true, forwardDelay: 400))
      try session.perform(.change(port.id, LinkChange(isUp: false, master: .some(nil))))
      #expect(try session.link(named: "lan0")?.master == nil)
      try session.perform(.delete(bridge.id))
      #expect(try session.link(named: "br-home") == nil)
      #expect(session.writes == 7)
    }
  }

  @Test(arguments: ["192.168.77.1/24", "10.0.0.1/32", "192.0.2.2/31", "fd00:77::1/64", "fe80::1/64", "2001:db8::1/128"])
  func addressesComeAndGo(text: String) throws {
    let address = try #require(InterfaceAddress(text))
    try withPair { session, link in
      try session.perform(.add(address, to: link))
      let found = try #require(try session.addresses(of: link.index).first { $0.address == address })
      #expect(found.origin == .lares)
      #expect(found.lifetime == .forever)
      #expect(try session.addresses().contains(found))
      try session.perform(.replace(address, on: link, lifetime: AddressLifetime(valid: 600, preferred: 300)))
      let limited = try #require(try session.addresses(of: link.index).first { $0.address == address })
      #expect((590...600).contains(limited.lifetime.valid) && (290...300).contains(limited.lifetime.preferred))
      try session.perform(.delete(address, from: link))
      #expect(try !session.addresses(of: link.index).contains { $0.address == address })
    }
  }

  @Test(arguments: [IPFamily.v4, .v6])
  func routesComeAndGo(family: IPFamily) throws {
    let (own, gateway, other, far) =
      family == .v4
      ? ("192.0.2.2/24", "192.0.2.1", "192.0.2.9", "198.51.100.0/24")
      : ("2001:db8::2/64", "2001:db8::1", "2001:db8::9", "2001:db8:f::/48")
    try withPair { session, link in
      try session.perform(.add(try #require(InterfaceAddress(own)), to: link, flags: .noDuplicateDetection))
      let route = Route.byDefault(through: try #require(IPAddress(gateway)), link: link.index, metric: 100)
      try session.perform(.add(route))
      #expect(try session.routes(family).contains(route))
      var second = route
      second.gateway = IPAddress(other)
      second.mtu = 1400
      try session.perform(.replace(second))
      #expect(try session.routes(family).filter { $0.destination.length == 0 } == [second])

      var foreign = second
      foreign.origin = .fixed
      #expect(throws: NetlinkError.self, "a route of another origin is not ours to delete") {
        try session.perform(.delete(foreign))
      }
      try session.perform(.delete(second))
      #expect(try session.routes(family).allSatisfy { $0.destination.length != 0 })

      let prefix = try #require(IPPrefix(far))
      let aside = Route(to: prefix, gateway: IPAddress(gateway), link: link.index, table: 1234, metric: 7)
      #expect(try session.routes(family, table: 1234).isEmpty)
      try session.perform(.add(aside))
      #expect(try session.routes(family, table: 1234) == [aside])
      #expect(try session.routes(family, table: nil).contains(aside))
      let hole = Route(to: prefix, table: 1235, metric: 8, kind: .blackhole)
      try session.perform(.add(hole))
      #expect(try session.routes(family, table: 1235).map(\.kind) == [.blackhole])
    }
  }

  @Test(arguments: ["192.168.77.10", "fd00:77::10"])
  func neighboursComeAndGo(text: String) throws {
    let hardware = MACAddress("02:00:00:00:00:10")
    try withPair { session, link in
      let neighbour = Neighbour(
        link: link.index, address: try #require(IPAddress(text)), hardware: hardware, state: .permanent)
      try session.perform(.replace(neighbour))
      #expect(try session.neighbours().contains(neighbour))
      #expect(try session.neighbours(of: link.index).contains(neighbour))
      try session.perform(.delete(neighbour))
      #expect(try !session.neighbours().contains { $0.address == neighbour.address && $0.state == .permanent })
    }
  }

  @Test func countsWhatALinkCarried() throws {
    try withPair { session, link in
      try session.perform(.add(try #require(InterfaceAddress("192.0.2.1/24")), to: link))
      let before = try #require(try session.counters()[link.index])
      let socket = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
      defer { close(socket) }
      var target = sockaddr_in()
      target.sin_family = sa_family_t(AF_INET)
      target.sin_port = in_port_t(9).bigEndian
      target.sin_addr.s_addr = IPv4Address(192, 0, 2, 2).value.bigEndian
      try session.perform(
        .replace(
          Neighbour(
            link: link.index, address: .v4(IPv4Address(192, 0, 2, 2)), hardware: MACAddress("02:00:00:00:00:99"),
            state: .permanent)))
      let sent = withUnsafePointer(to: &target) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          sendto(socket, "ping", 4, 0, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
      #expect(sent == 4)
      let after = try #require(try session.counters()[link.index])
      #expect(after.sentPackets > before.sentPackets && after.sentBytes >= before.sentBytes + 46)
    }
  }

  /// The machine's kernel has no 802.1Q: the code for it is proven by golden bytes, and here that the kernel's answer is told.
  @Test func aFeatureThatTheKernelLacksIsNamed() throws {
    try withPair { session, link in
      do throws(NetlinkError) {
        try session.perform(.create("lan0.20", .vlan(parent: link, tag: 20)))
        #expect(try session.link(named: "lan0.20")?.vlan == 20)
      } catch {
        #expect(error.code == EOPNOTSUPP)
        #expect(
          error.description.hasPrefix("creating VLAN 20 of lan0 as lan0.20: Operation not supported (EOPNOTSUPP)"))
        #expect(error.kernelText?.contains("nknown device type") == true)
      }
    }
  }

  @Test func errorsCarryTheKernelsWords() throws {
    try withPair { session, link in
      let address = try #require(InterfaceAddress("192.0.2.1/24"))
      try session.perform(.add(address, to: link))
      let error = #expect(throws: NetlinkError.self) { try session.perform(.add(address, to: link)) }
      #expect(error?.code == EEXIST)
      #expect(
        error?.description
          == "adding address 192.0.2.1/24 to lan0: File exists (EEXIST): ipv4: Address already assigned")
      let masterless = #expect(throws: NetlinkError.self) {
        try session.perform(.change(link, LinkChange(mtu: 5)))
      }
      #expect(masterless?.description.hasPrefix("setting lan0 MTU 5: Invalid argument (EINVAL)") == true)
      #expect(masterless?.kernelText?.isEmpty == false)
    }
  }

  private func withPair(_ body: (RouteSession, LinkID) throws -> Void) throws {
    let namespace = try NetworkNamespace()
    try namespace.run {
      let session = try RouteSession()
      try session.perform(.create("lan0", .pair(peer: "pc0")))
      for name in ["lan0", "pc0"] {
        try session.perform(.change(try #require(try session.link(named: name)).id, LinkChange(isUp: true)))
      }
      try body(session, try #require(try session.link(named: "lan0")).id)
    }
  }
}
