import Household
import Interfaces
import Netlink
import Testing
import Wire

@Suite struct NeighbourBookTests {
  private let hardware = MACAddress("02:00:00:00:00:99")!
  private let address = IPAddress("192.168.77.50")!

  private func neighbour(_ state: NeighbourState = .reachable, link: Int32 = 3) -> Neighbour {
    Neighbour(link: link, address: address, hardware: hardware, state: state)
  }

  private func update(
    _ book: inout NeighbourBook, _ neighbours: [Neighbour], devices: [Device] = [], leases: [Lease] = [], at now: Int64
  ) -> [NeighbourFact] {
    book.update(neighbours, networks: [3: "home"], devices: devices, leases: leases, now: now)
  }

  @Test func aStrangerIsNoticedOnce() {
    var book = NeighbourBook()
    #expect(update(&book, [neighbour()], at: 600).map(\.hardware) == [hardware])
    #expect(update(&book, [neighbour()], at: 700).isEmpty)
    #expect(book.facts[address]?.firstSeen == 600)
    #expect(book.facts[address]?.lastSeen == 660)
  }

  @Test func namedDevicesAreRecognisedByHardwareAndByLease() {
    var book = NeighbourBook()
    #expect(update(&book, [neighbour()], devices: [Device(name: "nas", hardware: [hardware])], at: 0).isEmpty)
    #expect(book.facts[address]?.device == "nas")
    let lease = Lease(
      address: IPv4Address(192, 168, 77, 50), hardware: hardware, clientIdentifier: "01", hostName: nil,
      network: "home",
      device: "tv", state: .active, since: 0, renewed: 0, expires: 100)
    var other = NeighbourBook()
    #expect(update(&other, [neighbour()], leases: [lease], at: 0).isEmpty)
    #expect(other.facts[address]?.device == "tv")
  }

  @Test func staleEntriesAndOtherLinksTellNothingNew() {
    var book = NeighbourBook()
    _ = update(&book, [neighbour()], at: 60)
    _ = update(&book, [neighbour(.stale)], at: 6_000)
    #expect(book.facts[address]?.lastSeen == 60)
    #expect(update(&book, [neighbour(link: 9)], at: 6_000).isEmpty)
    var empty = NeighbourBook()
    #expect(update(&empty, [neighbour(.failed)], at: 0).isEmpty)
    #expect(empty.facts.isEmpty)
  }

  @Test func theSilentAreForgotten() {
    var book = NeighbourBook()
    _ = update(&book, [neighbour()], at: 0)
    _ = update(&book, [], at: NeighbourBook.retention + 1)
    #expect(book.facts.isEmpty)
  }
}
