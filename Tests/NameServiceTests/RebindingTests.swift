import Household
import TestSupport
import Testing
import Wire

@testable import NameService

@Suite struct RebindingTests {
  @Test(arguments: [
    "0.0.0.0", "0.1.2.3", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255", "127.0.0.1", "127.255.0.1",
    "169.254.0.1", "172.16.0.0", "172.31.255.255", "192.168.0.0", "192.168.255.255", "224.0.0.1", "239.255.255.255",
    "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "febf::1", "fec0::1", "fc00::1", "fdff::1", "ff02::1",
    "::ffff:192.168.1.1", "::192.168.1.1", "::ffff:0:10.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b:1::1", "2002:c0a8:101::1",
  ])
  func isLocal(text: String) {
    #expect(address(text).isLocalScope)
  }

  @Test(arguments: [
    "1.0.0.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.1",
    "169.253.0.1",
    "169.255.0.1", "172.15.255.255", "172.32.0.0", "192.0.2.1", "192.167.255.255", "192.169.0.0", "198.51.100.1",
    "203.0.113.1",
    "223.255.255.255", "2001:db8::1", "2606:4700::1", "::ffff:192.0.2.1", "64:ff9b::192.0.2.1", "2002:c000:201::1",
    "fe00::1",
    "fbff::1", "64:ff9b:2::10.0.0.1", "1::ffff:10.0.0.1",
  ])
  func isPublic(text: String) {
    #expect(!address(text).isLocalScope)
  }

  private func local(_ type: DNSType, _ data: [UInt8]) -> IPAddress? {
    RebindingGuard.localAddress(inRecordOf: type, data: data.span.bytes)
  }

  @Test func findsAddressesInRecords() {
    #expect(local(.a, [192, 168, 1, 1]) == address("192.168.1.1"))
    #expect(local(.a, [192, 0, 2, 1]) == nil)
    #expect(local(.aaaa, [0xfd] + [UInt8](repeating: 0, count: 15)) == address("fd00::"))
    #expect(local(.txt, [10, 0, 0, 1]) == nil)
    // RFC 9460: priority 1, target ".", alpn h2, then the hints.
    let alpn: [UInt8] = [0, 1, 0, 3, 2, 104, 50]
    let hints: [UInt8] = [0, 4, 0, 8, 192, 0, 2, 1, 10, 0, 0, 1]
    #expect(local(.https, [0, 1, 0] + alpn + hints) == address("10.0.0.1"))
    #expect(
      local(.svcb, [0, 1, 1, 97, 0] + alpn + [0, 6, 0, 16, 0xfe, 0x80] + [UInt8](repeating: 0, count: 14))
        == address("fe80::"))
    #expect(local(.https, [0, 1, 0] + alpn + [0, 4, 0, 4, 192, 0, 2, 1]) == nil)
  }

  @Test func recordsOfRandomBytesNeverTrap() {
    var random = SeededGenerator(9)
    for _ in 0..<5_000 {
      let data = (0..<Int.random(in: 0...60, using: &random)).map { _ in UInt8.random(in: 0...20, using: &random) }
      for type in [DNSType.a, .aaaa, .svcb, .https] { _ = local(type, data) }
    }
  }

  @Test func exemptDomainsCoverWhatIsBelowThem() {
    var settings = NameSettings()
    settings.rebindingAllowed = [name("Plex.example")]
    settings.forwardZones = [ForwardZone(domain: name("corp.example"), servers: [])]
    let rebinding = RebindingGuard(settings, key: testKey)
    func isExempt(_ text: String) -> Bool { name(text).canonical.wire.withUnsafeBytes { rebinding.isExempt($0) } }
    #expect(["plex.example", "a.b.plex.example", "x.corp.example"].allSatisfy(isExempt))
    #expect(!["example", "xplex.example", "plex.example.org", "."].contains(where: isExempt))
  }
}

@Suite struct PolicyGroupTests {
  private let model = household {
    $0.networks[1].blocking = false
    $0.devices = [
      Device(name: "nas", addresses: [address("192.168.77.10"), address("fd00:77::10")], blocking: false),
      Device(name: "tv", blocking: false), Device(name: "kid", addresses: [address("192.168.78.9")], blocking: true),
      Device(name: "plain", addresses: [address("192.168.77.11")]),
    ]
  }

  @Test(arguments: [
    ("192.168.77.50", PolicyGroup.filtered), ("192.168.78.50", .open.isolated(1)), ("192.168.77.10", .open),
    ("fd00:77::10", .open),
    ("fd00:77::11", .filtered), ("192.168.78.9", .filtered.isolated(1)), ("192.168.77.11", .filtered),
    ("192.168.77.60", .open),
    ("fd00:77::60", .open), ("192.168.77.61", .filtered), ("127.0.0.1", .open), ("::1", .open),
    ("fe80::5", .filtered.isolated(PolicyGroup.unknownIsolation)),
  ])
  func deviceThenNetworkDecide(client: String, group: PolicyGroup) {
    let neighbour = NeighbourFact(
      address: address("fd00:77::60"), hardware: MACAddress(value: 1), network: "home", device: "tv", firstSeen: 0,
      lastSeen: 0)
    let groups = PolicyGroups(
      model,
      leases: [lease("192.168.77.60", nil, device: "tv"), lease("192.168.77.61", nil, device: "tv", state: .expired)],
      neighbours: [neighbour])
    #expect(groups.group(of: address(client)) == group)
  }

  @Test(arguments: ["192.0.2.1", "192.168.76.1", "2001:db8::1", "fd00:78::1", "0.0.0.0", "::"])
  func strangersHaveNoGroup(client: String) {
    #expect(PolicyGroups(model).group(of: address(client)) == nil)
  }

  @Test func mappedAddressesAreTheSameClients() throws {
    let groups = PolicyGroups(model)
    let mapped = try #require(IPv6Address("::ffff:192.168.77.10"))
    withExtendedLifetime(groups) { #expect(groups.view.group(of: mapped) == .open) }
  }

  @Test func everyClientOfManyIsFound() {
    let devices = (0..<200).map {
      Device(name: "d\($0)", addresses: [address("192.168.77.\($0 + 20)")], blocking: $0 % 2 == 0)
    }
    let groups = PolicyGroups(household { $0.devices = devices.shuffled() })
    for (index, device) in devices.enumerated() {
      #expect(groups.group(of: device.addresses[0]) == (index % 2 == 0 ? .filtered : .open))
    }
  }
}
