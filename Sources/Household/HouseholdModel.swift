public import Wire

/// Everything that lares.toml says, checked and with defaults filled in: what every capability plans from.
///
/// Collections keep the order of the file. Names are unique within their collection.
public struct HouseholdModel: Sendable, Equatable {
  /// The household's zone, e.g. `home.arpa` (RFC 8375).
  public var domain: DomainName
  /// The router's own label in the zone, e.g. `router`.
  public var routerName: String
  public var uplinks: [UplinkSettings]
  public var networks: [Network]
  public var devices: [Device]
  public var people: [Person]
  public var forwards: [PortForward]
  public var allows: [AllowRule]
  public var addressLists: [AddressList]
  public var firewall: FirewallSettings
  public var names: NameSettings
  public var metrics: MetricsSettings?
  public var log: LogSettings
  /// nil: the history stays on the router.
  public var history: HistorySettings?

  public init(
    domain: DomainName, routerName: String = "router", uplinks: [UplinkSettings] = [], networks: [Network] = [],
    devices: [Device] = [], people: [Person] = [], forwards: [PortForward] = [], allows: [AllowRule] = [],
    addressLists: [AddressList] = [], firewall: FirewallSettings = FirewallSettings(),
    names: NameSettings = NameSettings(), metrics: MetricsSettings? = nil, log: LogSettings = LogSettings(),
    history: HistorySettings? = nil
  ) {
    self.domain = domain
    self.routerName = routerName
    self.uplinks = uplinks
    self.networks = networks
    self.devices = devices
    self.people = people
    self.forwards = forwards
    self.allows = allows
    self.addressLists = addressLists
    self.firewall = firewall
    self.names = names
    self.metrics = metrics
    self.log = log
    self.history = history
  }

  public func network(named name: String) -> Network? { networks.first { $0.name == name } }
  public func device(named name: String) -> Device? { devices.first { $0.name == name } }
}

/// A person of the household. Devices may belong to one.
public struct Person: Sendable, Equatable {
  /// The label in the zone, e.g. `alice`.
  public var name: String
  public var fullName: String?

  public init(name: String, fullName: String? = nil) {
    self.name = name
    self.fullName = fullName
  }
}

/// Where the metrics endpoint listens besides the control socket.
public struct MetricsSettings: Sendable, Equatable {
  public var address: IPAddress
  public var port: UInt16
  /// Name of the secret that holds the bearer token.
  public var token: SecretName

  public init(address: IPAddress, port: UInt16, token: SecretName) {
    self.address = address
    self.port = port
    self.token = token
  }
}

/// The name under which the state directory keeps a secret; never the secret.
public struct SecretName: Sendable, Hashable {
  public var name: String
  public init(_ name: String) { self.name = name }
}
