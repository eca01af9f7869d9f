public import Wire

/// What a DHCP server granted, checked and bounded (RFC 2132).
public struct DHCPLease: Codable, Sendable, Equatable {
  /// A route that the server names.
  public struct Route: Codable, Sendable, Equatable {
    public var destination: IPPrefix
    /// Nil: the destination is on the link (RFC 3442: gateway 0.0.0.0).
    public var gateway: IPv4Address?

    public init(to destination: IPPrefix, gateway: IPv4Address?) {
      self.destination = destination
      self.gateway = gateway
    }
  }

  /// A server that offers a lease of less than this, 0 included, is asked again no sooner.
  public static let shortestSeconds: UInt32 = 4
  /// The least T1 of a lease of at least twice this, whatever the server names.
  public static let shortestRenewalSeconds: UInt32 = 30
  /// Where the server names no duration, though RFC 2131 demands it.
  public static let defaultSeconds: UInt32 = 3_600

  /// The granted address. A mask that is missing, has holes or leaves fewer than 8 bits counts as /32.
  public var address: InterfaceAddress
  /// Option 54: who granted it.
  public var server: IPv4Address
  /// From option 121, or else option 3; at most 64.
  public var routes: [Route]
  /// Option 6, at most 8.
  public var nameServers: [IPv4Address]
  /// Option 15, where it is a domain name of host labels.
  public var domain: String?
  /// Option 42, at most 8.
  public var timeServers: [IPv4Address]
  /// Option 26 in bytes, 576 to 9,000.
  public var mtu: Int?
  /// Seconds, all three; nil: without end.
  public var times: Times?

  /// How long a lease lasts, counted from when it was asked for (RFC 2131 section 4.4.5).
  public struct Times: Codable, Sendable, Equatable {
    /// T1: renew with the server that granted it.
    public var renewal: UInt32
    /// T2: ask any server.
    public var rebinding: UInt32
    public var expiry: UInt32
  }

  /// The routers of the default routes.
  public var gateways: [IPv4Address] { routes.filter { $0.destination.length == 0 }.compactMap(\.gateway) }
}

/// Why an offer or acknowledgement is not taken.
enum LeaseRefusal: Error, Equatable {
  /// No server identifier, which RFC 2131 table 3 demands.
  case namesNoServer
  case unusableAddress(IPv4Address)
  /// The provider's network is also one of the home's: packets could not tell them apart.
  case overlapsHome(InterfaceAddress, home: IPPrefix)

  /// What happened and what to do; nil for what nobody can do anything about.
  func sentence(device: String) -> String {
    switch self {
    case .namesNoServer: "the DHCP server on \(device) does not say who it is, so its offers are not taken"
    case .unusableAddress(let address):
      "the DHCP server on \(device) offers \(address), which no host can have, so the offer is not taken"
    case .overlapsHome(let address, let home):
      "the DHCP server on \(device) offers \(address), which overlaps the home network \(home): give the home network another address"
    }
  }
}

extension DHCPLease {
  /// Reads a DHCPOFFER or DHCPACK. What is merely wrong is left out; what makes the lease unusable is refused.
  init(_ message: borrowing DHCPv4View, homePrefixes: [IPPrefix]) throws(LeaseRefusal) {
    guard let server = message.serverIdentifier, server.isHost else { throw .namesNoServer }
    let own = message.header.yourAddress
    guard own.isHost else { throw .unusableAddress(own) }
    let address = InterfaceAddress(.v4(own), length: Self.length(of: message.address(.subnetMask)))
    guard let address, !address.isNetworkOrBroadcast else { throw .unusableAddress(own) }
    if let home = homePrefixes.first(where: { $0.overlaps(address.prefix) }) {
      throw .overlapsHome(address, home: home)
    }
    self.init(
      address: address, server: server, routes: Self.routes(message, own: own, homePrefixes: homePrefixes),
      nameServers: Self.hosts(message.addresses(.domainNameServers), except: own, homePrefixes),
      domain: Self.domain(message),
      timeServers: Self.hosts(message.addresses(.ntpServers), except: own, homePrefixes),
      mtu: message.uint16(.interfaceMTU).map(Int.init).flatMap { 576...9_000 ~= $0 ? $0 : nil },
      times: Self.times(message))
  }

