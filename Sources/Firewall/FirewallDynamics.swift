public import Wire

/// What the packet filter follows from minute to minute. A change of it is a change of set elements, never of rules.
public struct FirewallDynamics: Sendable, Equatable {
  /// Addresses that a device has now, by its name: from leases and neighbours. Its static addresses count without being here.
  public var addresses: [String: Set<IPAddress>]
  /// Hardware addresses that a device has shown, by its name. Those in the configuration count without being here.
  public var hardware: [String: Set<MACAddress>]
  /// Names of the devices that may not reach the Internet for now.
  public var paused: Set<String>
  /// Who may use which leased address.
  public var bindings: Set<LeaseBinding>
  /// Prefixes that a network has besides the configured ones, by its name: delegated by a provider (RFC 8415).
  public var prefixes: [String: [IPPrefix]]

  public init(
    addresses: [String: Set<IPAddress>] = [:], hardware: [String: Set<MACAddress>] = [:], paused: Set<String> = [],
    bindings: Set<LeaseBinding> = [], prefixes: [String: [IPPrefix]] = [:]
  ) {
    self.addresses = addresses
    self.hardware = hardware
    self.paused = paused
    self.bindings = bindings
    self.prefixes = prefixes
  }
}

/// An address that only one hardware address may use, on one network.
public struct LeaseBinding: Sendable, Hashable {
  public var address: IPv4Address
  public var hardware: MACAddress
  /// Name of the network.
  public var network: String

  public init(address: IPv4Address, hardware: MACAddress, network: String) {
    self.address = address
    self.hardware = hardware
    self.network = network
  }
}
