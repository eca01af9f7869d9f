import Household
import TestSupport
import Testing
import Wire

@testable import AddressService

private let router = IPv4Address(192, 168, 77, 1)
private let nas: UInt64 = 0x0200_0000_0010
private func home(_ last: UInt8) -> IPv4Address { IPv4Address(192, 168, 77, last) }

/// Who gets which address when, over days.
@Suite struct LeaseReuseTests {
  @Test func theSameClientComesBackToItsAddressAfterExpiryAndRestart() throws {
    var script = DHCPScript()
    let address = try #require(try script.lease(1))
    try script.wait(10_000)
    #expect(script.stored[address]?.state == .expired)
    for client: UInt64 in 2...6 { try script.lease(client) }
    script.restart()
    #expect(try script.lease(1) == address)
  }

  /// A daemon has its leases before it has its configuration.
  @Test func endedLeasesWaitForTheFirstConfiguration() throws {
    var first = DHCPScript()
    let address = try #require(try first.lease(1))
    let later = DHCPTime(instant: .seconds(9), wall: first.now.wall + 90_000)
    var second = DHCPScript(DHCPConfiguration(), leases: Array(first.stored.values), now: later)
    try second.reconfigure(DHCPScript.configuration)
    #expect(second.stored[address]?.state == .expired)
    for client: UInt64 in 2...10 { #expect(try second.lease(client) != address) }
    #expect(try second.lease(1) == address)
  }

  @Test func theSameClientFindsItsAddressAlsoWhereTheLeaseWasLost() throws {
    var first = DHCPScript()
    var second = DHCPScript()
    #expect(try first.lease(0x0212_3456_789a) == second.lease(0x0212_3456_789a))
  }

  /// Released addresses first, then ended ones, each by when they were last used; active ones never.
  @Test func addressesLongestOutOfUseGoFirst() throws {
    var script = DHCPScript()
    var addresses: [UInt64: IPv4Address] = [:]
    for client: UInt64 in 1...10 {
      addresses[client] = try script.lease(client)
      try script.wait(10)
    }
    try script.send(.release, from: 7) { $0.current = addresses[7]! }
    try script.wait(5)
    try script.send(.release, from: 3) { $0.current = addresses[3]! }
    try script.wait(5)
    #expect(try script.lease(101) == addresses[7])
    #expect(try script.lease(102) == addresses[3])
    #expect(try script.lease(103) == nil)
    #expect(script.server.counters.exhausted == 1)
    #expect(script.server.exhaustionProblems(now: script.now.wall).count == 1)
    try script.wait(3_600 - 80)
    #expect(try script.lease(104) == addresses[1])
    #expect(try script.lease(105) == addresses[2])
    #expect(script.server.exhaustionProblems(now: script.now.wall).isEmpty)
  }

  /// L9: phones that change their hardware address every day do not use up the pool, and nobody loses an active lease.
  @Test func aYearOfRandomHardwareAddresses() throws {
    var script = DHCPScript()
    let resident = try #require(try script.lease(1))
    var generator = SeededGenerator(9)
    for _ in 0..<365 * 4 {
      #expect(try script.lease(generator.next() & 0xfeff_ffff_ffff | 2) != nil)
      try script.wait(1_800)
      #expect(
        try script.send(.request, from: 1) {
          $0.current = resident
          $0.wasBroadcast = false
        }?.type == .acknowledge)
    }
    #expect(script.server.leases.count <= 10)
    #expect(script.stored.count <= 10)
  }

  /// A flood of DISCOVERs from made-up addresses: memory stays bounded, and a real client still gets an address.
  @Test func aFloodOfDiscoversLeavesRoom() throws {
    var script = DHCPScript(probeQuestions: 2)
    var generator = SeededGenerator(5)
    for step in 0..<2_000 {
      try script.send(.discover, from: generator.next() & 0xfeff_ffff_ffff)
      if step % 20 == 0 { try script.wait(milliseconds: 100) }
      #expect(script.server.probes.pending.count <= 64)
    }
    try script.wait(3)
    try script.send(.discover, from: 1)
    #expect(script.output.probes.count == 1)
    try script.wait(milliseconds: 150)
    let offer = try #require(try script.wait(milliseconds: 150).first)
    let answer = try script.send(.request, from: 1) {
      $0.requested = offer.address
      $0.server = router
    }
    #expect(answer?.type == .acknowledge)
  }

