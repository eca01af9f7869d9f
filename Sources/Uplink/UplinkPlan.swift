import Household
import Netlink
import Wire

/// What an uplink wants the kernel to have, and the requests that make it so. Pure.
///
/// Addresses get no lifetime in the kernel: they stay when this process dies, and a lease that ran out is kept while no
/// server answers. Only what bears Lares' origin is ever changed or removed.
struct UplinkPlan: Sendable, Equatable {
  var addresses: [InterfaceAddress] = []
  var routes: [Route] = []

  /// Default routes of the uplinks in the order of the configuration: lower goes first.
  static func metric(ofUplink index: Int) -> UInt32 { 100 + 10 * UInt32(clamping: index) }

  /// Nothing: what a missing lease or a removed uplink wants.
  init() {}

  /// - Parameter mtu: of the interface. A smaller one that the server names holds on the routes, so that it goes with them.
  init(lease: DHCPLease, link: Link, metric: UInt32, configuredMTU: Int?) {
    addresses = [lease.address]
    let mtu = configuredMTU == nil ? lease.mtu.flatMap { $0 < link.mtu ? UInt32($0) : nil } : nil
    // A gateway that another route of the lease reaches, but the address's network does not, is on the link.
    routes = lease.routes.map { route in
      let gateway = route.gateway.map { IPAddress.v4($0) }
      return Route(
        to: route.destination, gateway: gateway, link: link.id.index, source: lease.address.address, metric: metric,
        isOnLink: gateway.map { !lease.address.prefix.contains($0) } ?? false, mtu: mtu)
    }
  }

  /// A static uplink.
  init(addresses: [InterfaceAddress], gateways: [IPAddress], link: Link, metric: UInt32) {
    self.addresses = addresses
    routes = gateways.map { gateway in
      var route = Route.byDefault(through: gateway, link: link.id.index, metric: metric)
      route.isOnLink =
        gateway.v6?.isLinkLocal != true && !addresses.contains { $0.prefix.contains(gateway) }
      return route
    }
  }

  /// Stale addresses go first: one in the same network as a new one would take the new one with it, because the kernel
  /// removes secondary addresses with their primary.
  func addressRequests(actual: [LinkAddress], link: LinkID) -> [NetlinkRequest] {
    let here = actual.filter { $0.link == link.index }
    let stale = here.filter { $0.origin == .lares && !addresses.contains($0.address) }
    let missing = addresses.filter { wanted in
      !here.contains { $0.address == wanted && ($0.origin != .lares || $0.lifetime == .forever) }
    }
    return stale.map { .delete($0.address, from: link) } + missing.map { .replace($0, on: link) }
  }

  /// To be computed after the address requests were carried out: removing an address removes its routes.
  func routeRequests(actual: [Route], link: LinkID) -> [NetlinkRequest] {
    let own = actual.filter { $0.link == link.index && $0.origin == .lares && $0.table == Route.mainTable }
    let wanted = Set(routes)
    let stale = own.filter { !wanted.contains($0) }
    let missing = routes.filter { !own.contains($0) }
    // Routes to on-link destinations first, because others may go through them.
    let ordered = missing.filter { $0.gateway == nil } + missing.filter { $0.gateway != nil }
    return stale.map { .delete($0) } + ordered.map { .replace($0) }
  }
}
