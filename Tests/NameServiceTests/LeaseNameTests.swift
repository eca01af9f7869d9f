import Household
import TestSupport
import Testing
import Wire

@testable import NameService

@Suite struct LeaseNameTests {
  private func labels(_ leases: [Lease], keeping: LeaseNames = .none) throws -> [String: String] {
    let names = try snapshot(household(), leases, keeping: keeping, services: ["photos"]).leaseNames
    return Dictionary(uniqueKeysWithValues: names.labels.map { ($0.key.description, $0.value) })
  }

  @Test func aLeaseHasItsNameForwardAndReverse() throws {
    let zone = try snapshot(household(), [lease("192.168.77.100", "Phone")])
    #expect(zone.ask("phone.home.arpa")?.answers == ["phone.home.arpa. 60 IN A 192.168.77.100"])
    #expect(
      zone.ask("100.77.168.192.in-addr.arpa", .ptr)?.answers == [
        "100.77.168.192.in-addr.arpa. 60 IN PTR phone.home.arpa."
      ])
  }

  @Test(arguments: [
    "router", "ROUTER", "nas", "tv", "alice", "photos", "guest", "wpad", "WPAD", "isatap", "localhost", "", "-a", "a-",
    "a b", "a_b", "é", "*", ".", ".a", "phone.example", "wpad.home.arpa", "phone.home.arpa.example", "a..home.arpa",
    String(repeating: "a", count: 64), "a\u{0}b",
  ])
  func aHostNameThatIsNotTheClientsIsNotGiven(hostName: String) throws {
    #expect(try labels([lease("192.168.77.100", hostName)]).isEmpty)
    #expect(try labels([lease("192.168.78.100", hostName, network: "guest")]).isEmpty)
  }

  @Test(arguments: [
    ("phone", "phone"), ("Phone.Home.Arpa", "phone"), ("phone.home.arpa.", "phone"), ("phone.", "phone"), ("4", "4"),
    (String(repeating: "a", count: 63), String(repeating: "a", count: 63)),
  ])
  func aHostLabelIsTaken(hostName: String, label: String) throws {
    #expect(try labels([lease("192.168.77.100", hostName)]) == ["192.168.77.100": label])
  }

  @Test(arguments: [Lease.State.released, .expired, .declined])
  func namesOfEndedLeasesVanish(state: Lease.State) throws {
    let zone = try snapshot(household(), [lease("192.168.77.100", "phone", state: state)])
    #expect(zone.ask("phone.home.arpa")?.code == 3)
    #expect(zone.ask("100.77.168.192.in-addr.arpa", .ptr)?.code == 3)
  }

  @Test func theOlderLeaseComesFirst() throws {
    let leases = [
      lease("192.168.77.100", "phone", since: 30), lease("192.168.77.101", "phone", since: 10),
      lease("192.168.77.103", "phone", since: 20), lease("192.168.77.102", "phone", since: 20),
      lease("192.168.77.104", "phone-2", since: 40),
    ]
    #expect(
      try labels(leases) == [
        "192.168.77.101": "phone", "192.168.77.102": "phone-2", "192.168.77.103": "phone-3",
        "192.168.77.100": "phone-4", "192.168.77.104": "phone-2-2",
      ])
  }

  @Test func theFirstHolderKeepsItsNameFromAnOlderLease() throws {
    let model = household()
    let mine = lease("192.168.77.101", "laptop", since: 20)
    let before = try snapshot(model, [lease("192.168.77.100", "toaster", since: 10), mine])
    let after = try snapshot(model, [lease("192.168.77.100", "laptop", since: 10), mine], keeping: before.leaseNames)
    #expect(after.leaseNames.labels[v4("192.168.77.101")] == "laptop")
    #expect(after.leaseNames.labels[v4("192.168.77.100")] == "laptop-2")
    // Facts bring the names over a restart.
    #expect(LeaseNames(facts: after.facts) == after.leaseNames)
  }

  @Test func aLongNameIsCutForItsNumber() throws {
    let long = String(repeating: "a", count: 62) + "b"
    let labels = try labels([lease("192.168.77.100", long), lease("192.168.77.101", long)])
    #expect(labels["192.168.77.101"] == String(repeating: "a", count: 61) + "-2")
  }

  @Test func configuredNamesAreNotTaken() throws {
    let model = household { $0.names.records = ["printer A 192.168.77.20", "_ipp._tcp.scanner SRV 0 0 1 printer"] }
    let zone = try snapshot(model, [lease("192.168.77.100", "printer"), lease("192.168.77.101", "scanner")])
    #expect(zone.leaseNames == .none)
    #expect(zone.ask("printer.home.arpa")?.answers == ["printer.home.arpa. 300 IN A 192.168.77.20"])
  }

  @Test func guestsLiveBelowTheirNetwork() throws {
    let zone = try snapshot(
      household(), [lease("192.168.78.100", "phone", network: "guest"), lease("192.168.77.100", "phone", since: 5)])
    #expect(zone.ask("phone.home.arpa")?.answers == ["phone.home.arpa. 60 IN A 192.168.77.100"])
    #expect(zone.ask("phone.guest.home.arpa")?.answers == ["phone.guest.home.arpa. 60 IN A 192.168.78.100"])
    #expect(
      zone.ask("100.78.168.192.in-addr.arpa", .ptr)?.answers == [
        "100.78.168.192.in-addr.arpa. 60 IN PTR phone.guest.home.arpa."
      ])
  }

  @Test func aRecognisedDeviceIsKnownByItsOwnName() throws {
    let zone = try snapshot(
      household(),
      [lease("192.168.77.100", "DESKTOP-1", device: "tv"), lease("192.168.78.7", "x", network: "guest", device: "tv")])
    #expect(zone.ask("tv.home.arpa")?.answers == ["tv.home.arpa. 60 IN A 192.168.77.100"])
    // Whoever says the television's hardware address among the guests does not become the television of the house.
    #expect(zone.ask("tv.guest.home.arpa")?.answers == ["tv.guest.home.arpa. 60 IN A 192.168.78.7"])
    #expect(
      zone.ask("7.78.168.192.in-addr.arpa", .ptr)?.answers == [
        "7.78.168.192.in-addr.arpa. 60 IN PTR tv.guest.home.arpa."
      ])
    #expect(zone.ask("desktop-1.home.arpa")?.code == 3)
  }

  /// Random leases, many wanting the same names: every name has one holder, none is reserved, order of input changes nothing, a later lease takes
  /// nothing from those before, and each answers forward and reverse.
  @Test(arguments: Soak.seeds(0...7, soak: 1_000))
  func holdsItsPromisesForRandomLeases(seed: UInt64) throws {
    var random = SeededGenerator(seed)
    let wishes = [
      "phone", "Phone", "phone-2", "nas", "wpad", "a", "b.home.arpa", "c.example", "router", "x-9", "", "alice",
    ]
    var addresses = Array(100..<200).shuffled(using: &random)
    func randomLease() -> Lease {
      let isGuest = Bool.random(using: &random)
      return lease(
        "192.168.\(isGuest ? 78 : 77).\(addresses.removeLast())", wishes.randomElement(using: &random),
        network: isGuest ? "guest" : "home", since: Int64.random(in: 0..<10, using: &random),
        state: Int.random(in: 0..<5, using: &random) == 0 ? .expired : .active)
    }
    let leases = (0..<60).map { _ in randomLease() }
    let zone = try snapshot(household(), leases)
    let names = zone.facts.filter { $0.source == "lease" }
    #expect(names.count == zone.leaseNames.labels.count && !names.isEmpty)
    #expect(Set(names.map(\.name)).count == names.count)
    let forbidden = ["nas", "tv", "alice", "router", "wpad", "guest"].flatMap {
      ["\($0).home.arpa", "\($0).guest.home.arpa"]
    }
    #expect(names.allSatisfy { !forbidden.contains($0.name) && $0.addresses.count == 1 })
    for fact in names {
      #expect(zone.ask(fact.name)?.answers == ["\(fact.name). 60 IN A \(fact.addresses[0])"])
      let reverse = ReverseName.of(fact.addresses[0]).description
      #expect(zone.ask(reverse, .ptr)?.answers == ["\(reverse). 60 IN PTR \(fact.name)."])
    }
    #expect(try snapshot(household(), leases.shuffled(using: &random)).leaseNames == zone.leaseNames)
    let grown = try snapshot(household(), leases + [randomLease()], keeping: zone.leaseNames)
    #expect(zone.leaseNames.labels.allSatisfy { grown.leaseNames.labels[$0.key] == $0.value })
    #expect(try snapshot(household(), leases, keeping: zone.leaseNames).leaseNames == zone.leaseNames)
  }
}
