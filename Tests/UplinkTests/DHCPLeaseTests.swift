import Household
import Netlink
import Testing
import Wire

@testable import Uplink

/// What is taken from a server, and what of it is bounded, left out or refused.
@Suite struct DHCPLeaseTests {
  private func lease(
    home: [IPPrefix] = [], _ change: (inout Reply) -> Void
  ) throws(LeaseRefusal) -> DHCPLease {
    let bytes = Reply(.acknowledge, change).bytes(transaction: 1)
    guard let view = try? DHCPv4View(bytes.span.bytes) else { throw .namesNoServer }
    return try DHCPLease(view, homePrefixes: home)
  }

  private func option(_ code: UInt8, _ bytes: UInt8...) -> DHCPOptionSetting {
    DHCPOptionSetting(code: code, bytes: bytes)
  }

  @Test(
    "masks that no network has count as /32",
    arguments: [
      (IPv4Address(255, 255, 254, 0), 23), (IPv4Address(255, 255, 255, 255), 32), (IPv4Address(255, 0, 0, 0), 8),
      (IPv4Address(0, 0, 0, 0), 32), (IPv4Address(254, 0, 0, 0), 32), (IPv4Address(255, 0, 255, 0), 32),
      (IPv4Address(0, 0, 0, 255), 32), (nil, 32),
    ])
  func masks(mask: IPv4Address?, length: Int) throws {
    #expect(try lease { $0.mask = mask }.address.length == length)
  }

  @Test(
    "addresses that no host can have are refused",
    arguments: [
      "0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "203.0.113.0", "203.0.113.255",
    ])
  func addresses(text: String) throws {
    let address = try #require(IPv4Address(text))
    #expect(throws: LeaseRefusal.unusableAddress(address)) { try lease { $0.address = address } }
  }

  @Test("RFC 3021: both addresses of a /31 are hosts")
  func pointToPoint() throws {
    let lease = try lease {
      $0.mask = IPv4Address(255, 255, 255, 254)
      $0.address = IPv4Address(203, 0, 113, 0)
      $0.routers = [IPv4Address(203, 0, 113, 1)]
    }
    #expect(lease.address == InterfaceAddress("203.0.113.0/31") && lease.gateways == [IPv4Address(203, 0, 113, 1)])
  }

  @Test("gateways that cannot be are left out, the first that can is taken")
  func gateways() throws {
    let lease = try lease {
      $0.routers = [
        .any, .broadcast, .loopback, ClientScript.address, IPv4Address(203, 0, 113, 9), ClientScript.server,
      ]
    }
    #expect(lease.gateways == [IPv4Address(203, 0, 113, 9)])
  }

  @Test("a gateway outside the network, or without one, is reached on the link")
  func gatewayOutside() throws {
    let lease = try lease {
      $0.mask = nil
      $0.routers = [IPv4Address(10, 255, 0, 1)]
    }
    let link = Link(id: LinkID(index: 3, name: "wan0"))
    let plan = UplinkPlan(lease: lease, link: link, metric: 100, configuredMTU: nil)
    #expect(plan.addresses == [InterfaceAddress("203.0.113.77/32")!])
    #expect(plan.routes.map(\.isOnLink) == [true] && plan.routes[0].gateway == IPAddress("10.255.0.1"))
  }

