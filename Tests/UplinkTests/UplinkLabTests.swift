import HostSystem
import Household
import Netlink
import TestSupport
import Testing
import Wire

@testable import Uplink

/// Real servers, a real kernel: what a household sees of its uplink.
@Suite struct UplinkLabTests {
  private let wan = UplinkSettings(name: "wan", interface: "wan0")

  @Test("dnsmasq: a lease, applied once, told in facts; a new process goes on with it and writes nothing")
  func obtainsAndRestarts() throws {
    let lab = try UplinkLab()
    try lab.startDNSMasq()
    try lab.start()
    try lab.apply(wan)
    #expect(try lab.wait(state: "bound"))
    #expect(try lab.wait(diagnosis: nil))
    let fact = try #require(lab.fact)
    #expect(fact.gateways == [IPAddress("203.0.113.1")!] && fact.nameServers == [IPAddress("203.0.113.1")!])
    #expect(fact.domain == "isp.example" && fact.expires == fact.obtained + 120)
    #expect(try lab.addresses == fact.addresses.map(\.description))
    let route = try lab.router.shell("ip route show default")
    #expect(route.contains("via 203.0.113.1 dev wan0 proto 76") && route.contains("mtu 1492"))

    let writes = try #require(lab.manager?.netlinkWrites)
    try lab.apply(wan)
    #expect(lab.manager?.netlinkWrites == writes, "applied twice, nothing is written")

    var renamed = wan
    renamed.name = "internet"
    try lab.apply(renamed)
    #expect(lab.fact?.name == "internet" && lab.fact?.addresses == fact.addresses, "a new name, the same lease")
    #expect(try lab.wait(state: "bound"))
    try lab.apply(wan)
    #expect(try lab.wait(state: "bound"))

    lab.kill()
    #expect(try lab.addresses == fact.addresses.map(\.description), "the death of the process changes nothing")
    #expect(
      try FactReader.readOnce(FactKinds.uplinks, in: lab.folder.folders)["wan"]?.addresses == fact.addresses)
    try lab.start()
    try lab.apply(wan)
    #expect(lab.fact?.state == "kept, being confirmed" && lab.fact?.addresses == fact.addresses)
    #expect(try lab.wait(state: "bound"))
    #expect(lab.fact?.addresses == fact.addresses)
    #expect(lab.manager?.netlinkWrites == 0)
    #expect(lab.manager?.problems == [])
  }

  @Test("each outage is named: server, gateway, DNS, link; and its end is seen")
  func namesOutages() throws {
    let lab = try UplinkLab()
    try lab.start()
    try lab.apply(wan)
    #expect(try lab.wait(diagnosis: "lease"), "no server yet")
    #expect(CheckTree.diagnosis(of: lab.manager?.checks ?? [])?.detail.contains("no DHCP server") == true)
    try lab.startDNSMasq()
    try lab.renew()
    #expect(try lab.wait(diagnosis: nil))

    lab.stop("dnsmasq")
    #expect(try lab.wait(diagnosis: "dns", seconds: 5))
    try lab.startDNSMasq()
    #expect(try lab.wait(diagnosis: nil, seconds: 5))

    // The gateway's power is gone: the wire is there, nobody answers.
    try lab.provider.shell("sysctl -qw net.ipv4.conf.isp0.arp_ignore=8")
    #expect(try lab.wait(diagnosis: "gateway", seconds: 5))
    #expect(
      lab.manager?.checks.filter { $0.result == .skipped }.map(\.path) == ["uplink.wan.dns", "uplink.wan.internet"])
    try lab.provider.shell("sysctl -qw net.ipv4.conf.isp0.arp_ignore=0")
    #expect(try lab.wait(diagnosis: nil, seconds: 5))

    try lab.provider.shell("ip link set isp0 down")
    #expect(try lab.wait(diagnosis: "link", seconds: 2))
    #expect(try !lab.addresses.isEmpty, "an unplugged cable takes no address away")
    try lab.provider.shell("ip link set isp0 up")
    #expect(try lab.wait(diagnosis: nil, seconds: 8))

    try lab.router.shell("ip link del wan0")
    #expect(try lab.wait(diagnosis: "link", seconds: 2))
    #expect(lab.manager?.problems == ["uplink wan: there is no interface wan0"])
    #expect(
      try FactReader.readOnce(FactKinds.checks, in: lab.folder.folders)["uplink.wan.link"]?.detail
        == "there is no interface wan0")
  }

  @Test("with the timing of the field, a dead gateway is named within eight seconds")
  func namesGatewayInTime() throws {
    let lab = try UplinkLab()
    try lab.startDNSMasq()
    try lab.start(timing: ProbeTiming())
    try lab.apply(wan)
    #expect(try lab.wait(diagnosis: nil))
    try lab.provider.shell("sysctl -qw net.ipv4.conf.isp0.arp_ignore=8")
    #expect(try lab.wait(diagnosis: "gateway", seconds: 8))
  }

  @Test(
    "kea: a lease of four seconds is renewed; with the server dead it runs out and is kept; another server takes over")
  func renewsAndRebinds() throws {
    let lab = try UplinkLab()
    try lab.startKea(seconds: 4)
    try lab.start()
    try lab.apply(wan)
    #expect(try lab.wait(state: "bound", seconds: 12))
    let first = try #require(lab.fact)
    #expect(try lab.wait(seconds: 5) { $0.uplinks.first.map { $0.obtained > first.obtained } ?? false }, "renewed")
    #expect(lab.fact?.addresses == first.addresses)
    let kept = try FactReader.readOnce(FactKinds.uplinks, in: lab.folder.folders)["wan"]
    #expect(kept?.obtained == first.obtained, "a mere renewal of so short a lease is not written each time")

    lab.stop("kea")
    #expect(try lab.wait(state: "rebinding", seconds: 5))
    #expect(try lab.wait(state: "expired, kept", seconds: 5))
    #expect(try lab.addresses == first.addresses.map(\.description))
    #expect(try lab.router.shell("ip route show default").contains("via 203.0.113.1"))
    let lease = try #require(lab.manager?.checks.first { $0.path == "uplink.wan.lease" })
    #expect(lease.detail.contains("ran out") && lease.detail.contains("kept"))

    try lab.startDNSMasq(range: "203.0.113.70,203.0.113.80")
    try lab.renew()
    #expect(try lab.wait(state: "bound", seconds: 9))
    #expect(lab.fact?.expires.map { $0 - lab.fact!.obtained } == 120, "now by the other server")
    #expect(try lab.addresses == lab.fact?.addresses.map(\.description))
  }

  @Test("after a move to another provider the old address is refused (DHCPNAK) and replaced")
  func refused() throws {
    let lab = try UplinkLab()
    try lab.startDNSMasq()
    try lab.start()
    try lab.apply(wan)
    #expect(try lab.wait(state: "bound"))
    #expect(try lab.addresses.first?.hasPrefix("203.0.113.") == true)
    lab.stop("dnsmasq")
    lab.kill()

    try lab.provider.shell("ip addr flush dev isp0 && ip addr add 198.51.100.1/24 dev isp0")
    try lab.startDNSMasq(range: "198.51.100.50,198.51.100.60")
    try lab.start()
    try lab.apply(wan)
    #expect(try lab.wait { $0.uplinks.first?.addresses.first?.description.hasPrefix("198.51.100.") == true })
    #expect(try lab.addresses.count == 1)
    #expect(lab.log("dnsmasq").contains("DHCPNAK"))
    #expect(try lab.router.shell("ip route show default").split(separator: "\n").count == 1)
  }

  @Test("an address that another host has is declined")
  func declines() throws {
    let lab = try UplinkLab()
    let other = try NetworkNamespace()
    try lab.provider.shell(
      "ip link add other0 link isp0 type macvlan mode bridge && ip link set other0 netns \(other.path)")
    try other.shell("ip addr add 203.0.113.50/24 dev other0 && ip link set other0 up")
    try lab.startDNSMasq(range: "203.0.113.50,203.0.113.50")
    try lab.start()
    try lab.apply(wan)
    #expect(try lab.wait { $0.problems.contains { $0.contains("already uses") } })
    #expect(try lab.wait(seconds: 2) { _ in lab.log("dnsmasq").contains("DHCPDECLINE") })
    #expect(try lab.addresses == [])
  }

  @Test("release gives the lease back and takes the address away; renew gets it again")
  func releases() throws {
    let lab = try UplinkLab()
    try lab.startDNSMasq()
    try lab.start()
    try lab.apply(wan)
    #expect(try lab.wait(state: "bound"))
    try lab.router.run { #expect(lab.manager?.release("wan") == true && lab.manager?.release("no such") == false) }
    #expect(try lab.wait(seconds: 2) { _ in lab.log("dnsmasq").contains("DHCPRELEASE") })
    #expect(try lab.addresses == [] && lab.router.shell("ip route show default") == "")
    #expect(try lab.wait(state: "released"))
    try lab.renew()
    #expect(try lab.wait(state: "bound"))
  }

  @Test("a provider whose network is also the home's is refused with a sentence")
  func refusesOverlap() throws {
    let lab = try UplinkLab()
    try lab.startDNSMasq()
    try lab.start()
    try lab.apply(wan, home: [IPPrefix("203.0.113.0/24")!])
    #expect(try lab.wait { $0.problems.contains { $0.contains("overlaps the home network 203.0.113.0/24") } })
    #expect(try lab.addresses == [])
    #expect(try lab.wait(diagnosis: "lease"))
  }

  @Test("W15: with another hardware address the client is another one to the server, and the old lease goes")
  func followsHardwareAddress() throws {
    let lab = try UplinkLab()
    try lab.startDNSMasq()
    try lab.start()
    try lab.apply(wan)
    #expect(try lab.wait(state: "bound"))
    let first = try lab.addresses
    try lab.router.shell("ip link set wan0 address 02:00:00:00:00:42")
    #expect(try lab.wait { _ in lab.log("dnsmasq").contains("02:00:00:00:00:42") })
    #expect(try lab.wait(state: "bound"))
    #expect(try lab.addresses.count == 1 && lab.addresses != first)
    #expect(try lab.addresses == lab.fact?.addresses.map(\.description))
  }

  @Test("two uplinks: the first in the file is preferred, and removing it leaves the other")
  func twoUplinks() throws {
    let lab = try UplinkLab()
    try lab.router.shell("ip link add wan1 type veth peer name isp1 && ip link set wan1 up && ip link set isp1 up")
    try lab.startDNSMasq()
    try lab.start()
    var spare = UplinkSettings(name: "spare", interface: "wan1")
    spare.method = .fixed(addresses: [InterfaceAddress("198.51.100.2/24")!], gateways: [IPAddress("198.51.100.1")!])
    try lab.apply(wan, spare)
    #expect(try lab.wait(state: "bound"))
    #expect(
      try lab.router.shell("ip route show default").split(separator: "\n").map { $0.prefix(27) } == [
        "default via 203.0.113.1 dev", "default via 198.51.100.1 de",
      ])
    #expect(Set(lab.manager?.uplinks.map(\.name) ?? []) == ["wan", "spare"])
    try lab.apply(spare)
    #expect(try lab.addresses == [])
    #expect(try lab.router.shell("ip route show default").contains("198.51.100.1 dev wan1 proto 76 metric 100"))
    #expect(lab.manager?.checks.allSatisfy { $0.path.hasPrefix("uplink.spare.") } == true)
  }

  @Test("RFC 3442 and a /32: the gateway is outside the network, and the kernel takes all routes as planned")
  func pointToMultipoint() throws {
    let lab = try UplinkLab()
    try lab.provider.shell("ip addr add 10.255.0.1/32 dev isp0")
    try lab.startDNSMasq(options: [
      "--dhcp-option=option:netmask,255.255.255.255",
      "--dhcp-option=121,0.0.0.0/0,10.255.0.1,198.51.100.0/24,10.255.0.1,192.0.2.0/24,0.0.0.0",
    ])
    try lab.start()
    try lab.apply(wan)
    #expect(try lab.wait(diagnosis: nil))
    #expect(try lab.addresses.first?.hasSuffix("/32") == true && lab.manager?.problems == [])
    let routes = try lab.router.shell("ip route show")
    #expect(routes.contains("default via 10.255.0.1 dev wan0 proto 76"))
    #expect(routes.contains("198.51.100.0/24 via 10.255.0.1") && routes.contains("192.0.2.0/24 dev wan0"))
    let writes = try #require(lab.manager?.netlinkWrites)
    try lab.apply(wan)
    #expect(lab.manager?.netlinkWrites == writes)
  }

  @Test("damaged and foreign messages are counted and dropped, and the lease comes all the same")
  func survivesNoise() throws {
    let lab = try UplinkLab()
    try lab.start()
    try lab.apply(wan)
    // Each damaged in another way: no DHCP at all, cut short, and an option that leads past the end.
    let good = Reply(.offer).bytes(transaction: 1)
    for payload in [[1, 2, 3], Array(good.prefix(200)), Array(good.prefix(245)), good] {
      try lab.sendToClient(payload)
    }
    #expect(try lab.wait(seconds: 3) { $0.clientCounters.first?.counters.malformed ?? 0 >= 3 })
    let metric = "lares_uplink_dhcp_malformed_total{uplink=\"wan\"}"
    #expect(lab.manager?.metrics[metric]?.value ?? 0 >= 3)
    #expect(try lab.wait(seconds: 1) { $0.clientCounters.first?.counters.ignored == 1 }, "the good one, for nobody")
    try lab.startDNSMasq()
    try lab.renew()
    #expect(try lab.wait(state: "bound"))
  }

  @Test("a missing interface is reported, and taken up when it appears")
  func takesUpLateInterface() throws {
    let lab = try UplinkLab(wired: false)
    try lab.start()
    try lab.apply(wan)
    #expect(lab.manager?.problems == ["uplink wan: there is no interface wan0"])
    #expect(lab.fact?.state == "no interface")
    try lab.wire()
    try lab.startDNSMasq()
    #expect(try lab.wait(state: "bound"))
    #expect(lab.manager?.problems == [])
  }

  @Test("static, both families: applied once, healed, changed and removed; what others made stays")
  func staticUplink() throws {
    let lab = try UplinkLab()
    try lab.provider.shell("ip addr add 2001:db8:1::1/64 dev isp0 nodad")
    try lab.router.shell(
      "ip addr add 192.0.2.9/24 dev wan0 && ip route add 198.51.100.0/24 via 192.0.2.1 dev wan0")
    try lab.startDNSMasq()
    try lab.start()
    var settings = wan
    settings.method = .fixed(
      addresses: [InterfaceAddress("203.0.113.9/24")!, InterfaceAddress("2001:db8:1::9/64")!],
      gateways: [IPAddress("203.0.113.1")!, IPAddress("2001:db8:1::1")!])
    settings.nameServers = [IPAddress("203.0.113.1")!]
    try lab.apply(settings)
    #expect(lab.manager?.problems == [] && lab.fact?.state == "static")
    #expect(Set(try lab.addresses) == ["192.0.2.9/24", "203.0.113.9/24", "2001:db8:1::9/64"])
    #expect(try lab.router.shell("ip -6 route show default").contains("via 2001:db8:1::1 dev wan0 proto 76"))
    #expect(try lab.wait(diagnosis: nil), "both gateways answer, by ARP and by Neighbour Discovery")

    let writes = try #require(lab.manager?.netlinkWrites)
    try lab.apply(settings)
    #expect(lab.manager?.netlinkWrites == writes)

    try lab.router.shell("ip addr del 203.0.113.9/24 dev wan0")
    #expect(try lab.wait { _ in (try? lab.addresses.contains("203.0.113.9/24")) == true }, "put back")

    settings.method = .fixed(addresses: [InterfaceAddress("203.0.113.10/24")!], gateways: [IPAddress("203.0.113.1")!])
    try lab.apply(settings)
    #expect(Set(try lab.addresses) == ["192.0.2.9/24", "203.0.113.10/24"])
    #expect(try lab.router.shell("ip -6 route show default") == "")

    try lab.apply()
    #expect(try lab.addresses == ["192.0.2.9/24"])
    #expect(try lab.router.shell("ip route show").contains("198.51.100.0/24 via 192.0.2.1"))
    #expect(lab.manager?.checks == [] && lab.manager?.uplinks == [])
  }
}
