import Control
import Glibc
import HostSystem
import Household
import Lab
import TestSupport
import Testing

extension LabTests {
  /// What is wrong with the machine is one clear line, and never an open door.
  @Suite struct BadInputTests {
    @Test func aMissingInterfaceLeavesTheRestWorkingAndShows() throws {
      let more =
        Lab.configuration + """
          [network.things]
          interfaces = ["lan9"]
          address = "192.168.79.1/24"
          dhcp = { pool = "192.168.79.100-192.168.79.199", lease = "1h" }

          """
      try Lab.withRouter(more) { lab in
        try lab.lease(.phone, with: .udhcpc)
        #expect(try lab.run(.phone, ["ping", "-c1", "-W2", Lab.webAddress]).isSuccess)
        let status = try lab.status()
        let link = try #require(status.links.first { $0.interface == "lan9" })
        #expect(!link.isPresent && link.role == "network.things")
        #expect(status.problems.contains { $0.contains("lan9") }, "\(status.problems)")
        #expect(try lab.lares("status").output.contains("missing"))

        // It works as soon as the interface is there.
        try lab.succeed(.router, ["ip", "link", "add", "lan9", "type", "veth", "peer", "name", "far"])
        try lab.wait(for: "the new interface") {
          try lab.run(.router, ["ip", "-4", "-o", "address", "show", "lan9"]).output.contains("192.168.79.1/24")
        }
        try lab.wait(for: "the end of the problem") { try !lab.status().problems.contains { $0.contains("lan9") } }
      }
    }

    @Test func aPortInUseIsOneProblemOfTheNamesOnly() throws {
      let lab = try Lab()
      defer { lab.close() }
      try lab.startProvider()
      try lab.configure()
      let squatter = try lab.startCanary(.router, tcp: [53], udp: [53])
      try lab.startRouter()
      try lab.wait(for: "the problem") {
        (try? lab.status().problems.contains { $0.hasPrefix("names:") && $0.contains("53") && $0.contains("in use") })
          ?? false
      }
      try lab.lease(.phone, with: .udhcpc)
      try lab.wait(for: "the Internet by address") {
        try lab.run(.phone, ["ping", "-c1", "-W1", Lab.webAddress]).isSuccess
      }
      squatter.stop()
      try lab.wait(for: "the names to come back") { try lab.status().problems.isEmpty }
      #expect(try lab.run(.phone, ["dig", "+short", "+time=2", Lab.webName]).output.contains(Lab.webAddress))
    }

