import Firewall
import Testing
import Wire

/// Packets in the household ``Models/everything``, and what becomes of each. Together they show every rule that drops at work.
struct Scenario: CustomTestStringConvertible, Sendable {
  enum Fate: Equatable, Sendable {
    case received
    case forwarded
    /// To another address than it was sent to.
    case redirected(String, UInt16)
    case dropped(by: String)
  }

  var testDescription: String
  var packet: PacketProbe
  var fate: Fate
  /// Sets whose limit the source has used up.
  var exceeding: Set<String> = []

  static let routes = PacketRoutes(
    local: Set(
      [
        "192.168.77.1", "fd77::1", "192.168.78.1", "192.168.79.1", "192.168.80.1", "2001:db8:80::1", wan, wan6,
        "198.51.100.2",
        "127.0.0.1", "fe80::1",
      ].map(Models.address)),
    routes: [
      ("192.168.77.0/24", "lan0"), ("fd77::/64", "lan0"), ("2001:db8:77::/64", "lan0"), ("192.168.78.0/24", "br-guest"),
      ("192.168.79.0/24", "lan3.20"), ("192.168.80.0/24", "lan4"), ("2001:db8:80::/64", "lan4"),
      ("198.51.100.0/24", "wan1"),
    ].map { (Models.prefix($0.0), $0.1) }, fallback: "wan0")

  static let wan = "203.0.113.200"
  static let wan6 = "2001:db8:ffff::2"
  static let nas = "02:00:00:00:00:10"
  static let tablet = "02:00:00:00:00:20"
  static let stranger = "02:00:00:00:00:99"

  private static func tcp(
    _ text: String, _ input: String, _ source: String, _ destination: String, _ port: UInt16,
    by hardware: String? = nil,
    state: ConnectionState = .new, back: Bool = true, _ fate: Fate, exceeding: Set<String> = []
  ) -> Scenario {
    Scenario(
      testDescription: text,
      packet: PacketProbe(
        input: input, source: Models.address(source), destination: Models.address(destination), transport: 6,
        destinationPort: port, hardware: hardware.map(Models.mac), state: state, hasReversePath: back),
      fate: fate, exceeding: exceeding)
  }

  private static func udp(
    _ text: String, _ input: String, _ source: String, _ sourcePort: UInt16, _ destination: String, _ port: UInt16,
    _ fate: Fate
  ) -> Scenario {
    Scenario(
      testDescription: text,
      packet: PacketProbe(
        input: input, source: Models.address(source), destination: Models.address(destination), transport: 17,
        sourcePort: sourcePort, destinationPort: port, hardware: Models.mac(nas)), fate: fate)
  }

  private static func icmp(
    _ text: String, _ input: String, _ source: String, _ destination: String, _ type: UInt8, hops: UInt8 = 255,
    state: ConnectionState? = nil, _ fate: Fate, exceeding: Set<String> = []
  ) -> Scenario {
    let source = Models.address(source)
    return Scenario(
      testDescription: text,
      packet: PacketProbe(
        input: input, source: source, destination: Models.address(destination),
        transport: source.family == .v4 ? 1 : 58,
        icmpType: type, hopLimit: hops, hardware: Models.mac(nas), state: state ?? (type > 132 ? .untracked : .new)),
      fate: fate,
      exceeding: exceeding)
  }

  static let all = fromOutside + spoofed + toTheRouter + betweenNetworks + toTheInternet + limited

