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
  private let hardware: [IPv4Address: MACAddress]

  /// - Parameter local: The addresses that the router has now, on all interfaces.
  init(old: Ruleset?, new: Ruleset, model: HouseholdModel, dynamic: FirewallDynamics, local: Set<IPAddress>) {
    self.old = old
    self.new = new
    self.model = model
    self.dynamic = dynamic
    let policy = FirewallPolicy(model: model, dynamic: dynamic)
    routes = PacketRoutes(
      local: local.union(model.networks.flatMap(\.addresses).map(\.address)),
      routes: model.networks.flatMap { network in policy.prefixes(of: network).map { ($0, network.device) } },
      fallback: model.uplinks.first?.device)
    hardware = Dictionary(dynamic.bindings.map { ($0.address, $0.hardware) }) { $1 }
  }

  func flowsToEnd(_ flows: [Flow]) -> [Flow] { flows.filter(mustEnd) }

  private func mustEnd(_ flow: Flow) -> Bool {
    // What the router itself began is no business of these rules.
    guard !routes.local.contains(flow.original.source), let packet = probe(flow), !isAllowed(flow, packet, by: new)
    else { return false }
    return old.map { isAllowed(flow, packet, by: $0) } ?? true
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
    guard let input = routes.interface(to: flow.original.source) else { return nil }
    return PacketProbe(
      input: input, source: flow.original.source, destination: flow.original.destination,
      transport: flow.original.transport, sourcePort: flow.original.sourcePort,
      destinationPort: flow.original.destinationPort, icmpType: flow.original.echo?.type,
      hardware: flow.original.source.v4.flatMap { hardware[$0] })
  }
}