  @Test("RFC 3442: classless routes take the place of routers")
  func classlessRoutes() throws {
    let lease = try lease {
      $0.options = [option(121, 0, 203, 0, 113, 2, 24, 198, 51, 100, 203, 0, 113, 3, 32, 192, 0, 2, 1, 0, 0, 0, 0)]
    }
    #expect(lease.gateways == [IPv4Address(203, 0, 113, 2)])
    #expect(
      lease.routes.dropFirst() == [
        DHCPLease.Route(to: IPPrefix("198.51.100.0/24")!, gateway: IPv4Address(203, 0, 113, 3)),
        DHCPLease.Route(to: IPPrefix("192.0.2.1/32")!, gateway: nil),
      ])
  }

  @Test("damaged classless routes count as none")
  func damagedRoutes() throws {
    #expect(try lease { $0.options = [option(121, 33, 1, 2, 3, 4, 5, 6, 7, 8)] }.gateways == [ClientScript.gateway])
    #expect(try lease { $0.options = [option(121, 24, 198)] }.gateways == [ClientScript.gateway])
  }

  @Test("a route into the home, or to loopback, is not taken from a provider")
  func hostileRoutes() throws {
    let lease = try lease(home: [IPPrefix("192.168.77.0/24")!]) {
      $0.options = [
        option(
          121, 32, 192, 168, 77, 5, 203, 0, 113, 1, 8, 127, 203, 0, 113, 1, 24, 10, 9, 8, 192, 168, 77, 1, 0, 203, 0,
          113, 1)
      ]
    }
    #expect(lease.routes == [DHCPLease.Route(to: .everyIPv4, gateway: ClientScript.gateway)])
  }

  @Test(
    "times are bounded and in order",
    arguments: [
      (nil, nil, nil, DHCPLease.Times(renewal: 1_800, rebinding: 3_150, expiry: 3_600)),
      (0, nil, nil, DHCPLease.Times(renewal: 2, rebinding: 4, expiry: 4)),
      (100, 200, 50, DHCPLease.Times(renewal: 49, rebinding: 50, expiry: 100)),
      (100, 40, 60, DHCPLease.Times(renewal: 40, rebinding: 60, expiry: 100)),
      (86_400, 1, 2, DHCPLease.Times(renewal: 30, rebinding: 75_600, expiry: 86_400)),
      (60, 1, 31, DHCPLease.Times(renewal: 30, rebinding: 31, expiry: 60)),
      (59, 1, 2, DHCPLease.Times(renewal: 1, rebinding: 2, expiry: 59)),
      (100, 0, 0, DHCPLease.Times(renewal: 50, rebinding: 88, expiry: 100)),
      (0xffff_fffe, nil, nil, DHCPLease.Times(renewal: 0x7fff_ffff, rebinding: 0xdfff_ffff, expiry: 0xffff_fffe)),
    ] as [(UInt32?, UInt32?, UInt32?, DHCPLease.Times)])
  func times(expiry: UInt32?, renewal: UInt32?, rebinding: UInt32?, expected: DHCPLease.Times) throws {
    func four(_ code: UInt8, _ value: UInt32?) -> [DHCPOptionSetting] {
      guard let value else { return [] }
      return [DHCPOptionSetting(code: code, bytes: withUnsafeBytes(of: value.bigEndian) { Array($0) })]
    }
    let times = try lease {
      $0.seconds = expiry
      $0.options = four(58, renewal) + four(59, rebinding)
    }.times
    #expect(times?.expiry == expected.expiry && times?.renewal == expected.renewal)
    #expect(times?.rebinding == expected.rebinding)
    #expect(try #require(times).renewal < (times?.rebinding ?? 0))
  }

  @Test(
    "an MTU of less than 576 or more than 9,000 is not taken", arguments: [(68, nil), (1_492, 1_492), (9_001, nil)])
  func mtu(offered: UInt16, taken: Int?) throws {
    #expect(
      try lease { $0.options = [option(26, UInt8(offered >> 8), UInt8(offered & 255))] }.mtu == taken)
  }

  @Test("a domain that is none is left out", arguments: [("isp.example", "isp.example"), ("a b", nil), ("$(x)", nil)])
  func domain(offered: String, taken: String?) throws {
    #expect(try lease { $0.options = [DHCPOptionSetting(code: 15, bytes: Array(offered.utf8))] }.domain == taken)
  }

  @Test("at most eight name servers, none twice, none that cannot be")
  func nameServers() throws {
    let many = (1...20).map { IPv4Address(203, 0, 113, $0) }
    #expect(try lease { $0.nameServers = [.any, .loopback, many[0]] + many }.nameServers == Array(many.prefix(8)))
  }
}
