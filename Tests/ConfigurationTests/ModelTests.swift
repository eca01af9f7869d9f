import Household
import Testing
import Wire

@testable import Configuration

/// What the file says is what the model has.
@Suite struct ModelTests {
  @Test func `the smallest useful file gives its household and nothing to complain about`() throws {
    let report = Households.text(Households.smallest).check()
    #expect(report.diagnostics.map(\.description) == [])
    let model = try #require(report.model)
    #expect(model.domain == DomainName("home.arpa") && model.routerName == "router")
    #expect(model.uplinks == [UplinkSettings(name: "wan", interface: "wan0")])
    let pool = IPv4Address(192, 168, 78, 100)...IPv4Address(192, 168, 78, 199)
    let guest = Network(
      name: "guest", interfaces: ["lan1"], addresses: [try #require(InterfaceAddress("192.168.78.1/24"))],
      isolated: true, dhcp: DHCPSettings(pool: pool, leaseSeconds: 3600))
    #expect(model.network(named: "guest") == guest)
    #expect(model.networks.map(\.name) == ["home", "guest"])
    let nas = Device(
      name: "nas", hardware: [MACAddress(value: 0x0200_0000_0010)], addresses: [.v4(IPv4Address(192, 168, 77, 10))])
    #expect(model.devices == [nas])
    #expect(
      model.forwards == [PortForward(name: "web", transport: .tcp, ports: 8080...8080, device: "nas", devicePort: 80)])
    #expect(
      model.allows == [
        AllowRule(name: "printer", from: .network("guest"), to: .device("nas"), transport: .tcp, ports: [631...631])
      ])
    #expect(model.names.upstreams == [SocketAddress(.v4(IPv4Address(203, 0, 113, 1)), port: 53)])
    #expect(model.names.blocklists == ["blocked.txt"])
    #expect(model.metrics == nil && model.firewall == FirewallSettings())
    #expect(model.log == LogSettings(remote: nil, level: .info))
    #expect(model.history == nil)
  }

  @Test func `uplinks, networks and devices take every key`() throws {
    let model = try Households.model(Households.everything)
    #expect(model.domain == DomainName("house.example") && model.routerName == "gate")
    let options = [
      DHCPOptionSetting(code: 77, bytes: [0x2b, 0x46]), DHCPOptionSetting(code: 90, bytes: Array("1.2.3.4".utf8)),
    ]
    let client = DHCPClientSettings(
      hostName: "lares", clientIdentifier: [0, 0xff], vendorClass: "sagem", options: options)
    let servers = ["203.0.113.53", "2001:db8::53"].compactMap { IPAddress($0) }
    #expect(
      model.uplinks[0]
        == UplinkSettings(
          name: "wan", interface: "wan0", vlan: 832, method: .dhcp(client),
          hardware: MACAddress(value: 0x0200_0000_0001), mtu: 1492, nameServers: servers))
    #expect(
      model.uplinks[1].method
        == .fixed(
          addresses: ["198.51.100.9/24", "2001:db8:9::9/64"].compactMap { InterfaceAddress($0) },
          gateways: ["198.51.100.1", "fe80::1"].compactMap { IPAddress($0) }))
    let home = model.networks[0]
    #expect(home.interfaces == ["lan0", "lan1"] && home.device == "br-home" && !home.blocking && home.unknown == .ask)
    #expect(home.addresses.map(\.description) == ["192.168.77.1/24", "fd00:77::1/64"])
    #expect(home.dhcp?.leaseSeconds == 5400)
    #expect(
      home.dhcp?.options == [
        DHCPOptionSetting(code: 42, bytes: [192, 168, 77, 5, 192, 168, 77, 6]),
        DHCPOptionSetting(code: 66, bytes: Array("boot".utf8)),
      ])
    #expect(model.networks[1].device == "lan0.20" && model.networks[1].unknown == .internetOnly)
    let nas = try #require(model.device(named: "nas"))
    #expect(nas.hardware.map(\.value) == [0x0200_0000_0010, 0x0200_0000_0011])
    #expect(nas.clientIdentifiers == [[1, 2, 0, 0, 0, 0, 0x10], Array("nas".utf8)])
    #expect(nas.person == "alice" && nas.blocking == true && nas.addresses.count == 2)
    #expect(model.people == [Person(name: "alice", fullName: "Alice Example")])
  }

  @Test func `rules and services take every key`() throws {
    let model = try Households.model(Households.everything)
    let prefix = try #require(IPPrefix("203.0.113.0/24"))
    #expect(
      model.forwards[1]
        == PortForward(
          name: "games", sources: [.list("office"), .prefix(prefix)], transport: .tcpAndUDP, ports: 9000...9010,
          device: "nas", devicePort: 9000))
    #expect(model.allows[0].ports == [631...631, 9100...9102] && model.allows[0].to == .device("nas"))
    #expect(model.allows[1] == AllowRule(name: "lamp", from: .device("lamp"), to: .router, transport: .any))
    #expect(model.addressLists[0].members.map(\.description) == ["198.51.100.0/24", "2001:db8::/32", "203.0.113.7/32"])
    #expect(
      model.firewall
        == FirewallSettings(blocked: ["office"], logRate: 0, newConnectionRate: 50, connectionsPerDevice: 4000))
    #expect(model.names.upstreams.map(\.description) == ["203.0.113.1:53", "203.0.113.2:5353", "[2001:db8::1]:53"])
    #expect(model.names.forwardZones.map(\.domain.description) == ["corp.example", "lab.example"])
    #expect(model.names.forwardZones[1].servers.map(\.description) == ["10.0.0.2:53", "10.0.0.3:54"])
    #expect(model.names.allowed == [try #require(DomainName("example.com"))])
    #expect(model.names.records.count == 2 && model.names.cacheEntries == 5000 && model.names.serveStaleSeconds == 0)
    let metrics = MetricsSettings(
      address: try #require(IPAddress("fd00:77::1")), port: 9100, token: SecretName("metrics"))
    #expect(model.metrics == metrics)
    let collector = SocketAddress(try #require(IPAddress("2001:db8::5")), port: 514)
    #expect(model.log == LogSettings(remote: collector, level: .warning))
    #expect(
      model.history
        == HistorySettings(
          push: "https://git.example:8443/alice/router.git", user: "alice", password: SecretName("git")))
  }

  /// Writes the model by the schema and reads that again: no field is forgotten in either direction.
  @Test(arguments: [Households.smallest, Households.everything])
  func `a model written by the schema reads as itself`(_ text: String) throws {
    let model = try Households.model(text)
    let written = HouseholdSchema.sections.flatMap { section in
      section.write(model).flatMap { table in
        ["[\(TOMLValue.keyPath([section.key] + (table.name.map { [$0] } ?? [])))]"]
          + table.fields.map { "\(TOMLValue.key($0.key)) = \($0.value)" }
      }
    }
    #expect(try Households.model(written.joined(separator: "\n")) == model)
  }

  @Test func `a file with nothing in it is a household without networks, and says so`() throws {
    let report = Households.text("").check()
    #expect(
      report.diagnostics.map(\.description) == [
        "lares.toml:1:1: warning: uplink: there is no uplink, so nothing in the house reaches the Internet; "
          + "add [uplink.wan] with the interface towards the provider",
        "lares.toml:1:1: warning: network: there is no network, so the router serves nobody; "
          + "add [network.home] with interfaces and address",
      ])
    #expect(report.model != nil)
  }

  @Test func `all errors are reported at once, in the order of the file`() {
    let found = Households.diagnostics(
      replacing: "interfaces = [\"lan1\"]\naddress = \"192.168.78.1/24\"\nisolated = true",
      with: "interfaces = [3]\naddress = \"192.168.77.1/24\"\nisolated = 1")
    #expect(
      found.map { $0.split(separator: " ").prefix(2).joined(separator: " ") } == [
        "lares.toml:14:15: network.guest.interfaces:", "lares.toml:16:12: network.guest.isolated:",
      ])
  }

  @Test(arguments: [
    ("90s", 90), ("2m", 120), ("12h", 43_200), ("1d", 86_400), ("1w", 604_800), ("1h30m", 5_400), ("0s", 0),
    ("4294967295s", UInt32.max),
  ]) func `durations are numbers with units`(_ text: String, _ seconds: UInt32) {
    #expect(DurationText(text)?.seconds == seconds)
    #expect(DurationText(DurationText(seconds: seconds).description)?.seconds == seconds)
  }

  @Test(arguments: ["", "12", "h", "12 h", "-1s", "1m1h", "1h1h", "1.5h", "4294967296s", "99999999999999999999d", "1H"])
  func `anything else is no duration`(_ text: String) {
    #expect(DurationText(text) == nil)
  }
}
