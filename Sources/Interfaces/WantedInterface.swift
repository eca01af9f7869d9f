import Household
import Netlink
import Wire

/// One interface as the configuration wants it.
struct WantedInterface: Equatable {
  /// Where it comes from.
  enum Source: Equatable {
    /// It is there or it is not: hardware, or what somebody else makes.
    case found
    /// Made by us: a tag on `trunk`.
    case vlan(trunk: String, tag: UInt16)
    /// Made by us.
    case bridge(ports: [String])
  }

  /// What it is for.
  enum Use: Equatable {
    /// Carries tagged frames of others and has no addresses of its own.
    case trunk
    /// A port of a bridge. Isolated ports exchange nothing among themselves.
    case port(bridge: String, isIsolated: Bool)
    /// Carries a home network: these addresses and no others.
    case home(addresses: [InterfaceAddress])
    /// Leads to a provider. Its addresses are the uplink's own affair.
    case uplink(hardware: MACAddress?, mtu: Int?)
  }

  var name: String
  var source: Source
  var use: Use
  /// As ``LinkFact/role`` has it: `network.home`, `uplink.wan`.
  var role: String
  /// In a sentence: `network home`.
  var owner: String
}

extension WantedInterface {
  /// Whether the address is one that it is to have.
  func has(_ address: InterfaceAddress) -> Bool {
    if case .home(let addresses) = use { addresses.contains(address) } else { false }
  }

  /// What `model` wants, an interface after those that it stands on. One that is named twice has its first use; a trunk is the least use.
  static func all(of model: HouseholdModel) -> [WantedInterface] {
    var collection = Collection()
    for uplink in model.uplinks {
      collection.add(uplink)
    }
    for network in model.networks {
      collection.add(network)
    }
    return collection.found + collection.tagged + collection.bridges
  }

  private struct Collection {
    var found: [WantedInterface] = []
    var tagged: [WantedInterface] = []
    var bridges: [WantedInterface] = []

    mutating func add(_ uplink: UplinkSettings) {
      add(
        port: uplink.interface, tag: uplink.vlan, use: .uplink(hardware: uplink.hardware, mtu: uplink.mtu),
        role: "uplink.\(uplink.name)", owner: "uplink \(uplink.name)")
    }

    mutating func add(_ network: Network) {
      let role = "network.\(network.name)"
      let owner = "network \(network.name)"
      let isBridged = network.interfaces.count > 1
      let use: Use =
        isBridged
        ? .port(bridge: network.device, isIsolated: network.isolated) : .home(addresses: network.addresses)
      for port in network.interfaces { add(port: port, tag: network.vlan, use: use, role: role, owner: owner) }
      guard isBridged else { return }
      bridges.append(
        WantedInterface(
          name: network.device, source: .bridge(ports: network.portDevices), use: .home(addresses: network.addresses),
          role: role, owner: owner))
    }

    private mutating func add(port: String, tag: Int?, use: Use, role: String, owner: String) {
      let isTagged = tag != nil
      Self.merge(
        WantedInterface(name: port, source: .found, use: isTagged ? .trunk : use, role: role, owner: owner), &found)
      guard let tag else { return }
      Self.merge(
        WantedInterface(
          name: "\(port).\(tag)", source: .vlan(trunk: port, tag: UInt16(clamping: tag)), use: use, role: role,
          owner: owner), &tagged)
    }

    private static func merge(_ wanted: WantedInterface, _ list: inout [WantedInterface]) {
      guard let index = list.firstIndex(where: { $0.name == wanted.name }) else { return list.append(wanted) }
      if list[index].use == .trunk { list[index] = wanted }
    }
  }
}