  /// The thief of an open offer never gets an address that is leased.
  @Test func openOffersOfLeasedAddressesAreNotTaken() throws {
    var script = DHCPScript()
    for client: UInt64 in 1...10 { try script.lease(client) }
    for client: UInt64 in 1...10 { try script.send(.discover, from: client) }
    try script.wait(5)
    #expect(try script.send(.discover, from: 99) == nil)
  }

  @Test func aLargePoolIsServedToItsLastAddress() throws {
    var configuration = DHCPScript.configuration
    configuration.scopes = [
      DHCPScope(
        name: "home", device: "lan0", server: InterfaceAddress("10.0.0.1/16")!,
        pool: IPv4Address(10, 0, 0, 0)...IPv4Address(10, 0, 3, 255), leaseSeconds: 3_600,
        domain: DomainName("home.arpa")!, excluded: [IPv4Address(10, 0, 0, 1)])
    ]
    var script = DHCPScript(configuration)
    var given: Set<IPv4Address> = []
    for client: UInt64 in 1...1_022 {
      let offer = try #require(try script.send(.discover, from: client))
      let answer = try script.send(.request, from: client) {
        $0.requested = offer.address
        $0.server = IPv4Address(10, 0, 0, 1)
      }
      #expect(answer?.type == .acknowledge)
      given.insert(offer.address)
    }
    #expect(given.count == 1_022)
    #expect(!given.contains(IPv4Address(10, 0, 0, 0)) && !given.contains(IPv4Address(10, 0, 0, 1)))
    #expect(try script.send(.discover, from: 5_000) == nil)
  }
}

/// Static addresses by device, and devices that move.
@Suite struct StaticAddressTests {
  @Test func aDeviceGetsItsAddressByHardwareAndByClientIdentifier() throws {
    var script = DHCPScript()
    #expect(try script.lease(nas) == home(10))
    #expect(script.stored[home(10)]?.device == "nas")
    script = DHCPScript()
    #expect(try script.lease(5) { $0.options = [(.clientIdentifier, [0, 1, 2, 3])] } == home(10))
    #expect(try script.send(.discover, from: 6) { $0.requested = home(10) }?.address != home(10))
  }

  @Test func aDeviceInAnotherNetworkGetsAnAddressThere() throws {
    var script = DHCPScript()
    #expect(try script.lease(nas) == home(10))
    let guest = try #require(try script.lease(nas) { $0.network = "guest" })
    #expect(DHCPScript.guest.pool.contains(guest))
    #expect(script.stored[guest]?.network == "guest")
    #expect(script.stored[guest]?.expires == script.now.wall + 600)
    #expect(try script.lease(nas) == home(10))
  }

  /// Statics change without a restart: the client is refused when it renews, and then gets its new address.
  @Test func aNewStaticAddressIsTakenAtTheNextRenewal() throws {
    var script = DHCPScript()
    let old = try #require(try script.lease(7))
    var configuration = DHCPScript.configuration
    configuration.devicesByHardware[MACAddress(value: 7)] = "printer"
    configuration.scopes[0].reservations[home(20)] = "printer"
    try script.reconfigure(configuration)
    #expect(script.stored[old]?.device == "printer")
    let refusal = try script.send(.request, from: 7) {
      $0.current = old
      $0.wasBroadcast = false
    }
    #expect(refusal?.type == .refuse)
    #expect(try script.lease(7) == home(20))
    #expect(script.stored[old]?.state == .released)
  }

  @Test func anAddressThatBecomesStaticIsNotTakenFromItsHolder() throws {
    var script = DHCPScript()
    let address = try #require(try script.lease(7))
    var configuration = DHCPScript.configuration
    configuration.scopes[0].reservations = [address: "nas"]
    try script.reconfigure(configuration)
    #expect(script.stored[address]?.state == .active)
    let other = try #require(try script.lease(nas))
    #expect(other != address)
    let refusal = try script.send(.request, from: 7) {
      $0.current = address
      $0.wasBroadcast = false
    }
    #expect(refusal?.type == .refuse, "it no longer fits")
    try script.wait(3_601)
    #expect(try script.lease(nas) == address)
  }

  @Test func leasesOutsideANewPoolEndAtTheirRenewal() throws {
    var script = DHCPScript()
    let address = try #require(try script.lease(1))
    var configuration = DHCPScript.configuration
    configuration.scopes[0].pool = home(200)...home(209)
    try script.reconfigure(configuration)
    #expect(script.stored[address]?.state == .active)
    #expect(try script.send(.request, from: 1) { $0.current = address }?.type == .refuse)
    #expect(configuration.scopes[0].pool.contains(try #require(try script.lease(1))))
  }

