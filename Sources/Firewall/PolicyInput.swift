import Household
import Wire

extension FirewallPolicy {
  /// Packets on their way into the machine, before anything is tracked: who cannot be who they say they are.
  var preroutingRules: [Rule] {
    var rules: [Rule] = [
      Rule("prerouting.loopback", "the router itself", [.from("lo")], .accept),
      // A DHCP client has no address yet (RFC 2131), nor has one that tests an address for duplicates (RFC 4862).
      Rule(
        "prerouting.dhcp", "DHCP requests of clients without an address",
        [.from(set: "homes"), .source(Self.unspecified4), .transport(17), .sourcePort(68), .port(67)], .accept),
      Rule(
        "prerouting.duplicates", "duplicate address detection",
        [.source(Self.unspecified6), .icmp(135, .v6), .hopLimit(255)], .accept),
      Rule(
        "prerouting.listeners", "multicast listener reports of hosts without an address",
        [.source(Self.unspecified6), .icmp(143, .v6), .hopLimit(1)], .accept),
    ]
    for network in model.networks { rules += antiSpoofRules(network) }
    rules += drop(
      "antispoof.lease", "a leased address used by another device",
      [
        .from(set: "homes"), .source(.v4, in: "leased"),
        Match([.source(.v4), .hardwareSource], .notMember(of: "bindings")),
      ])
    return rules + uplinkSourceRules
  }

  private func antiSpoofRules(_ network: Network) -> [Rule] {
    let name = "antispoof.\(network.name)"
    let summary = "sources that are not of network \(network.name)"
    return drop(
      name, summary, [.from(network.device), .source(.v4, notIn: Self.networkSet(network.name, .v4))])
      + [
        Rule(
          "antispoof.\(network.name).local", "link-local sources on network \(network.name)",
          [.from(network.device), .source(Self.linkLocal)], .accept)
      ]
      + drop(name, summary, [.from(network.device), .source(.v6, notIn: Self.networkSet(network.name, .v6))])
  }

  private var uplinkSourceRules: [Rule] {
    var rules = model.uplinks.filter(\.isDHCP).map { uplink in
      // The client reads its packets before any rule. What looks like them is nobody else's: dropped before it could fill the log.
      Rule(
        "prerouting.lease", "answers to the DHCP client on \(uplink.device), which has read them by then",
        [.from(uplink.device), .family(.v4), .transport(17), .sourcePort(67), .port(68)], .drop)
    }
    for family in Self.families {
      rules += drop(
        "bogon.\(family.digit)", "sources that the Internet does not have",
        [.from(set: "uplinks"), .source(family, in: "bogons.\(family.digit)")])
      rules += drop(
        "spoof.\(family.digit)", "our own addresses from outside",
        [.from(set: "uplinks"), .source(family, in: "home.\(family.digit)")])
    }
    rules.append(
      Rule(
        "prerouting.uplink.local", "link-local neighbours", [.from(set: "uplinks"), .source(Self.linkLocal)], .accept))
    return rules
      + drop(
        "reverse-path", "sources to which no route leads back through the uplink (RFC 3704)",
        [.from(set: "uplinks"), .hasNoReversePath])
  }

  /// Packets for the router itself.
  var inputRules: [Rule] {
    var rules = [Rule("input.loopback", "the router itself", [.from("lo")], .accept)]
    rules += drop("input.invalid", "packets of no flow", [.state(.invalid)])
    rules += blockedRules(isForward: false)
    rules += Self.pingRules
    rules.append(
      Rule("input.established", "answers and what belongs to them", [.state([.established, .related])], .accept))
    rules += Self.controlMessageRules
    rules += newConnectionRules
    rules += serviceRules
    for allow in model.allows where allow.to == .router { rules += allowRules(allow) }
    return rules + refuse("input")
  }

