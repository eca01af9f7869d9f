public import Wire

/// Seconds since 1970-01-01 00:00 UTC, leap seconds not counted (POSIX time). What facts and logs carry.
public typealias UnixTime = Int64

/// A kind of fact: a keyed collection with one writing process. The raw value names its files and socket.
public struct FactKind<Value: Codable & Sendable & Equatable>: Sendable {
  public let name: String
  /// Kept in the state directory and synced before a change is acknowledged; otherwise in the run directory.
  public let isDurable: Bool

  public init(_ name: String, isDurable: Bool = false) {
    self.name = name
    self.isDurable = isDurable
  }
}

/// The kinds of facts there are. Keys are in brackets.
public enum FactKinds {
  /// The configuration in force and the provisional commit [`head`]. Writer: control.
  public static var configuration: FactKind<ConfigurationFact> { FactKind("configuration") }
  /// Devices cut off by hand [device name]. Writer: control.
  public static var pauses: FactKind<PauseFact> { FactKind("pauses", isDurable: true) }
  /// Interfaces that the configuration names [interface]. Writer: network.
  public static var links: FactKind<LinkFact> { FactKind("links") }
  /// What each uplink has [uplink name]. Writer: network.
  public static var uplinks: FactKind<UplinkFact> { FactKind("uplinks", isDurable: true) }
  /// The tree of checks [path, e.g. `uplink.wan.gateway`]. Writer: network.
  public static var checks: FactKind<Check> { FactKind("checks") }
  /// Neighbours seen on home networks [address]. Writer: network.
  public static var neighbours: FactKind<NeighbourFact> { FactKind("neighbours") }
  /// Rules with their hits [rule name]. Writer: network.
  public static var rules: FactKind<RuleFact> { FactKind("rules") }
  /// What the packet filter dropped lately [sixteen digits, in order]. Writer: network.
  public static var firewallLog: FactKind<FirewallLogEntry> { FactKind("firewall-log") }
  /// DHCPv4 leases [address]. Writer: addresses.
  public static var leases: FactKind<Lease> { FactKind("leases", isDurable: true) }
  /// Names of the household zone [name]. Writer: names.
  public static var names: FactKind<NameFact> { FactKind("names") }
  /// Counters by name [metric name with labels, as Prometheus prints it]. Writer: each daemon its own.
  public static func metrics(of daemon: String) -> FactKind<MetricFact> { FactKind("metrics-\(daemon)") }
  /// How each daemon is [daemon]. Writer: that daemon.
  public static func daemon(_ name: String) -> FactKind<DaemonFact> { FactKind("daemon-\(name)") }
}

/// The commit that daemons are to apply.
public struct ConfigurationFact: Codable, Sendable, Equatable {
  /// Number of the commit in the history, from 1.
  public var commit: Int
  /// The files of the configuration by name relative to its folder; `lares.toml` is always there.
  public var files: [String: String]
  /// The configuration's folder, against which blocklists and other data files are resolved.
  public var folder: String

  public init(commit: Int, files: [String: String], folder: String) {
    self.commit = commit
    self.files = files
    self.folder = folder
  }
}

/// A device that may not reach the Internet for now.
public struct PauseFact: Codable, Sendable, Equatable {
  public var device: String
  public var since: UnixTime
  /// When it ends by itself; nil: when somebody resumes it.
  public var until: UnixTime?
  /// Who did it.
  public var by: String

  public init(device: String, since: UnixTime, until: UnixTime?, by: String) {
    self.device = device
    self.since = since
    self.until = until
    self.by = by
  }
}

/// One network interface as the kernel has it.
public struct LinkFact: Codable, Sendable, Equatable {
  public var interface: String
  /// False where the configuration names it and the kernel does not have it.
  public var isPresent: Bool
  public var isUp: Bool
  public var hasCarrier: Bool
  public var hardware: MACAddress?
  public var mtu: Int
  public var addresses: [InterfaceAddress]
  /// `network.home`, `uplink.wan`: what it is for.
  public var role: String

