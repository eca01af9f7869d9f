import Household
import Testing
import Wire

@testable import AddressService

private let router = IPv4Address(192, 168, 77, 1)
private func home(_ last: UInt8) -> IPv4Address { IPv4Address(192, 168, 77, last) }

/// RFC 2131 section 3.1: a new address.
@Suite struct Section31AllocatingANewAddress {
  @Test func discoverOfferRequestAcknowledge() throws {
    var script = DHCPScript()
    let offer = try #require(try script.send(.discover, from: 0x0200_0000_0001))
    #expect(offer.type == .offer)
    #expect(DHCPScript.home.pool.contains(offer.address))
    #expect(offer.destination == .hardware(MACAddress(value: 0x0200_0000_0001), address: offer.address))
    #expect(script.output.changes.isEmpty, "an offer is no lease")
    let acknowledgement = try #require(
      try script.send(.request, from: 0x0200_0000_0001) {
        $0.requested = offer.address
        $0.server = router
      })
    #expect(acknowledgement.type == .acknowledge)
    #expect(acknowledgement.address == offer.address)
    #expect(acknowledgement.leaseSeconds == 3_600)
    #expect(acknowledgement.option(1) == [255, 255, 255, 0])
    #expect(acknowledgement.option(3) == [192, 168, 77, 1])
    #expect(acknowledgement.option(6) == [192, 168, 77, 1])
    #expect(acknowledgement.option(15) == Array("home.arpa".utf8))
    #expect(acknowledgement.option(54) == [192, 168, 77, 1])
    #expect(acknowledgement.option(58) == [0, 0, 7, 8])
    #expect(acknowledgement.option(59) == [0, 0, 12, 78])
    #expect(script.output.replies.map(\.isPromise) == [true])
    let lease = try #require(script.stored[offer.address])
    #expect(lease.state == .active)
    #expect(lease.expires == DHCPScript.start.wall + 3_600)
  }

  @Test func differentClientsGetDifferentAddresses() throws {
    var script = DHCPScript()
    let addresses = try (1...10).map { try script.lease($0) }
    #expect(Set(addresses.compactMap(\.self)).count == 10)
  }

  @Test func theAnswerToAnotherServerFreesTheOffer() throws {
    var script = DHCPScript()
    for client: UInt64 in 1...10 { try script.send(.discover, from: client) }
    #expect(try script.send(.discover, from: 11) == nil)
    try script.send(.request, from: 1) {
      $0.requested = IPv4Address(192, 168, 77, 200)
      $0.server = IPv4Address(192, 168, 77, 2)
    }
    #expect(try script.send(.discover, from: 11)?.type == .offer)
  }

  @Test func repeatedMessagesAreAnsweredAlikeAndStoredOnce() throws {
    var script = DHCPScript()
    let offer = try #require(try script.send(.discover, from: 1))
    #expect(try script.send(.discover, from: 1) == offer)
    let request: (inout DHCPScript.Message) -> Void = {
      $0.requested = offer.address
      $0.server = router
    }
    let first = try #require(try script.send(.request, from: 1, edit: request))
    #expect(script.output.changes.count == 1)
    #expect(try script.send(.request, from: 1, edit: request) == first)
    #expect(script.output.changes.isEmpty)
    try script.wait(3)
    #expect(try script.send(.request, from: 1, edit: request)?.leaseSeconds == 3_597)
    #expect(script.output.changes.isEmpty)
  }

  /// Section 4.3.1: the address that the client asks for, where it is free.
  @Test func requestedAddressIsOffered() throws {
    var script = DHCPScript()
    #expect(try script.send(.discover, from: 1) { $0.requested = home(105) }?.address == home(105))
    #expect(try script.send(.discover, from: 2) { $0.requested = home(105) }?.address != home(105))
    #expect(try script.send(.discover, from: 3) { $0.requested = home(200) }?.address != home(200))
    #expect(try script.send(.discover, from: 4) { $0.requested = router }?.address != router)
  }

  @Test func shorterLeasesAreGivenAndLongerOnesAreNot() throws {
    var script = DHCPScript()
    for (wanted, given): (UInt32, UInt32) in [(600, 600), (5, 120), (100_000, 3_600)] {
      let offer = try script.send(.discover, from: UInt64(wanted)) {
        $0.options = [(.leaseTime, withUnsafeBytes(of: wanted.bigEndian) { Array($0) })]
      }
      #expect(offer?.leaseSeconds == given)
    }
  }
}

