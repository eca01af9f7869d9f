import Household
import Testing

@testable import Configuration

/// Differences in words, and for programs.
@Suite struct ConfigurationDiffTests {
  static let cases: [(right: String, wrong: String, words: [String])] = [
    ("isolated = true ", "isolated = false ", ["network guest: no longer isolated"]),
    (
      "interfaces = [\"lan0\"] ", "isolated = true\ninterfaces = [\"lan0\"] ", ["network home: now isolated"]
    ),
    (
      "address = \"192.168.77.10\"", "address = \"192.168.77.11\"",
      ["device nas: address 192.168.77.10 → 192.168.77.11"]
    ),
    (
      "[forward.web]\nfrom = \"internet\"\nprotocol = \"tcp\"\nport = 8080\nto = \"nas:80\"\n", "",
      ["forward web: removed (internet tcp 8080 → nas:80)"]
    ),
    (
      "[dns]", "[person.alice]\nfull-name = \"Alice\"\n[dns]", ["person alice: added (Alice)"]
    ),
    ("[\"203.0.113.1\"]", "[\"203.0.113.1\", \"203.0.113.2\"]", ["dns: upstream added 203.0.113.2"]),
    ("upstream = [\"203.0.113.1\"]", "", ["dns: upstream no longer set (was 203.0.113.1)"]),
    ("lease = \"12h\"", "lease = \"720m\"", []),
    ("lease = \"12h\"", "lease = \"1d\"", ["network home: dhcp.lease 12h → 1d"]),
    ("method = \"dhcp\" ", "vlan = 7 # ", ["uplink wan: vlan now 7"]),
    (
      "from = \"guest\"\nto = \"nas\"", "from = \"guest\"\nto = \"home\"",
      ["allow printer: to nas → home"]
    ),
    (
      "[dns]", "[metrics]\nlisten = \"192.168.77.1:9100\"\ntoken = { secret = \"m\" }\n[dns]",
      ["metrics: added (on 192.168.77.1:9100)"]
    ),
    (
      "[dns]", "[addresses.bad]\nmembers = [\"198.51.100.0/24\", \"203.0.113.7\"]\n[dns]",
      ["address list bad: added (2 members)"]
    ),
    (
      "[dns]", "[log]\nremote = \"192.0.2.5:514\"\nlevel = \"error\"\n[dns]",
      ["log: remote now 192.0.2.5", "log: level info → error"]
    ),
    ("[household]", "# only a comment\n[household]", []),
  ]

  @Test(arguments: cases.indices) func `a change is told in words`(_ index: Int) throws {
    let (right, wrong, words) = Self.cases[index]
    #expect(Households.smallest.contains(right))
    let old = try Households.model(Households.smallest)
    let new = try Households.model(Households.smallest.replacing(right, with: wrong, maxReplacements: 1))
    #expect(ConfigurationDiff(from: old, to: new).changes.map(\.words) == words)
    #expect(ConfigurationDiff(from: new, to: old).changes.count == words.count)
    #expect((old == new) == words.isEmpty)
  }

  @Test func `a long list is told by its first changes, in time in proportion`() throws {
    let members = (0..<5_000).map { "\"10.\($0 >> 8).\($0 & 255).1\"" }
    func household(_ members: some Sequence<String>) throws -> HouseholdModel {
      try Households.model("[addresses.bad]\nmembers = [\(members.joined(separator: ", "))]\n")
    }
    let change = ConfigurationDiff(from: try household(members.dropLast(10)), to: try household(members.dropFirst()))
    #expect(
      change.changes.map(\.words) == [
        "address list bad: members added 10.19.126.1/32, 10.19.127.1/32, 10.19.128.1/32, 10.19.129.1/32, 10.19.130.1/32 "
          + "and 5 more, removed 10.0.0.1/32"
      ])
  }

  @Test func `programs get path, old and new value`() throws {
    let old = try Households.model(Households.smallest)
    var new = old
    new.networks[1].isolated = false
    new.forwards = []
    #expect(
      ConfigurationDiff(from: old, to: new).changes == [
        ConfigurationDiff.Change(
          path: "network.guest.isolated", old: "true", new: "false", words: "network guest: no longer isolated"),
        ConfigurationDiff.Change(
          path: "forward.web", old: "{ from = \"internet\", protocol = \"tcp\", port = 8080, to = \"nas:80\" }",
          new: nil, words: "forward web: removed (internet tcp 8080 → nas:80)"),
      ])
  }
}
