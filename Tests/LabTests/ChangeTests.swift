import Control
import Glibc
import HostSystem
import Household
import Lab
import Testing

extension LabTests {
  /// How a change travels, with real connections and real crashes.
  @Suite struct ChangeTests {
    /// Moves the network that the administrator sits in; who is there reaches the router no more.
    static let cut = Lab.configuration
      .replacing("192.168.77.", with: "192.168.99.").replacing("fd00:77::", with: "fd00:99::")
    static let renamed = Lab.configuration.replacing("[forward.web]", with: "[forward.page]")

    @Test func aChangeThatCutsTheAdministratorOffRevertsByItself() throws {
      try Lab.withRouter { lab in
        try lab.setAddresses(.laptop, "192.168.77.10/24", gateway: "192.168.77.1")
        #expect(try reachesRouter(lab))
        let answer = try lab.commit(Self.cut, "--confirm", "10")
        #expect(answer.isSuccess && answer.output.contains("lares confirm"), "\(answer.output)")
        #expect(try !reachesRouter(lab))
        let provisional = try #require(try lab.status().provisional)
        #expect((1...10).contains(provisional.secondsLeft))
        try lab.wait(for: "the revert") { try lab.status().provisional == nil }
        try expectReverted(lab)
      }
    }

    @Test func itRevertsAlsoWhenEverythingIsKilledInsideTheWindow() throws {
      try Lab.withRouter { lab in
        try lab.setAddresses(.laptop, "192.168.77.10/24", gateway: "192.168.77.1")
        try lab.commit(Self.cut, "--confirm", "10")
        try lab.crashRouter()
        #expect(try !reachesRouter(lab), "the change stays while nobody runs")
        try lab.startRouter()
        try lab.wait(for: "the change to be undone", seconds: 20) { try reachesRouter(lab) }
        try lab.waitForRouter()
        try expectReverted(lab)
      }
    }

    @Test func itRevertsAlsoWhenTheWindowEndsWhileNothingRuns() throws {
      try Lab.withRouter { lab in
        try lab.setAddresses(.laptop, "192.168.77.10/24", gateway: "192.168.77.1")
        try lab.commit(Self.cut, "--confirm", "10")
        try lab.crashRouter()
        usleep(10_500_000)
        try lab.startRouter()
        try lab.waitForRouter()
        #expect(try lab.status().provisional == nil)
        try expectReverted(lab)
      }
    }

    @Test func aConfirmedChangeOutlastsAProvidersOutageAndRestarts() throws {
      try Lab.withRouter { lab in
        try lab.commit(Self.renamed, "--confirm", "10")
        // Everything of the provider is gone, inside the window and after it.
        lab.server?.stop()
        try lab.succeed(.provider, ["ip", "link", "set", "isp0", "down"])
        let kept = try lab.lares("confirm")
        #expect(kept.isSuccess && kept.output == "Commit 2 stays.\n", "\(kept.output)")
        usleep(10_500_000)
        try expectInForce(lab, commit: 2, forward: "page")
        try lab.crashRouter()
        try lab.startRouter()
        try lab.wait(for: "the daemons") {
          (try? lab.status().daemons.allSatisfy { $0.isRunning && $0.appliedCommit == 2 }) ?? false
        }
        try expectInForce(lab, commit: 2, forward: "page")
        #expect(try lab.status().diagnosis?.hasPrefix("uplink.wan.link") ?? false)
      }
    }

    /// The outage is no fault of the change, so it is not what reverts it: only the end of the window is.
    @Test func anOutageInsideTheWindowRevertsNothing() throws {
      try Lab.withRouter { lab in
        try lab.commit(Self.renamed, "--confirm", "60")
        lab.server?.stop()
        try lab.succeed(.provider, ["ip", "link", "set", "isp0", "down"])
        try lab.wait(for: "the diagnosis") { try lab.status().diagnosis != nil }
        usleep(2_000_000)
        let status = try lab.status()
        #expect(status.commit?.number == 2)
        #expect(status.provisional?.worse.isEmpty == false, "but it is told")
        #expect(try lab.lares("confirm").isSuccess)
      }
    }

    @Test func oneChangeAtATime() throws {
      try Lab.withRouter { lab in
        try lab.commit(Self.renamed, "--confirm", "60")
        let second = try lab.commit(Self.cut, "--confirm", "60")
        #expect(!second.isSuccess && second.output.contains("commit 2 of root is provisional"), "\(second.output)")
        #expect(try lab.lares("confirm").isSuccess)
        #expect(try lab.lares("confirm").output.contains("nothing to confirm"))
        #expect(try lab.lares("rollback", "1", "--now", "--discard").isSuccess)
        try expectInForce(lab, commit: 3, forward: "web")
        #expect(try lab.json([CommitSummary].self, "history").first?.undoes == 2)
      }
    }

