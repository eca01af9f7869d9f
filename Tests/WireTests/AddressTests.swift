import Testing
import Wire

@Suite struct AddressTests {
  @Test(arguments: [
    ("192.0.2.1", 0xc000_0201 as UInt32), ("0.0.0.0", 0), ("255.255.255.255", .max),
  ])
  func ipv4RoundTrip(text: String, value: UInt32) {
    #expect(IPv4Address(text)?.value == value)
    #expect(IPv4Address(value: value).description == text)
  }

  @Test(arguments: ["", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.4 ", "1..2.3", "+1.2.3.4"])
  func ipv4Refused(text: String) { #expect(IPv4Address(text) == nil) }

  /// RFC 5952 sections 4 and 5.
  @Test(arguments: [
    ("2001:db8:0:0:0:0:2:1", "2001:db8::2:1"), ("2001:0db8::0001", "2001:db8::1"),
    ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"), ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"),
    ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("::", "::"), ("::1", "::1"), ("fe80::", "fe80::"),
    ("::ffff:192.0.2.1", "::ffff:192.0.2.1"), ("2001:DB8::A", "2001:db8::a"),
  ])
  func ipv6Canonical(text: String, canonical: String) {
    #expect(IPv6Address(text)?.description == canonical)
  }

  @Test(arguments: [
    "", ":", ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::", "::1:", "1:", "fe80::1%lan0",
    "::1.2.3", "1:2:3:4:5:6:7:1.2.3.4", "1::2:3:4:5:6:7:8",
  ])
  func ipv6Refused(text: String) { #expect(IPv6Address(text) == nil) }

  @Test func macAddress() {
    #expect(MACAddress("02:00:00:00:00:10")?.value == 0x0200_0000_0010)
    #expect(MACAddress("02-00-00-00-00-10")?.description == "02:00:00:00:00:10")
    for bad in [
      "", "02:00:00:00:00", "02:00:00:00:00:1", "02:00:00:00:00:10:", "0200:00:00:00:10:0", "g2:00:00:00:00:10",
    ] {
      #expect(MACAddress(bad) == nil, "\(bad)")
    }
  }

  @Test func prefixes() throws {
    let home = try #require(IPPrefix("192.168.77.0/24"))
    #expect(home.contains(.v4(IPv4Address(192, 168, 77, 255))))
    #expect(!home.contains(.v4(IPv4Address(192, 168, 78, 0))))
    #expect(home.lastAddress.description == "192.168.77.255")
    #expect(home.netmask?.description == "255.255.255.0")
    #expect(IPPrefix("192.168.77.1/24") == nil)
    #expect(InterfaceAddress("192.168.77.1/24")?.prefix == home)
    #expect(IPPrefix("0.0.0.0/0")!.overlaps(home))
    let documentation = try #require(IPPrefix("2001:db8::/32"))
    #expect(documentation.contains(IPAddress("2001:db8:ffff::1")!))
    #expect(!documentation.contains(IPAddress("2001:db9::")!))
    #expect(documentation.lastAddress.description == "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff")
    for bad in ["192.168.0.0/33", "::/129", "192.168.0.0/", "192.168.0.0/-1", "192.168.0.0/+8", "/24"] {
      #expect(IPPrefix(bad) == nil, "\(bad)")
    }
  }

  /// The example of RFC 1071 section 3.
  @Test func checksum() {
    var sum = InternetChecksum()
    sum.add(([0x00, 0x01, 0xf2] as [UInt8]).span.bytes)
    sum.add(([0x03, 0xf4, 0xf5, 0xf6, 0xf7] as [UInt8]).span.bytes)
    #expect(sum.value == ~0xddf2)
  }
}
