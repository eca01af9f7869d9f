public import Wire

/// A home network: one zone of the firewall, one bridge or port, one or more prefixes.
public struct Network: Sendable, Equatable {
  /// e.g. `home`, `guest`.
  public var name: String
  /// Kernel names of the ports. Several are bridged.
  public var interfaces: [String]
  /// 802.1Q identifier 1 to 4094: the network is this tag on each of `interfaces`. Nil: untagged.
  public var vlan: Int?
  /// The router's own addresses, at most one per prefix, both families.
  public var addresses: [InterfaceAddress]
  /// Reaches the Internet and the router's DHCP and DNS, nothing else, not even each other.
  public var isolated: Bool
  /// What a device that nobody has named may do.
  public var unknown: UnknownDevicePolicy
  /// The DHCPv4 server's part; nil where the network has none.
  public var dhcp: DHCPSettings?
  /// Whether the blocklists hold for this network.
  public var blocking: Bool

  public init(
    name: String, interfaces: [String], vlan: Int? = nil, addresses: [InterfaceAddress], isolated: Bool = false,
    unknown: UnknownDevicePolicy = .allow, dhcp: DHCPSettings? = nil, blocking: Bool = true
  ) {
    self.name = name
    self.interfaces = interfaces
    self.vlan = vlan
    self.addresses = addresses
    self.isolated = isolated
    self.unknown = unknown
    self.dhcp = dhcp
    self.blocking = blocking
  }

  /// The kernel interface that carries the addresses: the port itself, a VLAN `lan0.20`, or the bridge `br-home`.
  ///
  /// Interface names have at most 15 bytes (IFNAMSIZ), so validation limits the names of bridged networks to 12.
  public var device: String {
    let ports = portDevices
    return ports.count == 1 ? ports[0] : "br-\(name)"
  }

  /// The kernel interfaces that are joined: `interfaces`, with the VLAN's tag where there is one.
  public var portDevices: [String] { vlan.map { tag in interfaces.map { "\($0).\(tag)" } } ?? interfaces }

  /// The router's first address of a family.
  public func address(_ family: IPFamily) -> InterfaceAddress? { addresses.first { $0.address.family == family } }

  public var prefixes: [IPPrefix] { addresses.map(\.prefix) }
}

/// What a device without a name in the configuration may do on a network.
public enum UnknownDevicePolicy: String, Sendable, CaseIterable, Codable {
  /// The same as a recognised device.
  case allow
  /// Only DHCP and DNS, until an owner says more.
  case ask
  /// The Internet, but nothing in the house.
  case internetOnly = "internet-only"
}

/// The DHCPv4 server's settings on one network.
public struct DHCPSettings: Sendable, Equatable {
  /// First and last address handed out by themselves, both inside the network.
  public var pool: ClosedRange<IPv4Address>
  /// Lifetime of a lease in seconds, 120 to 31,536,000.
  public var leaseSeconds: UInt32
  /// Further options by code, 1 to 254, encoded as they stand in the packet (RFC 2132).
  public var options: [DHCPOptionSetting]

  public init(pool: ClosedRange<IPv4Address>, leaseSeconds: UInt32 = 43_200, options: [DHCPOptionSetting] = []) {
    self.pool = pool
    self.leaseSeconds = leaseSeconds
    self.options = options
  }
}

/// One DHCP option that the household sets by hand.
public struct DHCPOptionSetting: Sendable, Equatable {
  public var code: UInt8
  public var bytes: [UInt8]

  public init(code: UInt8, bytes: [UInt8]) {
    self.code = code
    self.bytes = bytes
  }
}

/// A device that a person has named. Not a hardware address: it may have several, and they may change.
public struct Device: Sendable, Equatable {
  /// The label in the zone, e.g. `nas`.
  public var name: String
  public var hardware: [MACAddress]
  /// DHCP client identifiers (option 61) that are this device too.
  public var clientIdentifiers: [[UInt8]]
  /// Static addresses, at most one per network and family.
  public var addresses: [IPAddress]
  /// Name of the person it belongs to.
  public var person: String?
  /// Whether blocklists hold for it; nil: as its network.
  public var blocking: Bool?

  public init(
    name: String, hardware: [MACAddress] = [], clientIdentifiers: [[UInt8]] = [], addresses: [IPAddress] = [],
    person: String? = nil, blocking: Bool? = nil
  ) {
    self.name = name
    self.hardware = hardware
    self.clientIdentifiers = clientIdentifiers
    self.addresses = addresses
    self.person = person
    self.blocking = blocking
  }
}
