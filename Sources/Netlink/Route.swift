import CNetlinkShims
public import Wire

/// One route (RTM_NEWROUTE). Routes over several next hops are read with their first.
public struct Route: Sendable, Equatable, Hashable {
  /// What happens to a packet (rtm_type).
  public enum Kind: UInt8, Sendable {
    /// Goes to the gateway, or to its destination on the link (RTN_UNICAST).
    case unicast = 1
    /// Is for this host (RTN_LOCAL).
    case local = 2
    /// RTN_BROADCAST.
    case broadcast = 3
    /// RTN_ANYCAST.
    case anycast = 4
    /// RTN_MULTICAST.
    case multicast = 5
    /// Disappears (RTN_BLACKHOLE).
    case blackhole = 6
    /// Is answered with ICMP "unreachable" (RTN_UNREACHABLE).
    case unreachable = 7
    /// Is answered with ICMP "administratively prohibited" (RTN_PROHIBIT).
    case prohibit = 8
  }

  /// 0.0.0.0/0 or ::/0 for a default route.
  public var destination: IPPrefix
  /// Nil where the destination is on the link.
  public var gateway: IPAddress?
  /// Index of the interface; nil lets the kernel find it by the gateway.
  public var link: Int32?
  /// Source address of what this host sends this way, unless it says otherwise (RTA_PREFSRC).
  public var source: IPAddress?
  /// Number of the table; 254 is the main one.
  public var table: UInt32
  /// Lower goes first. The kernel takes 0 for 1,024 in IPv6.
  public var metric: UInt32
  public var origin: Origin
  public var kind: Kind
  /// The gateway is reached though no address of the interface covers it (RTNH_F_ONLINK).
  public var isOnLink: Bool
  /// Largest packet this way, in bytes (RTAX_MTU); nil: as the interface.
  public var mtu: UInt32?

  public init(
    to destination: IPPrefix, gateway: IPAddress? = nil, link: Int32? = nil, source: IPAddress? = nil,
    table: UInt32 = Route.mainTable, metric: UInt32 = 0, origin: Origin = .lares, kind: Kind = .unicast,
    isOnLink: Bool = false, mtu: UInt32? = nil
  ) {
    self.destination = destination
    self.gateway = gateway
    self.link = link
    self.source = source
    self.table = table
    self.metric = metric
    self.origin = origin
    self.kind = kind
    self.isOnLink = isOnLink
    self.mtu = mtu
  }

  /// RT_TABLE_MAIN.
  public static let mainTable: UInt32 = 254

  /// The default route of the gateway's family.
  public static func byDefault(through gateway: IPAddress, link: Int32?, metric: UInt32 = 0) -> Route {
    let any: IPAddress = gateway.family == .v4 ? .v4(.any) : .v6(.any)
    return Route(to: IPPrefix(any, length: 0)!, gateway: gateway, link: link, metric: metric)
  }
}

extension Route: CustomStringConvertible {
  /// e.g. `0.0.0.0/0 through 192.0.2.1`, `10.0.0.0/8 (blackhole)`.
  public var description: String {
    var words = destination.description
    if kind != .unicast { words += " (\(kind))" }
    if let gateway { words += " through \(gateway)" }
    if let link { words += " on interface \(link)" }
    if table != Self.mainTable { words += " in table \(table)" }
    return words
  }
}

extension Route {
  /// Reads an RTM_NEWROUTE or RTM_DELROUTE of either family; nil for any other message or a malformed one.
  public init?(_ message: borrowing Message) {
    guard message.type == UInt16(RTM_NEWROUTE) || message.type == UInt16(RTM_DELROUTE),
      let header = Header(message.payload), let kind = Kind(rawValue: header.type)
    else { return nil }
    let any: IPAddress = header.family == .v4 ? .v4(.any) : .v6(.any)
    guard let destination = IPPrefix(any, length: Int(header.destinationLength)) else { return nil }
    self.init(to: destination, table: UInt32(header.table), origin: Origin(rawValue: header.origin), kind: kind)
    isOnLink = header.flags & UInt32(RTNH_F_ONLINK) != 0
    var attributes = message.attributes(after: 12)
    while let attribute = attributes.next() {
      switch attribute.type {
      case Int(RTA_DST.rawValue):
        guard let address = attribute.address, address.family == header.family,
          let prefix = IPPrefix(address, length: destination.length)
        else { return nil }
        self.destination = prefix
      case Int(RTA_MULTIPATH.rawValue): readFirstHop(attribute)
      default: read(attribute)
      }
    }
  }

  /// struct rtmsg, of which the source and type-of-service fields are of no use here.
  private struct Header {
    var family: IPFamily
    var destinationLength: UInt8
    var table: UInt8
    var origin: UInt8
    var type: UInt8
    var flags: UInt32

    init?(_ payload: RawSpan) {
      guard payload.byteCount >= 12, let family: UInt8 = payload.number(at: 0),
        let destinationLength: UInt8 = payload.number(at: 1), let table: UInt8 = payload.number(at: 4),
        let origin: UInt8 = payload.number(at: 5), let type: UInt8 = payload.number(at: 7),
        let flags: UInt32 = payload.number(at: 8), let known = IPFamily(kernel: family)
      else { return nil }
      self.family = known
      self.destinationLength = destinationLength
      self.table = table
      self.origin = origin
      self.type = type
      self.flags = flags
    }
  }

