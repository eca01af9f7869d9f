import Household
import Netlink
import Wire

/// Which of the tracked flows end when the rules change: those whose first packet the new rules refuse, or would send elsewhere, while the old
/// ones let it through. Flows that the rules say nothing of, such as the router's own, stay. Pure.
struct FlowTermination {
  /// Nil: not known, so that whatever the new rules refuse ends.
  let old: Ruleset?
  let new: Ruleset
  let model: HouseholdModel
  let dynamic: FirewallDynamics
  private let routes: PacketRoutes
  private let senders: [IPAddress: Sender]
  private let bound: [IPv4Address: MACAddress]
  /// Where nobody knows who sends: the rules without those that do not need it, and one hardware address of each kind that they tell apart.
  private let doubt: (old: Ruleset, new: Ruleset, suspects: [MACAddress])?

  /// Who has an address.
  struct Sender: Equatable {
    /// Name of the interface.
    var interface: String
    var hardware: MACAddress
  }

  /// - Parameters:
  ///   - local: The addresses that the router has now, on all interfaces.
  ///   - senders: Who has been seen with which address.
  init(
    old: Ruleset?, new: Ruleset, model: HouseholdModel, dynamic: FirewallDynamics, local: Set<IPAddress>,
    senders: [IPAddress: Sender] = [:]
  ) {
    self.old = old
    self.new = new
    self.model = model
    self.dynamic = dynamic
    let policy = FirewallPolicy(model: model, dynamic: dynamic)
    routes = PacketRoutes(
      local: local.union(model.networks.flatMap(\.addresses).map(\.address)),
      routes: model.networks.flatMap { network in policy.prefixes(of: network).map { ($0, network.device) } },
      fallback: model.uplinks.first?.device)
    self.senders = senders
    bound = Dictionary(dynamic.bindings.map { ($0.address, $0.hardware) }) { $1 }
    doubt = old.map { ($0.forNewFlows, new.forNewFlows, Self.suspects([$0, new])) }
  }

  func flowsToEnd(_ flows: [Flow]) -> [Flow] { flows.filter(mustEnd) }

  private func mustEnd(_ flow: Flow) -> Bool {
    // What the router itself began is no business of these rules.
    guard !routes.local.contains(flow.original.source), let packet = probe(flow) else { return false }
    if !isAllowed(flow, packet, by: new) { return old.map { isAllowed(flow, packet, by: $0) } ?? true }
    guard let doubt, packet.hardware == nil, isHome(packet.input) else { return false }
    return doubt.suspects.contains { suspect in
      var packet = packet
      packet.hardware = suspect
      return !isAllowed(flow, packet, by: doubt.new) && isAllowed(flow, packet, by: doubt.old)
    }
  }

  private func isHome(_ interface: String) -> Bool { model.networks.contains { $0.device == interface } }

  /// One hardware address of each kind that sets tell apart, and one that is in none of them.
  private static func suspects(_ rulesets: [Ruleset]) -> [MACAddress] {
    let tables = rulesets.flatMap(\.tables).flatMap(\.sets).filter { $0.key == [.hardware] }.map(\.elements)
    var kinds: [[Bool]: MACAddress] = [:]
    func add(_ address: MACAddress) { kinds[tables.map { $0.contains(address.bytes) }] = address }
    for table in tables {
      for index in 0..<table.count { add(MACAddress(value: table.record(index).reduce(0) { $0 << 8 | UInt64($1) })) }
    }
    let all = tables.reduce(0) { $0 + $1.count }
    // Of more addresses than all the sets hold, one is in none.
    for number in 0...UInt64(all) { add(MACAddress(value: 0x0200_0000_0000 | number)) }
    return Array(kinds.values)
  }

  private func isAllowed(_ flow: Flow, _ packet: PacketProbe, by ruleset: Ruleset) -> Bool {
    switch ruleset.fate(of: packet, by: routes) {
    case .dropped: false
    case .received: !flow.isForwarded
    case .forwarded(_, let destination, let port):
      !flow.isForwarded
        || destination == flow.reply.source && (flow.original.echo != nil || port == flow.reply.sourcePort)
    }
  }

  /// The flow's first packet, as far as the entry tells.
  private func probe(_ flow: Flow) -> PacketProbe? {
    let (source, sender) = (flow.original.source, senders[flow.original.source])
    // Every link has the same link-local prefix.
    let isLinkLocal = source.v6?.isLinkLocal == true
    guard let input = isLinkLocal ? sender?.interface : routes.interface(to: source) else { return nil }
    let seen = sender?.interface == input && isHome(input) ? sender?.hardware : nil
    return PacketProbe(
      input: input, source: source, destination: flow.original.destination,
      transport: flow.original.transport, sourcePort: flow.original.sourcePort,
      destinationPort: flow.original.destinationPort, icmpType: flow.original.echo?.type,
      hardware: source.v4.flatMap { bound[$0] } ?? seen)
  }
}

extension Ruleset {
  /// Without the rules that drop by hardware address and that packets of running flows meet too: those need no flow to end.
  fileprivate var forNewFlows: Ruleset {
    var ruleset = self
    for table in tables.indices {
      for (index, chain) in tables[table].chains.enumerated() {
        let established = chain.rules.firstIndex {
          $0.verdict == .accept && $0.matches == [.state([.established, .related])]
        }
        let end = chain.hook == .prerouting ? chain.rules.count : established ?? 0
        ruleset.tables[table].chains[index].rules = chain.rules.enumerated().compactMap { position, rule in
          position < end && rule.verdict == .drop && rule.matches.contains { $0.fields.contains(.hardwareSource) }
            ? nil : rule
        }
      }
    }
    return ruleset
  }
}
