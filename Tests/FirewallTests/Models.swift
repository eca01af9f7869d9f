import Firewall
import Household
import Wire

/// Households that tests share.
enum Models {
  /// The household of DESIGN.md: home, an isolated guest network, one forward, one allow rule.
  static var typical: HouseholdModel {
    HouseholdModel(
      domain: domain, uplinks: [UplinkSettings(name: "wan", interface: "wan0")],
      networks: [
        Network(
          name: "home", interfaces: ["lan0"], addresses: [interface("192.168.77.1/24"), interface("fd77::1/64")]),
        Network(name: "guest", interfaces: ["lan1"], addresses: [interface("192.168.78.1/24")], isolated: true),
      ],
      devices: [nas],
      forwards: [PortForward(name: "web", transport: .tcp, ports: 8080...8080, device: "nas", devicePort: 80)],
      allows: [
        AllowRule(name: "printer", from: .network("guest"), to: .device("nas"), transport: .tcp, ports: [631...631])
      ])
  }

  /// Everything that a household can ask of the packet filter.
  static var everything: HouseholdModel {
    var model = typical
    model.networks[1].interfaces = ["lan1", "lan2"]
    model.networks += [
      Network(
        name: "things", interfaces: ["lan3"], vlan: 20, addresses: [interface("192.168.79.1/24")], unknown: .ask),
      Network(
        name: "lab", interfaces: ["lan4"], addresses: [interface("192.168.80.1/24"), interface("2001:db8:80::1/64")],
        unknown: .internetOnly),
    ]
    model.uplinks.append(
      UplinkSettings(
        name: "spare", interface: "wan1", method: .fixed(addresses: [interface("198.51.100.2/24")], gateways: [])))
    model.devices.append(Device(name: "tablet", hardware: [mac("02:00:00:00:00:20"), mac("02:00:00:00:00:21")]))
    model.devices.append(Device(name: "camera", addresses: [address("192.168.79.30")]))
    model.forwards += [
      PortForward(
        name: "game", sources: [.prefix(prefix("198.51.100.0/24")), .list("friends")], transport: .tcpAndUDP,
        ports: 27000...27003, device: "tablet", devicePort: 28000)
    ]
    model.allows += [
      AllowRule(name: "cameras", from: .device("tablet"), to: .network("things"), transport: .any),
      AllowRule(
        name: "time", from: .network("things"), to: .router, transport: .udp, ports: [123...123, 5000...5010]),
      AllowRule(name: "watch", from: .device("camera"), to: .device("nas"), transport: .tcpAndUDP, ports: [554...554]),
    ]
    model.addressLists = [
      AddressList(
        name: "bad", members: [prefix("203.0.113.66/32"), prefix("203.0.113.67/32"), prefix("2001:db8:bad::1/128")]),
      AddressList(
        name: "friends", members: [prefix("203.0.113.0/26"), prefix("203.0.113.64/26"), prefix("192.0.2.7/32")]),
    ]
    model.firewall = FirewallSettings(blocked: ["bad"], logRate: 20, newConnectionRate: 50, connectionsPerDevice: 500)
    return model
  }

  /// The dynamics of ``everything`` at some moment.
  static var busy: FirewallDynamics {
    FirewallDynamics(
      addresses: ["tablet": [address("192.168.77.120"), address("fd77::20")]],
      hardware: ["tablet": [mac("02:00:00:00:00:22")]], paused: ["tablet"],
      bindings: [
        LeaseBinding(address: ipv4("192.168.77.120"), hardware: mac("02:00:00:00:00:20"), network: "home"),
        LeaseBinding(address: ipv4("192.168.77.121"), hardware: mac("02:00:00:00:00:99"), network: "home"),
      ], prefixes: ["home": [prefix("2001:db8:77::/64")]])
  }

  static var nas: Device {
    Device(name: "nas", hardware: [mac("02:00:00:00:00:10")], addresses: [address("192.168.77.10")])
  }

  static var domain: DomainName { DomainName("home.arpa")! }
  static func address(_ text: String) -> IPAddress { IPAddress(text)! }
  static func ipv4(_ text: String) -> IPv4Address { IPv4Address(text)! }
  static func prefix(_ text: String) -> IPPrefix { IPPrefix(text)! }
  static func interface(_ text: String) -> InterfaceAddress { InterfaceAddress(text)! }
  static func mac(_ text: String) -> MACAddress { MACAddress(text)! }
}