  private mutating func read(_ attribute: borrowing Attribute) {
    switch attribute.type {
    case Int(RTA_GATEWAY.rawValue): gateway = attribute.address
    case Int(RTA_VIA.rawValue):
      // struct rtvia: a 16-bit family, then the address.
      let size = attribute.payload.byteCount
      if size >= 2 { gateway = Attribute(type: 0, payload: attribute.payload.extracting(2..<size)).address }
    case Int(RTA_OIF.rawValue): link = attribute.number()
    case Int(RTA_PREFSRC.rawValue): source = attribute.address
    case Int(RTA_TABLE.rawValue): table = attribute.number() ?? table
    case Int(RTA_PRIORITY.rawValue): metric = attribute.number() ?? 0
    case Int(RTA_METRICS.rawValue):
      var metrics = attribute.nested
      while let metric = metrics.next() {
        if metric.type == Int(RTAX_MTU) { mtu = metric.number() }
      }
    default: break
    }
  }

  /// struct rtnexthop: length, flags, hops, interface; then attributes.
  private mutating func readFirstHop(_ hops: borrowing Attribute) {
    guard let length: UInt16 = hops.payload.number(at: 0), length >= 8, Int(length) <= hops.payload.byteCount else {
      return
    }
    link = hops.payload.number(at: 4)
    var attributes = AttributeReader(hops.payload.extracting(8..<Int(length)))
    while let attribute = attributes.next() { read(attribute) }
  }
}

extension NetlinkRequest {
  /// Adds a route; fails with EEXIST where the table has one for the same destination and metric.
  public static func add(_ route: Route) -> NetlinkRequest {
    put(route, NLM_F_CREATE | NLM_F_EXCL, "adding the route to \(route)")
  }

  /// Adds a route in place of the one for the same destination and metric, if there is one.
  public static func replace(_ route: Route) -> NetlinkRequest {
    put(route, NLM_F_CREATE | NLM_F_REPLACE, "setting the route to \(route)")
  }

  /// Removes a route. Only one of the same origin, table, metric, gateway and interface, as far as `route` names them; fails with ESRCH
  /// where there is none.
  public static func delete(_ route: Route) -> NetlinkRequest {
    NetlinkRequest(type: RTM_DELROUTE, attempt: "removing the route to \(route)") { $0.put(route) }
  }

  private static func put(_ route: Route, _ mode: Int32, _ attempt: String) -> NetlinkRequest {
    NetlinkRequest(type: RTM_NEWROUTE, flags: mode, attempt: attempt) { $0.put(route) }
  }

  /// The routes of one family, of one table or of all.
  static func routes(_ family: IPFamily, table: UInt32?) -> NetlinkRequest {
    let attempt = "listing the \(family == .v4 ? "IPv4" : "IPv6") routes"
    return NetlinkRequest(type: RTM_GETROUTE, flags: NLM_F_DUMP, attempt: attempt) { message in
      message.field(family.kernel)
      for _ in 0..<3 { message.field(UInt8(0)) }
      message.field(UInt64(0))
      if let table { message.put(Int(RTA_TABLE.rawValue), table) }
    }
  }
}

extension MessageWriter {
  /// struct rtmsg and its attributes.
  fileprivate mutating func put(_ route: Route) {
    let isLink = route.kind == .unicast && route.gateway == nil && route.destination.family == .v4
    let scope =
      route.kind == .local
      ? RT_SCOPE_HOST.rawValue : isLink ? RT_SCOPE_LINK.rawValue : RT_SCOPE_UNIVERSE.rawValue
    field(route.destination.family.kernel)
    field(UInt8(route.destination.length))
    field(UInt16(0))
    field(route.table < 256 ? UInt8(route.table) : UInt8(RT_TABLE_UNSPEC.rawValue))
    field(route.origin.rawValue)
    field(UInt8(scope))
    field(route.kind.rawValue)
    field(route.isOnLink ? UInt32(RTNH_F_ONLINK) : 0)
    if route.destination.length > 0 { put(Int(RTA_DST.rawValue), route.destination.address) }
    put(Int(RTA_TABLE.rawValue), route.table)
    if let gateway = route.gateway {
      if gateway.family == route.destination.family {
        put(Int(RTA_GATEWAY.rawValue), gateway)
      } else {
        let octets = gateway.v6?.octets ?? gateway.v4.map { $0.octets } ?? []
        put(Int(RTA_VIA.rawValue), [gateway.family.kernel, 0] + octets)
      }
    }
    if let link = route.link { put(Int(RTA_OIF.rawValue), link) }
    if let source = route.source { put(Int(RTA_PREFSRC.rawValue), source) }
    if route.metric != 0 { put(Int(RTA_PRIORITY.rawValue), route.metric) }
    if let mtu = route.mtu { nest(Int(RTA_METRICS.rawValue)) { $0.put(Int(RTAX_MTU), mtu) } }
  }
}

extension IPFamily {
  /// The family of AF_INET or AF_INET6.
  init?(kernel number: UInt8) {
    if number == IPFamily.v4.kernel {
      self = .v4
    } else if number == IPFamily.v6.kernel {
      self = .v6
    } else {
      return nil
    }
  }
}
