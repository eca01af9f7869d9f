import Household
import Netlink
import Testing
import Wire

@testable import Interfaces

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
    _ = update(&book, [neighbour(.stale)], at: 3_000)
    #expect(book.facts[address]?.lastSeen == 60)
    #expect(update(&book, [neighbour(link: 9)], at: 3_000).isEmpty)
    var empty = NeighbourBook()
    #expect(update(&empty, [neighbour(.failed)], at: 0).isEmpty)
    #expect(empty.facts.isEmpty)
  }

  @Test func theSilentAreForgottenStrangersSoonerThanDevices() {
    let devices = [Device(name: "nas", hardware: [hardware])]
    let linkLocal = Neighbour(link: 3, address: IPAddress("fe80::50")!, hardware: hardware, state: .reachable)
    var book = NeighbourBook()
    _ = update(&book, [neighbour(), linkLocal], devices: devices, at: 0)
    _ = update(&book, [], devices: devices, at: NeighbourBook.shortRetention + 1)
    #expect(book.deviceAddresses == [address: "nas"], "link-local addresses are learnt again")
    _ = update(&book, [], devices: devices, at: NeighbourBook.retention + 1)
    #expect(book.facts.isEmpty)

    _ = update(&book, [neighbour()], at: 0)
    let later = NeighbourBook.shortRetention + 1
    _ = update(&book, [neighbour(.stale)], at: later)
    #expect(book.facts.isEmpty)
    #expect(update(&book, [neighbour(.stale)], at: later + 60).isEmpty)
    #expect(book.facts.isEmpty, "what the kernel remembers of the past is not somebody new")
    #expect(update(&book, [neighbour()], at: later + 120).isEmpty, "nor is one who comes back")
    #expect(book.facts[address]?.lastSeen == later / 60 * 60 + 120)
  }

  /// A guest that makes up an address and a sender for each packet.
  @Test func inventedStrangersHaveBoundsAndDevicesStay() {
    let devices = [Device(name: "nas", hardware: [hardware])]
    func invented(_ numbers: Range<Int>) -> [Neighbour] {
      numbers.map {
        Neighbour(
          link: 4, address: IPAddress("fe80::1:\(String($0, radix: 16))")!,
          hardware: MACAddress(value: 0x0200_0000_0000 + UInt64($0) + 0x10000), state: .stale)
      }
    }
    func update(_ book: inout NeighbourBook, _ neighbours: [Neighbour], at now: Int64) -> [NeighbourFact] {
      book.update(neighbours, networks: [3: "home", 4: "guest"], devices: devices, leases: [], now: now)
    }
    var book = NeighbourBook()
    _ = update(
      &book, [neighbour(), Neighbour(link: 4, address: IPAddress("192.168.78.5")!, hardware: hardware, state: .stale)],
      at: 0)
    var notices = 0
    for round in 0..<20 {
      notices += update(&book, invented(round * 1_000..<(round + 1) * 1_000), at: Int64(round)).count
    }
    #expect(notices == NeighbourBook.noticesPerMinute)
    #expect(book.facts.count == NeighbourBook.capacity + 1)
    #expect(book.deviceAddresses.count == 2)
    let full = book.facts
    _ = update(&book, invented(30_000..<32_000), at: 59)
    #expect(book.facts == full, "a full book changes once a minute")
    _ = update(&book, invented(40_000..<42_000), at: 60)
    #expect(book.facts != full && book.facts.count == full.count && book.deviceAddresses.count == 2)
  }

  @Test func oneSenderHasFewAddressesAndTheOnesInUseStay() {
    let devices = [Device(name: "nas", hardware: [hardware])]
    var book = NeighbourBook()
    let many = (0..<200).map {
      Neighbour(
        link: 3, address: IPAddress("fd00:77::\(String($0 + 16, radix: 16))")!, hardware: hardware, state: .stale)
    }
    _ = update(&book, [neighbour()] + many, devices: devices, at: 0)
    #expect(book.facts.count == NeighbourBook.addressesPerHardware)
    _ = update(&book, [neighbour()] + many, devices: devices, at: 60)
    #expect(book.facts[address] != nil && book.facts.count == NeighbourBook.addressesPerHardware)
  }
}