  public init(
    interface: String, isPresent: Bool, isUp: Bool, hasCarrier: Bool, hardware: MACAddress?, mtu: Int,
    addresses: [InterfaceAddress], role: String
  ) {
    self.interface = interface
    self.isPresent = isPresent
    self.isUp = isUp
    self.hasCarrier = hasCarrier
    self.hardware = hardware
    self.mtu = mtu
    self.addresses = addresses
    self.role = role
  }
}

/// What an uplink has now, or had last.
public struct UplinkFact: Codable, Sendable, Equatable {
  public var name: String
  public var interface: String
  public var addresses: [InterfaceAddress]
  public var gateways: [IPAddress]
  public var nameServers: [IPAddress]
  /// Domain that the provider names (option 15).
  public var domain: String?
  /// The DHCP server that granted the lease.
  public var server: IPAddress?
  public var obtained: UnixTime
  /// When the lease ends; nil: static.
  public var expires: UnixTime?
  /// T1 and T2 of RFC 2131 section 4.4.5.
  public var renews: UnixTime?
  public var rebinds: UnixTime?
  /// `bound`, `renewing`, `expired, kept` … in words.
  public var state: String

  public init(
    name: String, interface: String, addresses: [InterfaceAddress], gateways: [IPAddress], nameServers: [IPAddress],
    domain: String? = nil, server: IPAddress? = nil, obtained: UnixTime, expires: UnixTime? = nil,
    renews: UnixTime? = nil, rebinds: UnixTime? = nil, state: String
  ) {
    self.name = name
    self.interface = interface
    self.addresses = addresses
    self.gateways = gateways
    self.nameServers = nameServers
    self.domain = domain
    self.server = server
    self.obtained = obtained
    self.expires = expires
    self.renews = renews
    self.rebinds = rebinds
    self.state = state
  }
}

/// One named check. The path's dots make the tree; the first failing one, in order of the path's depth, is the diagnosis.
public struct Check: Codable, Sendable, Equatable {
  public enum Result: String, Codable, Sendable {
    case good, bad
    /// Not tried, because one that it stands on is bad.
    case skipped
  }
  /// e.g. `uplink.wan.link`.
  public var path: String
  public var result: Result
  /// What was found, as a sentence: `no DHCP server answered on wan0 for 12 s`.
  public var detail: String
  /// When the result last changed.
  public var since: UnixTime

  public init(path: String, result: Result, detail: String, since: UnixTime) {
    self.path = path
    self.result = result
    self.detail = detail
    self.since = since
  }
}

/// A neighbour on a home network (ARP or ND).
public struct NeighbourFact: Codable, Sendable, Equatable {
  public var address: IPAddress
  public var hardware: MACAddress
  public var network: String
  /// Name of the device, where one is recognised.
  public var device: String?
  public var firstSeen: UnixTime
  public var lastSeen: UnixTime

  public init(
    address: IPAddress, hardware: MACAddress, network: String, device: String?, firstSeen: UnixTime, lastSeen: UnixTime
  ) {
    self.address = address
    self.hardware = hardware
    self.network = network
    self.device = device
    self.firstSeen = firstSeen
    self.lastSeen = lastSeen
  }
}

/// A rule of the packet filter and what it has matched.
public struct RuleFact: Codable, Sendable, Equatable {
  /// `forward.web`, `allow.printer`, `input.drop` …
  public var name: String
  /// What it does, in words.
  public var summary: String
  public var packets: UInt64
  public var bytes: UInt64

  public init(name: String, summary: String, packets: UInt64, bytes: UInt64) {
    self.name = name
    self.summary = summary
    self.packets = packets
    self.bytes = bytes
  }
}

/// A packet that the packet filter dropped and reported.
public struct FirewallLogEntry: Codable, Sendable, Equatable {
  public var time: UnixTime
  /// Name of the rule: `input.wan.drop`, `antispoof.home` …
  public var rule: String
  /// Name of the network or uplink that it came in by; the interface's name where the configuration has none for it.
  public var zone: String
  /// Name of the device that sent it, where one is recognised.
  public var device: String?
  /// Who sent it, on the link.
  public var hardware: MACAddress?
  public var source: IPAddress
  public var destination: IPAddress
  /// IP protocol number: 6 TCP, 17 UDP, 1 and 58 ICMP.
  public var transport: UInt8
  /// Nil where the protocol has no ports, or the packet ends before them.
  public var sourcePort: UInt16?
  public var destinationPort: UInt16?

