public import Wire

/// Something that a rule can read of a packet.
public enum Field: Sendable, Hashable {
  /// Name of the interface that it came in by, 16 bytes.
  case inputInterface
  /// Name of the interface that it leaves by, 16 bytes.
  case outputInterface
  /// NFPROTO_IPV4 or NFPROTO_IPV6.
  case family
  /// IP protocol number, behind all IPv6 extension headers.
  case transport
  /// Ethernet source.
  case hardwareSource
  case source(IPFamily)
  case destination(IPFamily)
  /// IPv6 hop limit.
  case hopLimit
  /// Of TCP or UDP; a rule that reads it matches ``transport`` before.
  case sourcePort
  /// Of TCP or UDP; a rule that reads it matches ``transport`` before.
  case destinationPort
  /// TCP flags byte; a rule that reads it matches ``transport`` before.
  case tcpFlags
  case icmpType(IPFamily)
  case icmpCode(IPFamily)
  /// Bits of ``ConnectionState``.
  case connectionState
  /// IPS_… bits of the flow.
  case connectionStatus
  /// Destination port of the flow's first packet, before translation.
  case originalDestinationPort
  /// RTN_… of the destination: 2 where it is one of the router's addresses.
  case destinationKind
  /// 1 where the route back to the source leaves by the interface that the packet came in by, else 0.
  case reversePath

  /// Bytes of the value.
  var width: Int {
    switch self {
    case .inputInterface, .outputInterface: 16
    case .family, .transport, .hopLimit, .tcpFlags, .icmpType, .icmpCode: 1
    case .hardwareSource: 6
    case .source(let family), .destination(let family): family.bits / 8
    case .sourcePort, .destinationPort, .originalDestinationPort: 2
    case .connectionState, .connectionStatus, .destinationKind, .reversePath: 4
    }
  }
}

/// What conntrack says of a packet (NF_CT_STATE_BIT).
public struct ConnectionState: OptionSet, Sendable {
  public let rawValue: UInt32
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  public static let invalid = ConnectionState(rawValue: 1)
  public static let established = ConnectionState(rawValue: 2)
  public static let related = ConnectionState(rawValue: 4)
  public static let new = ConnectionState(rawValue: 8)
  /// Not tracked: neighbour discovery, for one.
  public static let untracked = ConnectionState(rawValue: 64)
}

/// One condition of a rule: one field, or several one behind the other, and a test of their bytes.
public struct Match: Sendable, Equatable {
  public var fields: [Field]
  public var test: Test

  /// Values are bytes as the field has them: numbers of packets in network byte order, the kernel's own in the machine's.
  public enum Test: Sendable, Equatable {
    case equal([UInt8])
    /// Equal after masking.
    case masked([UInt8], equal: [UInt8])
    /// At least one of the bits is set.
    case anyBit([UInt8])
    case between([UInt8], [UInt8])
    /// In the named set of the same table.
    case member(of: String)
    case notMember(of: String)
  }

  public init(_ fields: [Field], _ test: Test) {
    self.fields = fields
    self.test = test
  }

  init(_ field: Field, _ test: Test) { self.init([field], test) }
}

extension Match {
  static func from(_ interface: String) -> Match { Match(.inputInterface, .equal(interfaceName(interface))) }
  static func from(set: String) -> Match { Match(.inputInterface, .member(of: set)) }
  static func to(_ interface: String) -> Match { Match(.outputInterface, .equal(interfaceName(interface))) }
  static func to(set: String) -> Match { Match(.outputInterface, .member(of: set)) }
  static func notTo(set: String) -> Match { Match(.outputInterface, .notMember(of: set)) }

  static func state(_ states: ConnectionState) -> Match { Match(.connectionState, .anyBit(native(states.rawValue))) }
  /// The flow's destination was translated (IPS_DST_NAT).
  static var isRedirected: Match { Match(.connectionStatus, .anyBit(native(UInt32(32)))) }
  static func originalPort(_ ports: ClosedRange<UInt16>) -> Match { Match(.originalDestinationPort, within(ports)) }

