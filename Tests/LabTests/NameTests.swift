import Glibc
import HostSystem
import Lab
import Testing

extension LabTests {
  /// The name service, asked by real clients with stock tools.
  @Suite struct NameTests {
    static let configuration =
      Lab.configuration + """
        [dns]
        blocklists = ["blocked.txt"]

        """

    @Test func everyHostResolvesNamesOfTheInternetAndOfTheHouse() throws {
      try withHouse { lab throws in
        for (host, router) in [(Lab.Host.laptop, "192.168.77.1"), (.phone, "192.168.77.1"), (.visitor, "192.168.78.1")]
        {
          for transport in [[], ["+tcp"]] {
            #expect(try ask(lab, host, router, transport + ["www.example", "A"]) == Lab.webAddress)
            #expect(try ask(lab, host, router, transport + ["www.example", "AAAA"]) == Lab.webAddress6)
            #expect(try ask(lab, host, router, transport + ["home.arpa", "SOA"]) != "")
          }
        }
        for host in [Lab.Host.laptop, .phone] {
          #expect(try ask(lab, host, "192.168.77.1", ["laptop.home.arpa", "A"]) == "192.168.77.10")
          #expect(try ask(lab, host, "192.168.77.1", ["-x", "192.168.77.10"]) == "laptop.home.arpa.")
        }
        // The search domain from the lease makes the short name do.
        #expect(try lab.run(.phone, ["dig", "+search", "+short", "laptop"]).output == "192.168.77.10\n")
        #expect(try status(lab, .phone, "nobody.example") == "NXDOMAIN")
        #expect(try status(lab, .phone, "nobody.home.arpa") == "NXDOMAIN")
      }
    }

    @Test func aLeasesNameIsThereAtOnceAndGuestsNamesStandApart() throws {
      try withHouse { lab in
        let phone = try #require(try lab.address(of: .phone))
        try lab.wait(for: "the phone's name", seconds: 2) {
          try ask(lab, .laptop, "192.168.77.1", ["phone.home.arpa", "A"]) == phone
        }
        #expect(try ask(lab, .laptop, "192.168.77.1", ["-x", phone]) == "phone.home.arpa.")
        let visitor = try #require(try lab.address(of: .visitor))
        #expect(try ask(lab, .laptop, "192.168.77.1", ["visitor.guest.home.arpa", "A"]) == visitor)
        #expect(try ask(lab, .laptop, "192.168.77.1", ["visitor.home.arpa", "A"]) == "")
        try lab.release(.phone, with: .udhcpc)
        try lab.wait(for: "the name to go with the lease", seconds: 2) {
          try ask(lab, .laptop, "192.168.77.1", ["phone.home.arpa", "A"]) == ""
        }
      }
    }

    @Test(arguments: ["router", "laptop", "wpad", "isatap", "localhost", "a.b", "-x", "under_score", "naïve"])
    func aLeaseTakesNoNameThatIsNotForIt(_ name: String) throws {
      try Lab.withRouter { lab in
        let ask = { () throws -> String in
          try lab.run(.router, ["dig", "@192.168.77.1", "+short", "-q", "\(name).home.arpa", "-t", "A"]).output
        }
        let before = try ask()
        try lab.succeed(.phone, ["ip", "link", "set", "eth0", "up"])
        try lab.shell(
          .phone, "busybox udhcpc -n -q -T 1 -s /etc/udhcpc/default.script -x 'hostname:\(name)' -i eth0")
        let phone = try #require(try lab.address(of: .phone))
        usleep(500_000)
        #expect(try ask() == before)
        #expect(!before.contains(phone))
        #expect(
          try lab.run(.router, ["dig", "@192.168.77.1", "+short", "www.example"]).output.contains(Lab.webAddress))
      }
    }

    @Test func privateAnswersFromOutsideAndBlockedNamesAreWithheld() throws {
      try withHouse { lab in
        let rebinding = try lab.run(.laptop, ["dig", "@192.168.77.1", "+time=2", "rebind.example", "A"]).output
        #expect(!rebinding.contains("192.168.77.1\n") && rebinding.contains("EDE:"), "\(rebinding)")
        let blocked = try lab.run(.laptop, ["dig", "@192.168.77.1", "+time=2", "ads.example", "A"]).output
        #expect(blocked.contains("EDE: 15"), "\(blocked)")
        #expect(!blocked.contains(Lab.webAddress))
        #expect(try ask(lab, .laptop, "192.168.77.1", ["www.example", "A"]) == Lab.webAddress)
      }
    }

    @Test func knownAnswersGoOnWithoutTheProvidersServer() throws {
      let short = Self.configuration
      try withHouse(short) { lab in
        try lab.wait(for: "an answer") {
          try ask(lab, .laptop, "192.168.77.1", ["brief.example", "A"]) == "198.51.100.81"
        }
        lab.server?.stop(SIGKILL)
        // Its answer lives for a second.
        usleep(2_000_000)
        let stale = try lab.run(.laptop, ["dig", "@192.168.77.1", "+time=5", "+tries=1", "brief.example", "A"]).output
        #expect(stale.contains("198.51.100.81"), "\(stale)")
        #expect(stale.contains("EDE: 3"), "it says that it is stale (RFC 8767)\n\(stale)")
        #expect(try status(lab, .laptop, "never-asked.example") == "SERVFAIL")
        #expect(try ask(lab, .laptop, "192.168.77.1", ["laptop.home.arpa", "A"]) == "192.168.77.10")
        try lab.startNameServer()
        try lab.wait(for: "fresh answers") {
          try ask(lab, .laptop, "192.168.77.1", ["www.example", "A"]) == Lab.webAddress
        }
      }
    }

    // MARK: -

    private func withHouse(_ configuration: String = configuration, _ body: (Lab) throws -> Void) throws {
      let lab = try Lab()
      defer { lab.close() }
      try lab.startProvider()
      try lab.configure(configuration)
      try File.replace(
        lab.configurationFolder + "/blocked.txt", with: Array("0.0.0.0 ads.example\n".utf8), mode: 0o644, durable: false
      )
      try lab.startRouter()
      try lab.waitForRouter()
      try lab.lease(.laptop, with: .dhclient)
      try lab.lease(.phone, with: .udhcpc)
      try lab.lease(.visitor, with: .dhcpcd)
      try body(lab)
    }

    /// The answer's data, one line each.
    private func ask(_ lab: Lab, _ host: Lab.Host, _ server: String, _ question: [String]) throws -> String {
      let output = try lab.run(host, ["dig", "@\(server)", "+short", "+time=2", "+tries=2"] + question).output
      return output.split(separator: "\n").joined(separator: "\n")
    }

    private func status(_ lab: Lab, _ host: Lab.Host, _ name: String) throws -> String? {
      let output = try lab.run(host, ["dig", "@192.168.77.1", "+time=6", "+tries=1", name]).output
      return output.split(separator: ",").first { $0.contains("status:") }?.split(separator: " ").last.map(String.init)
    }
  }
}