  public init(
    time: UnixTime, rule: String, zone: String, device: String?, hardware: MACAddress?, source: IPAddress,
    destination: IPAddress, transport: UInt8, sourcePort: UInt16?, destinationPort: UInt16?
  ) {
    self.time = time
    self.rule = rule
    self.zone = zone
    self.device = device
    self.hardware = hardware
    self.source = source
    self.destination = destination
    self.transport = transport
    self.sourcePort = sourcePort
    self.destinationPort = destinationPort
  }
}

extension FirewallLogEntry: CustomStringConvertible {
  /// `input.wan.drop wan tcp 198.51.100.7:40000 → 203.0.113.10:22`.
  public var description: String {
    let names: [UInt8: String] = [1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6"]
    let sender = device.map { " (\($0))" } ?? ""
    return "\(rule) \(zone) \(names[transport] ?? "protocol \(transport)") "
      + "\(Self.end(source, sourcePort))\(sender) → \(Self.end(destination, destinationPort))"
  }

  private static func end(_ address: IPAddress, _ port: UInt16?) -> String {
    port.map { SocketAddress(address, port: $0).description } ?? address.description
  }
}

/// A DHCPv4 lease that was acknowledged (or offered by static address).
public struct Lease: Codable, Sendable, Equatable {
  public enum State: String, Codable, Sendable {
    case active
    /// Given back by the client.
    case released
    /// Run out. Kept, so that the client can have it again.
    case expired
    /// Somebody else answered on the address (DECLINE, or the conflict probe).
    case declined
  }
  public var address: IPv4Address
  public var hardware: MACAddress
  /// Option 61 as hexadecimal digits, where the client sent one.
  public var clientIdentifier: String?
  /// The name that the client asked for (option 12 or 81), unchecked.
  public var hostName: String?
  /// Name of the network.
  public var network: String
  /// Name of the device, where one is recognised.
  public var device: String?
  public var state: State
  /// When the client first got this address.
  public var since: UnixTime
  /// When the server last heard of the client.
  public var renewed: UnixTime
  public var expires: UnixTime

  public init(
    address: IPv4Address, hardware: MACAddress, clientIdentifier: String?, hostName: String?, network: String,
    device: String?, state: State, since: UnixTime, renewed: UnixTime, expires: UnixTime
  ) {
    self.address = address
    self.hardware = hardware
    self.clientIdentifier = clientIdentifier
    self.hostName = hostName
    self.network = network
    self.device = device
    self.state = state
    self.since = since
    self.renewed = renewed
    self.expires = expires
  }
}

/// A name of the household zone.
public struct NameFact: Codable, Sendable, Equatable {
  public var name: String
  public var addresses: [IPAddress]
  /// `device`, `lease`, `router`, `record`: where it comes from.
  public var source: String

  public init(name: String, addresses: [IPAddress], source: String) {
    self.name = name
    self.addresses = addresses
    self.source = source
  }
}

/// One number for the metrics endpoint.
public struct MetricFact: Codable, Sendable, Equatable {
  /// `counter` or `gauge`.
  public var type: String
  public var help: String
  public var value: Double

  public init(type: String, help: String, value: Double) {
    self.type = type
    self.help = help
    self.value = value
  }
}

/// How a daemon is.
public struct DaemonFact: Codable, Sendable, Equatable {
  public var processIdentifier: Int32
  public var started: UnixTime
  /// The commit whose plan is applied; 0: none yet.
  public var appliedCommit: Int
  /// The commit that was tried last; it differs from `appliedCommit` where applying failed.
  public var triedCommit: Int
  /// What is wrong now, a sentence each; empty: nothing.
  public var problems: [String]
  /// Things that work with less than they should have, e.g. `runs as the same user as the others`.
  public var notes: [String]

  public init(
    processIdentifier: Int32, started: UnixTime, appliedCommit: Int = 0, triedCommit: Int = 0, problems: [String] = [],
    notes: [String] = []
  ) {
    self.processIdentifier = processIdentifier
    self.started = started
    self.appliedCommit = appliedCommit
    self.triedCommit = triedCommit
    self.problems = problems
    self.notes = notes
  }
}
