import Glibc
import HostSystem
import Lab
import Testing
import Wire

extension LabTests {
  /// Each rule that drops is needed: with it alone gone somebody gets through, or more than the limit does. The daemons are
  /// dead meanwhile, so that nobody puts it back.
  @Suite struct DropRuleTests {
    @Test func withEachDropRuleGoneSomebodyGetsThrough() throws {
      let lab = try Lab()
      defer { lab.close() }
      try prepare(lab)
      let house = try House(lab)
      #expect(try house.leaks() == [], "with every rule in place")
      let rules = try Self.rules(of: lab)
      #expect(rules.count >= 36, "\(rules)")
      for index in rules.indices {
        // What is put back has other handles.
        let rule = try Self.rules(of: lab)[index]
        try lab.succeed(.router, ["nft", rule.removal])
        #expect(try house.leaks() != [], "nothing gets through without \(rule)")
        try house.restore()
      }
      #expect(try house.leaks() == [], "with every rule back")
    }

    /// A house whose filter stands while nothing runs.
    private func prepare(_ lab: Lab) throws {
      try lab.startProvider()
      try lab.routeHomePrefixesFromProvider(via: ClosedTests.uplink[0], via6: ClosedTests.uplink[1])
      try lab.succeed(.provider, ["ip", "-6", "route", "add", "2001:db8:77::/64", "via", ClosedTests.uplink[1]])
      // Somebody beside the router, whose packets the provider gives to the router.
      try lab.succeed(
        .provider, ["ip", "neighbour", "add", "2001:db8:0:1::77", "lladdr", "02:00:00:00:02:01", "dev", "isp0"])
      // The guests' second port. What the bridge sends out there is seen at `seat`, and ends there.
      try lab.succeed(
        .router,
        [
          "sh", "-ec",
          """
          ip link add lan3 type veth peer name seat
          echo 1 > /proc/sys/net/ipv6/conf/seat/disable_ipv6
          ip link set seat arp off up
          """,
        ])
      try lab.configure(Self.configuration)
      try lab.startRouter()
      try ClosedTests.waitForRouter(lab)
      try lab.lease(.laptop, with: .udhcpc)
      try lab.setAddresses(
        .phone, "192.168.77.11/24", "2001:db8:77::11/64", gateway: "192.168.77.1", gateway6: "2001:db8:77::1")
      // Beside its own network card the laptop has that of a stranger, by which it uses forwards.
      try lab.succeed(
        .laptop,
        [
          "sh", "-ec",
          """
          ip address add 2001:db8:77::10/64 dev eth0 nodad
          ip address add fd00:77::10/64 dev eth0 nodad
          ip -6 route add default via 2001:db8:77::1
          ip link add stranger link eth0 address 02:00:00:00:00:99 type macvlan
          echo 1 > /proc/sys/net/ipv6/conf/stranger/disable_ipv6
          ip link set stranger arp off up
          ip neighbour add 192.168.77.1 lladdr 02:00:00:00:02:02 dev stranger
          ip route add \(ClosedTests.uplink[0]) via 192.168.77.1 dev stranger onlink
          """,
        ])
      try lab.setAddresses(
        .visitor, "192.168.78.20/24", "fd00:78::20/64", gateway: "192.168.78.1", gateway6: "fd00:78::1")
      try lab.succeed(
        .visitor, ["ip", "neighbour", "add", "192.168.78.21", "lladdr", "02:00:00:00:00:21", "dev", "eth0"])
      try lab.wait(for: "the Internet") { try lab.run(.laptop, ["ping", "-c1", "-W1", Lab.webAddress]).isSuccess }
      for address in ["192.168.77.1", "fd00:77::1"] { try lab.run(.laptop, ["ping", "-c1", "-W1", address]) }
      for device in ["phone", "printer"] { #expect(try lab.lares("device", "pause", device).isSuccess) }
      usleep(500_000)
      try lab.crashRouter()
      // Networks behind home devices, so that the way back to them is not the uplink; one of the house that no route leads
      // to; and a port that has just joined its bridge, which is not apart from the others before somebody says so.
      try lab.succeed(
        .router,
        [
          "sh", "-ec",
          """
          ip route add 192.0.2.0/24 via 192.168.77.10
          ip -6 route add 2001:db8:55::/48 via 2001:db8:77::10
          ip route add 198.18.0.0/24 via 192.168.78.20
          ip route del 192.168.79.0/24
          ip -6 route del 2001:db8:79::/64
          ip link set lan3 nomaster
          ip link set lan3 master br-guest
          """,
        ])
    }

    /// A rule or policy that drops, and the nft command that takes it away.
    struct Removable: CustomStringConvertible {
      var description: String
      var removal: String
    }

    private static func rules(of lab: Lab) throws -> [Removable] {
      let listing = try lab.succeed(.router, ["nft", "--handle", "list", "ruleset"])
      var rules: [Removable] = []
      var (family, chain) = ("", "")
      for line in listing.split(separator: "\n") {
        let words = line.split(separator: " ").map { String($0.drop { $0 == "\t" }) }
        if words.first == "table" { family = words[1] }
        if words.first == "chain" { chain = words[1] }
        let place = "\(family) lares \(chain)"
        if line.contains("policy drop") {
          rules.append(
            Removable(
              description: "\(place) policy",
              removal: "add chain \(place) { type filter hook \(chain) priority 0; policy accept; }"))
        } else if words.contains("drop"), let comment = words.firstIndex(of: "comment"), let handle = words.last {
          // Rules of one name differ in what they match.
          let matches = words.prefix { $0 != "counter" }.joined(separator: " ")
          rules.append(
            Removable(
              description: "\(place) \(words[comment + 1]): \(matches)",
              removal: "delete rule \(place) handle \(handle)"))
        }
      }
      // The kernel advises a neighbour about once a second: the rule that keeps that in has its turn first.
      return rules.filter { $0.description.contains("redirect") }
        + rules.filter { !$0.description.contains("redirect") }
    }
  }
}

extension LabTests.DropRuleTests {
  /// Those who send, and those who listen at every place where something may come out.
  private struct House {
    let lab: Lab
    private let senders: [Lab.Host: PacketSender]
    private let listeners: [LabProcess]
    /// The nft file with the rules as they were.
    private let saved: String

