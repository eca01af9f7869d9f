public import Wire

/// A way to the Internet, as configured.
public struct UplinkSettings: Sendable, Equatable {
  /// e.g. `wan`.
  public var name: String
  /// Kernel name of the port.
  public var interface: String
  /// 802.1Q identifier 1 to 4094 that the provider wants; nil: untagged.
  public var vlan: Int?
  public var method: Method
  /// Hardware address to show to the provider instead of the port's own.
  public var hardware: MACAddress?
  /// Bytes, 576 to 9,000; nil: as the provider says, else the interface's own.
  public var mtu: Int?
  /// DNS servers to use instead of the ones the provider names; empty: the provider's.
  public var nameServers: [IPAddress]

  public enum Method: Sendable, Equatable {
    case dhcp(DHCPClientSettings)
    case fixed(addresses: [InterfaceAddress], gateways: [IPAddress])
  }

  public init(
    name: String, interface: String, vlan: Int? = nil, method: Method = .dhcp(DHCPClientSettings()),
    hardware: MACAddress? = nil, mtu: Int? = nil, nameServers: [IPAddress] = []
  ) {
    self.name = name
    self.interface = interface
    self.vlan = vlan
    self.method = method
    self.hardware = hardware
    self.mtu = mtu
    self.nameServers = nameServers
  }

  /// The kernel interface that carries the address: `wan0`, or `wan0.832`.
  public var device: String { vlan.map { "\(interface).\($0)" } ?? interface }
}

/// What the DHCP client tells the provider (RFC 2132).
public struct DHCPClientSettings: Sendable, Equatable {
  /// Option 12.
  public var hostName: String?
  /// Option 61; nil: type 1 and the hardware address.
  public var clientIdentifier: [UInt8]?
  /// Option 60.
  public var vendorClass: String?
  /// Further options to send.
  public var options: [DHCPOptionSetting]

  public init(
    hostName: String? = nil, clientIdentifier: [UInt8]? = nil, vendorClass: String? = nil,
    options: [DHCPOptionSetting] = []
  ) {
    self.hostName = hostName
    self.clientIdentifier = clientIdentifier
    self.vendorClass = vendorClass
    self.options = options
  }
}
