import Household
import Netlink
import Wire

/// The kernel's tunables that a router needs, and why.
enum InterfaceTunables {
  /// One tunable and the value that it must have.
  struct Setting: Equatable {
    var key: Sysctl.Key
    var value: String
  }

  /// For the machine as a whole. Forwarding stands first: the kernel resets others when it changes.
  static let common: [Setting] = [
    ("net.ipv4.ip_forward", "1"),
    ("net.ipv6.conf.all.forwarding", "1"),
    // The stricter of this and the interface's own holds: each interface is to say for itself.
    ("net.ipv4.conf.all.rp_filter", "0"),
    ("net.ipv4.conf.default.rp_filter", "1"),
    // An address is answered for only on the interface that has it.
    ("net.ipv4.conf.all.arp_ignore", "1"),
    ("net.ipv4.conf.all.arp_announce", "2"),
    // Nobody on a link tells the router, or its neighbours by our mouth, where to send packets.
    ("net.ipv4.conf.all.accept_redirects", "0"),
    ("net.ipv4.conf.default.accept_redirects", "0"),
    ("net.ipv4.conf.all.send_redirects", "0"),
    ("net.ipv4.conf.default.send_redirects", "0"),
    ("net.ipv4.conf.all.accept_source_route", "0"),
    ("net.ipv6.conf.all.accept_redirects", "0"),
    ("net.ipv6.conf.default.accept_redirects", "0"),
    ("net.ipv6.conf.all.accept_source_route", "0"),
    // A flow begins with a SYN: one that was ended does not come back by its next segment.
    ("net.netfilter.nf_conntrack_tcp_loose", "0"),
    // Frames between two ports of a bridge are switched, not routed: the packet filter would drop them (br_netfilter).
    ("net.bridge.bridge-nf-call-iptables", "0"),
    ("net.bridge.bridge-nf-call-ip6tables", "0"),
    ("net.bridge.bridge-nf-call-arptables", "0"),
  ].compactMap { text, value in Sysctl.Key(text).map { Setting(key: $0, value: value) } }

  /// For one interface, by what it is for.
  static func settings(of wanted: WantedInterface) -> [Setting] {
    switch wanted.use {
    case .trunk, .port:
      // Only the bridge, or the tagged interface above, speaks IP.
      return settings(wanted.name, [], [("disable_ipv6", "1")])
    case .home:
      // RFC 3704 section 2.2: what comes from a home network has an address of it. Routers are not advised by others.
      return settings(
        wanted.name, redirects + [("rp_filter", "1")],
        [("disable_ipv6", "0"), ("accept_ra", "0"), ("accept_redirects", "0")])
    case .uplink:
      // RFC 3704 section 2.4: with several uplinks an answer may come by another one.
      return settings(
        wanted.name, redirects + [("rp_filter", "2")], [("disable_ipv6", "0"), ("accept_redirects", "0")])
    }
  }

  /// For an interface that we no longer use: what we switched off is on again.
  static func released(_ interface: String) -> [Setting] { settings(interface, [], [("disable_ipv6", "0")]) }

  /// After the last of us is gone.
  static let torndown: [Setting] = ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"].compactMap { text in
    Sysctl.Key(text).map { Setting(key: $0, value: "0") }
  }

  private static let redirects = [("accept_redirects", "0"), ("send_redirects", "0")]

  private static func settings(
    _ interface: String, _ v4: [(String, String)], _ v6: [(String, String)]
  ) -> [Setting] {
    let keys =
      v4.map { (Sysctl.Key(.v4, interface: interface, $0.0), $0.1) }
      + v6.map { (Sysctl.Key(.v6, interface: interface, $0.0), $0.1) }
    return keys.compactMap { key, value in key.map { Setting(key: $0, value: value) } }
  }
}
