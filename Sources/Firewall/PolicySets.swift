import Household
import Wire

extension FirewallPolicy {
  static let families: [IPFamily] = [.v4, .v6]

  private var trustedNetworks: [Network] { model.networks.filter { !$0.isolated } }

  /// Sets that only a change of the configuration changes.
  var fixedSets: [NamedSet] {
    [
      .interfaces("uplinks", model.uplinks.map(\.device)),
      .interfaces("homes", model.networks.map(\.device)),
      .interfaces("trusted", trustedNetworks.map(\.device)),
      .prefixes("bogons.4", .v4, Self.bogons), .prefixes("bogons.6", .v6, Self.bogons),
    ]
      + Self.families.flatMap { family in
        model.addressLists.compactMap { list in
          let effect = effect(ofList: list.name)
          return effect.isEmpty ? nil : .list(Self.listSet(list.name, family), family, list.members, effect: effect)
        }
      }
  }

  /// Sets whose elements follow ``FirewallDynamics``.
  var dynamicSets: [NamedSet] {
    var sets: [NamedSet] = [.hardware("known", model.devices.flatMap { hardware(of: $0.name) })]
    sets.append(.hardware("paused.hardware", dynamic.paused.flatMap(hardware(of:)), effect: .blocks))
    for family in Self.families {
      sets.append(
        .addresses("paused.\(family.digit)", family, dynamic.paused.flatMap(addresses(of:)), effect: .blocks))
      sets.append(.prefixes("home.\(family.digit)", family, model.networks.flatMap(prefixes(of:))))
      sets.append(.addresses("router.\(family.digit)", family, model.networks.flatMap(\.addresses).map(\.address)))
      for network in model.networks {
        sets.append(.prefixes(Self.networkSet(network.name, family), family, prefixes(of: network)))
      }
      for device in usedDevices {
        sets.append(.addresses(Self.deviceSet(device, family), family, places(of: device)))
      }
    }
    for device in usedDevices where isBoundToHardware(device) {
      sets.append(.hardware(Self.hardwareSet(device), hardware(of: device)))
    }
    return sets + bindingSets + forwardMaps
  }

  /// Sets that the rules themselves fill.
  var meters: [NamedSet] {
    var sets: [NamedSet] = []
    if model.firewall.newConnectionRate > 0 {
      let filling = NamedSet.Filling.rules(timeoutSeconds: 60, size: 65_536)
      sets += Self.families.map { NamedSet("rate.\($0.digit)", key: [.init($0)], filling: filling) }
      sets.append(NamedSet("rate.forward", key: [.ipv4, .ipv4, .port], filling: filling))
    }
    if model.firewall.connectionsPerDevice > 0 {
      let filling = NamedSet.Filling.rules(timeoutSeconds: 0, size: 65_536)
      sets += Self.families.map { NamedSet("connections.\($0.digit)", key: [.init($0)], filling: filling) }
    }
    return sets
  }

  /// Sources that no packet from the Internet has: RFC 6890 without private networks and the documentation's, which a provider may use.
  private static let bogons: [IPPrefix] = [
    "0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3",
    "::/127", "::ffff:0:0/96", "64:ff9b:1::/48", "100::/64", "ff00::/8",
  ].compactMap { IPPrefix($0) }

  /// Leased and static addresses with their owners: `leased` holds the addresses, `bindings` the pairs that are right.
  private var bindingSets: [NamedSet] {
    let fixed = model.devices.flatMap { device in
      device.addresses.compactMap(\.v4).flatMap { address in hardware(of: device.name).map { (address, $0) } }
    }
    let pairs = fixed + dynamic.bindings.map { ($0.address, $0.hardware) }
    let joined = pairs.map { NamedSet.join([IPAddress.v4($0).bytes, $1.bytes]) }
    return [
      .addresses("leased", .v4, pairs.map { .v4($0.0) }),
      NamedSet("bindings", key: [.ipv4, .hardware], elements: ElementTable(keyLength: 12, records: joined)),
    ]
  }

  /// For each forward a map from the port outside to the address and port of the device; empty while the device has no address.
  private var forwardMaps: [NamedSet] {
    model.forwards.map { forward in
      let records: [[UInt8]] =
        target(of: forward.device).map { target in
          zip(forward.ports, forward.devicePorts).map { outside, inside in
            network(outside) + NamedSet.join([IPAddress.v4(target).bytes, network(inside)])
          }
        } ?? []
      return NamedSet(
        Self.forwardMap(forward.name), key: [.port], value: [.ipv4, .port],
        elements: ElementTable(keyLength: 2, valueLength: 8, records: records))
    }
  }

  /// Devices that forwards and allow rules name, in order, once each.
  private var usedDevices: [String] {
    var seen: Set<String> = []
    let endpoints = model.allows.flatMap { [$0.from, $0.to] }
    let names =
      model.forwards.map(\.device) + endpoints.compactMap { if case .device(let name) = $0 { name } else { nil } }
    return names.filter { seen.insert($0).inserted }
  }

  /// What rules make of an address list; empty: nothing, so that the kernel need not have it.
  private func effect(ofList name: String) -> NamedSet.Effect {
    var effect: NamedSet.Effect = []
    if model.firewall.blocked.contains(name) { effect.insert(.blocks) }
    if model.forwards.contains(where: { $0.sources.contains(.list(name)) }) { effect.insert(.permits) }
    return effect
  }

  /// Whether a device is known by hardware addresses, and rules about it ask for them.
  func isBoundToHardware(_ device: String) -> Bool { !(model.device(named: device)?.hardware.isEmpty ?? true) }

  static func networkSet(_ name: String, _ family: IPFamily) -> String { "network.\(name).\(family.digit)" }
  static func deviceSet(_ name: String, _ family: IPFamily) -> String { "device.\(name).\(family.digit)" }
  static func hardwareSet(_ name: String) -> String { "device.\(name).hardware" }
  static func listSet(_ name: String, _ family: IPFamily) -> String { "list.\(name).\(family.digit)" }
  static func forwardMap(_ name: String) -> String { "forward.\(name)" }
}

extension PortForward {
  /// Ports on the device, as many as there are outside; those beyond 65,535 do not exist.
  var devicePorts: ClosedRange<UInt16> {
    devicePort...UInt16(clamping: Int(devicePort) + ports.count - 1)
  }
}

extension IPFamily {
  /// 4 or 6, as the ends of set names.
  var digit: UInt8 { rawValue }
}
