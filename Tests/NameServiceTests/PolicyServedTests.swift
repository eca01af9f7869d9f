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
