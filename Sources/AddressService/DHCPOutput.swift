public import Wire

/// Where a message came in.
public struct DHCPArrival: Sendable, Equatable {
  /// Name of the network on whose interface it was heard.
  public var network: String
  /// False where it was sent to the router's own address, as in the RENEWING state.
  public var wasBroadcast: Bool

  public init(network: String, wasBroadcast: Bool) {
    self.network = network
    self.wasBroadcast = wasBroadcast
  }
}

/// A message to a client or relay agent.
public struct DHCPReply: Sendable, Equatable {
  /// How it travels (RFC 2131 section 4.1).
  public enum Destination: Sendable, Equatable {
    /// 255.255.255.255, port 68, on the network's interface.
    case broadcast
    /// To a client that has no address yet: addressed to `address`, which ARP would not find, at `hardware`.
    case hardware(MACAddress, address: IPv4Address)
    /// To a client that has its address, port 68.
    case client(IPv4Address)
    /// To a relay agent, port 67.
    case relay(IPv4Address)
  }

  public var network: String
  /// The router's address: source of the datagram.
  public var source: IPv4Address
  public var destination: Destination
  public var type: DHCPv4MessageType
  public var message: [UInt8]
  /// True where it promises a lease that is among the output's changes: it may leave only when they are durable.
  public var isPromise: Bool
}

/// A question whether anybody has an address, by ARP.
public struct DHCPProbe: Sendable, Equatable {
  public var network: String
  public var address: IPv4Address
}

/// What the server wants done, in this order: changes made durable, then replies sent; probes at any time.
public struct DHCPOutput: Sendable {
  public var changes: [LeaseChange] = []
  public var replies: [DHCPReply] = []
  public var probes: [DHCPProbe] = []

  public init() {}

  public var isEmpty: Bool { changes.isEmpty && replies.isEmpty && probes.isEmpty }
}

/// What the server has seen and done since it started.
public struct DHCPCounters: Sendable, Equatable {
  /// Messages of clients by type.
  public internal(set) var received = Tally<DHCPv4MessageType>()
  public internal(set) var sent = Tally<DHCPv4MessageType>()
  /// Dropped because they could not be read.
  public internal(set) var malformed = Tally<DHCPv4Malformation>()
  /// Readable, but not for this server: replies, unknown types, foreign relay agents, fields that contradict each other.
  public internal(set) var ignored: UInt64 = 0
  /// Left without an answer because the pool was used up.
  public internal(set) var exhausted: UInt64 = 0
  /// Addresses that somebody else turned out to use: probes that were answered, and DECLINEs.
  public internal(set) var conflicts: UInt64 = 0
  /// Requests without an answer because the lease could not be stored.
  public internal(set) var unstored: UInt64 = 0
}

/// Counts by kind.
public struct Tally<Kind: Hashable & Sendable>: Sendable, Equatable {
  private var counts: [Kind: UInt64] = [:]

  public subscript(kind: Kind) -> UInt64 { counts[kind] ?? 0 }

  mutating func count(_ kind: Kind) { counts[kind, default: 0] += 1 }
}
