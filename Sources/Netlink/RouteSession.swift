import Glibc
public import Wire

/// Reads and changes links, addresses, routes and neighbours of one network namespace.
///
/// Requests are made by the factories of ``NetlinkRequest`` and carried out by ``perform(_:)``.
public final class RouteSession {
  public let socket: NetlinkSocket

  /// Requests carried out so far that change something, failed ones included.
  public private(set) var writes = 0

  /// Opens a socket in the calling thread's network namespace.
  public init() throws(NetlinkError) { socket = try NetlinkSocket(.route) }

  /// Carries out a request that changes something.
  public func perform(_ request: NetlinkRequest) throws(NetlinkError) {
    writes += 1
    try socket.perform(request)
  }

  /// All interfaces, in the order of their numbers.
  public func links() throws(NetlinkError) -> [Link] {
    try socket.dump(.links(withCounters: false)) { Link($0) }
  }

  /// The interface of that name; nil where there is none.
  public func link(named name: String) throws(NetlinkError) -> Link? {
    do throws(NetlinkError) {
      return try socket.request(.link(named: name)) { Link($0) }.first
    } catch  where error.code == ENODEV {
      return nil
    }
  }

  /// What each interface has carried, by its number.
  public func counters() throws(NetlinkError) -> [Int32: LinkCounters] {
    let pairs = try socket.dump(.links(withCounters: true)) { message -> (Int32, LinkCounters)? in
      guard let link = Link(message), let counters = LinkCounters(message) else { return nil }
      return (link.id.index, counters)
    }
    return Dictionary(pairs, uniquingKeysWith: { $1 })
  }

  /// All addresses of both families, or those of one interface.
  public func addresses(of link: Int32? = nil) throws(NetlinkError) -> [LinkAddress] {
    try socket.dump(.addresses(of: link)) { LinkAddress($0) }
  }

  /// The routes of one family, of one table or of all. A table that does not exist has none.
  public func routes(_ family: IPFamily, table: UInt32? = Route.mainTable) throws(NetlinkError) -> [Route] {
    do throws(NetlinkError) {
      return try socket.dump(.routes(family, table: table)) { Route($0) }
    } catch  where error.code == ENOENT {
      return []
    }
  }

  /// All neighbours of both families, or those of one interface.
  public func neighbours(of link: Int32? = nil) throws(NetlinkError) -> [Neighbour] {
    try socket.dump(.neighbours(of: link)) { Neighbour($0) }
  }
}
