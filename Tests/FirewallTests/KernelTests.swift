import Household
import Netlink
import TestSupport
import Testing
import Wire

@testable import Firewall

/// What the kernel makes of transactions, in namespaces of their own.
@Suite struct KernelTests {
  @Test func applyingTwiceSendsNothing() throws {
    let namespace = try NetworkNamespace()
    try namespace.run {
      let manager = try FirewallManager()
      #expect(try manager.apply(model: Models.everything, dynamic: Models.busy).changed)
      let again = try manager.apply(model: Models.everything, dynamic: Models.busy)
      #expect(!again.changed)
      #expect(again.traffic == FirewallTraffic())
      // Nor does a process that knows nothing yet of what the kernel has.
      let fresh = try FirewallManager().apply(model: Models.everything, dynamic: Models.busy)
      #expect(!fresh.changed)
      #expect(fresh.traffic == FirewallTraffic())
      #expect(try manager.verify().isEmpty)
    }
  }

  @Test func nftReadsWhatItLists() throws {
    let namespace = try NetworkNamespace()
    let other = try NetworkNamespace()
    let folder = try TemporaryFolder()
    try namespace.run { try FirewallManager().apply(model: Models.everything, dynamic: Models.busy) }
    try namespace.shell("nft -s list ruleset > \(folder.path)/rules")
    try other.shell("nft -f \(folder.path)/rules")
    try other.shell("nft -s list ruleset > \(folder.path)/again")
    let difference = try other.shell("diff \(folder.path)/rules \(folder.path)/again || true")
    #expect(difference.isEmpty, "\(difference)")
  }

  @Test func foreignTablesSurvive() throws {
    let namespace = try NetworkNamespace()
    let foreign = "table inet foreign { chain c { type filter hook input priority 5; counter accept; }; }"
    try namespace.shell("nft '\(foreign)'")
    let before = try namespace.shell("nft list table inet foreign")
    try namespace.run {
      let manager = try FirewallManager()
      try manager.apply(model: Models.typical, dynamic: FirewallDynamics())
      try manager.apply(model: Models.everything, dynamic: Models.busy)
      try manager.teardown()
      try manager.teardown()
    }
    #expect(try namespace.shell("nft list ruleset") == before)
  }

  @Test(arguments: [
    "flush chain inet lares input", "delete chain inet lares prerouting", "add rule inet lares input accept",
    "flush set inet lares uplinks", "add element inet lares uplinks { lan0 }", "delete table inet lares",
    "delete table bridge lares", "chain inet lares forward { policy accept; }", "add chain inet lares mine",
    "add set inet lares mine { type ipv4_addr; }", "add counter inet lares mine",
    "add limit inet lares other { rate 5/second; }",
    "insert rule inet lares forward accept", "flush ruleset",
  ])
  func whatSomebodyChangesIsSeenAndPutRight(_ command: String) throws {
    let namespace = try NetworkNamespace()
    try namespace.run {
      let manager = try FirewallManager()
      try manager.apply(model: Models.everything, dynamic: Models.busy)
      let before = try namespace.shell("nft -s list ruleset")
      try namespace.shell("nft '\(command)'")
      #expect(try !manager.verify().isEmpty)
      #expect(try manager.apply(model: Models.everything, dynamic: Models.busy).changed)
      #expect(try manager.verify().isEmpty)
      #expect(try namespace.shell("nft -s list ruleset").lineSet == before.lineSet)
    }
  }

  @Test func eachRuleIsMissedWhenItIsGone() throws {
    let namespace = try NetworkNamespace()
    try namespace.run {
      let manager = try FirewallManager()
      try manager.apply(model: Models.typical, dynamic: FirewallDynamics())
      let listing = try namespace.shell("nft -a list chain inet lares input")
      for line in listing.split(separator: "\n") where line.contains("comment") {
        let handle = line.split(separator: " ").last!
        try namespace.shell("nft delete rule inet lares input handle \(handle)")
        #expect(try manager.verify().count == 1, "\(line)")
        try manager.apply(model: Models.typical, dynamic: FirewallDynamics())
        break
      }
    }
  }

