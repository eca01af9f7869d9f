import Household
import Wire

/// The names that the configuration gives to the router and to devices, and where each network's names live.
struct NamePlan {
  /// Domain of each network's leases.
  private(set) var domains: [String: DomainName] = [:]
  private(set) var names: [HouseName] = []
  /// Places in `names` of devices by their name.
  private(set) var devices: [String: Int] = [:]

  init(_ model: HouseholdModel, domain: DomainName, router: DomainName, _ routerAddresses: [String: [IPAddress]]) {
    func addresses(of network: Network) -> [IPAddress] {
      network.addresses.map(\.address) + (routerAddresses[network.name] ?? [])
    }
    for network in model.networks {
      domains[network.name] = network.isolated ? domain.prepending(network.name)?.canonical : domain
    }
    // Clients of an isolated network do not reach the router's other addresses, and nobody needs its address there.
    let open = model.networks.filter { !$0.isolated }
    let routerAddresses = (open.isEmpty ? model.networks : open).flatMap(addresses)
    names.append(HouseName(name: router, addresses: routerAddresses, source: .router))
    names.append(HouseName(name: domain, addresses: routerAddresses, source: .router, hasReverse: false))
    for network in model.networks where network.isolated {
      guard let name = domains[network.name]?.prepending(model.routerName)?.canonical else { continue }
      names.append(HouseName(name: name, addresses: addresses(of: network), source: .router))
    }
    for device in model.devices { add(device, model, domain) }
    addLocalhost()
  }

  /// A device has its name in the household's domain, and besides in the domain of each isolated network that it has an address in.
  private mutating func add(_ device: Device, _ model: HouseholdModel, _ domain: DomainName) {
    guard let name = domain.prepending(device.name)?.canonical else { return }
    devices[device.name] = names.count
    names.append(HouseName(name: name, addresses: device.addresses, source: .device))
    for network in model.networks where network.isolated {
      let inside = device.addresses.filter { address in network.prefixes.contains { $0.contains(address) } }
      guard !inside.isEmpty, let name = domains[network.name]?.prepending(device.name)?.canonical else { continue }
      names.append(HouseName(name: name, addresses: inside, source: .device, hasReverse: false))
    }
  }

  /// RFC 6761 section 6.3.
  private mutating func addLocalhost() {
    guard let name = DomainName("localhost") else { return }
    names.append(
      HouseName(name: name, addresses: [.v4(.loopback), .v6(.loopback)], source: .router, isListed: false))
  }
}

extension HouseholdZone {
  /// The zones: the household's, the reverse zones of its networks, and those that never leave a house unless the household forwards them.
  static func apexes(_ model: HouseholdModel, _ domain: DomainName, _ forwarded: [DomainName]) -> [DomainName] {
    var apexes = [domain]
    let local = LocallyServedZones.reverse + LocallyServedZones.forward
    for zone in local where zone != domain && !forwarded.contains(where: { zone.isWithin($0) }) {
      apexes.append(zone)
    }
    for prefix in model.networks.flatMap(\.prefixes) {
      for zone in ReverseName.zones(of: prefix) where !apexes.contains(where: { zone.isWithin($0) }) {
        apexes.append(zone)
      }
    }
    return apexes
  }

  /// The labels directly below each domain that configured records use.
  static func labels(of records: [ZoneRecord], in domains: Set<DomainName>) -> [DomainName: Set<String>] {
    var labels: [DomainName: Set<String>] = [:]
    for record in records {
      var name = record.owner
      while let parent = name.parent {
        if domains.contains(parent) {
          labels[parent, default: []].insert(String(decoding: name.firstLabel, as: UTF8.self))
        }
        name = parent
      }
    }
    return labels
  }
}