    @Test func aReadOnlyStateFolderStopsTheStartWithOneLine() throws {
      let lab = try Lab()
      defer { lab.close() }
      try lab.startProvider()
      try lab.configure()
      try File.makeFolder(lab.stateFolder, mode: 0o755)
      try lab.succeed(.router, ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", lab.stateFolder])
      let answer = try lab.lares("run", "--config", lab.configurationFolder, "--state", lab.stateFolder)
      #expect(answer.ending == .exited(1))
      #expect(answer.output.split(separator: "\n").count == 1)
      #expect(answer.output.contains("Read-only file system") && answer.output.contains(lab.stateFolder))
      #expect(try lab.run(.router, ["ip", "-br", "address", "show", "up"]).output.split(separator: "\n").count == 1)
    }

    @Test func aFullDiskPromisesNothingAndChangesNothing() throws {
      let lab = try Lab()
      defer { lab.close() }
      try lab.startProvider()
      try lab.configure()
      try File.makeFolder(lab.stateFolder, mode: 0o755)
      // The daemons start in the router's mount namespace, where this is.
      try lab.succeed(.router, ["mount", "-t", "tmpfs", "-o", "size=4m,mode=755", "tmpfs", lab.stateFolder])
      // What is gone after a reboot is on another disk, as /run is.
      try lab.shell(.router, "mkdir -m 755 \(lab.runFolder) && mount -t tmpfs -o mode=755 tmpfs \(lab.runFolder)")
      try lab.startRouter()
      try lab.waitForRouter()
      try lab.lease(.laptop, with: .udhcpc)
      try lab.shell(.router, "cat /dev/zero > \(lab.stateFolder)/filler 2>/dev/null")

      // More than the room that the store has reserved: what fits there is as durable as ever.
      var generator = SeededGenerator(1)
      let comment = (0..<8_000).map { _ in
        "# " + (0..<5).map { _ in String(generator.next(), radix: 36) }.joined() + "\n"
      }
      let answer = try lab.commit(ChangeTests.renamed + comment.joined())
      #expect(!answer.isSuccess && answer.output.contains("No space left on device"), "\(answer.output)")
      #expect(answer.output.split(separator: "\n").count == 1, "\(answer.output)")
      #expect(try lab.status().commit?.number == 1)
      #expect(try lab.succeed(.router, ["nft", "list", "ruleset"]).contains("forward.web"))
      // No lease that a power cut would forget: what still fits in the journal's last page is granted, and no more.
      try lab.succeed(.phone, ["ip", "link", "set", "eth0", "up"])
      let client = "busybox udhcpc -n -q -t 3 -T 2 -s /bin/true -i eth0 -x 0x3d:01aabbcc"
      let granted = try lab.shell(
        .phone, "for i in $(seq 10 60); do \(client)$i >/dev/null 2>&1 || { echo $((i - 10)); exit; }; done; echo 51")
      let count = try #require(Int(granted.output.filter(\.isNumber)))
      #expect(count < 51, "leases were granted without end")
      #expect(try lab.json([Lease].self, "leases").count == count + 1)
      try lab.wait(for: "the problem to be told after \(count) leases: \(lab.status().problems)", seconds: 3) {
        try lab.status().problems.contains { $0.contains("No space left on device") }
      }
      #expect(try lab.run(.laptop, ["ping", "-c1", "-W2", Lab.webAddress]).isSuccess, "what runs goes on")

      try lab.succeed(.router, ["rm", "\(lab.stateFolder)/filler"])
      try lab.lease(.phone, with: .udhcpc)
      #expect(try lab.lares("commit", "--now").isSuccess)
      try lab.wait(for: "the end of the problem") { try lab.status().problems.isEmpty }
    }

    @Test func withoutTheRightToChangeTheNetworkNothingIsChanged() throws {
      let lab = try Lab()
      defer { lab.close() }
      try lab.startProvider()
      try lab.configure()
      let run = try lab.start(
        .router,
        [
          "setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin", Lab.executable, "run", "--config",
          lab.configurationFolder, "--state", lab.stateFolder,
        ], log: "router.log")
      try lab.wait(for: "the complaint") { run.output.contains("CAP_NET_ADMIN") }
      #expect(try lab.run(.router, ["ip", "-br", "address", "show", "up"]).output.split(separator: "\n").count == 1)
      try lab.wait(for: "the problem") { (try? lab.status().problems.contains("network: not running")) ?? false }
      #expect(run.stop() == .exited(0))
    }

    @Test func malformedPacketsAreCountedAndDropped() throws {
      try Lab.withRouter { lab in
        try lab.setAddresses(.laptop, "192.168.77.10/24", gateway: "192.168.77.1")
        let before = try malformed(lab)
        let packets = """
          import os, random, socket
          random.seed(4711)
          dhcp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
          dhcp.bind(("192.168.77.10", 68))
          dns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
          for length in list(range(0, 64)) + [240, 241, 300, 576, 1400]:
              junk = bytes(random.randrange(256) for _ in range(length))
              dhcp.sendto(junk, ("192.168.77.1", 67))
              # A response is no question, whatever follows.
              dns.sendto(junk[:2] + b"\\x80" + junk[3:], ("192.168.77.1", 53))
              stream = socket.create_connection(("192.168.77.1", 53))
              stream.sendall(junk)
              stream.close()
          """
        try lab.succeed(.laptop, ["python3", "-c", packets])
        try lab.wait(for: "the counts") {
          let after = try malformed(lab)
          return after.dhcp >= before.dhcp + 60 && after.dns >= before.dns + 60
        }
        #expect(try lab.status().problems.isEmpty)
        try lab.lease(.phone, with: .udhcpc)
        #expect(try lab.run(.phone, ["dig", "+short", "+time=2", Lab.webName]).output.contains(Lab.webAddress))
      }
    }

    private func malformed(_ lab: Lab) throws -> (dhcp: Double, dns: Double) {
      let metrics = try lab.metrics()
      func sum(_ prefix: String) -> Double {
        metrics.filter { $0.key.hasPrefix(prefix) }.reduce(0) { $0 + $1.value }
      }
      return (sum("lares_dhcp_malformed_total"), sum("lares_dns_malformed_total"))
    }
  }
}