  private static func length(of mask: IPv4Address?) -> Int {
    guard let mask, mask.value != 0 else { return 32 }
    let length = (~mask.value).leadingZeroBitCount
    let isContiguous = mask.value == .max || mask.value << UInt32(length) == 0
    return isContiguous && length >= 8 ? length : 32
  }

  /// RFC 3442: where option 121 is there, option 3 is ignored.
  private static func routes(_ message: borrowing DHCPv4View, own: IPv4Address, homePrefixes: [IPPrefix]) -> [Route] {
    let named: [Route]
    if let classless = message.option(.classlessRoutes).flatMap(DHCPv4Route.decode), !classless.isEmpty {
      named = classless.map { Route(to: $0.destination, gateway: $0.router == .any ? nil : $0.router) }
    } else {
      // Only the first: routers stand in the order of the server's preference (RFC 2132 section 3.5).
      named = message.addresses(.routers).filter { $0.isHost && $0 != own }.prefix(1)
        .map { Route(to: .everyIPv4, gateway: $0) }
    }
    var seen: Set<IPPrefix> = []
    let usable = named.filter { route in
      let hasUsableGateway =
        route.gateway.map { gateway in
          gateway.isHost && gateway != own && !homePrefixes.contains { $0.contains(.v4(gateway)) }
        } ?? true
      let isForeign =
        route.destination.length == 0
        || route.destination.address.v4?.isHost == true && !homePrefixes.contains { $0.contains(route.destination) }
      return hasUsableGateway && isForeign && seen.insert(route.destination).inserted
    }
    return Array(usable.prefix(64))
  }

  /// A provider's servers are not at home.
  private static func hosts(
    _ addresses: [IPv4Address], except own: IPv4Address, _ homePrefixes: [IPPrefix]
  ) -> [IPv4Address] {
    var seen: Set<IPv4Address> = [own]
    let usable = addresses.filter { address in
      address.isHost && !homePrefixes.contains { $0.contains(.v4(address)) } && seen.insert(address).inserted
    }
    return Array(usable.prefix(8))
  }

  private static func domain(_ message: borrowing DHCPv4View) -> String? {
    guard let text = message.text(.domainName) else { return nil }
    let name = text.last == "." ? text.dropLast() : text[...]
    let labels = name.split(separator: ".", omittingEmptySubsequences: false)
    return name.utf8.count <= 253 && labels.allSatisfy { isHostLabel($0) } ? String(name) : nil
  }

  private static func times(_ message: borrowing DHCPv4View) -> Times? {
    let named = message.uint32(.leaseTime) ?? defaultSeconds
    guard named != .max else { return nil }
    let expiry = max(named, shortestSeconds)
    let soonest = expiry >= 2 * shortestRenewalSeconds ? shortestRenewalSeconds : 1
    // RFC 2131 section 4.4.5: 0.5 and 0.875 of the duration.
    let usualRebinding = expiry - expiry / 8
    let rebinding = message.uint32(.rebindingTime).flatMap { soonest + 1..<expiry ~= $0 ? $0 : nil } ?? usualRebinding
    let usualRenewal = min(expiry / 2, rebinding - 1)
    let renewal = message.uint32(.renewalTime).flatMap { 1..<rebinding ~= $0 ? max($0, soonest) : nil } ?? usualRenewal
    return Times(renewal: renewal, rebinding: rebinding, expiry: expiry)
  }
}

extension IPv4Address {
  /// True for an address that one host on some network can have: not this-network, loopback, multicast or reserved.
  var isHost: Bool {
    let first = value >> 24
    return first != 0 && first != 127 && first < 224
  }
}

extension IPPrefix {
  /// `0.0.0.0/0`.
  static let everyIPv4 = IPPrefix(.v4(.any), length: 0)!
}

extension InterfaceAddress {
  /// True for the first and the last address of an IPv4 network that has such (RFC 3021: not /31 and /32).
  fileprivate var isNetworkOrBroadcast: Bool {
    length < 31 && (address == prefix.address || address == prefix.lastAddress)
  }
}