/// RFC 2131 section 4.1: where replies go.
@Suite struct Section41Destinations {
  @Test func broadcastWhereTheClientWantsIt() throws {
    var script = DHCPScript()
    #expect(try script.send(.discover, from: 1) { $0.wantsBroadcast = true }?.destination == .broadcast)
  }

  @Test func theRelayAgent() throws {
    var script = DHCPScript()
    let offer = try script.send(.discover, from: 1) {
      $0.relay = home(2)
      $0.options = [(.relayAgentInformation, [1, 2, 3, 4])]
    }
    #expect(offer?.destination == .relay(home(2)))
    #expect(offer?.option(82) == [1, 2, 3, 4])
    let message = try #require(offer?.message)
    #expect(try DHCPv4View(message.span.bytes).optionCodes.last == .relayAgentInformation)
  }

  /// A guest that poses as a relay agent of the home network.
  @Test func aRelayAgentOfAnotherNetworkIsIgnored() throws {
    var script = DHCPScript()
    #expect(
      try script.send(.discover, from: 1) {
        $0.network = "guest"
        $0.relay = home(2)
      } == nil)
    #expect(script.server.counters.ignored == 1)
  }

  @Test func theClientsOwnAddressInRenewing() throws {
    var script = DHCPScript()
    let address = try #require(try script.lease(1))
    let answer = try script.send(.request, from: 1) {
      $0.current = address
      $0.wasBroadcast = false
    }
    #expect(answer?.destination == .client(address))
  }

  @Test func refusalsAreBroadcast() throws {
    var script = DHCPScript()
    let refusal = try script.send(.request, from: 1) { $0.requested = IPv4Address(10, 0, 0, 5) }
    #expect(refusal?.type == .refuse)
    #expect(refusal?.destination == .broadcast)
    #expect(refusal?.address == .any)
    #expect(refusal?.option(54) == [192, 168, 77, 1])
    #expect(refusal?.leaseSeconds == nil && refusal?.option(1) == nil)
  }

  @Test func refusalsThroughARelayAgentSetTheBroadcastBit() throws {
    var script = DHCPScript()
    let refusal = try #require(
      try script.send(.request, from: 1) {
        $0.requested = IPv4Address(10, 0, 0, 5)
        $0.relay = home(2)
      })
    #expect(refusal.destination == .relay(home(2)))
    #expect(try DHCPv4View(refusal.message.span.bytes).header.wantsBroadcast)
  }
}

/// RFC 2131 section 4.3.2: DHCPREQUEST in each state of the client.
@Suite struct Section432Request {
  @Test func selectingAnAddressThatIsNotFreeIsRefused() throws {
    var script = DHCPScript()
    let address = try #require(try script.lease(1))
    let answer = try script.send(.request, from: 2) {
      $0.requested = address
      $0.server = router
    }
    #expect(answer?.type == .refuse)
    #expect(script.stored[address]?.hardware == MACAddress(value: 1))
  }

  @Test func selectingOutsideThePoolIsRefused() throws {
    var script = DHCPScript()
    for address in [home(50), home(10), router, home(0), home(255), .any] {
      let answer = try script.send(.request, from: 1) {
        $0.requested = address
        $0.server = router
      }
      #expect(answer?.type == .refuse, "\(address)")
    }
  }

  /// The server restarted between offer and request, and offers are in memory only.
  @Test func selectingAfterARestartWorks() throws {
    var script = DHCPScript()
    let offer = try #require(try script.send(.discover, from: 1))
    script.restart()
    let answer = try script.send(.request, from: 1) {
      $0.requested = offer.address
      $0.server = router
    }
    #expect(answer?.type == .acknowledge)
  }

