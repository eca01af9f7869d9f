public import Wire

/// Settings of the name service.
public struct NameSettings: Sendable, Equatable {
  /// Where misses go; empty: the servers that the uplink learns.
  public var upstreams: [SocketAddress]
  /// Names below `domain` go to these servers instead (split horizon).
  public var forwardZones: [ForwardZone]
  /// Files in hosts, adblock or RPZ syntax, relative to the configuration's folder.
  public var blocklists: [String]
  /// Names never blocked, with everything below them.
  public var allowed: [DomainName]
  /// Names whose upstream answers may be private addresses.
  public var rebindingAllowed: [DomainName]
  /// Records of the household zone in presentation format (RFC 1035 section 5.1).
  public var records: [String]
  /// Answers that the cache of all cores holds together, 1,000 to 10,000,000.
  public var cacheEntries: Int
  /// How long an expired answer may be served while upstreams are silent (RFC 8767), in seconds; 0: never.
  public var serveStaleSeconds: UInt32

  public init(
    upstreams: [SocketAddress] = [], forwardZones: [ForwardZone] = [], blocklists: [String] = [],
    allowed: [DomainName] = [], rebindingAllowed: [DomainName] = [], records: [String] = [],
    cacheEntries: Int = 100_000, serveStaleSeconds: UInt32 = 86_400
  ) {
    self.upstreams = upstreams
    self.forwardZones = forwardZones
    self.blocklists = blocklists
    self.allowed = allowed
    self.rebindingAllowed = rebindingAllowed
    self.records = records
    self.cacheEntries = cacheEntries
    self.serveStaleSeconds = serveStaleSeconds
  }
}

/// A domain with name servers of its own.
public struct ForwardZone: Sendable, Equatable {
  public var domain: DomainName
  public var servers: [SocketAddress]

  public init(domain: DomainName, servers: [SocketAddress]) {
    self.domain = domain
    self.servers = servers
  }
}

/// An address and a port.
public struct SocketAddress: Sendable, Hashable, Codable {
  public var address: IPAddress
  public var port: UInt16

  public init(_ address: IPAddress, port: UInt16) {
    self.address = address
    self.port = port
  }
}

extension SocketAddress: CustomStringConvertible {
  /// `192.0.2.1:53`, `[2001:db8::1]:53`.
  public var description: String {
    address.family == .v4 ? "\(address):\(port)" : "[\(address)]:\(port)"
  }
}
