import Household
import Wire

/// Which servers answer for which part of the tree: the longest matching forward zone's, else the general ones (split horizon).
struct ForwardTable: Sendable, Equatable {
  /// Where everything else goes; may be empty while no uplink has told any.
  var servers: [SocketAddress]
  var zones: [ForwardZone]

  /// The zones in order of the length of their names, longest first.
  init(servers: [SocketAddress], zones: [ForwardZone] = []) {
    self.servers = servers
    self.zones = zones.sorted { $0.domain.labelCount > $1.domain.labelCount }
  }

  func servers(for name: DomainName) -> [SocketAddress] {
    zones.first { name.isWithin($0.domain) }?.servers ?? servers
  }
}