  static let fromOutside: [Scenario] = [
    tcp("SSH from outside", "wan0", "192.0.2.9", wan, 22, .dropped(by: "policy of input")),
    tcp("SSH from outside, IPv6", "wan0", "2001:db8:9::9", wan6, 22, .dropped(by: "policy of input")),
    tcp(
      "the console's home address from outside", "wan0", "192.0.2.9", "192.168.77.1", 80,
      .dropped(by: "policy of input")),
    tcp(
      "a forward at the home address from outside", "wan0", "192.0.2.9", "192.168.77.1", 8080,
      .dropped(by: "policy of input")),
    udp("DNS from outside", "wan0", "192.0.2.9", 5353, wan, 53, .dropped(by: "policy of input")),
    tcp("a home host from outside", "wan0", "192.0.2.9", "192.168.77.10", 80, .dropped(by: "policy of forward")),
    tcp(
      "a home host from outside, IPv6", "wan0", "2001:db8:9::9", "2001:db8:77::10", 80,
      .dropped(by: "policy of forward")),
    tcp("the port forward", "wan0", "192.0.2.9", wan, 8080, .redirected("192.168.77.10", 80)),
    tcp(
      "the port forward at the second uplink", "wan1", "192.0.2.9", "198.51.100.2", 8080,
      .redirected("192.168.77.10", 80)),
    tcp("a forward with sources, from one of them", "wan0", "192.0.2.7", wan, 27001, .dropped(by: "pause")),
    tcp("a forward with sources, from another", "wan0", "192.0.2.9", wan, 27001, .dropped(by: "policy of input")),
    tcp("an answer to nothing", "wan0", "192.0.2.9", wan, 1234, state: .invalid, .dropped(by: "input.invalid")),
    tcp(
      "an answer to nothing, passing", "lan0", "192.168.77.10", "192.0.2.9", 80, by: nas, state: .invalid,
      .dropped(by: "forward.invalid")),
    tcp(
      "an invalid packet for the console", "lan0", "192.168.77.10", "192.168.77.1", 80, by: nas, state: .invalid,
      .dropped(by: "input.invalid")),
    tcp("an answer", "wan0", "192.0.2.9", wan, 1234, state: .established, .received),
    tcp("an answer, passing", "wan0", "192.0.2.9", "192.168.77.10", 1234, state: .established, .forwarded),
    tcp(
      "an answer of a blocked address", "wan0", "203.0.113.66", wan, 1234, state: .established,
      .dropped(by: "blocked.bad")),
    tcp(
      "an answer of a blocked address, IPv6", "wan0", "2001:db8:bad::1", wan6, 1234, state: .established,
      .dropped(by: "blocked.bad")),
    tcp(
      "a blocked answer, passing", "wan0", "203.0.113.67", "192.168.77.10", 1234, state: .established,
      .dropped(by: "blocked.bad")),
    tcp(
      "a blocked answer, passing, IPv6", "wan0", "2001:db8:bad::1", "2001:db8:77::10", 1234, state: .established,
      .dropped(by: "blocked.bad")),
    udp(
      "an answer to the DHCP client", "wan0", "192.0.2.1", 67, "255.255.255.255", 68, .dropped(by: "prerouting.lease")),
    udp("the same from a bogon", "wan0", "127.0.0.5", 67, wan, 68, .dropped(by: "prerouting.lease")),
    udp("the same from a home source", "wan0", "192.168.77.10", 67, wan, 68, .dropped(by: "prerouting.lease")),
    udp(
      "the same on an uplink without DHCP", "wan1", "198.51.100.1", 67, "198.51.100.2", 68,
      .dropped(by: "policy of input")),
    udp("an answer to a DHCPv6 client", "wan0", "fe80::9", 547, "fe80::1", 546, .dropped(by: "policy of input")),
    udp("the same from far away", "wan0", "2001:db8:9::9", 547, wan6, 546, .dropped(by: "policy of input")),
    icmp("ping from outside", "wan0", "192.0.2.9", wan, 8, .received),
    icmp("ping from outside, IPv6", "wan0", "2001:db8:9::9", wan6, 128, .received),
    icmp("neighbour solicitation", "wan0", "fe80::9", "ff02::1:ff00:2", 135, .received),
    icmp(
      "neighbour solicitation from far away", "wan0", "fe80::9", "fe80::1", 135, hops: 254,
      .dropped(by: "policy of input")),
    icmp("duplicate address detection", "wan0", "::", "ff02::1:ff00:2", 135, .received),
    icmp("router advertisement of the provider", "wan0", "fe80::9", "ff02::1", 134, .received),
    icmp("router advertisement of a home device", "lan0", "fe80::9", "ff02::1", 134, .dropped(by: "policy of input")),
    icmp("redirect", "wan0", "fe80::9", "fe80::1", 137, .dropped(by: "policy of input")),
    icmp("multicast listener query", "wan0", "fe80::9", "ff02::1", 130, hops: 1, .received),
  ]