  static func family(_ family: IPFamily) -> Match { Match(.family, .equal([family.netfilter])) }
  static func transport(_ number: UInt8) -> Match { Match(.transport, .equal([number])) }
  static func source(_ prefix: IPPrefix) -> Match { Match(.source(prefix.family), within(prefix)) }
  static func destination(_ prefix: IPPrefix) -> Match { Match(.destination(prefix.family), within(prefix)) }
  static func source(_ family: IPFamily, in set: String) -> Match { Match(.source(family), .member(of: set)) }
  static func source(_ family: IPFamily, notIn set: String) -> Match { Match(.source(family), .notMember(of: set)) }
  static func destination(_ family: IPFamily, in set: String) -> Match { Match(.destination(family), .member(of: set)) }
  static func destination(_ family: IPFamily, notIn set: String) -> Match {
    Match(.destination(family), .notMember(of: set))
  }
  static func hardware(in set: String) -> Match { Match(.hardwareSource, .member(of: set)) }
  static func hardware(notIn set: String) -> Match { Match(.hardwareSource, .notMember(of: set)) }

  static func sourcePort(_ port: UInt16) -> Match { Match(.sourcePort, .equal(network(port))) }
  static func port(_ port: UInt16) -> Match { Match(.destinationPort, .equal(network(port))) }
  static func port(_ ports: ClosedRange<UInt16>) -> Match { Match(.destinationPort, within(ports)) }
  static func port(in set: String) -> Match { Match(.destinationPort, .member(of: set)) }

  static func icmp(_ type: UInt8, _ family: IPFamily) -> Match { Match(.icmpType(family), .equal([type])) }
  static func icmp(_ types: ClosedRange<UInt8>, _ family: IPFamily) -> Match {
    Match(.icmpType(family), .between([types.lowerBound], [types.upperBound]))
  }
  static func hopLimit(_ limit: UInt8) -> Match { Match(.hopLimit, .equal([limit])) }

  /// RTN_LOCAL: to one of the router's own addresses.
  static var toRouter: Match { Match(.destinationKind, .equal(native(UInt32(2)))) }
  static var hasNoReversePath: Match { Match(.reversePath, .equal(native(UInt32(0)))) }
  /// A SYN, with or without ACK.
  static var isSynchronising: Match { Match(.tcpFlags, .masked([0x06], equal: [0x02])) }

  private static func within(_ prefix: IPPrefix) -> Test {
    if prefix.length == prefix.family.bits { return .equal(prefix.address.bytes) }
    let mask = (0..<prefix.family.bits / 8).map { byte in
      UInt8(truncatingIfNeeded: 0xff00 >> min(max(prefix.length - byte * 8, 0), 8))
    }
    return .masked(mask, equal: prefix.address.bytes)
  }

  private static func within(_ ports: ClosedRange<UInt16>) -> Test {
    ports.count == 1
      ? .equal(network(ports.lowerBound)) : .between(network(ports.lowerBound), network(ports.upperBound))
  }
}

extension IPFamily {
  /// NFPROTO_IPV4, NFPROTO_IPV6.
  var netfilter: UInt8 { self == .v4 ? 2 : 10 }
}

extension IPAddress {
  /// The address in network byte order.
  var bytes: [UInt8] {
    switch self {
    case .v4(let address): network(address.value)
    case .v6(let address): network(address.high) + network(address.low)
    }
  }
}

extension MACAddress {
  /// The six octets in the order of transmission.
  var bytes: [UInt8] { Array(network(value)[2...]) }
}

/// A name as the kernel compares it: 16 bytes, NUL behind (IFNAMSIZ). Longer names, which no interface has, are cut.
func interfaceName(_ name: String) -> [UInt8] {
  let bytes = Array(name.utf8.prefix(15))
  return bytes + repeatElement(0, count: 16 - bytes.count)
}

/// The bytes of a number in network byte order.
func network(_ value: some FixedWidthInteger) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }

/// The bytes of a number in the machine's order.
func native(_ value: some FixedWidthInteger) -> [UInt8] { withUnsafeBytes(of: value) { Array($0) } }
