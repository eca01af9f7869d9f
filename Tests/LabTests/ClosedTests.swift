import Control
import Glibc
import HostSystem
import Lab
import Testing

extension LabTests {
  /// Nobody gets in from outside. The provider routes every home prefix to the router; canaries listen on the probed
  /// ports of the router's wildcard address and of a home host; a probe's only answer is silence.
  @Suite struct ClosedTests {
    static let uplink = ["203.0.113.9", "2001:db8:0:1::9"]
    static let tcp = [22, 53, 80, 443, 631, 853, 8081, 9100]
    static let udp = [53, 67, 123, 161, 547, 1900, 5351, 5353]
    /// Addresses of the router and of home hosts, as seen from outside.
    static let targets =
      uplink + [
        "192.168.77.1", "fd00:77::1", "192.168.78.1", "fd00:78::1", "192.168.77.10", "fd00:77::10", "192.168.78.20",
        "fd00:78::20",
      ]
    static let configuration = Lab.configuration.replacing(
      "method = \"dhcp\"",
      with: """
        method = "static"
        address = ["203.0.113.9/24", "2001:db8:0:1::9/64"]
        gateway = ["203.0.113.1", "2001:db8:0:1::1"]
        dns = "203.0.113.1"
        """)

    /// A provider with routes into the house, and canaries on the router and on hosts that have addresses by hand.
    static func prepare(_ lab: Lab, _ configuration: String = configuration) throws -> [LabProcess] {
      try lab.startProvider()
      try lab.routeHomePrefixesFromProvider(via: uplink[0], via6: uplink[1])
      try lab.configure(configuration)
      try lab.setAddresses(
        .laptop, "192.168.77.10/24", "fd00:77::10/64", gateway: "192.168.77.1", gateway6: "fd00:77::1")
      try lab.setAddresses(
        .visitor, "192.168.78.20/24", "fd00:78::20/64", gateway: "192.168.78.1", gateway6: "fd00:78::1")
      return try [Lab.Host.router, .laptop, .visitor].map {
        try lab.startCanary($0, tcp: tcp.filter { $0 != 53 }, udp: udp.filter { $0 != 53 && $0 != 67 })
      }
    }

    static func waitForRouter(_ lab: Lab) throws {
      try lab.wait(for: "the router to come up") {
        (try? lab.status().daemons.allSatisfy { $0.isRunning && $0.appliedCommit > 0 }) ?? false
      }
      try lab.wait(for: "the uplink's addresses") {
        let addresses = try lab.run(.router, ["ip", "-br", "address", "show", "wan0"]).output
        guard uplink.allSatisfy({ addresses.contains($0 + "/") }) else { return false }
        // Until nobody else turns out to have an address it is not answered for (RFC 4862).
        return try lab.run(.router, ["ip", "address", "show", "dev", "wan0", "tentative"]).output.isEmpty
      }
    }

    @Test func everyProbeIsMetByUtterSilenceWhateverHappens() throws {
      let lab = try Lab()
      defer { lab.close() }
      let canaries = try Self.prepare(lab)
      let probe = try lab.startProbing(Self.targets, tcp: Self.tcp, udp: Self.udp, log: "probe.log")
      func expectSilence(_ when: Comment) {
        #expect(probe.output == "", when)
        for canary in canaries { #expect(canary.output == "ready\n", when) }
      }
      usleep(500_000)
      expectSilence("before the start")
      try lab.startRouter()
      try Self.waitForRouter(lab)
      usleep(600_000)
      expectSilence("during and after the start")
      try lab.commit(Self.configuration.replacing("[forward.web]", with: "[forward.page]"))
      usleep(300_000)
      expectSilence("after a change")
      for daemon in Lab.Daemon.allCases {
        try lab.crash(daemon)
        usleep(600_000)
        expectSilence("after the death of \(daemon.rawValue)")
      }
      try lab.crashRouter()
      usleep(600_000)
      expectSilence("with nothing running")
      try lab.startRouter()
      try Self.waitForRouter(lab)
      usleep(600_000)
      expectSilence("after the second start")
      // The router serves its own side meanwhile.
      #expect(try lab.run(.laptop, ["ping", "-c1", "-W2", "192.168.77.1"]).isSuccess)
      #expect(try lab.run(.laptop, ["ping", "-c1", "-W2", Lab.webAddress]).isSuccess)

      // And the probe can tell: without rules every canary sings.
      try lab.crashRouter()
      try lab.succeed(.router, ["nft", "flush", "ruleset"])
      for (canary, host) in zip(canaries, [Lab.Host.router, .laptop, .visitor]) {
        try lab.wait(for: "the canary on \(host)") {
          canary.output.contains("tcp 22 2001:db8") && canary.output.contains("udp 161 ::ffff:203.0.113.1")
        }
      }
      try lab.wait(for: "the probe's answer") { probe.output.contains("answer tcp 203.0.113.9 22 open") }
      #expect(probe.isRunning)
    }

    /// What RFC 4890 section 4.4 and its counterpart of IPv4 allow from outside, and nothing else.
    @Test func controlMessagesAreAnsweredByTheList() throws {
      let lab = try Lab()
      defer { lab.close() }
      _ = try Self.prepare(lab)
      try lab.startRouter()
      try Self.waitForRouter(lab)
      let output = try Self.sendControlMessages(lab, Self.uplink)
      #expect(output == Self.controlMessages)
      let routes = try lab.succeed(.router, ["ip", "route", "get", "198.51.100.80"])
      #expect(routes.contains("via 203.0.113.1"), "a redirect was obeyed: \(routes)")
    }

    /// The ports of a router that gets its address by DHCP are as silent; the client reads its answers before the rules.
    @Test func aRouterWithAnUplinkByDHCPIsAsSilent() throws {
      try Lab.withRouter { lab in
        let own = try #require(try lab.uplinkAddress)
        try lab.succeed(.router, ["ip", "address", "add", Self.uplink[1] + "/64", "dev", "wan0", "nodad"])
        let output = try Self.sendControlMessages(lab, [own, Self.uplink[1]])
        #expect(output == Self.controlMessages.replacing(Self.uplink[0], with: own))
      }
    }

    private static func sendControlMessages(_ lab: Lab, _ uplink: [String]) throws -> String {
      try lab.succeed(
        .provider, ["python3", Lab.tool("control_messages.py"), "isp0", "02:00:00:00:02:01"] + uplink)
    }

    static let controlMessages = """
      arp who has 203.0.113.9: answered
      arp who has 192.168.77.1: silence
      arp who has 192.168.78.1: silence
      nd who has 2001:db8:0:1::9: answered
      nd who has fd00:77::1: silence
      icmp echo (8): answered 0
      icmp timestamp (13): silence
      icmp information (15): silence
      icmp address mask (17): silence
      icmp router solicitation (10): silence
      icmp redirect (5): silence
      icmp6 echo (128): answered 129
      icmp6 router solicitation (133): silence
      icmp6 redirect (137): silence
      icmp6 node information (139): silence
      icmp6 private (200): silence
      udp to a closed port: silence
      udp from 67 to the closed port 68: silence
      udp from 547 to the closed port 546: silence
      unknown protocol 253: silence
      unknown next header 253: silence

      """
  }
}
