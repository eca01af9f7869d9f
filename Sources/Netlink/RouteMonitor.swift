import CNetlinkShims
import Glibc

/// Something that happened to links, addresses, routes or neighbours.
public enum RouteEvent: Sendable, Equatable {
  /// New, or changed in any way.
  case link(Link)
  case linkRemoved(LinkID)
  case address(LinkAddress)
  case addressRemoved(LinkAddress)
  case route(Route)
  case routeRemoved(Route)
  case neighbour(Neighbour)
  case neighbourRemoved(Neighbour)
  /// The kernel had to drop events: what was known must be read again.
  case overrun
}

extension RouteEvent {
  /// Reads one notification; nil for one of a kind that is not watched, or a malformed one.
  public init?(_ message: borrowing Message) {
    switch Int32(message.type) {
    case Int32(RTM_NEWLINK): if let link = Link(message) { self = .link(link) } else { return nil }
    case Int32(RTM_DELLINK): if let link = Link(message) { self = .linkRemoved(link.id) } else { return nil }
    case Int32(RTM_NEWADDR): if let address = LinkAddress(message) { self = .address(address) } else { return nil }
    case Int32(RTM_DELADDR):
      if let address = LinkAddress(message) { self = .addressRemoved(address) } else { return nil }
    case Int32(RTM_NEWROUTE): if let route = Route(message) { self = .route(route) } else { return nil }
    case Int32(RTM_DELROUTE): if let route = Route(message) { self = .routeRemoved(route) } else { return nil }
    case Int32(RTM_NEWNEIGH):
      if let neighbour = Neighbour(message) { self = .neighbour(neighbour) } else { return nil }
    case Int32(RTM_DELNEIGH):
      if let neighbour = Neighbour(message) { self = .neighbourRemoved(neighbour) } else { return nil }
    default: return nil
    }
  }
}

/// Watches a network namespace. The event loop watches ``fileDescriptor`` and calls ``events()`` when it is readable.
public final class RouteMonitor {
  /// What to be told of.
  public struct Topics: OptionSet, Sendable {
    public let rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }

    public static let links = Topics(rawValue: 1)
    public static let addresses = Topics(rawValue: 2)
    public static let routes = Topics(rawValue: 4)
    public static let neighbours = Topics(rawValue: 8)
    public static let all: Topics = [.links, .addresses, .routes, .neighbours]

    fileprivate var groups: [rtnetlink_groups] {
      var groups: [rtnetlink_groups] = []
      if contains(.links) { groups += [RTNLGRP_LINK] }
      if contains(.addresses) { groups += [RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR] }
      if contains(.routes) { groups += [RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE] }
      if contains(.neighbours) { groups += [RTNLGRP_NEIGH] }
      return groups
    }
  }

  private let socket: NetlinkSocket

  /// Opens a socket in the calling thread's network namespace. From here on nothing is missed without an ``RouteEvent/overrun``.
  public init(_ topics: Topics = .all) throws(NetlinkError) {
    socket = try NetlinkSocket(.route, isBlocking: false)
    socket.setReceiveBuffer(bytes: 1 << 20)
    for group in topics.groups { try socket.join(group: group.rawValue) }
  }

  public var fileDescriptor: Int32 { socket.fileDescriptor }

  /// What has happened since the last call, oldest first; never waits.
  public func events() throws(NetlinkError) -> [RouteEvent] {
    var events: [RouteEvent] = []
    while true {
      do throws(NetlinkError) {
        let isDatagram = try socket.receive(attempt: "watching the interfaces") { message in
          if let event = RouteEvent(message) { events.append(event) }
        }
        guard isDatagram else { return events }
      } catch  where error.code == ENOBUFS || error.code == ENOSPC {
        events.append(.overrun)
      }
    }
  }
}
