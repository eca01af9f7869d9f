import Glibc
import HostSystem
import Lab
import Testing

extension LabTests {
  /// Each rule that drops is needed: with it gone, somebody gets through. The daemons are dead meanwhile, so that nobody
  /// puts it back.
  @Suite struct DropRuleTests {
    /// Every kind of rule that drops has something to do in this house.
    static let configuration =
      ClosedTests.configuration.replacing("\"fd00:77::1/64\"", with: "\"fd00:77::1/64\", \"2001:db8:77::1/64\"")
      .replacing("isolated = true", with: "isolated = true\nunknown = \"ask\"") + """
        [device.phone]
        hardware = ["02:00:00:00:00:11"]
        address = ["192.168.77.11", "2001:db8:77::11"]

        [forward.phone]
        protocol = "tcp"
        port = 8081
        to = "phone:80"

        [addresses.bad]
        members = ["198.51.100.64/28", "2001:db8:66::/48"]

        [firewall]
        blocked = "@bad"

        """

    /// Packets that must all be dropped, by the host that sends them: kind, source, destination, port.
    static let forbidden: [(Lab.Host, [String])] = [
      (
        .provider,
        [
          // Nobody outside has these addresses.
          "tcp 240.1.2.3 203.0.113.9 8080", "echo 240.1.2.3 203.0.113.9 0", "echo 100::7 2001:db8:0:1::9 0",
          // These are the house's own.
          "tcp 192.168.77.50 203.0.113.9 8080", "echo 2001:db8:77::50 2001:db8:0:1::9 0",
          // The way back to these leads elsewhere.
          "tcp 192.0.2.7 203.0.113.9 8080", "echo 2001:db8:55::7 2001:db8:0:1::9 0",
          "tcp 198.51.100.66 203.0.113.9 8080", "echo 198.51.100.66 203.0.113.9 0",
          "echo 2001:db8:66::66 2001:db8:0:1::9 0",
          // The phone is paused.
          "tcp 198.51.100.80 203.0.113.9 8081",
          "tcp 198.51.100.80 203.0.113.9 22", "udp 2001:db8:80::80 2001:db8:77::10 161",
          "udp 198.51.100.80 192.168.77.10 161", "udp 198.51.100.80 203.0.113.9 161",
        ]
      ),
      (
        .laptop,
        [
          "udp 10.1.2.3 198.51.100.80 161", "udp 2001:db8:99::1 2001:db8:80::80 161",
          "null 192.168.77.10 198.51.100.80 80",
          "null 192.168.77.10 192.168.77.1 443", "udp 192.168.77.10 198.51.100.66 161",
          "udp 2001:db8:77::10 2001:db8:66::66 161", "udp fd00:77::10 2001:db8:80::80 161",
          // As if it were the paused phone, from its own network card.
          "udp 192.168.77.11 198.51.100.80 161", "udp 2001:db8:77::11 2001:db8:80::80 161",
        ]
      ),
      (
        .phone,
        [
          "udp 192.168.77.11 198.51.100.80 161", "udp 192.168.77.12 198.51.100.80 161",
          // As if it were the laptop, which has its address by a lease.
          "tcp 192.168.77.10 192.168.77.1 22",
        ]
      ),
      (
        .visitor,
        [
          "udp 192.168.78.20 198.51.100.80 161", "echo 10.1.2.3 192.168.78.1 0", "echo 2001:db8:99::2 fd00:78::1 0",
          "tcp 192.168.78.20 192.168.77.10 631", "tcp 192.168.78.20 192.168.78.1 22",
        ]
      ),
    ]

    /// Rules that another one stands behind, each with the reason why both are there.
    static let doubled: [String: String] = [
      "prerouting spoof.4": "reverse-path drops these as well while the network's route is there; this needs no route",
      "prerouting spoof.6": "reverse-path drops these as well while the network's route is there; this needs no route",
    ]

    @Test func withEachDropRuleGoneSomebodyGetsThrough() throws {
      let lab = try Lab()
      defer { lab.close() }
      let listeners = try prepare(lab)
      let none = try leaks(lab, listeners)
      #expect(none == [], "with every rule in place")
      let saved = lab.folder + "/saved.nft"
      try lab.shell(.router, "(echo 'delete table inet lares'; nft list table inet lares) > \(saved)")
      let rules = try dropRules(lab)
      #expect(rules.count >= 18, "\(rules)")
      for index in rules.indices {
        // What is put back has other handles.
        let rule = try dropRules(lab)[index]
        try lab.succeed(.router, ["sh", "-c", rule.removal])
        let leaks = try leaks(lab, listeners)
        if let reason = Self.doubled[rule.name] {
          #expect(leaks == [], "\(rule.name) is listed as doubled: \(reason)")
        } else {
          #expect(leaks != [], "nothing gets through without \(rule.name)")
        }
        try lab.succeed(.router, ["nft", "-f", saved])
        try lab.succeed(.router, ["conntrack", "-F"])
      }
      #expect(try leaks(lab, listeners) == [], "with every rule back")
    }