  static let spoofed: [Scenario] = [
    tcp("a bogon to a forward", "wan0", "127.0.0.5", wan, 8080, .dropped(by: "bogon.4")),
    tcp("a bogon, IPv6", "wan0", "100::5", "2001:db8:77::10", 80, state: .established, .dropped(by: "bogon.6")),
    tcp("a home source from outside", "wan0", "192.168.77.10", wan, 8080, .dropped(by: "spoof.4")),
    tcp(
      "a home source from outside, IPv6", "wan0", "2001:db8:77::10", "2001:db8:80::10", 80, state: .established,
      .dropped(by: "spoof.6")),
    tcp("a source without a way back", "wan0", "192.0.2.9", wan, 8080, back: false, .dropped(by: "reverse-path")),
    tcp("a foreign source at home", "lan0", "192.0.2.55", "198.18.0.1", 80, by: nas, .dropped(by: "antispoof.home")),
    tcp(
      "a foreign source at home, IPv6", "lan0", "2001:db8:9::9", "2001:db8:5::1", 80, by: nas,
      .dropped(by: "antispoof.home")),
    tcp(
      "a foreign source at the guests'", "br-guest", "192.0.2.55", "192.0.2.9", 80, by: stranger,
      .dropped(by: "antispoof.guest")),
    tcp(
      "a foreign source at the guests', IPv6", "br-guest", "2001:db8:9::9", "2001:db8:5::1", 80, by: stranger,
      .dropped(by: "antispoof.guest")),
    tcp(
      "a foreign source at the things'", "lan3.20", "192.0.2.55", "192.0.2.9", 80, by: nas,
      .dropped(by: "antispoof.things")),
    tcp(
      "a foreign source at the things', IPv6", "lan3.20", "2001:db8:9::9", "2001:db8:5::1", 80, by: nas,
      .dropped(by: "antispoof.things")),
    tcp("a foreign source at the lab's", "lan4", "192.0.2.55", "192.0.2.9", 80, by: nas, .dropped(by: "antispoof.lab")),
    tcp(
      "a foreign source at the lab's, IPv6", "lan4", "2001:db8:9::9", "2001:db8:5::1", 80, by: nas,
      .dropped(by: "antispoof.lab")),
    tcp(
      "the NAS's address with another card", "lan0", "192.168.77.10", "192.0.2.9", 80, by: stranger,
      .dropped(by: "antispoof.lease")),
    tcp(
      "a leased address with another card", "lan0", "192.168.77.121", "192.0.2.9", 80, by: nas,
      .dropped(by: "antispoof.lease")),
    tcp("a leased address with its card", "lan0", "192.168.77.121", "192.0.2.9", 80, by: stranger, .forwarded),
  ]

  static let toTheRouter: [Scenario] = [
    udp("DHCP without an address", "lan0", "0.0.0.0", 68, "255.255.255.255", 67, .received),
    udp("DHCP of a guest", "br-guest", "0.0.0.0", 68, "255.255.255.255", 67, .received),
    udp("DNS at home", "lan0", "192.168.77.10", 5353, "192.168.77.1", 53, .received),
    udp("DNS of a guest", "br-guest", "192.168.78.9", 5353, "192.168.78.1", 53, .received),
    tcp("DNS by TCP", "br-guest", "192.168.78.9", "192.168.78.1", 53, by: stranger, .received),
    tcp("SSH at home", "lan0", "192.168.77.9", "192.168.77.1", 22, by: stranger, .received),
    tcp("the console at home, IPv6", "lan0", "fd77::9", "fd77::1", 443, by: stranger, .received),
    tcp(
      "the console of a guest", "br-guest", "192.168.78.9", "192.168.78.1", 80, by: nas, .dropped(by: "policy of input")
    ),
    tcp(
      "the console of a stranger in the lab", "lan4", "192.168.80.9", "192.168.80.1", 443, by: stranger,
      .dropped(by: "policy of input")),
    tcp("the console of a known one in the lab", "lan4", "192.168.80.9", "192.168.80.1", 443, by: tablet, .received),
    tcp(
      "another port at home", "lan0", "192.168.77.9", "192.168.77.1", 8000, by: stranger,
      .dropped(by: "policy of input")),
    udp("an allow to the router", "lan3.20", "192.168.79.9", 123, "192.168.79.1", 123, .received),
    udp("a range of it", "lan3.20", "192.168.79.9", 123, "192.168.79.1", 5005, .received),
    udp("beyond the range", "lan3.20", "192.168.79.9", 123, "192.168.79.1", 5011, .dropped(by: "policy of input")),
    udp("the same from elsewhere", "lan0", "192.168.77.10", 123, "192.168.77.1", 123, .dropped(by: "policy of input")),
    icmp("ping at home", "br-guest", "192.168.78.9", "192.168.78.1", 8, .received),
  ]

