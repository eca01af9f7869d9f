import Glibc
import Household
import TestSupport
import Testing
import Wire

@testable import Firewall

/// The rules with real packets, in the household of ``Lab``.
@Suite struct PacketTests {
  /// One try to connect, and whether it must come through.
  struct Probe: Sendable {
    var words: String
    var from: any KeyPath<Lab, NetworkNamespace> & Sendable
    var to: String
    var port: UInt16
    var passes: Bool
  }

  static let probes = [
    Probe(words: "outside to the router", from: \.outside, to: "203.0.113.2", port: 22, passes: false),
    Probe(words: "outside to the router's home address", from: \.outside, to: "192.168.77.1", port: 22, passes: false),
    Probe(words: "outside to the router, IPv6", from: \.outside, to: "2001:db8:1::2", port: 22, passes: false),
    Probe(words: "outside to the NAS", from: \.outside, to: "192.168.77.10", port: 80, passes: false),
    Probe(words: "outside to the NAS, IPv6", from: \.outside, to: "fd77::10", port: 80, passes: false),
    Probe(words: "outside to the forward", from: \.outside, to: "203.0.113.2", port: 8080, passes: true),
    Probe(
      words: "outside to the forward by the home address", from: \.outside, to: "192.168.77.1", port: 8080,
      passes: false),
    Probe(words: "the NAS to its own forward", from: \.home, to: "203.0.113.2", port: 8080, passes: true),
    Probe(words: "home to the router", from: \.home, to: "192.168.77.1", port: 22, passes: true),
    Probe(words: "home to the router, IPv6", from: \.home, to: "fd77::1", port: 22, passes: true),
    Probe(words: "home to outside", from: \.home, to: "203.0.113.1", port: 80, passes: true),
    Probe(words: "home to a guest", from: \.home, to: "192.168.78.9", port: 80, passes: false),
    Probe(words: "a guest to outside", from: \.guest, to: "203.0.113.1", port: 80, passes: true),
    Probe(words: "a guest to the printer", from: \.guest, to: "192.168.77.10", port: 631, passes: true),
    Probe(words: "a guest to the NAS", from: \.guest, to: "192.168.77.10", port: 80, passes: false),
    Probe(words: "a guest to another home host", from: \.guest, to: "192.168.77.11", port: 631, passes: false),
    Probe(words: "a guest to the router", from: \.guest, to: "192.168.78.1", port: 22, passes: false),
    Probe(words: "a guest to the forward", from: \.guest, to: "203.0.113.2", port: 8080, passes: false),
  ]

  /// Listeners on every port that a probe tries, everywhere: what does not pass was dropped by a rule, not refused by a host.
  private static func listeners(_ lab: Lab) throws -> [Endpoint] {
    try [lab.router, lab.outside, lab.home, lab.guest].flatMap { namespace in
      try [UInt16(22), 80, 631, 8080].map { try Endpoint.listening($0, in: namespace) }
    }
  }

  @Test func whatComesThroughAndWhatNot() throws {
    let lab = try Lab()
    let listeners = try Self.listeners(lab)
    try lab.router.run { try FirewallManager().apply(model: Models.typical, dynamic: FirewallDynamics()) }
    for probe in Self.probes {
      let connection = try Endpoint.connecting(
        to: probe.to, probe.port, in: lab[keyPath: probe.from], milliseconds: probe.passes ? 5_000 : 150)
      #expect((connection != nil) == probe.passes, "\(probe.words)")
    }
    withExtendedLifetime(listeners) {}
  }