  @Test func leasesOfARemovedNetworkAreForgottenWhenTheyEnd() throws {
    var script = DHCPScript()
    let address = try #require(try script.lease(1) { $0.network = "guest" })
    var configuration = DHCPScript.configuration
    configuration.scopes.removeLast()
    try script.reconfigure(configuration)
    #expect(script.stored[address]?.state == .active)
    try script.wait(601)
    #expect(script.stored[address] == nil)
  }

  @Test func theSameConfigurationChangesNothing() throws {
    var script = DHCPScript()
    try script.lease(1)
    try script.reconfigure(DHCPScript.configuration)
    #expect(script.output.isEmpty)
  }
}

/// RFC 2131 section 2.2: the server probes before it offers an address.
@Suite struct ConflictProbeTests {
  @Test func offersWaitForAnUnansweredProbe() throws {
    var script = DHCPScript(probeQuestions: 2)
    #expect(try script.send(.discover, from: 1) == nil)
    #expect(script.output.probes.count == 1)
    #expect(script.server.nextDeadline(after: script.now) == script.now.instant.advanced(milliseconds: 150))
    // The client asks again: one offer, and it answers the later message.
    #expect(try script.send(.discover, from: 1) { $0.transaction = 2 } == nil)
    #expect(script.output.probes.isEmpty)
    #expect(try script.wait(milliseconds: 150).isEmpty)
    #expect(script.output.probes.count == 1)
    let offers = try script.wait(milliseconds: 150)
    #expect(offers.map(\.type) == [.offer])
    #expect(offers[0].transaction == 2)
    #expect(try script.send(.discover, from: 1)?.address == offers[0].address, "an open offer is not probed again")
  }

  @Test func anAnsweredProbeQuarantinesAndTriesAnother() throws {
    var script = DHCPScript(probeQuestions: 1)
    try script.send(.discover, from: 1)
    let taken = try #require(script.output.probes.first).address
    #expect(try script.answerProbe(taken, by: 0x99).isEmpty)
    #expect(script.stored[taken]?.state == .declined)
    #expect(script.stored[taken]?.hardware == MACAddress(value: 0x99))
    let next = try #require(script.output.probes.first).address
    #expect(next != taken)
    #expect(try script.wait(milliseconds: 150).map(\.address) == [next])
  }

  @Test func aNetworkFullOfStrangersDoesNotLoop() throws {
    var script = DHCPScript(probeQuestions: 1)
    try script.send(.discover, from: 1)
    var probes = 0
    while let probe = script.output.probes.first {
      probes += 1
      _ = try script.answerProbe(probe.address, by: 0x99)
    }
    #expect(probes == 4)
  }

  @Test func theClientsOwnAnswerIsNoConflict() throws {
    var script = DHCPScript(probeQuestions: 1)
    try script.send(.discover, from: 1)
    let probe = try #require(script.output.probes.first)
    #expect(try script.answerProbe(probe.address, by: 1).map(\.address) == [probe.address])
  }

  @Test func knownClientsAreNotProbed() throws {
    var script = DHCPScript()
    let address = try #require(try script.lease(1))
    var second = DHCPScript(leases: Array(script.stored.values), probeQuestions: 2)
    #expect(try second.send(.discover, from: 1)?.address == address)
  }

  /// A laptop with cable and wireless, both known as one device with one static address.
  @Test func theSecondInterfaceOfADeviceGetsAnotherAddressWhileTheFirstIsThere() throws {
    var configuration = DHCPScript.configuration
    configuration.devicesByHardware[MACAddress(value: 0x11)] = "nas"
    var script = DHCPScript(configuration)
    #expect(try script.lease(nas) == home(10))
    var probing = DHCPScript(configuration, leases: Array(script.stored.values), probeQuestions: 1)
    try probing.send(.discover, from: 0x11)
    #expect(probing.output.probes.map(\.address) == [home(10)])
    _ = try probing.answerProbe(home(10), by: nas)
    #expect(probing.stored[home(10)]?.state == .active)
    #expect(probing.output.probes.first.map { DHCPScript.home.pool.contains($0.address) } == true)
    var offer: DHCPScript.Answer?
    for _ in 0..<20 {
      offer = try probing.wait(milliseconds: 250).first
      if offer != nil { break }
    }
    let second = try #require(offer?.type == .offer ? offer?.address : nil)
    let acknowledged = try probing.send(.request, from: 0x11) {
      $0.requested = second
      $0.server = DHCPScript.home.serverAddress
    }
    #expect(acknowledged?.type == .acknowledge && acknowledged?.address == second)
    let renewed = try probing.send(.request, from: 0x11) {
      $0.current = second
      $0.wasBroadcast = false
    }
    #expect(renewed?.type == .acknowledge && renewed?.address == second)
    // Without an answer it takes the address over.
    var moved = DHCPScript(configuration, leases: Array(script.stored.values))
    #expect(try moved.lease(0x11) == home(10))
  }
}

