/// Numbers of DHCPv4 (RFC 2131, RFC 2132) that both sides need.
public enum DHCPv4 {
  /// UDP port of servers and relay agents.
  public static let serverPort: UInt16 = 67
  /// UDP port of clients.
  public static let clientPort: UInt16 = 68
  /// The four bytes that begin the options field (RFC 2131 section 3).
  public static let magicCookie: UInt32 = 0x6382_5363
  /// `op` … `file`: what comes before the cookie.
  public static let headerSize = 236
  /// Shortest message that BOOTP relay agents and old clients take (RFC 1542 section 2.1).
  public static let minimumMessageSize = 300
  /// Largest UDP payload that every client takes without asking: a 576-byte datagram (RFC 2131 section 2).
  public static let defaultMessageLimit = 548

  /// Where `sname` and `file` lie in the header; both may carry options (RFC 2132 section 9.3).
  static let serverNameArea = 44..<108
  static let bootFileArea = 108..<236
  static let optionsStart = 240
}

/// DHCP message types (option 53, RFC 2132 section 9.6).
public enum DHCPv4MessageType: UInt8, Sendable, CaseIterable {
  case discover = 1
  case offer, request, decline, acknowledge, refuse, release, inform
}

extension DHCPv4MessageType: CustomStringConvertible {
  /// The name that the RFC uses: `DHCPDISCOVER`, `DHCPNAK` …
  public var description: String {
    switch self {
    case .discover: "DHCPDISCOVER"
    case .offer: "DHCPOFFER"
    case .request: "DHCPREQUEST"
    case .decline: "DHCPDECLINE"
    case .acknowledge: "DHCPACK"
    case .refuse: "DHCPNAK"
    case .release: "DHCPRELEASE"
    case .inform: "DHCPINFORM"
    }
  }
}

/// The fixed fields of a DHCPv4 message of an Ethernet client (RFC 2131 section 2, figure 1).
public struct DHCPv4Header: Sendable, Hashable {
  public enum Operation: UInt8, Sendable {
    /// BOOTREQUEST: from a client.
    case request = 1
    /// BOOTREPLY: from a server.
    case reply = 2
  }

  /// `op`.
  public var operation: Operation
  /// `hops`: relay agents passed.
  public var hops: UInt8
  /// `xid`.
  public var transaction: UInt32
  /// `secs`: seconds since the client began.
  public var seconds: UInt16
  /// The B bit of `flags`: the client cannot take unicast before it has an address.
  public var wantsBroadcast: Bool
  /// `ciaddr`: the address that the client has and answers ARP for.
  public var clientAddress: IPv4Address
  /// `yiaddr`: the address that the server gives.
  public var yourAddress: IPv4Address
  /// `siaddr`: the server of the next boot step.
  public var nextServer: IPv4Address
  /// `giaddr`: the relay agent; 0.0.0.0: none.
  public var relay: IPv4Address
  /// `chaddr`, with `htype` 1 and `hlen` 6.
  public var hardware: MACAddress

  public init(
    operation: Operation, hops: UInt8 = 0, transaction: UInt32, seconds: UInt16 = 0, wantsBroadcast: Bool = false,
    clientAddress: IPv4Address = .any, yourAddress: IPv4Address = .any, nextServer: IPv4Address = .any,
    relay: IPv4Address = .any, hardware: MACAddress
  ) {
    self.operation = operation
    self.hops = hops
    self.transaction = transaction
    self.seconds = seconds
    self.wantsBroadcast = wantsBroadcast
    self.clientAddress = clientAddress
    self.yourAddress = yourAddress
    self.nextServer = nextServer
    self.relay = relay
    self.hardware = hardware
  }

  /// Appends the header's 236 bytes; `sname` and `file` are zero.
  func write(to writer: inout ByteWriter) {
    writer.write(operation.rawValue)
    writer.write(UInt8(1))
    writer.write(UInt8(6))
    writer.write(hops)
    writer.write(transaction)
    writer.write(seconds)
    writer.write(wantsBroadcast ? UInt16(0x8000) : 0)
    writer.write(clientAddress)
    writer.write(yourAddress)
    writer.write(nextServer)
    writer.write(relay)
    writer.write(hardware)
    writer.pad(10 + DHCPv4.serverNameArea.count + DHCPv4.bootFileArea.count)
  }
}