  /// Mutation: with either policy turned round, packets come through that must not.
  @Test(arguments: ["input", "forward"]) func withoutItsPolicyAChainIsOpen(_ chain: String) throws {
    let lab = try Lab()
    let listeners = try Self.listeners(lab)
    var ruleset = FirewallPolicy(model: Models.typical, dynamic: FirewallDynamics()).ruleset
    let index = try #require(ruleset.tables[0].chains.firstIndex { $0.name == chain })
    ruleset.tables[0].chains[index].policy = .accept
    try lab.router.run { _ = try FirewallManager().apply(ruleset) }
    let opened = try Self.probes.filter { probe in
      try !probe.passes
        && Endpoint.connecting(to: probe.to, probe.port, in: lab[keyPath: probe.from], milliseconds: 300) != nil
    }
    #expect(opened.count >= 3)
    withExtendedLifetime(listeners) {}
  }

  @Test func beforeAnyConfigurationNothingComesInButWhatRunsGoesOn() throws {
    let lab = try Lab()
    // The kernel tracks flows only where some rule asks for their state.
    try lab.router.shell("nft 'table inet t { chain c { type filter hook input priority 0; ct state new accept; }; }'")
    let listener = try Endpoint.listening(22, in: lab.router)
    let client = try #require(try Endpoint.connecting(to: "192.168.77.1", 22, in: lab.home))
    let server = try #require(listener.accepted()).endpoint
    try lab.router.run { try FirewallManager().closed() }
    client.send()
    #expect(server.receives(milliseconds: 1_000))
    for namespace in [lab.home, lab.outside] {
      #expect(try Endpoint.connecting(to: "192.168.77.1", 22, in: namespace, milliseconds: 150) == nil)
    }
    #expect(try Endpoint.connecting(to: "127.0.0.1", 22, in: lab.router) != nil)
  }

  @Test func theInternetSeesTheUplinksAddressAndTheForwardSeesTheClients() throws {
    let lab = try Lab()
    try lab.router.run { try FirewallManager().apply(model: Models.typical, dynamic: FirewallDynamics()) }
    let web = try Endpoint.listening(80, in: lab.outside)
    let nas = try Endpoint.listening(80, in: lab.home)
    let there = try #require(try Endpoint.connecting(to: "203.0.113.1", 80, in: lab.home))
    #expect(web.accepted()?.peer.mappedIPv4 == Models.ipv4("203.0.113.2"))
    let back = try #require(try Endpoint.connecting(to: "203.0.113.2", 8080, in: lab.outside))
    #expect(nas.accepted()?.peer.mappedIPv4 == Models.ipv4("203.0.113.1"))
    let hairpin = try #require(try Endpoint.connecting(to: "203.0.113.2", 8080, in: lab.home))
    #expect(nas.accepted()?.peer.mappedIPv4 == Models.ipv4("192.168.77.1"))
    withExtendedLifetime((there, back, hairpin)) {}
  }