    init(_ lab: Lab) throws {
      self.lab = lab
      saved = lab.folder + "/saved.nft"
      try lab.succeed(.router, ["sh", "-ec", "(echo 'flush ruleset'; nft --stateless list ruleset) > \(saved)"])
      senders = try Dictionary(
        uniqueKeysWithValues: [.provider, .laptop, .phone, .visitor].map { ($0, try lab.startSending($0)) })
      listeners = try [
        lab.startCanary(.router, tcp: [22, 80], udp: [161], watching: "seat"),
        lab.startCanary(.provider, tcp: [], udp: [161], watching: "isp0"),
        lab.startCanary(.laptop, tcp: [22, 631], udp: [161], watching: "eth0"),
        lab.startCanary(.phone, tcp: [80], udp: [], watching: "eth0"),
        lab.startCanary(.visitor, tcp: [], udp: [], watching: "eth0"),
      ]
      try restore()
    }

    /// Puts every rule back, with nothing counted, and makes conntrack forget all but the flows that ran before.
    func restore() throws {
      let flows = LabTests.DropRuleTests.probes.filter { $0.purpose == .answer }.map(\.flow)
      try lab.succeed(
        .router, ["sh", "-ec", (["nft -f \(saved)", "conntrack -F"] + flows).joined(separator: "\n")])
    }

    /// What comes out anywhere when everything forbidden is tried once.
    func leaks() throws -> [String] {
      let before = listeners.map(\.output.utf8.count)
      let probes = LabTests.DropRuleTests.probes
      for host in Lab.Host.allCases {
        try senders[host]?.send(probes.filter { $0.host == host && !$0.isFlood }.map(\.line))
      }
      var allowed: [Int: Int] = [:]
      for probe in probes {
        guard case .flood(_, let limit, let each) = probe.purpose else { continue }
        let start = Clock.now
        try senders[probe.host]?.send([probe.line])
        allowed[probe.number] = limit + each * (1 + Int(Clock.now.milliseconds(since: start) / 1_000))
      }
      usleep(400_000)
      return try zip(listeners, before).flatMap { listener, count in
        let lines = String(decoding: Array(listener.output.utf8.dropFirst(count)), as: UTF8.self)
        guard listener.isRunning else { throw LabError("a canary died: \(lines)") }
        return Self.excess(lines.split(separator: "\n").map(String.init), allowed)
      }
    }

    /// The lines but those of floods that kept within what is `allowed`, by number of the probe.
    private static func excess(_ lines: [String], _ allowed: [Int: Int]) -> [String] {
      let byNumber = Dictionary(grouping: lines) { $0.split(separator: " ").last.flatMap { Int($0) } ?? 0 }
      return byNumber.flatMap { number, lines in
        guard let most = allowed[number] else { return lines }
        return lines.count > most ? ["\(lines.count) of probe \(number), of which \(most) may"] : []
      }
    }
  }
}
