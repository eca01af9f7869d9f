public import Wire

/// The first packet of a flow, as rules see it: what ``Ruleset/fate(of:by:exceeding:)`` decides about.
public struct PacketProbe: Sendable, Equatable {
  /// Name of the interface that it comes in by.
  public var input: String
  public var source: IPAddress
  public var destination: IPAddress
  /// IP protocol number.
  public var transport: UInt8
  public var sourcePort: UInt16
  public var destinationPort: UInt16
  /// ICMP's or ICMPv6's type; nil for other protocols.
  public var icmpType: UInt8?
  public var hopLimit: UInt8
  /// Who sent it on the link; nil: not known, and then rules that ask for it decide in its favour.
  public var hardware: MACAddress?
  public var state: ConnectionState
  /// Whether the way back to its source is the way that it came.
  public var hasReversePath: Bool

  public init(
    input: String, source: IPAddress, destination: IPAddress, transport: UInt8, sourcePort: UInt16 = 40_000,
    destinationPort: UInt16 = 0, icmpType: UInt8? = nil, hopLimit: UInt8 = 64, hardware: MACAddress? = nil,
    state: ConnectionState = .new, hasReversePath: Bool = true
  ) {
    self.input = input
    self.source = source
    self.destination = destination
    self.transport = transport
    self.sourcePort = sourcePort
    self.destinationPort = destinationPort
    self.icmpType = icmpType
    self.hopLimit = hopLimit
    self.hardware = hardware
    self.state = state
    self.hasReversePath = hasReversePath
  }
}

/// Where packets go: what the kernel's routing table would say.
public struct PacketRoutes: Sendable {
  /// The router's own addresses.
  public var local: Set<IPAddress>
  /// Prefixes and the interfaces that lead to them.
  public var routes: [(prefix: IPPrefix, interface: String)]
  /// The interface that leads to everything else; nil: nowhere.
  public var fallback: String?

  public init(local: Set<IPAddress>, routes: [(prefix: IPPrefix, interface: String)], fallback: String?) {
    self.local = local
    self.routes = routes
    self.fallback = fallback
  }

  /// The interface that leads to an address, by the longest prefix.
  public func interface(to address: IPAddress) -> String? {
    routes.filter { $0.prefix.contains(address) }.max { $0.prefix.length < $1.prefix.length }?.interface ?? fallback
  }
}

/// What becomes of a packet.
public enum PacketFate: Sendable, Equatable {
  /// It reaches the router's own sockets; by the named rule.
  case received(by: String)
  /// It leaves for `destination` and `port`, which a port forward may have put in; by the named rule.
  case forwarded(by: String, to: IPAddress, port: UInt16)
  /// The named rule, or `policy of` a chain, has dropped it.
  case dropped(by: String)

  public var isDropped: Bool { if case .dropped = self { true } else { false } }
}
