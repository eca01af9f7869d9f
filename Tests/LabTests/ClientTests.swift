import Glibc
import HostSystem
import Household
import Lab
import TestSupport
import Testing
import Wire

extension LabTests {
  /// Stock DHCP clients.
  @Suite struct ClientTests {
    static let phone = "02:00:00:00:00:11"

    @Test(arguments: DHCPClientProgram.allCases)
    func getsRenewsKeepsAndReleasesAnAddress(_ client: DHCPClientProgram) throws {
      try Lab.withRouter { lab in
        try lab.lease(.phone, with: client)
        let first = try #require(try lab.lease(of: Self.phone))
        try expectSettings(lab, .phone, client, address: first.address.description)
        #expect(first.state == .active && first.address.description.hasPrefix("192.168.77.1"))

        try renew(lab, client)
        #expect(try lab.lease(of: Self.phone)?.address == first.address)

        try lab.restartRouter()
        #expect(try lab.lease(of: Self.phone) == first)
        // Until the new process has counted, the old one's counts stand.
        try lab.wait(for: "the server to count anew") { try acknowledged(lab) == 0 }
        try renew(lab, client)
        let regained = try #require(try lab.lease(of: Self.phone))
        #expect(regained.address == first.address && regained.since == first.since && regained.state == .active)
        try lab.wait(for: "the phone's address") { try lab.address(of: .phone) == first.address.description }

        try lab.release(.phone, with: client)
        try lab.wait(for: "the release") { try lab.lease(of: Self.phone)?.state == .released }
      }
    }

    @Test func aDeviceGetsTheAddressThatIsItsOwn() throws {
      try Lab.withRouter { lab in
        for client in DHCPClientProgram.allCases {
          try lab.lease(.laptop, with: client)
          try expectSettings(lab, .laptop, client, address: "192.168.77.10")
          try lab.release(.laptop, with: client)
          try lab.wait(for: "the release by \(client)") { try lab.lease(of: "02:00:00:00:00:10")?.state == .released }
          try lab.shell(.laptop, "ip address flush dev eth0; pkill -KILL \(client.rawValue); : > /etc/resolv.conf")
        }
      }
    }

    /// Half of a lease's time later each client renews by itself; the shortest lease has two minutes.
    @Test(.enabled(if: Soak.isOn)) func renewsByItself() throws {
      let short = Lab.configuration.replacing("lease = \"12h\"", with: "lease = \"2m\"")
      for client in DHCPClientProgram.allCases {
        try Lab.withRouter(short) { lab in
          try lab.lease(.phone, with: client)
          let first = try #require(try lab.lease(of: Self.phone))
          try lab.wait(for: "\(client) to renew", seconds: 100) {
            try lab.lease(of: Self.phone).map { $0.renewed > first.renewed } ?? false
          }
          #expect(try lab.lease(of: Self.phone)?.address == first.address)
        }
      }
    }

    private func renew(_ lab: Lab, _ client: DHCPClientProgram) throws {
      let before = try acknowledged(lab)
      let output = try lab.renew(.phone, with: client).output
      try lab.wait(for: "\(client) to renew: \(output)") { try acknowledged(lab) > before }
    }

    /// How often the router has granted or renewed a lease since its last start.
    private func acknowledged(_ lab: Lab) throws -> Double {
      try lab.metrics()["lares_dhcp_sent_total{type=\"DHCPACK\"}"] ?? 0
    }

    private func expectSettings(_ lab: Lab, _ host: Lab.Host, _ client: DHCPClientProgram, address: String) throws {
      try lab.wait(for: "\(client) to set everything") {
        let settings = try lab.settings(of: host, from: client)
        return settings.gateway != nil && settings.names.contains("home.arpa")
      }
      let settings = try lab.settings(of: host, from: client)
      #expect(settings.address == address)
      #expect(settings.gateway == "192.168.77.1")
      #expect(settings.names.contains("192.168.77.1"), "no name server in: \(settings.names)")
    }
  }
}
