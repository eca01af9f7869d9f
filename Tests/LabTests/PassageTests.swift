import Control
import Glibc
import HostSystem
import Household
import Lab
import Testing

extension LabTests {
  /// Who may pass from where to where.
  @Suite struct PassageTests {
    static let allowing =
      Lab.configuration + """
        [allow.printer]
        from = "guest"
        to = "laptop"
        protocol = "tcp"
        port = 631

        [allow.care]
        from = "laptop"
        to = "guest"
        protocol = "tcp"
        port = 22

        """

    @Test func aForwardLeadsInFromOutsideAndFromInside() throws {
      try withHouse(Lab.configuration) { lab in
        try lab.shell(.laptop, "mkdir -p /run/www && echo 'Hello from home.' > /run/www/index.html")
        _ = try lab.start(.laptop, ["busybox", "httpd", "-f", "-p", "80", "-h", "/run/www"], log: "home-web.log")
        let uplink = try #require(try lab.uplinkAddress)
        for host in [Lab.Host.provider, .phone, .laptop] {
          try lab.wait(for: "\(host) to get the page by the uplink's address") {
            try fetch(lab, host, "http://\(uplink):8080/") == "Hello from home.\n"
          }
        }
        #expect(try fetch(lab, .provider, "http://192.168.77.10/") == nil, "only the forward's own port leads in")
        #expect(try fetch(lab, .visitor, "http://\(uplink):8080/") == nil, "guests reach nothing at home")
      }
    }