  static let betweenNetworks: [Scenario] = [
    tcp("the printer for guests", "br-guest", "192.168.78.9", "192.168.77.10", 631, by: stranger, .forwarded),
    tcp(
      "another port of the NAS for guests", "br-guest", "192.168.78.9", "192.168.77.10", 80, by: stranger,
      .dropped(by: "policy of forward")),
    tcp(
      "another host for guests", "br-guest", "192.168.78.9", "192.168.77.11", 631, by: stranger,
      .dropped(by: "policy of forward")),
    tcp(
      "guest to guest", "br-guest", "192.168.78.9", "192.168.78.10", 80, by: stranger, .dropped(by: "policy of forward")
    ),
    tcp("the forward for guests", "br-guest", "192.168.78.9", wan, 8080, by: stranger, .dropped(by: "policy of input")),
    tcp("home to guest", "lan0", "192.168.77.10", "192.168.78.9", 80, by: nas, .dropped(by: "policy of forward")),
    tcp("hairpin", "lan0", "192.168.77.10", wan, 8080, by: nas, .redirected("192.168.77.10", 80)),
    tcp(
      "hairpin of a stranger in the lab", "lan4", "192.168.80.9", wan, 8080, by: stranger, .dropped(by: "unknown.lab")),
    tcp("the tablet to the things", "lan0", "192.168.77.120", "192.168.79.9", 80, by: tablet, .forwarded),
    tcp("the camera to the NAS", "lan3.20", "192.168.79.30", "192.168.77.10", 554, by: nas, .forwarded),
    tcp(
      "the camera to the NAS, as a stranger", "lan3.20", "192.168.79.30", "192.168.77.10", 554, by: stranger,
      .dropped(by: "unknown.things")),
  ]

  static let toTheInternet: [Scenario] = [
    tcp("home to the Internet", "lan0", "192.168.77.9", "192.0.2.9", 443, by: stranger, .forwarded),
    tcp("home to the Internet, IPv6", "lan0", "2001:db8:77::9", "2001:db8:5::1", 443, by: stranger, .forwarded),
    tcp("guests to the Internet", "br-guest", "192.168.78.9", "192.0.2.9", 443, by: stranger, .forwarded),
    tcp(
      "a stranger among the things", "lan3.20", "192.168.79.9", "192.0.2.9", 443, by: stranger,
      .dropped(by: "unknown.things")),
    tcp("a known one among the things", "lan3.20", "192.168.79.9", "192.0.2.9", 443, by: nas, .forwarded),
    tcp("a stranger in the lab", "lan4", "192.168.80.9", "192.0.2.9", 443, by: stranger, .forwarded),
    tcp("to a blocked address", "lan0", "192.168.77.9", "203.0.113.66", 443, by: stranger, .dropped(by: "blocked.bad")),
    tcp(
      "to a blocked address, IPv6", "lan0", "2001:db8:77::9", "2001:db8:bad::1", 443, by: stranger,
      .dropped(by: "blocked.bad")),
    tcp("a paused device", "lan0", "192.168.77.120", "192.0.2.9", 443, state: .established, .dropped(by: "pause")),
    tcp("a paused device, IPv6", "lan0", "fd77::20", "2001:db8:5::1", 443, state: .established, .dropped(by: "pause")),
    tcp(
      "a paused device's download", "wan0", "192.0.2.9", "192.168.77.120", 50_000, state: .established,
      .dropped(by: "pause")),
    tcp(
      "a paused device's download, IPv6", "wan0", "2001:db8:5::1", "fd77::20", 50_000, state: .established,
      .dropped(by: "pause")),
    tcp(
      "a paused device with a new address", "lan0", "2001:db8:77::abc", "2001:db8:5::1", 443, by: "02:00:00:00:00:22",
      state: .established, .dropped(by: "pause")),
    tcp("a paused device at home", "lan0", "192.168.77.120", "192.168.77.1", 443, by: tablet, .received),
    tcp(
      "a unique local source", "lan0", "fd77::9", "2001:db8:5::1", 443, by: stranger,
      .dropped(by: "forward.unique-local")),
  ]

  static let limited: [Scenario] = [
    tcp(
      "too many for the console", "lan0", "192.168.77.9", "192.168.77.1", 443, by: stranger, .dropped(by: "input.rate"),
      exceeding: ["rate.4"]),
    tcp(
      "too many for the console, IPv6", "lan0", "fd77::9", "fd77::1", 443, by: stranger, .dropped(by: "input.rate"),
      exceeding: ["rate.6"]),
    tcp(
      "too many for a forward", "wan0", "192.0.2.9", wan, 8080, .dropped(by: "forward.web.rate"),
      exceeding: ["rate.forward"]),
    tcp(
      "too many flows of a device", "lan0", "192.168.77.9", "192.0.2.9", 443, by: stranger,
      .dropped(by: "forward.connections"),
      exceeding: ["connections.4"]),
    tcp(
      "too many flows of a device, IPv6", "lan0", "2001:db8:77::9", "2001:db8:5::1", 443, by: stranger,
      .dropped(by: "forward.connections"), exceeding: ["connections.6"]),
    icmp(
      "too many pings", "wan0", "192.0.2.9", wan, 8, state: .established, .dropped(by: "input.ping.rate"),
      exceeding: ["rate"]),
    icmp(
      "too many pings, IPv6", "wan0", "2001:db8:9::9", wan6, 128, state: .established, .dropped(by: "input.ping.rate"),
      exceeding: ["rate"]),
  ]
}