  @Test func dynamicsChangeElementsAndNoRules() throws {
    let namespace = try NetworkNamespace()
    try namespace.run {
      let manager = try FirewallManager()
      try manager.apply(model: Models.everything, dynamic: FirewallDynamics())
      let rules = try namespace.shell("nft -a list chain inet lares forward")
      let report = try manager.update(dynamic: Models.busy)
      #expect(report.changed)
      #expect(report.traffic.transactions == 1)
      #expect(report.traffic.systemCalls == 2)
      #expect(try namespace.shell("nft -a list chain inet lares forward") == rules)
      #expect(try namespace.shell("nft list set inet lares paused.4").contains("192.168.77.120"))
      #expect(try manager.verify().isEmpty)
      #expect(try !manager.update(dynamic: Models.busy).changed)
      #expect(try manager.update(dynamic: FirewallDynamics()).changed)
      #expect(try !namespace.shell("nft list set inet lares paused.4").contains("192.168.77.120"))
      #expect(try manager.verify().isEmpty)
    }
  }

  @Test func aLongListChangesByElement() throws {
    let namespace = try NetworkNamespace()
    var model = Models.typical
    let members = (0..<20_000).map { IPPrefix(.v4(IPv4Address(value: 0xc633_0000 + $0 * 2)), length: 32)! }
    model.addressLists = [AddressList(name: "bad", members: members)]
    model.firewall.blocked = ["bad"]
    try namespace.run {
      let manager = try FirewallManager()
      try manager.apply(model: model, dynamic: FirewallDynamics())
      #expect(try manager.verify().isEmpty)
      model.addressLists[0].members.removeLast()
      model.addressLists[0].members.append(Models.prefix("192.0.2.99/32"))
      let report = try manager.apply(model: model, dynamic: FirewallDynamics())
      #expect(report.traffic.messages == 4)
      #expect(report.traffic.bytes < 500)
      #expect(try manager.verify().isEmpty)
    }
  }