  @Test func aPauseCutsAFlowWithinASecondAndLeavesOthers() throws {
    let lab = try Lab()
    let web = try Endpoint.listening(80, in: lab.outside)
    let manager = try lab.router.run { try FirewallManager() }
    try lab.router.run { try manager.apply(model: Models.typical, dynamic: FirewallDynamics()) }
    let paused = try Self.download(web, lab.home)
    let other = try Self.download(web, lab.guest)
    let report = try lab.router.run { try manager.update(dynamic: FirewallDynamics(paused: ["nas"])) }
    #expect(report.changed)
    #expect(report.flowsEnded == 1)
    // What was on its way may still come; then nothing does.
    _ = paused.client.receives(milliseconds: 0)
    for _ in 0..<5 {
      paused.server.send()
      other.server.send()
      #expect(other.client.receives(milliseconds: 5_000))
      #expect(!paused.client.receives(milliseconds: 50))
    }
    #expect(
      try Endpoint.connecting(to: "203.0.113.1", 80, from: "192.168.77.10", in: lab.home, milliseconds: 150) == nil)
    try lab.router.run { _ = try manager.update(dynamic: FirewallDynamics()) }
    #expect(try Endpoint.connecting(to: "203.0.113.1", 80, from: "192.168.77.10", in: lab.home) != nil)
  }

  private static func download(
    _ web: Endpoint, _ namespace: NetworkNamespace, from address: String = "203.0.113.1"
  ) throws -> (client: Endpoint, server: Endpoint) {
    let client = try #require(try Endpoint.connecting(to: address, 80, in: namespace))
    let server = try #require(web.accepted()).endpoint
    server.send()
    #expect(client.receives(milliseconds: 1_000))
    return (client, server)
  }

  @Test func aForwardThatIsGoneEndsItsFlowsAndLeavesOthers() throws {
    let lab = try Lab()
    let nas = try Endpoint.listening(80, in: lab.home)
    let printer = try Endpoint.listening(631, in: lab.home)
    let manager = try lab.router.run { try FirewallManager() }
    try lab.router.run { try manager.apply(model: Models.typical, dynamic: FirewallDynamics()) }
    let client = try #require(try Endpoint.connecting(to: "203.0.113.2", 8080, in: lab.outside))
    let server = try #require(nas.accepted()).endpoint
    let guest = try #require(try Endpoint.connecting(to: "192.168.77.10", 631, in: lab.guest))
    let printing = try #require(printer.accepted()).endpoint
    var model = Models.typical
    model.forwards = []
    #expect(try lab.router.run { try manager.apply(model: model, dynamic: FirewallDynamics()) }.flowsEnded == 1)
    client.send()
    guest.send()
    #expect(printing.receives(milliseconds: 1_000))
    #expect(!server.receives(milliseconds: 300))
    // Tighten the other one: the printer's port only.
    model.allows[0].ports = [9100...9100]
    #expect(try lab.router.run { try manager.apply(model: model, dynamic: FirewallDynamics()) }.flowsEnded == 1)
    guest.send()
    #expect(!printing.receives(milliseconds: 300))
  }

  /// Nobody here has a lease: the kernel's neighbour tables say who is who.
  @Test func strangersLoseTheirFlowsAndNamedDevicesKeepTheirs() throws {
    let lab = try Lab()
    let web = try Endpoint.listening(80, in: lab.outside)
    let ssh = try Endpoint.listening(22, in: lab.router)
    let manager = try lab.router.run { try FirewallManager() }
    try lab.router.run { try manager.apply(model: Models.typical, dynamic: FirewallDynamics()) }
    let (named, stranger) = (try Self.download(web, lab.home), try Self.download(web, lab.guest))
    let console = try #require(try Endpoint.connecting(to: "fd77::1", 22, in: lab.home))
    let seat = try #require(ssh.accepted()).endpoint
    var model = Models.typical
    for network in model.networks.indices { model.networks[network].unknown = .ask }
    #expect(try lab.router.run { try manager.apply(model: model, dynamic: FirewallDynamics()) }.flowsEnded == 1)
    for endpoint in [named.server, stranger.server, console] { endpoint.send() }
    #expect(named.client.receives(milliseconds: 1_000) && seat.receives(milliseconds: 1_000))
    #expect(!stranger.client.receives(milliseconds: 300))
    model.devices = []
    #expect(try lab.router.run { try manager.apply(model: model, dynamic: FirewallDynamics()) }.flowsEnded == 2)
    for endpoint in [named.server, console] { endpoint.send() }
    #expect(!named.client.receives(milliseconds: 300) && !seat.receives(milliseconds: 50))
  }

  /// As when the process dies between the rules' transaction and its look at the flows, or when that look fails.
  @Test(arguments: [true, false]) func flowsThatNobodyLookedAtAreLookedAtTheNextTime(_ byANewProcess: Bool) throws {
    let lab = try Lab()
    let nas = try Endpoint.listening(80, in: lab.home)
    let manager = try lab.router.run { try FirewallManager() }
    try lab.router.run { try manager.apply(model: Models.typical, dynamic: FirewallDynamics()) }
    let client = try #require(try Endpoint.connecting(to: "203.0.113.2", 8080, in: lab.outside))
    let server = try #require(nas.accepted()).endpoint
    var model = Models.typical
    model.forwards = []
    try lab.router.run {
      #expect(try manager.verify().isEmpty)
      try manager.apply(FirewallPolicy(model: model, dynamic: FirewallDynamics()).ruleset)
      #expect(try manager.verify().count == 1, "whoever verifies learns that there is something left to do")
      let next = try byANewProcess ? FirewallManager() : manager
      let report = try next.apply(model: model, dynamic: FirewallDynamics())
      #expect(!report.changed)
      #expect(report.flowsEnded == 1)
      #expect(try next.verify().isEmpty)
    }
    client.send()
    #expect(!server.receives(milliseconds: 300))
  }

  @Test func spoofedPacketsAreDroppedCountedAndNamed() throws {
    let lab = try Lab()
    let listeners = try Self.listeners(lab)
    var model = Models.typical
    model.firewall.logRate = 1_000
    model.devices.append(
      Device(name: "laptop", hardware: [Models.mac("02:00:00:00:00:77")], addresses: [Models.address("192.168.77.11")]))
    try lab.home.shell("ip addr add 198.51.100.7/32 dev eth0")
    try lab.outside.shell("ip addr add 192.168.77.99/32 dev lo; ip addr add 127.5.5.5/8 dev lo")
    let (manager, log) = try lab.router.run { (try FirewallManager(), try FirewallLog()) }
    try lab.router.run { try manager.apply(model: model, dynamic: FirewallDynamics()) }
    log.recognise(model: model, dynamic: FirewallDynamics())
    #expect(try Endpoint.connecting(to: "203.0.113.1", 80, from: "198.51.100.7", in: lab.home, milliseconds: 50) == nil)
    #expect(
      try Endpoint.connecting(to: "203.0.113.1", 80, from: "192.168.77.11", in: lab.home, milliseconds: 50) == nil)
    #expect(
      try Endpoint.connecting(to: "203.0.113.2", 8080, from: "192.168.77.99", in: lab.outside, milliseconds: 50) == nil)
    #expect(try Endpoint.connecting(to: "203.0.113.2", 22, in: lab.outside, milliseconds: 50) == nil)
    #expect(try Endpoint.connecting(to: "192.168.77.11", 80, in: lab.guest, milliseconds: 50) == nil)
    let counts = Dictionary(
      uniqueKeysWithValues: try lab.router.run { try manager.counters() }.map { ($0.name, $0.packets) })
    let entries = try lab.router.run { try log.read(now: 1) }
    let expected = [
      ("antispoof.home", "home", "nas", "198.51.100.7", UInt16(80)),
      ("antispoof.lease", "home", "nas", "192.168.77.11", 80),
      ("spoof.4", "wan", nil, "192.168.77.99", 8080), ("input.wan.drop", "wan", nil, "203.0.113.1", 22),
      ("forward.home.drop", "guest", nil, "192.168.78.9", 80),
    ]
    for (rule, zone, device, source, port) in expected {
      #expect((counts[rule] ?? 0) >= 1, "\(rule)")
      let entry = try #require(entries.first { $0.rule == rule }, "\(rule)")
      #expect(entry.zone == zone)
      #expect(entry.device == device)
      #expect(entry.source == Models.address(source))
      #expect(entry.destinationPort == port)
      #expect(entry.transport == 6)
      #expect(abs(entry.time - Int64(time(nil))) < 60)
    }
    withExtendedLifetime(listeners) {}
  }

  @Test func theLogKeepsToItsRate() throws {
    let lab = try Lab()
    var model = Models.typical
    model.firewall.logRate = 1
    let log = try lab.router.run {
      try FirewallManager().apply(model: model, dynamic: FirewallDynamics())
      return try FirewallLog()
    }
    let start = time(nil)
    try lab.outside.shell("for p in $(seq 1 40); do bash -c \"echo > /dev/udp/203.0.113.2/$p\"; done 2>/dev/null")
    let seconds = Int(time(nil) - start) + 1
    let count = try lab.router.run { try log.read(now: 1) }.count
    #expect((1...5 + seconds).contains(count))
    #expect(
      try lab.router.run { try FirewallManager().counters() }.first { $0.name == "input.wan.drop" }?.packets == 40)
  }

  /// Which way a list is changed.
  enum ListChange: CaseIterable { case settings, settingsOfANewProcess, members }

  /// From inside and, by the port forward, from outside.
  @Test(arguments: ListChange.allCases) func whoComesOntoABlockedListLosesTheirFlowsAndOthersKeepTheirs(
    _ way: ListChange
  ) throws {
    let lab = try Lab()
    let (bad, good) = ("203.0.113.1", "203.0.113.9")
    try lab.outside.shell("ip addr add \(good)/24 dev eth0")
    let web = try Endpoint.listening(80, in: lab.outside)
    let nas = try Endpoint.listening(80, in: lab.home)
    var model = Models.typical
    model.addressLists = [AddressList(name: "bad", members: (0..<2_000).map(Self.stranger))]
    model.firewall.blocked = ["bad"]
    let manager = try lab.router.run { try FirewallManager() }
    try lab.router.run { try manager.apply(model: model, dynamic: FirewallDynamics()) }
    let flows = try [bad, good].map { address in
      let upload = try #require(
        try Endpoint.connecting(to: "203.0.113.2", 8080, from: address, in: lab.outside))
      return (try Self.download(web, lab.home, from: address), (upload, try #require(nas.accepted()).endpoint))
    }
    model.addressLists[0].members.append(Models.prefix("\(bad)/32"))
    let report = try lab.router.run {
      switch way {
      case .settings: try manager.apply(model: model, dynamic: FirewallDynamics())
      case .settingsOfANewProcess: try FirewallManager().apply(model: model, dynamic: FirewallDynamics())
      case .members: try manager.changeList("bad", adding: [Models.address(bad)])
      }
    }
    #expect(report.flowsEnded == 2)
    #expect(report.traffic.messages == 3 && report.traffic.bytes < 200, "one element, and the batch around it")
    for (download, upload) in flows {
      download.server.send()
      upload.0.send()
    }
    #expect(flows[1].0.client.receives(milliseconds: 5_000) && flows[1].1.1.receives(milliseconds: 5_000))
    #expect(!flows[0].0.client.receives(milliseconds: 300) && !flows[0].1.1.receives(milliseconds: 50))
  }

  /// An address that nobody here has.
  private static func stranger(_ number: UInt32) -> IPPrefix {
    IPPrefix(.v4(IPv4Address(value: 0xc633_0000 + number)), length: 32)!
  }

  @Test func anAddressIsCutOffWhileItIsOnABlockedList() throws {
    let lab = try Lab()
    let web = try Endpoint.listening(80, in: lab.outside)
    var model = Models.typical
    model.addressLists = [AddressList(name: "bad", members: [Models.prefix("203.0.113.9/32")])]
    model.firewall.blocked = ["bad"]
    let manager = try lab.router.run { try FirewallManager() }
    try lab.router.run { try manager.apply(model: model, dynamic: FirewallDynamics()) }
    #expect(try manager.changeList("bad", adding: [Models.address("203.0.113.1")]).changed)
    #expect(try Endpoint.connecting(to: "203.0.113.1", 80, in: lab.home, milliseconds: 150) == nil)
    #expect(try !manager.changeList("bad", adding: [Models.address("203.0.113.1")]).changed)
    #expect(try manager.changeList("bad", removing: [Models.address("203.0.113.1")]).changed)
    #expect(try Endpoint.connecting(to: "203.0.113.1", 80, in: lab.home) != nil)
    #expect(try manager.verify().isEmpty)
    #expect(throws: FirewallError.noSuchList("worse")) {
      try manager.changeList("worse", adding: [Models.address("192.0.2.1")])
    }
    withExtendedLifetime(web) {}
  }

  @Test(arguments: [("203.0.113.1", 40), ("2001:db8:1::1", 60)])
  func segmentsFitTheUplink(_ address: String, _ headers: Int32) throws {
    let lab = try Lab()
    try lab.router.shell("ip link set wan0 mtu 1400")
    try lab.router.run {
      try FirewallManager().apply(
        model: Models.typical, dynamic: FirewallDynamics(prefixes: ["home": [Models.prefix("2001:db8:77::/64")]]))
    }
    let web = try Endpoint.listening(80, in: lab.outside)
    let client = try #require(
      try Endpoint.connecting(
        to: address, 80, from: headers == 60 ? "2001:db8:77::10" : nil, in: lab.home, milliseconds: 1_000))
    let server = try #require(web.accepted()).endpoint
    #expect((1..<1_400 - headers + 1).contains(server.segmentSize))
    #expect((1..<1_400 - headers + 1).contains(client.segmentSize))
  }

  @Test func limitsHold() throws {
    let lab = try Lab()
    let (ssh, web) = (try Endpoint.listening(22, in: lab.router), try Endpoint.listening(80, in: lab.outside))
    let nas = try Endpoint.listening(80, in: lab.home)
    var model = Models.typical
    model.firewall.newConnectionRate = 1
    model.firewall.connectionsPerDevice = 4
    try lab.router.run { try FirewallManager().apply(model: model, dynamic: FirewallDynamics()) }
    func connections(_ count: Int, to address: String, _ port: UInt16, in namespace: NetworkNamespace) throws
      -> [Endpoint]
    {
      try (0..<count).compactMap { _ in try Endpoint.connecting(to: address, port, in: namespace, milliseconds: 40) }
    }
    for (address, port, namespace) in [("192.168.77.1", UInt16(22), lab.home), ("203.0.113.2", 8080, lab.outside)] {
      let start = time(nil)
      let count = try connections(12, to: address, port, in: namespace).count
      #expect((1...2 + (time(nil) - start)).contains(count), "\(address)")
    }
    let held = try connections(8, to: "203.0.113.1", 80, in: lab.guest)
    #expect(held.count == 4)
    let counts = try lab.router.run { try FirewallManager().counters() }
    for rule in ["input.rate", "forward.web.rate", "forward.connections"] {
      #expect(try #require(counts.first { $0.name == rule }).packets >= 4, "\(rule)")
    }
    withExtendedLifetime((ssh, web, nas, held)) {}
  }

  @Test func isolatedPortsOfOneBridgeDoNotReachEachOther() throws {
    let (router, one, two) = (try NetworkNamespace(), try NetworkNamespace(), try NetworkNamespace())
    try router.shell(
      """
      set -e
      ip link add br-guest type bridge; ip link set br-guest up; ip addr add 192.168.78.1/24 dev br-guest
      ip link add lan1 type veth peer name eth0 netns \(one.path); ip link add lan2 type veth peer name eth0 netns \(two.path)
      for i in lan1 lan2; do ip link set $i up master br-guest; done
      """)
    try one.shell("ip link set eth0 up; ip addr add 192.168.78.8/24 dev eth0")
    try two.shell("ip link set eth0 up; ip addr add 192.168.78.9/24 dev eth0")
    let listener = try Endpoint.listening(80, in: two)
    let dns = try Endpoint.listening(53, in: router)
    #expect(try Endpoint.connecting(to: "192.168.78.9", 80, in: one, milliseconds: 2_000) != nil)
    try router.run { try FirewallManager().apply(model: Models.everything, dynamic: FirewallDynamics()) }
    #expect(try Endpoint.connecting(to: "192.168.78.9", 80, in: one, milliseconds: 150) == nil)
    #expect(try Endpoint.connecting(to: "192.168.78.1", 53, in: one) != nil)
    withExtendedLifetime((listener, dns)) {}
  }
}
