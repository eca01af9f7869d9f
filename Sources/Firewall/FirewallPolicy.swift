public import Household
import Wire

/// What the household's settings mean for packets: model and dynamics in, ``Ruleset`` out. Pure.
///
/// What the rules promise:
/// - From an uplink nothing comes in but answers, port forwards, and what RFC 4890 asks for. The DHCP client reads its answers before any rule
///   (packet socket). All else is dropped without an answer, also towards the house: a refused packet looks like a lost one from everywhere.
/// - A home network reaches the Internet. It reaches the router by DHCP, DNS and ping; if it is not isolated also by SSH (tcp 22) and the
///   console (tcp 80 and 443). It reaches other networks only by an `allow`.
/// - Dropping what is paused, blocked or invalid stands before accepting what is established.
/// - No helpers: protocols that open further connections get none opened (SIP, FTP).
public struct FirewallPolicy: Sendable {
  let model: HouseholdModel
  let dynamic: FirewallDynamics

  public init(model: HouseholdModel, dynamic: FirewallDynamics) {
    self.model = model
    self.dynamic = dynamic
  }

  /// Ports of the router's own services for people: SSH, and the console by HTTP and HTTPS.
  static let managementPorts: [UInt16] = [22, 80, 443]

  /// The rules for this household.
  public var ruleset: Ruleset {
    let inet = Table(
      family: .inet,
      limits: isLogging ? [NamedLimit(Self.logLimit, rate: UInt64(model.firewall.logRate), burst: logBurst)] : [],
      sets: fixedSets + dynamicSets + meters,
      chains: [
        Chain("prerouting", .filter, .prerouting, priority: Priority.raw, policy: .accept, rules: preroutingRules),
        Chain("input", .filter, .input, priority: Priority.filter, policy: .drop, rules: inputRules),
        Chain("forward", .filter, .forward, priority: Priority.filter, policy: .drop, rules: forwardRules),
        Chain("output", .filter, .output, priority: Priority.filter, policy: .accept, rules: outputRules),
        Chain("nat-in", .nat, .prerouting, priority: Priority.destinationNAT, policy: .accept, rules: redirectRules),
        Chain("nat-out", .nat, .postrouting, priority: Priority.sourceNAT, policy: .accept, rules: masqueradeRules),
      ])
    return Ruleset(tables: [inet] + (bridgeTable.map { [$0] } ?? []))
  }

  /// What the router itself does not send. For a packet that would leave where it came in, the kernel tells its sender of the shorter way
  /// before the forward chain drops it, and has no switch for that in IPv6: a stranger at the uplink would hear an answer.
  private var outputRules: [Rule] {
    [Rule("output.redirect", "advice to take another way (ICMPv6 redirects)", [.icmp(137, .v6)], .drop)]
  }

  /// The priorities of nft(8), by its names.
  enum Priority {
    static let raw: Int32 = -300
    static let bridgeFilter: Int32 = -200
    static let destinationNAT: Int32 = -100
    static let filter: Int32 = 0
    static let sourceNAT: Int32 = 100
  }

  /// Ports of one isolated network do not reach each other either, where a bridge joins them.
  private var bridgeTable: Table? {
    let networks = model.networks.filter { $0.isolated && $0.portDevices.count > 1 }
    guard !networks.isEmpty else { return nil }
    let rules = networks.map { network in
      Rule(
        "isolation.\(network.name)", "devices of \(network.name) do not reach each other",
        [.from(set: "ports.\(network.name)")], .drop)
    }
    return Table(
      family: .bridge, sets: networks.map { .interfaces("ports.\($0.name)", $0.portDevices) },
      chains: [
        Chain("forward", .filter, .forward, priority: Priority.bridgeFilter, policy: .accept, rules: rules)
      ])
  }
}

extension FirewallPolicy {
  static let logLimit = "lograte"
  var isLogging: Bool { model.firewall.logRate > 0 }
  private var logBurst: UInt32 { UInt32(clamping: max(5, model.firewall.logRate)) }

  /// Drops, counts, and reports as often as the log's rate allows.
  func drop(_ name: String, _ summary: String, _ matches: [Match]) -> [Rule] {
    report(name, summary, matches) + [Rule(name, summary, matches, .drop)]
  }

  /// Reports as often as the log's rate allows, and decides nothing.
  func report(_ name: String, _ summary: String, _ matches: [Match]) -> [Rule] {
    isLogging ? [Rule(name, summary, matches, [.limit(Self.logLimit), .log], nil)] : []
  }

  /// The last rules of a chain: what comes here is dropped by the chain's policy; these count and report it.
  func refuse(_ chain: String) -> [Rule] {
    let sides = [("wan", Match.from(set: "uplinks"), "the Internet"), ("home", .from(set: "homes"), "the house")]
    return sides.flatMap { side, from, words in
      let name = "\(chain).\(side).drop"
      let summary = "what \(words) may not reach\(chain == "input" ? " on the router" : "")"
      // Broadcast and multicast chatter is counted, but not worth a line.
      return report(name, summary, chain == "input" ? [from, .toRouter] : [from]) + [Rule(name, summary, [from], nil)]
    }
  }

  /// Addresses of a device: static, leased and seen.
  func addresses(of name: String) -> Set<IPAddress> {
    Set(model.device(named: name)?.addresses ?? []).union(dynamic.addresses[name] ?? [])
  }

  /// Addresses by which forwards and allow rules know a device. Recognition gives nothing across isolation: whoever shows the device's hardware address
  /// or client identifier on an isolated network where the household has not put it does not take its place. Addresses there count only where it has
  /// no others, and then only for being reached: as sources they do not pass their network's interface.
  func places(of name: String) -> Set<IPAddress> {
    let own = isolatedHomes(of: name)
    let foreign = model.networks.filter { $0.isolated && !own.contains($0) }.flatMap(prefixes(of:))
    let all = addresses(of: name)
    let places = all.filter { address in !foreign.contains { $0.contains(address) } }
    return places.allSatisfy { $0.v6?.isLinkLocal == true } ? all : places
  }

  /// Isolated networks in which a device has a static address.
  func isolatedHomes(of name: String) -> [Network] {
    let fixed = model.device(named: name)?.addresses ?? []
    return model.networks.filter { $0.isolated && $0.prefixes.contains { fixed.contains(where: $0.contains) } }
  }

  /// The IPv4 address that port forwards to a device lead to: its first static one, else the lowest of its ``places(of:)``.
  func target(of name: String) -> IPv4Address? {
    model.device(named: name)?.addresses.lazy.compactMap(\.v4).first
      ?? places(of: name).compactMap(\.v4).min()
  }

  func hardware(of name: String) -> Set<MACAddress> {
    Set(model.device(named: name)?.hardware ?? []).union(dynamic.hardware[name] ?? [])
  }

  /// Prefixes of a network: configured and delegated.
  func prefixes(of network: Network) -> [IPPrefix] { network.prefixes + (dynamic.prefixes[network.name] ?? []) }
}

extension TransportProtocol {
  /// IP protocol numbers; nil: whatever it is.
  var numbers: [UInt8?] {
    switch self {
    case .tcp: [6]
    case .udp: [17]
    case .tcpAndUDP: [6, 17]
    case .any: [nil]
    }
  }
}