  @Test func whatIsMissingInALongListIsFoundAndPutRight() throws {
    let namespace = try NetworkNamespace()
    var model = Models.typical
    let members = (0..<11_000).map { IPPrefix(.v4(IPv4Address(value: 0xc633_0000 + $0)), length: 32)! }
    model.addressLists = [AddressList(name: "bad", members: members)]
    model.firewall.blocked = ["bad"]
    try namespace.run {
      let manager = try FirewallManager()
      try manager.apply(model: model, dynamic: FirewallDynamics())
      try namespace.shell("nft 'delete element inet lares list.bad.4 { 198.51.0.7, 198.51.0.8 }'")
      try namespace.shell("nft 'add element inet lares list.bad.4 { 192.0.2.1 }'")
      #expect(
        try manager.verify() == [
          "set list.bad.4 misses 2 elements", "set list.bad.4 has 1 elements that it should not have",
        ])
      let report = try manager.apply(model: model, dynamic: FirewallDynamics())
      #expect(report.traffic.bytes < 500)
      #expect(try manager.verify().isEmpty)
    }
  }

  @Test func aListThatIsNotReadIsCountedWhereTheKernelCounts() {
    var table = Table(family: .inet, sets: [.list("list.bad.4", .v4, [Models.prefix("192.0.2.1/32")], effect: .blocks)])
    var kernel = KernelTable(table)
    #expect(TablePlan(wanted: table, actual: kernel).allDifferences.isEmpty)
    kernel.sets["list.bad.4"]?.count = 1
    #expect(TablePlan(wanted: table, actual: kernel).allDifferences.isEmpty)
    kernel.sets["list.bad.4"]?.count = 2
    #expect(
      TablePlan(wanted: table, actual: kernel).allDifferences == [
        "set list.bad.4 has 2 elements instead of 1"
      ])
    table.sets[0].filling = .ranges
    #expect(!TablePlan(wanted: table, actual: kernel).allDifferences.contains { $0.contains("instead of") })
  }

  /// Room that was made for another number of elements is no difference, and a list that is full gets more.
  @Test(arguments: [[2_000, 500], [500, 2_000], [1_200, 3_000, 1_100], [2_000, 2_200, 5_000]])
  func aListMayGrowAndShrink(_ counts: [Int]) throws {
    let namespace = try NetworkNamespace()
    var model = Models.typical
    model.firewall.blocked = ["bad"]
    try namespace.run {
      let manager = try FirewallManager()
      for count in counts {
        let members = (0..<UInt32(count)).map { IPPrefix(.v4(IPv4Address(value: 0xc633_0000 + $0)), length: 32)! }
        model.addressLists = [AddressList(name: "bad", members: members)]
        #expect(try manager.apply(model: model, dynamic: FirewallDynamics()).changed)
        #expect(try manager.verify().isEmpty, "\(counts) at \(count)")
        #expect(try !manager.apply(model: model, dynamic: FirewallDynamics()).changed)
        #expect(try !FirewallManager().apply(model: model, dynamic: FirewallDynamics()).changed)
      }
    }
  }

  @Test func rangesOfAListAreReplacedWhereTheyMeet() throws {
    let namespace = try NetworkNamespace()
    var model = Models.typical
    model.firewall.blocked = ["bad"]
    try namespace.run {
      let manager = try FirewallManager()
      for members in [
        ["10.0.0.0/9", "192.0.2.1/32"], ["10.0.0.0/8"], ["10.0.0.0/9", "10.128.0.0/9", "255.255.255.0/24"],
        ["0.0.0.0/0", "::/0"], ["0.0.0.0/1", "8000::/1"], [],
      ] {
        model.addressLists = [AddressList(name: "bad", members: members.map(Models.prefix))]
        try manager.apply(model: model, dynamic: FirewallDynamics())
        #expect(try manager.verify().isEmpty, "\(members)")
      }
    }
  }

  @Test func countersGoOnOverAChangeOfRules() throws {
    let namespace = try NetworkNamespace()
    try namespace.run {
      let manager = try FirewallManager()
      try manager.apply(model: Models.typical, dynamic: FirewallDynamics())
      try namespace.shell("ping -c 3 -i 0.01 -q 127.0.0.1")
      let before = try manager.counters()
      let loopback = try #require(before.first { $0.name == "input.loopback" })
      #expect(loopback.packets >= 6)
      #expect(loopback.summary == "the router itself")
      var model = Models.typical
      model.forwards = []
      try manager.apply(model: model, dynamic: FirewallDynamics())
      let after = try manager.counters()
      #expect(after.first { $0.name == "input.loopback" } == loopback)
      #expect(before.contains { $0.name == "forward.web" })
      #expect(!after.contains { $0.name == "forward.web" })
    }
  }

  @Test func aRefusedRuleIsNamedAndNothingChanges() throws {
    let namespace = try NetworkNamespace()
    try namespace.run {
      let manager = try FirewallManager()
      try manager.apply(model: Models.typical, dynamic: FirewallDynamics())
      let before = try namespace.shell("nft -a list ruleset")
      var ruleset = FirewallPolicy(model: Models.everything, dynamic: Models.busy).ruleset
      ruleset.tables[0].chains[1].rules[3].matches.append(.from(set: "nowhere"))
      ruleset.tables[0].chains[1].rules[3].name = "input.wrong"
      let error = #expect(throws: FirewallError.self) { try manager.apply(ruleset) }
      #expect(error?.description.contains("rule input.wrong") == true)
      #expect(try namespace.shell("nft -a list ruleset") == before)
      #expect(try manager.verify().isEmpty)
    }
  }

  @Test func aTransactionFromAnOldStateIsRefused() throws {
    let namespace = try NetworkNamespace()
    try namespace.run {
      let kernel = try KernelFirewall()
      let generation = try kernel.generation()
      try namespace.shell("nft add table inet foreign")
      #expect(try kernel.generation() == generation + 1)
      let stale = kernel.beginTransaction(generation: generation)
      RulesetEncoder(transaction: stale).addTable(.inet)
      let error = #expect(throws: FirewallError.self) { try kernel.commit(stale) }
      if case .refused(let part, let reason) = error {
        #expect(part == "the transaction")
        #expect(reason.name == "ERESTART")
      } else {
        Issue.record("\(String(describing: error))")
      }
      #expect(try kernel.table(.inet) == nil)
      let fresh = kernel.beginTransaction(generation: generation + 1)
      RulesetEncoder(transaction: fresh).addTable(.inet)
      try kernel.commit(fresh)
      #expect(try kernel.table(.inet) != nil)
      #expect(try kernel.generation() == generation + 2)
    }
  }

  @Test func closedLeavesRulesOfAnEarlierRun() throws {
    let namespace = try NetworkNamespace()
    try namespace.run {
      #expect(try FirewallManager().closed().changed)
      #expect(try !FirewallManager().closed().changed)
      try FirewallManager().apply(model: Models.typical, dynamic: FirewallDynamics())
      let before = try namespace.shell("nft -a list ruleset")
      #expect(try !FirewallManager().closed().changed)
      #expect(try namespace.shell("nft -a list ruleset") == before)
      try namespace.shell("nft 'chain inet lares input { policy accept; }'")
      #expect(try FirewallManager().closed().changed)
    }
  }
}

extension String {
  /// The lines in any order: nft lists a table that was made anew behind the others.
  var lineSet: [String] { split(separator: "\n").map(String.init).sorted() }
}
