import Netlink
import Testing
import Wire

@testable import Uplink

/// From what is there to what is wanted, touching only what is ours.
@Suite struct UplinkPlanTests {
  private static let link = Link(id: LinkID(index: 7, name: "wan0"), mtu: 1_500)
  private static let address = InterfaceAddress("203.0.113.77/24")!

  private static var lease: DHCPLease {
    DHCPLease(
      address: address, server: ClientScript.server,
      routes: [DHCPLease.Route(to: .everyIPv4, gateway: ClientScript.gateway)], nameServers: [], timeServers: [],
      mtu: 1_492)
  }
  private static let plan = UplinkPlan(lease: lease, link: link, metric: 100, configuredMTU: nil)

  private func attempts(_ plan: UplinkPlan, _ addresses: [LinkAddress], _ routes: [Route]) -> [String] {
    (plan.addressRequests(actual: addresses, link: Self.link.id)
      + plan.routeRequests(actual: routes, link: Self.link.id))
      .map(\.attempt)
  }

  @Test("from nothing: the address, then the route with the provider's smaller MTU")
  func fromNothing() {
    #expect(
      attempts(Self.plan, [], []) == [
        "setting address 203.0.113.77/24 on wan0",
        "setting the route to 0.0.0.0/0 through 203.0.113.1 on interface 7",
      ])
    #expect(Self.plan.routes[0].mtu == 1_492 && Self.plan.routes[0].metric == 100 && !Self.plan.routes[0].isOnLink)
  }

  @Test("what is there as wanted needs no request")
  func nothingToDo() {
    let there = LinkAddress(link: 7, address: Self.address, flags: .permanent)
    #expect(attempts(Self.plan, [there], Self.plan.routes) == [])
  }

  @Test("an MTU set by hand goes before the provider's, and a larger one says nothing")
  func mtu() {
    #expect(UplinkPlan(lease: Self.lease, link: Self.link, metric: 1, configuredMTU: 1_480).routes[0].mtu == nil)
    var lease = Self.lease
    lease.mtu = 9_000
    #expect(UplinkPlan(lease: lease, link: Self.link, metric: 1, configuredMTU: nil).routes[0].mtu == nil)
  }

  @Test("what others made stays, also on the same interface; what is ours elsewhere stays too")
  func foreign() {
    let addresses = [
      LinkAddress(link: 7, address: InterfaceAddress("192.0.2.9/24")!, origin: .boot),
      LinkAddress(link: 8, address: InterfaceAddress("192.168.77.1/24")!),
    ]
    let routes = [
      Route(to: IPPrefix("198.51.100.0/24")!, link: 7, origin: .kernel),
      Route(to: IPPrefix("198.51.101.0/24")!, link: 7, origin: .boot),
      Route(to: IPPrefix("198.51.102.0/24")!, link: 8), Route(to: IPPrefix("198.51.103.0/24")!, link: 7, table: 100),
    ]
    #expect(attempts(UplinkPlan(), addresses, routes) == [])
  }

  @Test("stale ones of ours go, the old address before the new one comes")
  func stale() {
    let old = LinkAddress(link: 7, address: InterfaceAddress("203.0.113.5/24")!)
    let oldRoute = Route.byDefault(through: IPAddress("203.0.113.2")!, link: 7, metric: 100)
    #expect(
      attempts(Self.plan, [old], [oldRoute]) == [
        "removing address 203.0.113.5/24 from wan0", "setting address 203.0.113.77/24 on wan0",
        "removing the route to 0.0.0.0/0 through 203.0.113.2 on interface 7",
        "setting the route to 0.0.0.0/0 through 203.0.113.1 on interface 7",
      ])
  }

  @Test("an address of ours that would run out by itself is made permanent")
  func lifetime() {
    let mortal = LinkAddress(
      link: 7, address: Self.address, lifetime: AddressLifetime(valid: 100, preferred: 100))
    #expect(attempts(Self.plan, [mortal], Self.plan.routes) == ["setting address 203.0.113.77/24 on wan0"])
  }

  @Test("a static uplink of both families; a link-local gateway needs no prefix")
  func fixed() {
    let plan = UplinkPlan(
      addresses: [Self.address, InterfaceAddress("2001:db8::2/64")!],
      gateways: [IPAddress("203.0.113.1")!, IPAddress("fe80::1")!, IPAddress("10.0.0.1")!], link: Self.link, metric: 110
    )
    #expect(plan.routes.map(\.isOnLink) == [false, false, true])
    #expect(plan.routes.map(\.destination.description) == ["0.0.0.0/0", "::/0", "0.0.0.0/0"])
  }
}
