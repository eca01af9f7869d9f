import Household
import Wire

/// What the clients of each isolated network may know of the household's own names; everything else of them does not exist
/// for these clients.
///
/// They see the network's own domain and reverse zones, the router's name, and what an `[allow.NAME]` lets them reach: the
/// name of a device, or the names of a network. Who lives in the house is nobody else's business.
struct NameScopes: Sendable {
  /// By the network's number, from 1: names that are seen with everything below them, in lower case.
  private let roots: [[DomainName]]
  /// What every client may know (RFC 6761 section 6.3).
  private let common: [DomainName]

  /// - Parameter leases: tell which devices are in which network now.
  init(_ model: HouseholdModel, leases: [Lease] = []) {
    common =
      [DomainName("localhost")].compactMap(\.self) + [ReverseName.of(.v4(.loopback)), ReverseName.of(.v6(.loopback))]
    roots = model.networks.filter(\.isolated).prefix(PolicyGroup.unknownIsolation - 1).map { network in
      let reached = model.allows.filter { Self.isInside($0.from, network, model, leases) }.map(\.to)
      return Self.names(of: network, model) + [Self.name(model.routerName, model)].compactMap(\.self)
        + reached.flatMap { Self.names(of: $0, model) }
    }
  }

  /// Whether clients of a group may know of a name of the household, in lower case on the wire, or of one below it.
  func shows(_ name: UnsafeRawBufferPointer, to group: PolicyGroup) -> Bool {
    guard group.isIsolated else { return true }
    guard let name = DomainName(wire: name) else { return false }
    let number = group.isolation - 1
    let seen = common + (roots.indices.contains(number) ? roots[number] : [])
    return seen.contains { name.isWithin($0) || $0.isWithin(name) }
  }

  private static func name(_ label: String, _ model: HouseholdModel) -> DomainName? {
    model.domain.prepending(label)?.canonical
  }

  /// Where a network's clients have their names: the domain, and the reverse zones.
  private static func names(of network: Network, _ model: HouseholdModel) -> [DomainName] {
    let domain = network.isolated ? name(network.name, model) : model.domain.canonical
    return [domain].compactMap(\.self) + network.prefixes.flatMap { ReverseName.zones(of: $0) }
  }

  private static func names(of reached: AllowRule.Endpoint, _ model: HouseholdModel) -> [DomainName] {
    switch reached {
    case .router: []
    case .device(let device): [name(device, model)].compactMap(\.self)
    case .network(let network): model.networks.first { $0.name == network }.map { names(of: $0, model) } ?? []
    }
  }

  /// Whether a permission is one of a network's clients.
  private static func isInside(
    _ source: AllowRule.Endpoint, _ network: Network, _ model: HouseholdModel, _ leases: [Lease]
  ) -> Bool {
    switch source {
    case .router: return false
    case .network(let name): return name == network.name
    case .device(let name):
      let addresses = model.devices.first { $0.name == name }?.addresses ?? []
      return addresses.contains { address in network.prefixes.contains { $0.contains(address) } }
        || leases.contains { $0.device == name && $0.network == network.name && $0.state == .active }
    }
  }
}