  @Test func initRebootOnTheRightNetworkIsAcknowledged() throws {
    var script = DHCPScript()
    let address = try #require(try script.lease(1))
    script.restart()
    try script.wait(60)
    let answer = try script.send(.request, from: 1) { $0.requested = address }
    #expect(answer?.type == .acknowledge)
    #expect(answer?.leaseSeconds == 3_600)
  }

  @Test func initRebootWithAnotherAddressThanRecordedIsRefused() throws {
    var script = DHCPScript()
    let address = try #require(try script.lease(1))
    let other = DHCPScript.home.pool.lowerBound == address ? home(101) : home(100)
    #expect(try script.send(.request, from: 1) { $0.requested = other }?.type == .refuse)
  }

  @Test func initRebootOnAnotherNetworkIsRefused() throws {
    var script = DHCPScript()
    let address = try #require(try script.lease(1))
    let answer = try script.send(.request, from: 1) {
      $0.network = "guest"
      $0.requested = address
    }
    #expect(answer?.type == .refuse)
  }

  /// "If the DHCP server has no record of this client, then it MUST remain silent."
  @Test func initRebootWithoutARecordIsSilent() throws {
    var script = DHCPScript()
    #expect(try script.send(.request, from: 9) { $0.requested = home(103) } == nil)
  }

  @Test func initRebootWithAnAddressOfSomebodyElseIsRefused() throws {
    var script = DHCPScript()
    let address = try #require(try script.lease(1))
    #expect(try script.send(.request, from: 9) { $0.requested = address }?.type == .refuse)
  }

  @Test(arguments: [true, false]) func renewingAndRebindingExtend(isRebinding: Bool) throws {
    var script = DHCPScript()
    let address = try #require(try script.lease(1))
    try script.wait(1_800)
    let answer = try script.send(.request, from: 1) {
      $0.current = address
      $0.wasBroadcast = isRebinding
    }
    #expect(answer?.type == .acknowledge)
    #expect(script.stored[address]?.expires == script.now.wall + 3_600)
    #expect(script.stored[address]?.since == DHCPScript.start.wall)
  }

  /// The lease file was lost: who asks this server directly got the address from it; who asks everybody may not have.
  @Test func extensionWithoutARecord() throws {
    var script = DHCPScript()
    #expect(
      try script.send(.request, from: 1) {
        $0.current = home(104)
        $0.wasBroadcast = false
      }?.type == .acknowledge)
    #expect(try script.send(.request, from: 2) { $0.current = home(105) } == nil)
    #expect(
      try script.send(.request, from: 3) {
        $0.current = home(104)
        $0.wasBroadcast = false
      }?.type == .refuse)
  }

  @Test func extensionOfAForeignAddressIsRefused() throws {
    var script = DHCPScript()
    #expect(try script.send(.request, from: 1) { $0.current = IPv4Address(10, 1, 2, 3) }?.type == .refuse)
  }

  @Test func aRequestThatSaysNothingIsIgnored() throws {
    var script = DHCPScript()
    #expect(try script.send(.request, from: 1) == nil)
    #expect(script.server.counters.ignored == 1)
  }
}

/// RFC 2131 sections 4.3.3 to 4.3.5.
@Suite struct Section433DeclineReleaseInform {
  @Test func declinedAddressesAreLeftAloneForAnHour() throws {
    var script = DHCPScript()
    let address = try #require(try script.lease(1))
    #expect(
      try script.send(.decline, from: 1) {
        $0.requested = address
        $0.server = router
      } == nil)
    #expect(script.stored[address]?.state == .declined)
    #expect(try script.lease(1) != address)
    for client: UInt64 in 2...9 { #expect(try script.lease(client) != address) }
    try script.wait(3_601)
    #expect(script.stored[address] == nil)
    #expect(try script.send(.discover, from: 20) { $0.requested = address }?.address == address)
  }