    /// A rule or policy that drops, and the shell line that takes it away.
    private struct DropRule: CustomStringConvertible {
      var name: String
      var removal: String
      var description: String { name }
    }

    private func dropRules(_ lab: Lab) throws -> [DropRule] {
      let listing = try lab.succeed(.router, ["nft", "--handle", "list", "table", "inet", "lares"])
      var rules: [DropRule] = []
      var chain = ""
      for line in listing.split(separator: "\n") {
        let words = line.split(separator: " ").map { String($0.drop { $0 == "\t" }) }
        if words.first == "chain" { chain = words[1] }
        if line.contains("policy drop") {
          let hook = chain == "input" ? "input" : "forward"
          rules.append(
            DropRule(
              name: "\(chain) policy",
              removal: "nft 'add chain inet lares \(chain) { type filter hook \(hook) priority 0; policy accept; }'"))
        } else if words.contains("drop"), let comment = line.split(separator: "\"").dropFirst().first,
          let handle = words.last
        {
          rules.append(
            DropRule(name: "\(chain) \(comment)", removal: "nft delete rule inet lares \(chain) handle \(handle)"))
        }
      }
      return rules
    }

    /// A house whose filter stands while nothing runs, and listeners at every place where something may come out.
    private func prepare(_ lab: Lab) throws -> [LabProcess] {
      try lab.startProvider()
      try lab.routeHomePrefixesFromProvider(via: ClosedTests.uplink[0], via6: ClosedTests.uplink[1])
      try lab.succeed(.provider, ["ip", "-6", "route", "add", "2001:db8:77::/64", "via", ClosedTests.uplink[1]])
      try lab.configure(Self.configuration)
      try lab.startRouter()
      try ClosedTests.waitForRouter(lab)
      try lab.lease(.laptop, with: .udhcpc)
      try lab.setAddresses(
        .phone, "192.168.77.11/24", "2001:db8:77::11/64", gateway: "192.168.77.1", gateway6: "2001:db8:77::1")
      try lab.shell(
        .laptop,
        "ip address add 2001:db8:77::10/64 dev eth0 nodad; ip address add fd00:77::10/64 dev eth0 nodad; ip -6 route add default via 2001:db8:77::1"
      )
      try lab.setAddresses(
        .visitor, "192.168.78.20/24", "fd00:78::20/64", gateway: "192.168.78.1", gateway6: "fd00:78::1")
      // Networks behind a home device, so that the way back to them is not the uplink.
      try lab.succeed(.router, ["ip", "route", "add", "192.0.2.0/24", "via", "192.168.77.10"])
      try lab.succeed(.router, ["ip", "-6", "route", "add", "2001:db8:55::/48", "via", "2001:db8:77::10"])
      try lab.wait(for: "the Internet") { try lab.run(.laptop, ["ping", "-c1", "-W1", Lab.webAddress]).isSuccess }
      for address in ["192.168.77.1", "fd00:77::1"] { try lab.run(.laptop, ["ping", "-c1", "-W1", address]) }
      #expect(try lab.lares("device", "pause", "phone").isSuccess)
      usleep(500_000)
      try lab.crashRouter()
      return try [
        lab.startCanary(.router, tcp: [22, 80], udp: [161]),
        lab.startCanary(.provider, tcp: [], udp: [161], watching: "isp0"),
        lab.startCanary(.laptop, tcp: [22, 631], udp: [161], watching: "eth0"),
        lab.startCanary(.phone, tcp: [80], udp: [], watching: "eth0"),
        lab.startCanary(.visitor, tcp: [], udp: [], watching: "eth0"),
      ]
    }

    /// What comes out anywhere when everything forbidden is tried once.
    private func leaks(_ lab: Lab, _ listeners: [LabProcess]) throws -> [String] {
      let before = listeners.map(\.output.utf8.count)
      var number = 0
      for (host, packets) in Self.forbidden {
        try lab.send(
          host,
          packets.map { packet in
            number += 1
            return "\(number) \(packet)"
          })
      }
      usleep(200_000)
      return zip(listeners, before).flatMap { listener, count in
        String(decoding: Array(listener.output.utf8.dropFirst(count)), as: UTF8.self).split(separator: "\n").map(
          String.init)
      }
    }
  }
}
