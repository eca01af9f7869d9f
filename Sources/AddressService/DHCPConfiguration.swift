public import Household
public import Wire

/// What the DHCPv4 server hands out on one home network.
public struct DHCPScope: Sendable, Equatable {
  /// The network's name, e.g. `home`.
  public var name: String
  /// The kernel interface on which clients are heard, e.g. `br-home`.
  public var device: String
  /// The router's address in the pool's prefix: server identifier, default router and DNS server.
  public var server: InterfaceAddress
  public var pool: ClosedRange<IPv4Address>
  /// Seconds.
  public var leaseSeconds: UInt32
  /// Option 15 and 119.
  public var domain: DomainName
  /// Options set by hand; they replace the server's own of the same code.
  public var options: [DHCPOptionSetting]
  /// Static addresses in this network, with the names of their devices.
  public var reservations: [IPv4Address: String]
  /// Addresses that are never handed out: the router's own.
  public var excluded: Set<IPv4Address>

  public init(
    name: String, device: String, server: InterfaceAddress, pool: ClosedRange<IPv4Address>, leaseSeconds: UInt32,
    domain: DomainName, options: [DHCPOptionSetting] = [], reservations: [IPv4Address: String] = [:],
    excluded: Set<IPv4Address> = []
  ) {
    self.name = name
    self.device = device
    self.server = server
    self.pool = pool
    self.leaseSeconds = leaseSeconds
    self.domain = domain
    self.options = options
    self.reservations = reservations
    self.excluded = excluded
  }

  /// The router's address as a number; scopes are made only for IPv4.
  var serverAddress: IPv4Address { server.address.v4 ?? .any }
  var prefix: IPPrefix { server.prefix }
  var netmask: IPv4Address { prefix.netmask ?? .any }
  var broadcast: IPv4Address { IPv4Address(value: serverAddress.value | ~netmask.value) }

  func contains(_ address: IPv4Address) -> Bool { prefix.contains(.v4(address)) }
}

/// Everything that the DHCPv4 server takes from the household's configuration.
public struct DHCPConfiguration: Sendable, Equatable {
  public var scopes: [DHCPScope]
  /// Names of devices by hardware address.
  public var devicesByHardware: [MACAddress: String]
  /// Names of devices by client identifier (option 61).
  public var devicesByIdentifier: [[UInt8]: String]
  /// Networks that cannot be served as they stand, a sentence each.
  public var problems: [String]

  public init(
    scopes: [DHCPScope] = [], devicesByHardware: [MACAddress: String] = [:],
    devicesByIdentifier: [[UInt8]: String] = [:], problems: [String] = []
  ) {
    self.scopes = scopes
    self.devicesByHardware = devicesByHardware
    self.devicesByIdentifier = devicesByIdentifier
    self.problems = problems
  }

  public init(_ model: HouseholdModel) {
    self.init()
    for device in model.devices {
      for hardware in device.hardware { devicesByHardware[hardware] = device.name }
      for identifier in device.clientIdentifiers { devicesByIdentifier[identifier] = device.name }
    }
    for network in model.networks {
      guard let settings = network.dhcp else { continue }
      guard let server = network.addresses.first(where: { $0.family == .v4 && $0.holds(settings.pool) }) else {
        problems.append(
          "network \(network.name): its pool \(settings.pool.lowerBound)-\(settings.pool.upperBound) is in none of its "
            + "prefixes, so it gets no addresses by DHCP")
        continue
      }
      scopes.append(
        DHCPScope(
          name: network.name, device: network.device, server: server, pool: settings.pool,
          leaseSeconds: max(settings.leaseSeconds, DHCPServer.minimumLeaseSeconds),
          domain: network.isolated ? model.domain.prepending(network.name) ?? model.domain : model.domain,
          options: settings.options, reservations: model.reservations(in: server.prefix),
          excluded: Set(network.addresses.compactMap(\.address.v4))))
    }
  }

  /// The device that a client is known as; a client identifier says more than a hardware address.
  func device(hardware: MACAddress, identifier: [UInt8]?) -> String? {
    identifier.flatMap { devicesByIdentifier[$0] } ?? devicesByHardware[hardware]
  }
}

extension InterfaceAddress {
  fileprivate var family: IPFamily { address.family }

  fileprivate func holds(_ pool: ClosedRange<IPv4Address>) -> Bool {
    prefix.contains(.v4(pool.lowerBound)) && prefix.contains(.v4(pool.upperBound))
  }
}

extension HouseholdModel {
  fileprivate func reservations(in prefix: IPPrefix) -> [IPv4Address: String] {
    var reservations: [IPv4Address: String] = [:]
    for device in devices {
      for address in device.addresses where prefix.contains(address) {
        if let address = address.v4 { reservations[address] = device.name }
      }
    }
    return reservations
  }
}