  @Test func nobodyDeclinesTheAddressOfAnother() throws {
    var script = DHCPScript()
    let address = try #require(try script.lease(1))
    try script.send(.decline, from: 2) { $0.requested = address }
    #expect(script.stored[address]?.state == .active)
  }

  /// Whoever has heard another's hardware address on the air can say it on the guests' network.
  @Test func anotherNetworkCannotEndALease() throws {
    var script = DHCPScript()
    let address = try #require(try script.lease(1))
    try script.send(.release, from: 1) { ($0.current, $0.network) = (address, "guest") }
    try script.send(.decline, from: 1) { ($0.requested, $0.network) = (address, "guest") }
    #expect(script.stored[address]?.state == .active)
  }

  @Test func releasedAddressesComeBackToTheirClient() throws {
    var script = DHCPScript()
    let address = try #require(try script.lease(1))
    try script.send(.release, from: 2) { $0.current = address }
    #expect(script.stored[address]?.state == .active)
    try script.send(.release, from: 1) { $0.current = address }
    #expect(script.stored[address]?.state == .released)
    #expect(try script.lease(2) != address)
    #expect(try script.lease(1) == address)
  }

  @Test func informIsAnsweredWithoutALease() throws {
    var script = DHCPScript()
    let answer = try script.send(.inform, from: 1) { $0.current = home(50) }
    #expect(answer?.type == .acknowledge)
    #expect(answer?.address == .any)
    #expect(answer?.destination == .client(home(50)))
    #expect(answer?.leaseSeconds == nil && answer?.option(58) == nil)
    #expect(answer?.option(3) == [192, 168, 77, 1])
    #expect(script.output.changes.isEmpty)
    #expect(script.output.replies.first?.isPromise == false)
    #expect(try script.send(.inform, from: 1) { $0.current = IPv4Address(10, 0, 0, 1) } == nil)
  }
}

/// Options of replies.
@Suite struct ReplyOptions {
  @Test func clientIdentifierIsEchoed() throws {
    var script = DHCPScript()
    let answer = try script.send(.discover, from: 1) { $0.options = [(.clientIdentifier, [1, 9, 9])] }
    #expect(answer?.option(61) == [1, 9, 9])
  }

  @Test func fullyQualifiedNameIsAnswered() throws {
    var script = DHCPScript()
    let name: [UInt8] = [5] + Array("phone".utf8)
    let answer = try script.send(.discover, from: 1) { $0.options = [(.clientFQDN, [4, 0, 0] + name)] }
    #expect(answer?.option(81) == [7, 255, 255] + name)
    try script.lease(1) { $0.options = [(.clientFQDN, [4, 0, 0] + name)] }
    #expect(script.stored.values.first?.hostName == "phone")
  }

  @Test func onlyWhatIsAskedForIsSent() throws {
    var configuration = DHCPScript.configuration
    configuration.scopes[0].options = [
      DHCPOptionSetting(code: 42, bytes: [192, 168, 77, 1]), DHCPOptionSetting(code: 6, bytes: [192, 0, 2, 53]),
    ]
    var script = DHCPScript(configuration)
    let small = try script.send(.discover, from: 1) { $0.options = [(.parameterRequestList, [1, 3])] }
    #expect(small?.option(42) == nil && small?.option(15) == nil)
    #expect(small?.option(6) == [192, 0, 2, 53], "set by hand, in place of the router")
    let large = try script.send(.discover, from: 1) { $0.options = [(.parameterRequestList, [15, 42, 119])] }
    #expect(large?.option(42) == [192, 168, 77, 1])
    #expect(large?.option(119) == [4] + Array("home".utf8) + [4] + Array("arpa".utf8) + [0])
  }

  @Test func namesWithControlCharactersAreNotTaken() throws {
    var script = DHCPScript()
    try script.lease(1) { $0.options = [(.hostName, Array("a\u{1b}[2J".utf8))] }
    #expect(script.stored.values.first?.hostName == nil)
  }
}