    @Test func guestsReachTheInternetAndNothingElse() throws {
      try withHouse(Lab.configuration) { lab in
        let canaries = try [Lab.Host.router, .laptop, .phone].map {
          try lab.startCanary($0, tcp: [22, 80, 443, 631, 8081], udp: [123, 161, 5353])
        }
        #expect(try fetch(lab, .visitor, "http://\(Lab.webAddress)/") == Lab.webPage)
        #expect(try lab.run(.visitor, ["dig", "+short", "+time=2", Lab.webName]).output.contains(Lab.webAddress))
        for address in ["192.168.78.1", "192.168.77.1", "192.168.77.10", "fd00:78::1", "fd00:77::1", "fd00:77::10"] {
          try knock(lab, .visitor, address, tcp: [22, 80, 443, 631, 8081], udp: [123, 161, 5353])
        }
        for canary in canaries { #expect(canary.output == "ready\n") }
        // From home the same canaries are heard, and a home host does not reach the guest.
        let visitor = try lab.startCanary(.visitor, tcp: [22, 631], udp: [161])
        try knock(lab, .phone, "192.168.77.10", tcp: [631], udp: [161])
        #expect(canaries[1].output.contains("tcp 631") && canaries[1].output.contains("udp 161"))
        try knock(lab, .phone, "192.168.78.20", tcp: [22, 631], udp: [161])
        #expect(visitor.output == "ready\n")
      }
    }

    @Test func whatAnAllowPermitsPassesAndNothingElse() throws {
      try withHouse(Self.allowing) { lab in
        let laptop = try lab.startCanary(.laptop, tcp: [22, 80, 631], udp: [631])
        let visitor = try lab.startCanary(.visitor, tcp: [22, 631], udp: [])
        try knock(lab, .visitor, "192.168.77.10", tcp: [22, 80, 631], udp: [631])
        try lab.wait(for: "the guest at the printer") { laptop.output.contains("tcp 631") }
        #expect(laptop.output == "ready\ntcp 631 ::ffff:192.168.78.20\n")
        try knock(lab, .laptop, "192.168.78.20", tcp: [22, 631], udp: [])
        try knock(lab, .phone, "192.168.78.20", tcp: [22, 631], udp: [])
        try lab.wait(for: "the laptop at the guest") { visitor.output.contains("tcp 22") }
        #expect(visitor.output == "ready\ntcp 22 ::ffff:192.168.77.10\n")
      }
    }

    @Test func aGuestWithAHomeDevicesHardwareAddressAndLeaseGetsNothingOfItsRights() throws {
      let configuration =
        Lab.configuration + """
          [device.phone]
          hardware = ["02:00:00:00:00:11"]
          address = "192.168.77.11"

          [allow.print]
          from = "laptop"
          to = "phone"
          protocol = "tcp"
          port = 631

          """
      try withHouse(configuration) { lab in
        try lab.shell(
          .visitor,
          "ip address flush dev eth0; ip link set eth0 down; ip link set eth0 address 02:00:00:00:00:10 up")
        try lab.lease(.visitor, with: .udhcpc)
        try lab.wait(for: "the lease to be the laptop's") {
          try lab.json([Lease].self, "leases").contains { $0.network == "guest" && $0.device == "laptop" }
        }
        try lab.wait(for: "the Internet") { try fetch(lab, .visitor, "http://\(Lab.webAddress)/") == Lab.webPage }
        let phone = try lab.startCanary(.phone, tcp: [631], udp: [])
        try knock(lab, .visitor, "192.168.77.11", tcp: [631], udp: [])
        #expect(phone.output == "ready\n")
      }
    }

    /// Two ports of the guest network: a bridge joins them, and its own table keeps them apart.
    @Test func guestsDoNotReachEachOther() throws {
      let twoGuests = Lab.configuration
        .replacing("[\"lan0\", \"lan2\"]", with: "[\"lan0\"]").replacing("[\"lan1\"]", with: "[\"lan1\", \"lan2\"]")
      try Lab.withRouter(twoGuests) { lab in
        try lab.setAddresses(.visitor, "192.168.78.20/24", gateway: "192.168.78.1")
        try lab.setAddresses(.phone, "192.168.78.21/24", gateway: "192.168.78.1")
        let canary = try lab.startCanary(.phone, tcp: [22], udp: [161])
        try lab.wait(for: "the Internet") { try fetch(lab, .visitor, "http://\(Lab.webAddress)/") == Lab.webPage }
        try lab.wait(for: "the Internet") { try fetch(lab, .phone, "http://\(Lab.webAddress)/") == Lab.webPage }
        try knock(lab, .visitor, "192.168.78.21", tcp: [22], udp: [161])
        #expect(try !lab.run(.visitor, ["ping", "-c1", "-W1", "192.168.78.21"]).isSuccess)
        #expect(canary.output == "ready\n")
      }
    }

    @Test func devicesOfOneNetworkReachEachOther() throws {
      try withHouse(Lab.configuration) { lab throws in
        #expect(try lab.run(.phone, ["ping", "-c1", "-W2", "192.168.77.10"]).isSuccess)
      }
    }

    @Test func tablesOfOthersSurviveCommitsAndRestarts() throws {
      try Lab.withRouter { lab in
        try lab.shell(
          .router,
          "nft add table ip elsewhere; nft add chain ip elsewhere c; nft add rule ip elsewhere c ip saddr 192.0.2.1 drop"
        )
        let before = try lab.succeed(.router, ["nft", "list", "table", "ip", "elsewhere"])
        try lab.commit(ChangeTests.renamed)
        try lab.restartRouter()
        #expect(try lab.succeed(.router, ["nft", "list", "table", "ip", "elsewhere"]) == before)
        #expect(try lab.lares("teardown", "--state", lab.stateFolder).ending != .exited(64))
        #expect(try lab.succeed(.router, ["nft", "list", "ruleset"]).contains("192.0.2.1"))
      }
    }

    // MARK: -

    /// A router that serves, and hosts of which each has its address.
    private func withHouse(_ configuration: String, _ body: (Lab) throws -> Void) throws {
      try Lab.withRouter(configuration) { lab in
        try lab.setAddresses(
          .laptop, "192.168.77.10/24", "fd00:77::10/64", gateway: "192.168.77.1", gateway6: "fd00:77::1")
        try lab.setAddresses(
          .phone, "192.168.77.11/24", "fd00:77::11/64", gateway: "192.168.77.1", gateway6: "fd00:77::1")
        try lab.setAddresses(
          .visitor, "192.168.78.20/24", "fd00:78::20/64", gateway: "192.168.78.1", gateway6: "fd00:78::1")
        for host in [Lab.Host.laptop, .phone, .visitor] {
          try lab.wait(for: "\(host) to reach the Internet") {
            try fetch(lab, host, "http://\(Lab.webAddress)/") == Lab.webPage
          }
        }
        try body(lab)
      }
    }

    private func fetch(_ lab: Lab, _ host: Lab.Host, _ address: String) throws -> String? {
      let result = try lab.run(host, ["curl", "-sS", "--max-time", "2", address])
      return result.isSuccess ? result.output : nil
    }

    /// Tries ports from a host; who listens there tells whether it came through.
    private func knock(_ lab: Lab, _ host: Lab.Host, _ address: String, tcp: [Int], udp: [Int]) throws {
      let lists = [tcp, udp].map { $0.map(String.init).joined(separator: ",") }
      try lab.succeed(
        host, ["python3", Lab.tool("probe.py"), "eth0", "02:00:00:00:00:00"] + lists + ["0.1", address])
    }
  }
}
