import Lab

extension LabTests.DropRuleTests {
  /// Every kind of rule that drops has something to do in this house.
  static let configuration =
    LabTests.ClosedTests.configuration.replacing("\"fd00:77::1/64\"", with: "\"fd00:77::1/64\", \"2001:db8:77::1/64\"")
    .replacing("\"fd00:78::1/64\"", with: "\"192.168.79.1/24\", \"fd00:78::1/64\", \"2001:db8:79::1/64\"")
    .replacing("interfaces = [\"lan1\"]", with: "interfaces = [\"lan1\", \"lan3\"]")
    .replacing(
      "interfaces = [\"lan0\", \"lan2\"]", with: "interfaces = [\"lan0\", \"lan2\"]\nunknown = \"internet-only\""
    )
    .replacing("isolated = true", with: "isolated = true\nunknown = \"ask\"") + """
      [device.phone]
      hardware = ["02:00:00:00:00:11"]
      address = ["192.168.77.11", "2001:db8:77::11"]

      # Known by its address alone.
      [device.printer]
      address = "192.168.77.30"

      [forward.phone]
      protocol = "udp"
      port = 8081
      to = "phone:80"

      [addresses.bad]
      members = ["198.51.100.64/28", "2001:db8:66::/48"]

      [firewall]
      blocked = "@bad"
      new-connection-rate = 10
      connections-per-device = 20

      """

  /// What a host sends and nobody may get.
  struct Probe {
    var host: Lab.Host
    /// Kind, source, destination and port, as send.py has them.
    var packet: String
    var number = 0
    var purpose = Purpose.once

    enum Purpose: Equatable {
      case once
      /// Belongs to a flow that ran before its sender was blocked or its receiver paused.
      case answer
      /// So many at once, of which `limit` may get through, and `each` more for every second that it takes.
      case flood(Int, limit: Int, each: Int = 0)
    }

    var isFlood: Bool { if case .flood = purpose { true } else { false } }

    /// The line for send.py.
    var line: String {
      if case .flood(let times, _, _) = purpose { return "\(number) \(packet) \(times)" }
      return "\(number) \(packet)"
    }

    /// For a flow that ran: the shell line that tells the router's conntrack of it.
    var flow: String {
      let words = packet.split(separator: " ")
      return """
        conntrack -I -p \(words[0]) -s \(words[2]) --sport \(words[3]) -d \(words[1]) --dport \(40_000 + number) \
        -t 60 -u SEEN_REPLY
        """
    }
  }

  static let probes = (once + answers + floods).enumerated().map { index, probe in
    var numbered = probe
    numbered.number = index + 1
    return numbered
  }

  private static func from(_ host: Lab.Host, _ packets: String...) -> [Probe] {
    packets.map { Probe(host: host, packet: $0) }
  }

  private static let once =
    from(
      .provider,
      // Nobody outside has these addresses.
      "tcp 240.1.2.3 203.0.113.9 8080", "echo 240.1.2.3 203.0.113.9 0", "echo 100::7 2001:db8:0:1::9 0",
      "echo 64:ff9b:1::7 2001:db8:0:1::9 0",
      // These are the house's own, but no route leads to them.
      "tcp 192.168.79.50 203.0.113.9 8080", "echo 2001:db8:79::50 2001:db8:0:1::9 0",
      // The way back to these leads elsewhere.
      "tcp 192.0.2.7 203.0.113.9 8080", "echo 2001:db8:55::7 2001:db8:0:1::9 0",
      // These are blocked.
      "tcp 198.51.100.66 203.0.113.9 8080", "echo 198.51.100.66 203.0.113.9 0",
      "echo 2001:db8:66::66 2001:db8:0:1::9 0",
      // For a neighbour of its own, so that the router would tell it of the shorter way.
      "echo 2001:db8:0:1::1 2001:db8:0:1::77 0",
      // The phone is paused.
      "udp 198.51.100.80 203.0.113.9 8081",
      "tcp 198.51.100.80 203.0.113.9 22", "udp 2001:db8:80::80 2001:db8:77::10 161",
      "udp 198.51.100.80 192.168.77.10 161", "udp 198.51.100.80 203.0.113.9 161")
    + from(
      .laptop,
      // Of a network behind the laptop: the way back leads there, so the kernel's rp_filter lets it pass.
      "udp 192.0.2.7 198.51.100.80 161", "udp 2001:db8:99::1 2001:db8:80::80 161",
      "null 192.168.77.10 198.51.100.80 80", "null 192.168.77.10 192.168.77.1 443",
      "udp 192.168.77.10 198.51.100.66 161", "udp 2001:db8:77::10 2001:db8:66::66 161",
      "udp fd00:77::10 2001:db8:80::80 161",
      // As if it were the paused devices, from its own network card.
      "udp 192.168.77.11 198.51.100.80 161", "udp 192.168.77.30 198.51.100.80 161",
      "udp 2001:db8:77::11 2001:db8:80::80 161",
      // From the network card of a stranger.
      "tcp 192.168.77.40 203.0.113.9 8080")
    + from(
      .phone,
      "udp 192.168.77.11 198.51.100.80 161", "udp 192.168.77.12 198.51.100.80 161",
      // As if it were the laptop, which has its address by a lease.
      "tcp 192.168.77.10 192.168.77.1 22")
    + from(
      .visitor,
      "udp 192.168.78.20 198.51.100.80 161",
      // Of a network behind the visitor, and of nobody's.
      "echo 198.18.0.7 192.168.78.1 0", "echo 2001:db8:99::2 fd00:78::1 0",
      "tcp 192.168.78.20 192.168.77.10 631", "tcp 192.168.78.20 192.168.78.1 22",
      // To a guest at another port of the bridge.
      "udp 192.168.78.20 192.168.78.21 161")

  /// By IPv6 nothing comes in but what belongs to a flow.
  private static let answers = [
    Probe(host: .provider, packet: "udp 2001:db8:66::66 2001:db8:77::10 161", purpose: .answer),
    Probe(host: .provider, packet: "udp 2001:db8:80::80 2001:db8:77::11 161", purpose: .answer),
  ]

  private static let floods: [Probe] = [
    (.laptop, "tcp 192.168.77.10 192.168.77.1 22", .flood(60, limit: 10, each: 10)),
    (.laptop, "tcp fd00:77::10 fd00:77::1 22", .flood(60, limit: 10, each: 10)),
    (.provider, "tcp 198.51.100.80 203.0.113.9 8080", .flood(60, limit: 10, each: 10)),
    (.laptop, "udp 192.168.77.10 198.51.100.80 162", .flood(60, limit: 20)),
    (.laptop, "udp 2001:db8:77::10 2001:db8:80::80 162", .flood(60, limit: 20)),
    (.provider, "echo 198.51.100.80 203.0.113.9 0", .flood(200, limit: 100, each: 50)),
    (.provider, "echo 2001:db8:80::80 2001:db8:0:1::9 0", .flood(200, limit: 100, each: 50)),
  ].map { Probe(host: $0, packet: $1, purpose: $2) }
}
