public import Netlink
import Wire

/// What the kernel has: all that a plan is computed from.
public struct InterfaceSnapshot: Sendable, Equatable {
  public var links: [Link]
  public var addresses: [LinkAddress]
  /// The tunables that the plan looks at, of interfaces that are there. One that this kernel lacks is missing here.
  public var tunables: [Sysctl.Key: String]

  public init(links: [Link] = [], addresses: [LinkAddress] = [], tunables: [Sysctl.Key: String] = [:]) {
    self.links = links
    self.addresses = addresses
    self.tunables = tunables
  }

  public func link(named name: String) -> Link? { links.first { $0.id.name == name } }

  public func link(index: Int32?) -> Link? { index.flatMap { index in links.first { $0.id.index == index } } }

  public func addresses(of link: Link) -> [LinkAddress] { addresses.filter { $0.link == link.id.index } }

  /// Reads what matters for `wanted` in the session's namespace, which must be the calling thread's too (for /proc/sys).
  init(reading session: RouteSession, for wanted: [WantedInterface]) throws(NetlinkError) {
    self.init(links: try session.links(), addresses: try session.addresses())
    for setting in InterfaceTunables.common + wanted.flatMap(InterfaceTunables.settings) {
      tunables[setting.key] = try? Sysctl.read(setting.key)
    }
  }
}
