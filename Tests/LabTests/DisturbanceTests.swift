import Control
import Glibc
import HostSystem
import Lab
import Testing

extension LabTests {
  /// Other programs on the router take away what the network daemon has set, or have what it wants.
  @Suite struct DisturbanceTests {
    @Test func flushedRulesAreBackWithinThreeSeconds() throws {
      try Lab.withRouter { lab in
        try lab.succeed(.router, ["nft", "flush", "ruleset"])
        try Self.waitForRules(lab, seconds: 3)
        #expect(try lab.run(.router, ["nft", "list", "chain", "inet", "lares", "nat-out"]).isSuccess)
        // A change of others that is none of ours is left alone.
        try lab.succeed(.router, ["nft", "add", "table", "inet", "foreign"])
        usleep(1_500_000)
        #expect(try lab.run(.router, ["nft", "list", "table", "inet", "foreign"]).isSuccess)
        try lab.succeed(.router, ["nft", "flush", "ruleset"])
        try Self.waitForRules(lab, seconds: 3)
      }
    }

    @Test func flushedRulesAreBackWhereThereIsNoConfigurationYet() throws {
      let lab = try Lab()
      defer { lab.close() }
      try lab.configure("[household")
      try lab.startRouter()
      try Self.waitForRules(lab, seconds: 20)
      try lab.succeed(.router, ["nft", "flush", "ruleset"])
      try Self.waitForRules(lab, seconds: 3)
    }

    /// While another program owns a table of our name, the kernel refuses every change of it.
    @Test func whatCouldNotBeAppliedIsTriedAgain() throws {
      try Lab.withRouter { lab in
        try lab.lease(.laptop, with: .udhcpc)
        try lab.wait(for: "the Internet") { try Self.reachesInternet(lab) }
        let owner = try lab.start(
          .router,
          [
            "sh", "-c",
            """
            mkfifo /run/nft && exec 3<>/run/nft
            echo 'flush ruleset; add table inet lares { flags owner; }' >&3
            exec nft -i </run/nft
            """,
          ], log: "owner.log")
        try lab.wait(for: "the table's owner", seconds: 5) {
          try lab.run(.router, ["nft", "list", "tables"]).output.contains("inet lares") && !Self.hasRules(lab)
        }
        try lab.commit(Lab.configuration.replacing("port = 8080", with: "port = 8081"))
        try lab.lares("device", "pause", "laptop")
        try lab.wait(for: "both problems", seconds: 10) {
          let problems = try Self.problems(lab)
          return problems.contains("commit 2 could not be applied") && problems.contains("could not follow")
        }
        owner.stop(SIGKILL)
        try lab.wait(for: "the commit", seconds: 15) {
          try lab.status().daemons.allSatisfy { $0.appliedCommit == 2 && $0.problems.isEmpty }
        }
        #expect(Self.hasRules(lab))
        #expect(try lab.succeed(.router, ["nft", "list", "table", "inet", "lares"]).contains("8081"))
        #expect(try !Self.reachesInternet(lab), "the pause is in force, too")
      }
    }

    /// As ulogd would.
    @Test func theRouterWorksWhileAnotherProgramHasTheLogGroup() throws {
      let lab = try Lab()
      defer { lab.close() }
      let other = try lab.start(
        .router, ["tcpdump", "--immediate-mode", "-n", "-i", "nflog:77", "-w", "/dev/null"], log: "other.log")
      try lab.wait(for: "the other program") { other.output.contains("listening on") }
      try lab.startProvider()
      try lab.configure()
      try lab.startRouter()
      try lab.wait(for: "the problem") { try Self.problems(lab).contains("log group 77") }
      try lab.lease(.laptop, with: .udhcpc)
      try lab.wait(for: "the Internet") { try Self.reachesInternet(lab) }
      other.stop()
      try lab.wait(for: "the log", seconds: 15) { try Self.problems(lab).isEmpty }
    }

    /// Switching a link off takes its IPv6 addresses away.
    @Test func anInterfaceThatWasSwitchedOffIsAsBefore() throws {
      try Lab.withRouter { lab in
        let before = try lab.configuredAddresses()
        // The daemon sees nothing of it before we have.
        let daemon = try #require(lab.process(of: .network))
        kill(daemon, SIGSTOP)
        defer { kill(daemon, SIGCONT) }
        try lab.succeed(.router, ["sh", "-c", "ip link set lan1 down && ip link set lan1 up"])
        #expect(try lab.configuredAddresses() != before)
        kill(daemon, SIGCONT)
        try lab.wait(for: "the addresses", seconds: 3) { try lab.configuredAddresses() == before }
        try lab.succeed(.router, ["ip", "link", "set", "br-home", "down"])
        try lab.wait(for: "the bridge", seconds: 3) {
          guard try lab.configuredAddresses() == before else { return false }
          return try !lab.succeed(.router, ["ip", "link", "show", "dev", "br-home", "up"]).isEmpty
        }
      }
    }

    /// A guest whose every packet has another sender.
    @Test func aGuestOfAThousandNamesIsAFewLinesAndNoChangeOfRules() throws {
      try Lab.withRouter { lab in
        try lab.succeed(.visitor, ["ip", "link", "set", "eth0", "up"])
        try lab.wait(for: "the address, which nobody else has") {
          try lab.succeed(.router, ["ip", "address", "show", "dev", "lan1", "tentative"]).isEmpty
        }
        let monitor = try lab.start(.router, ["nft", "monitor"], log: "nft.log")
        try lab.succeed(.visitor, ["python3", Lab.tool("solicit.py"), "eth0", "fd00:78::1", "1500"])
        try lab.wait(for: "some of them") { try lab.succeed(.router, ["ip", "neigh"]).contains("fe80::1:") }
        usleep(2_500_000)
        let notices = lab.router?.output.split(separator: "\n").count { $0.contains("a new device is on") } ?? 0
        #expect(1...30 ~= notices)
        #expect(monitor.output == "")
        #expect(try lab.status().daemons.allSatisfy { $0.problems.isEmpty })
      }
    }

    // MARK: -

    private static func hasRules(_ lab: Lab) -> Bool {
      ["input", "forward"].allSatisfy {
        (try? lab.run(.router, ["nft", "list", "chain", "inet", "lares", $0]).output.contains("policy drop")) ?? false
      }
    }

    private static func waitForRules(_ lab: Lab, seconds: Int) throws {
      try lab.wait(for: "the rules", seconds: seconds) { hasRules(lab) }
    }

    private static func problems(_ lab: Lab) throws -> String {
      guard let status = try? lab.status() else { return "" }
      return status.daemons.filter { $0.name == "network" }.flatMap(\.problems).joined(separator: "\n")
    }

    private static func reachesInternet(_ lab: Lab) throws -> Bool {
      try lab.run(.laptop, ["ping", "-c1", "-W1", Lab.webAddress]).isSuccess
    }
  }
}
