import Glibc
import Household
import Testing
import Wire

@testable import NameService

/// The household's names and policy as a client sees them, through sockets, cores and cache.
@Suite struct PolicyServedTests {
  private static let blocked: UInt16 = 15

  @Test func leasesHaveNamesAtOnceAndLoseThem() throws {
    let house = try ServedHousehold()
    house.apply()
    #expect(try house.ask("phone.home.arpa")?.code == 3)
    house.update([lease("127.0.77.100", "Phone"), lease("127.0.78.100", "phone", network: "guest")])
    let found = try house.ask("phone.home.arpa") { $0.code == 0 }
    #expect(found?.answers == ["phone.home.arpa. 60 IN A 127.0.77.100"])
    #expect(found?.isAuthoritative == true)
    #expect(try house.ask("PHONE.guest.home.arpa")?.answers == ["PHONE.guest.home.arpa. 60 IN A 127.0.78.100"])
    #expect(
      try house.ask("100.77.0.127.in-addr.arpa", .ptr)?.answers == [
        "100.77.0.127.in-addr.arpa. 60 IN PTR phone.home.arpa."
      ])
    house.update([lease("127.0.77.100", "Phone", state: .released)])
    #expect(try house.ask("phone.home.arpa") { $0.code == 3 }?.code == 3)
    #expect(house.askedUpstream.isEmpty)
  }

  @Test func questionsAboutTheHouseNeverLeaveIt() throws {
    let house = try ServedHousehold()
    house.apply()
    for question in ["absent.home.arpa", "5.1.168.192.in-addr.arpa", "printer.local", "x.onion"] {
      let answer = try #require(try house.ask(question, .ptr))
      #expect(answer.code == 3 && answer.authority.count == 1, "\(question)")
    }
    #expect(house.askedUpstream.isEmpty)
  }

  @Test func whoDoesNotAskForRecursionDoesNotSeeWhatOthersLookUp() throws {
    let house = try ServedHousehold { $0.names.records = ["www CNAME site.example."] }
    house.internet["secret.example"] = [(.a, [203, 0, 113, 5])]
    house.internet["site.example"] = [(.a, [203, 0, 113, 6])]
    house.apply()
    for client in ["127.0.77.50", "127.0.78.50"] {
      #expect(try house.ask("secret.example", from: client)?.answers.count == 1)
      for _ in 0..<2 {
        let answer = try #require(try house.ask("secret.example", from: client, isRecursive: false))
        #expect(answer.code == 5 && answer.answers.isEmpty, "\(client): \(answer)")
      }
    }
    #expect(house.askedUpstream == ["secret.example", "secret.example"], "home and guests share no answers")
    // The household's own data is there for it: of an alias that leaves the house the alias.
    #expect(try house.ask("router.home.arpa", isRecursive: false)?.answers.count == 1)
    #expect(
      try house.ask("www.home.arpa", isRecursive: false)?.answers == ["www.home.arpa. 300 IN CNAME site.example."])
    #expect(try house.ask("www.home.arpa")?.answers.count == 2)
  }

  @Test func guestsDoNotSeeWhoLivesInTheHouse() throws {
    let house = try ServedHousehold {
      $0.devices = [
        Device(name: "nas", addresses: [address("127.0.77.10")]),
        Device(name: "printer", addresses: [address("127.0.77.11")]),
        Device(name: "visitor", addresses: [address("127.0.78.9")]),
      ]
      $0.names.records = ["door A 127.0.77.12"]
      $0.allows = [AllowRule(name: "printer", from: .network("guest"), to: .device("printer"), transport: .tcp)]
    }
    house.apply()
    house.update([lease("127.0.77.100", "phone"), lease("127.0.78.100", "tablet", network: "guest")])
    #expect(try house.ask("phone.home.arpa") { $0.code == 0 }?.code == 0)
    let guest = "127.0.78.50"
    let seen: [(String, DNSType)] = [
      ("tablet.guest.home.arpa", .a), ("visitor.guest.home.arpa", .a), ("router.guest.home.arpa", .a),
      ("router.home.arpa", .a), ("printer.home.arpa", .a), ("100.78.0.127.in-addr.arpa", .ptr), ("localhost", .a),
      ("home.arpa", .soa),
    ]
    for (question, type) in seen {
      #expect(try house.ask(question, type, from: guest)?.answers.isEmpty == false, "\(question)")
    }
    let hidden: [(String, DNSType)] = [
      ("phone.home.arpa", .a), ("nas.home.arpa", .a), ("door.home.arpa", .a), ("100.77.0.127.in-addr.arpa", .ptr),
      ("10.77.0.127.in-addr.arpa", .ptr), ("1.77.0.127.in-addr.arpa", .ptr),
    ]
    let absent = try #require(try house.ask("absent.home.arpa", from: guest))
    for (question, type) in hidden {
      // Home asks first: its answers are not the guests'.
      #expect(try house.ask(question, type)?.answers.isEmpty == false, "\(question)")
      let answer = try #require(try house.ask(question, type, from: guest))
      #expect(answer.code == 3 && answer.answers.isEmpty, "\(question): \(answer)")
      #expect(
        answer.isAuthoritative == absent.isAuthoritative && answer.authority.count == absent.authority.count,
        "a name that is hidden looks like one that is not there")
    }
    #expect(house.askedUpstream.isEmpty)
  }

  @Test func configuredRecordsAreServedAndAliasesLeadOut() throws {
    let house = try ServedHousehold { $0.names.records = ["printer A 127.0.77.20", "www CNAME site.example."] }
    house.internet["site.example"] = [(.a, [203, 0, 113, 5])]
    house.apply()
    #expect(try house.ask("printer.home.arpa")?.answers == ["printer.home.arpa. 300 IN A 127.0.77.20"])
    let alias = try #require(try house.ask("www.home.arpa"))
    #expect(alias.answers.count == 2)
    #expect(alias.answers.first == "www.home.arpa. 300 IN CNAME site.example.")
    #expect(alias.answers.last?.hasSuffix(" IN A 203.0.113.5") == true)
    // A configuration that cannot be served changes nothing.
    house.apply { $0.names.records = ["printer A nonsense"] }
    #expect(try house.ask("printer.home.arpa")?.answers == ["printer.home.arpa. 300 IN A 127.0.77.20"])
  }

  @Test func blockedNamesAreRefusedByListAndByClient() throws {
    let house = try ServedHousehold {
      $0.names.blocklists = ["ads.txt"]
      $0.names.allowed = [name("ok.ads.example")]
      $0.networks[1].blocking = false
      $0.devices = [Device(name: "work", addresses: [address("127.0.77.9")], blocking: false)]
    }
    try house.write("||ads.example^\n", to: "ads.txt")
    for name in ["ads.example", "www.ads.example", "ok.ads.example"] {
      house.internet[name] = [(.a, [203, 0, 113, 66])]
    }
    house.apply()
    for question in ["ads.example", "www.ADS.example", "other.ads.example"] {
      let answer = try #require(try house.ask(question))
      #expect(answer.code == 3 && answer.answers.isEmpty && answer.error == Self.blocked, "\(question): \(answer)")
      #expect(answer.errorText.contains("ads.txt"))
    }
    #expect(house.askedUpstream.isEmpty)
    #expect(try house.ask("ok.ads.example")?.answers.count == 1)
    // A guest and the device for work ask without lists; what they learn does not reach the others.
    #expect(try house.ask("ads.example", from: "127.0.78.50")?.answers.count == 1)
    #expect(try house.ask("ads.example", from: "127.0.77.9")?.answers.count == 1)
    #expect(try house.ask("ads.example")?.error == Self.blocked)
  }

  @Test func aNewListHoldsForWhatIsCachedAlready() throws {
    let house = try ServedHousehold()
    house.internet["tracker.example"] = [(.a, [203, 0, 113, 7])]
    house.apply()
    #expect(try house.ask("tracker.example")?.answers.count == 1)
    try house.write("0.0.0.0 tracker.example\n", to: "new.txt")
    house.apply { $0.names.blocklists = ["new.txt"] }
    #expect(try house.ask("tracker.example") { $0.error != nil }?.error == Self.blocked)
    house.apply { $0.names.blocklists = [] }
    #expect(try house.ask("tracker.example") { $0.error == nil }?.answers.count == 1)
  }

  /// `shop.example` leads by `cdn.shop.example` to `metrics.tracker.example`, which only has an IPv4 address.
  private static func nameCloak(in house: ServedHousehold) {
    house.internet["shop.example"] = [(.cname, name("cdn.shop.example").wire)]
    house.internet["friend.example"] = [(.cname, name("cdn.shop.example").wire)]
    house.internet["cdn.shop.example"] = [(.cname, name("Metrics.tracker.example").wire)]
    house.internet["Metrics.tracker.example"] = [(.a, [203, 0, 113, 66])]
  }

  @Test func aliasesOfBlockedNamesAreBlocked() throws {
    let house = try ServedHousehold {
      $0.names.blocklists = ["ads.txt"]
      $0.names.allowed = [name("friend.example")]
      $0.names.records = ["www CNAME shop.example."]
      $0.networks[1].blocking = false
    }
    try house.write("||tracker.example^\n", to: "ads.txt")
    Self.nameCloak(in: house)
    house.apply()
    for (question, type) in [("shop.example", DNSType.a), ("Shop.example", .a), ("shop.example", .aaaa)] {
      let answer = try #require(try house.ask(question, type))
      #expect(answer.code == 3 && answer.answers.isEmpty && answer.error == Self.blocked, "\(question): \(answer)")
      #expect(answer.errorText == "blocked by ads.txt, as an alias of metrics.tracker.example")
    }
    #expect(house.askedUpstream == ["shop.example", "shop.example"], "once for each type")
    #expect(try house.ask("www.home.arpa")?.error == Self.blocked)
    #expect(try house.ask("friend.example")?.answers.count == 3, "who allows a name allows what it is an alias of")
    #expect(try house.ask("shop.example", from: "127.0.78.50")?.answers.count == 3, "guests ask without lists")
    #expect(try house.ask("shop.example")?.error == Self.blocked)
  }

  @Test func aNewListHoldsForAliasesThatAreCachedAlready() throws {
    let house = try ServedHousehold()
    Self.nameCloak(in: house)
    house.apply()
    #expect(try house.ask("shop.example")?.answers.count == 3)
    try house.write("0.0.0.0 metrics.tracker.example\n", to: "new.txt")
    house.apply { $0.names.blocklists = ["new.txt"] }
    #expect(try house.ask("shop.example") { $0.error != nil }?.error == Self.blocked)
    house.apply { $0.names.blocklists = [] }
    #expect(try house.ask("shop.example") { $0.error == nil }?.answers.count == 3)
  }

  @Test func anAnswerPastItsTimeIsNotGivenWhereANewListBlocksIt() throws {
    let house = try ServedHousehold()
    Self.nameCloak(in: house)
    house.internet["fine.example"] = [(.a, [203, 0, 113, 5])]
    house.lifetime = 1
    house.apply()
    for question in ["shop.example", "fine.example"] { #expect(try house.ask(question)?.answers.isEmpty == false) }
    try house.write("0.0.0.0 metrics.tracker.example\n", to: "new.txt")
    house.apply { $0.names.blocklists = ["new.txt"] }
    usleep(2_100_000)
    house.isUpstreamSilent = true
    let stale = try house.ask("fine.example") { $0.code == 0 }
    #expect(stale?.answers == ["fine.example. 30 IN A 203.0.113.5"])
    #expect(try house.ask("shop.example")?.answers.isEmpty ?? true)
  }

  @Test(arguments: [
    (DNSType.a, [192, 168, 77, 1] as [UInt8]), (.a, [127, 0, 0, 1]), (.a, [169, 254, 1, 1]), (.a, [100, 64, 0, 1]),
    (.a, [0, 0, 0, 0]), (.aaaa, [0xfd] + [UInt8](repeating: 0, count: 15)),
    (.aaaa, [UInt8](repeating: 0, count: 10) + [0xff, 0xff, 10, 0, 0, 1]),
    (.https, [0, 1, 0, 0, 4, 0, 4, 10, 0, 0, 1]),
  ])
  func namesOnTheInternetDoNotLeadIntoTheHouse(type: DNSType, data: [UInt8]) throws {
    let house = try ServedHousehold { $0.names.rebindingAllowed = [name("plex.example")] }
    for name in ["evil.example", "a.plex.example"] { house.internet[name] = [(type, data)] }
    house.internet["fine.example"] = [(.a, [203, 0, 113, 5])]
    house.apply()
    for _ in 0..<2 {
      let answer = try #require(try house.ask("evil.example", type))
      #expect(answer.answers.isEmpty && answer.error == Self.blocked, "\(answer)")
    }
    #expect(try house.ask("a.plex.example", type)?.answers.count == 1)
    #expect(try house.ask("fine.example")?.answers == ["fine.example. 300 IN A 203.0.113.5"])
  }
}