    /// The kernel tells of every change of rules, addresses and routes; a second commit of an equal model makes none.
    @Test func applyingTwiceWritesNothing() throws {
      try Lab.withRouter { lab in
        try lab.lease(.phone, with: .udhcpc)
        let rules = try lab.start(.router, ["nft", "monitor"], log: "nft.log")
        let routes = try lab.start(
          .router, ["ip", "monitor", "link", "address", "route", "rule", "nexthop"], log: "ip.log")
        // What follows the start and the lease comes first: duplicate address detection, the binding in the filter.
        var before = (rules.output, routes.output, 0)
        try lab.wait(for: "quiet") {
          let isQuiet = before.0 == rules.output && before.1 == routes.output
          before = (rules.output, routes.output, isQuiet ? before.2 + 1 : 0)
          return before.2 == 40
        }
        let answer = try lab.commit("# The same again, with a comment.\n" + Lab.configuration)
        #expect(answer.isSuccess && answer.output.contains("Commit 2"), "\(answer.output)")
        usleep(1_000_000)
        #expect(rules.output == before.0)
        #expect(routes.output == before.1)
        // The watch itself works.
        #expect(try lab.commit(Self.renamed).isSuccess)
        try lab.wait(for: "the monitor") { rules.output.contains("forward.page") }
      }
    }

    @Test func aChangeThatADaemonCannotApplyRevertsAtOnce() throws {
      try Lab.withRouter { lab in
        // Somebody else takes the filter's table, so the kernel refuses it to Lares (NFT_TABLE_F_OWNER).
        _ = try lab.start(
          .router,
          [
            "sh", "-c",
            "(echo 'delete table inet lares'; echo 'add table inet lares { flags owner; }'; sleep 1000) | nft -i",
          ], log: "owner.log")
        try lab.wait(for: "the other owner") {
          try lab.run(.router, ["nft", "list", "ruleset"]).output.contains("flags owner")
        }
        let answer = try lab.commit(Self.renamed, "--confirm", "60")
        #expect(!answer.isSuccess, "\(answer.output)")
        #expect(answer.output.contains("network could not apply it"), "\(answer.output)")
        #expect(try lab.status().commit?.number == 3)
        #expect(try lab.status().provisional == nil)
      }
    }

    /// A program answers, with each state in force in the kernel when it runs.
    @Test func aSearchFindsTheCommitThatBrokeIt() throws {
      try Lab.withRouter { lab in
        for number in 2...6 {
          let text = number < 4 ? Lab.configuration : Self.renamed
          #expect(try lab.commit(text + "# \(number)\n").isSuccess)
        }
        #expect(try lab.lares("bisect", "start", "1").output.contains("In force to be tried, with 5 in question"))
        let answer = try lab.lares(
          "bisect", "run", "sh", "-c", "! nft list ruleset | grep -q forward.page")
        #expect(answer.isSuccess && answer.output.contains("Found: commit 4 "), "\(answer.output)")
        #expect(try lab.status().provisional == nil)
        let rules = try lab.succeed(.router, ["nft", "list", "ruleset"])
        #expect(rules.contains("forward.page"), "what was in force before is back")
        #expect(try lab.lares("diff", "3", "4").output.contains("forward page"))
        let back = try lab.lares("rollback", "--now")
        #expect(back.isSuccess && back.output.contains("is in force"), "\(back.output)")
      }
    }

    enum Mistake: String, CaseIterable {
      case header = "[household\n"
      case type = "[network.home]\ninterfaces = 3\n"
      case twice = "[uplink.wan]\ninterface = \"lan0\"\n"
      case bytes = "\u{0}\u{1}\u{2}"
      case endless = "x = \"yyy"

      var text: String { self == .endless ? rawValue + String(repeating: "y", count: 100_000) : rawValue }
    }

    @Test(arguments: Mistake.allCases) func anInvalidConfigurationChangesNothing(_ mistake: Mistake) throws {
      try Lab.withRouter { lab in
        let rules = try withoutCounters(lab)
        let addresses = try lab.configuredAddresses()
        let answer = try lab.commit(Lab.configuration + mistake.text)
        #expect(!answer.isSuccess && answer.output.contains("lares.toml:"), "\(answer.output)")
        #expect(try withoutCounters(lab) == rules)
        #expect(try lab.configuredAddresses() == addresses)
        #expect(try lab.status().commit?.number == 1)
        try lab.restartRouter()
        #expect(try lab.status().commit?.number == 1)
        #expect(try withoutCounters(lab) == rules)
      }
    }

    private func reachesRouter(_ lab: Lab) throws -> Bool {
      try lab.run(.laptop, ["ping", "-c1", "-W1", "192.168.77.1"]).isSuccess
    }

    private func expectReverted(_ lab: Lab) throws {
      try lab.wait(for: "the laptop to reach the router") { try reachesRouter(lab) }
      let history = try lab.json([CommitSummary].self, "history")
      #expect(history.map(\.number) == [3, 2, 1])
      #expect(history.first?.undoes == 2)
      #expect(history.first?.reason.contains("nobody confirmed in time") ?? false)
      let addresses = try lab.succeed(.router, ["ip", "-4", "-br", "address"])
      #expect(addresses.contains("192.168.77.1/24") && !addresses.contains("192.168.99."), "\(addresses)")
    }

    private func expectInForce(_ lab: Lab, commit: Int, forward: String) throws {
      #expect(try lab.status().commit?.number == commit)
      let rules = try lab.succeed(.router, ["nft", "list", "ruleset"])
      #expect(rules.contains("forward.\(forward)"))
    }

    private func withoutCounters(_ lab: Lab) throws -> String {
      try lab.succeed(.router, ["nft", "--stateless", "list", "ruleset"])
    }
  }
}
