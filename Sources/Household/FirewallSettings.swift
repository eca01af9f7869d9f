public import Wire

/// Transport protocols that a rule can name.
public enum TransportProtocol: String, Sendable, CaseIterable, Codable {
  case tcp, udp
  /// Both of them.
  case tcpAndUDP = "tcp+udp"
  /// Every protocol; such a rule has no ports.
  case any
}

/// A connection from the Internet (and, by hairpin, from the house) that ends at a device.
public struct PortForward: Sendable, Equatable {
  public var name: String
  /// Who may use it; empty: everybody on the Internet.
  public var sources: [AddressSource]
  public var transport: TransportProtocol
  /// Ports on the uplink's address.
  public var ports: ClosedRange<UInt16>
  /// Name of the device.
  public var device: String
  /// First port on the device; the others follow. Equal to `ports.lowerBound` where the file names none.
  public var devicePort: UInt16

  public init(
    name: String, sources: [AddressSource] = [], transport: TransportProtocol, ports: ClosedRange<UInt16>,
    device: String, devicePort: UInt16
  ) {
    self.name = name
    self.sources = sources
    self.transport = transport
    self.ports = ports
    self.device = device
    self.devicePort = devicePort
  }
}

/// Permission for one network or device to reach another. Networks reach each other only by these.
public struct AllowRule: Sendable, Equatable {
  public var name: String
  public var from: Endpoint
  public var to: Endpoint
  public var transport: TransportProtocol
  /// Destination ports; empty: all.
  public var ports: [ClosedRange<UInt16>]

  public enum Endpoint: Sendable, Equatable, Hashable {
    case network(String)
    case device(String)
    /// The router itself; only as a destination.
    case router
  }

  public init(
    name: String, from: Endpoint, to: Endpoint, transport: TransportProtocol, ports: [ClosedRange<UInt16>] = []
  ) {
    self.name = name
    self.from = from
    self.to = to
    self.transport = transport
    self.ports = ports
  }
}

/// Where a packet may come from: a prefix, or a named list of them.
public enum AddressSource: Sendable, Equatable, Hashable {
  case prefix(IPPrefix)
  /// Name of an `AddressList`.
  case list(String)
}

/// A named set of addresses, changed element by element in the kernel.
public struct AddressList: Sendable, Equatable {
  public var name: String
  public var members: [IPPrefix]

  public init(name: String, members: [IPPrefix]) {
    self.name = name
    self.members = members
  }
}

/// Settings of the packet filter as a whole.
public struct FirewallSettings: Sendable, Equatable {
  /// Lists whose members are dropped in both directions, at the uplink.
  public var blocked: [String]
  /// Lines per second that dropped packets may write to the log, 0 to 1,000; 0 switches the log off.
  public var logRate: Int
  /// New TCP connections per second and source that the router and each forward take, 0: no limit.
  public var newConnectionRate: Int
  /// Connections that one home device may hold at once, 0: no limit.
  public var connectionsPerDevice: Int

  public init(
    blocked: [String] = [], logRate: Int = 10, newConnectionRate: Int = 100, connectionsPerDevice: Int = 0
  ) {
    self.blocked = blocked
    self.logRate = logRate
    self.newConnectionRate = newConnectionRate
    self.connectionsPerDevice = connectionsPerDevice
  }
}