/// Leases are dated by the wall clock, which a router without a battery does not have at boot.
@Suite struct LeaseClockTests {
  @Test func leasesMoveWithTheClockThatDatedThem() throws {
    var script = DHCPScript(now: DHCPTime(instant: .seconds(5), wall: 100))
    let address = try #require(try script.lease(1))
    try script.wait(10)
    script.now.wall += 1_767_225_600
    try script.wait(0)
    #expect(script.stored[address]?.state == .active)
    #expect(script.stored[address]?.expires == script.now.wall + 3_590)
    try script.wait(3_591)
    #expect(script.stored[address]?.state == .expired)
  }

  @Test func storedLeasesAreHeldWhileTheClockIsBehindThem() throws {
    var script = DHCPScript()
    let address = try #require(try script.lease(1))
    var rebooted = DHCPScript(
      leases: Array(script.stored.values), now: DHCPTime(instant: .seconds(1), wall: 200))
    for client: UInt64 in 2...10 { #expect(try rebooted.lease(client) != address) }
    #expect(try rebooted.send(.discover, from: 11) == nil)
    // The clock is set: the lease lasts for its time, not for years.
    rebooted.now.wall = script.now.wall + 60
    try rebooted.wait(0)
    #expect(rebooted.stored[address]?.state == .active)
    try rebooted.wait(3_700)
    #expect(rebooted.stored[address]?.state == .expired)
  }

  @Test func storedLeasesEndByTheRightClock() throws {
    var script = DHCPScript()
    let address = try #require(try script.lease(1))
    let later = DHCPTime(instant: .seconds(1), wall: script.now.wall + 7_200)
    var rebooted = DHCPScript(leases: Array(script.stored.values), now: later)
    try rebooted.wait(0)
    #expect(rebooted.stored[address]?.state == .expired)
  }

  @Test func aClockSetBackKeepsLeasesForTheirTime() throws {
    var script = DHCPScript()
    let address = try #require(try script.lease(1))
    script.now.wall -= 1_000_000
    try script.wait(0)
    #expect(script.stored[address]?.expires == script.now.wall + 3_600)
  }
}

/// What cannot be stored is not promised.
@Suite struct ReadOnlyTests {
  @Test func undoneLeasesAreFreeAgain() throws {
    var script = DHCPScript()
    let address = try #require(try script.lease(1))
    script.server.undo(script.output.changes)
    #expect(script.server.leases[address] == nil)
    #expect(try script.send(.discover, from: 2) { $0.requested = address }?.address == address)
  }

  @Test func undoneRenewalsKeepTheOldTimes() throws {
    var script = DHCPScript()
    let address = try #require(try script.lease(1))
    let lease = script.server.leases[address]
    try script.wait(1_000)
    try script.send(.request, from: 1) { $0.current = address }
    #expect(script.server.leases[address] != lease)
    script.server.undo(script.output.changes)
    #expect(script.server.leases[address] == lease)
  }

  @Test func onlyWhatIsStoredIsPromisedAgain() throws {
    var script = DHCPScript()
    let address = try #require(try script.lease(1))
    script.server.isReadOnly = true
    try script.wait(1_800)
    let renewal = try script.send(.request, from: 1) { $0.current = address }
    #expect(renewal?.leaseSeconds == 1_800)
    #expect(script.output.changes.isEmpty)
    #expect(try script.send(.discover, from: 2)?.type == .offer)
    #expect(try script.lease(2) == nil)
    #expect(script.server.counters.unstored == 1)
    script.server.isReadOnly = false
    #expect(try script.lease(2) != nil)
  }
}