  /// Blocked lists, in both directions, at the uplink.
  func blockedRules(isForward: Bool) -> [Rule] {
    let lists = model.addressLists.filter { model.firewall.blocked.contains($0.name) }
    return lists.flatMap { list in
      Self.families.flatMap { family in
        let set = Self.listSet(list.name, family)
        let (name, summary) = ("blocked.\(list.name)", "addresses of list \(list.name)")
        return drop(name, summary, [.from(set: "uplinks"), .source(family, in: set)])
          + (isForward ? drop(name, summary, [.to(set: "uplinks"), .destination(family, in: set)]) : [])
      }
    }
  }

  /// New TCP connections to the router, by source. Counted, not reported: a flood would fill the log.
  private var newConnectionRules: [Rule] {
    let rate = UInt64(clamping: model.firewall.newConnectionRate)
    guard rate > 0 else { return [] }
    return Self.families.map { family in
      Rule(
        "input.rate", "more than \(rate) new connections a second from one source",
        [.family(family), .transport(6), .state(.new)],
        [.over(rate: rate, burst: UInt32(clamping: rate), per: [.source(family)], in: "rate.\(family.digit)"), .count],
        .drop)
    }
  }

  /// What the networks may ask the router.
  private var serviceRules: [Rule] {
    var rules = [
      Rule(
        "input.dhcp", "DHCP requests", [.from(set: "homes"), .family(.v4), .transport(17), .sourcePort(68), .port(67)],
        .accept),
      Rule("input.dns", "questions for the name service", [.from(set: "homes"), .transport(17), .port(53)], .accept),
      Rule("input.dns", "questions for the name service", [.from(set: "homes"), .transport(6), .port(53)], .accept),
    ]
    for network in model.networks where !network.isolated {
      let known: [Match] = network.unknown == .allow ? [] : [.hardware(in: "known")]
      rules += Self.managementPorts.map { port in
        Rule(
          "input.management", "SSH and the console", [.from(network.device)] + known + [.transport(6), .port(port)],
          .accept)
      }
    }
    return rules
  }

  /// Before what is established: the requests of one ping are one flow. Counted, not reported: a flood would fill the log.
  private static let pingRules = [Match.icmp(8, .v4), .icmp(128, .v6)].flatMap { request in
    [
      Rule("input.ping", "echo requests", [request], [.rate(50, burst: 100), .count], .accept),
      Rule("input.ping.rate", "more than 50 echo requests a second", [request], .drop),
    ]
  }

  /// What RFC 4890 section 4.4 says must not be dropped, and its counterpart of IPv4. Errors about flows come as related; errors about nothing
  /// that we sent are dropped as invalid.
  static var controlMessageRules: [Rule] {
    [
      Rule(
        "input.neighbours", "neighbour discovery",
        [.icmp(135...136, .v6), .hopLimit(255)], .accept),
      Rule(
        "input.routers", "router solicitations of the house",
        [.from(set: "homes"), .icmp(133, .v6), .hopLimit(255)], .accept),
      Rule(
        "input.routers", "router advertisements of providers",
        [.from(set: "uplinks"), .source(linkLocal), .icmp(134, .v6), .hopLimit(255)], .accept),
      Rule(
        "input.listeners", "multicast listener discovery",
        [.source(linkLocal), .icmp(130...132, .v6), .hopLimit(1)], .accept),
      Rule(
        "input.listeners", "multicast listener discovery, version 2",
        [.icmp(143, .v6), .hopLimit(1)], .accept),
    ]
  }

  static let linkLocal = IPPrefix(.v6(IPv6Address(high: 0xfe80 << 48, low: 0)), length: 10)!
  static let uniqueLocal = IPPrefix(.v6(IPv6Address(high: 0xfc00 << 48, low: 0)), length: 7)!
  private static let unspecified4 = IPPrefix(.v4(.any), length: 32)!
  private static let unspecified6 = IPPrefix(.v6(.any), length: 128)!
}

extension UplinkSettings {
  var isDHCP: Bool { if case .dhcp = method { true } else { false } }
}
