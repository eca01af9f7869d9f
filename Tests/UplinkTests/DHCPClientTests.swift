import Household
import TestSupport
import Testing
import Wire

@testable import Uplink

/// The state machine against RFC 2131, section by section, in simulated time.
@Suite struct DHCPClientTests {
  @Test("4.4.1: DISCOVER, OFFER, REQUEST, ACK, ARP probes, BOUND")
  func obtains() throws {
    var script = ClientScript()
    #expect(script.wait() == [] && script.client.state == .initial, "without a link nothing is sent")
    let discover = try #require(script.tell(.linkUp).broadcast)
    #expect(discover.type == .discover)
    #expect(discover.header.hardware == ClientScript.hardware)
    #expect(discover.header.clientAddress == .any && !discover.header.wantsBroadcast)
    #expect(discover.options[55]?.prefix(3) == [1, 121, 3], "RFC 3442: classless routes stand before routers")
    #expect(discover.options[61] == [1, 2, 0, 0, 0, 0, 1])

    script.clock = 50
    let request = try #require(script.answer(Reply(.offer)).broadcast)
    #expect(request.type == .request && script.client.state == .requesting)
    #expect(request.header.transaction == discover.header.transaction)
    #expect(request.header.clientAddress == .any)
    #expect(request.address(.requestedAddress) == ClientScript.address)
    #expect(request.address(.serverIdentifier) == ClientScript.server)

    script.clock = 100
    #expect(script.answer(Reply(.acknowledge)) == [.probe(ClientScript.address)])
    #expect(script.client.held == nil, "an address is not used before it was checked")
    #expect(script.wait() == [.probe(ClientScript.address)] && script.clock == 300)
    #expect(script.wait() == [.probe(ClientScript.address)] && script.clock == 500)
    let lease = try #require(script.wait().configured)
    #expect(script.clock == 700 && script.client.state == .bound)
    #expect(lease.address == InterfaceAddress("203.0.113.77/24"))
    #expect(lease.gateways == [ClientScript.gateway])
    // T1 counts from when the address was asked for, and comes up to a sixteenth earlier; here half of that.
    #expect(script.client.deadline == .milliseconds(50 + (1_800 - 56) * 1_000))
  }

  @Test("4.1: retransmission after 4, 8, 16, 32, 64, 64 s; secs counts")
  func backsOff() throws {
    var script = ClientScript()
    let first = try #require(script.tell(.linkUp).broadcast)
    var times: [Int64] = []
    for _ in 0..<6 {
      let again = try #require(script.wait().broadcast)
      #expect(again.type == .discover && again.header.transaction == first.header.transaction)
      #expect(Int64(again.header.seconds) == script.clock / 1_000)
      times.append(script.clock)
    }
    #expect(times == [4_000, 12_000, 28_000, 60_000, 124_000, 188_000])
  }

  @Test("4.1: each wait is off by up to a second, by chance")
  func jitters() {
    var random = SeededGenerator(1)
    let waits = (0..<200).map { _ in DHCPTiming.retransmission(attempt: 1, random: &random) }
    #expect(waits.allSatisfy { 3_000...5_000 ~= $0 })
    #expect(Set(waits).count > 100)
  }

  @Test("3.1.5: a server that goes silent after its offer is given up")
  func givesUpOffer() throws {
    var script = ClientScript()
    _ = script.tell(.linkUp)
    _ = script.answer(Reply(.offer))
    for _ in 0..<3 { #expect(script.wait().broadcast?.type == .request) }
    #expect(script.wait().broadcast?.type == .discover)
    #expect(script.client.state == .selecting && script.clock == 60_000)
  }

  @Test(
    "4.4.1: answers to somebody else are dropped",
    arguments: [
      Reply(.offer) { $0.transaction = 1 }, Reply(.offer) { $0.hardware = MACAddress("02:00:00:00:00:99")! },
      Reply(.offer) { $0.operation = .request }, Reply(.offer) { $0.server = nil }, Reply(.acknowledge),
      Reply(.refuse), Reply(.discover),
    ])
  func dropsForeignOffers(reply: Reply) {
    var script = ClientScript()
    _ = script.tell(.linkUp)
    #expect(script.answer(reply) == [])
    #expect(script.client.state == .selecting && script.client.counters.ignored == 1)
  }

  @Test(
    "4.4.1: in REQUESTING only the chosen server, for the chosen address, counts",
    arguments: [
      Reply(.acknowledge) { $0.server = IPv4Address(203, 0, 113, 2) },
      Reply(.acknowledge) { $0.address = IPv4Address(203, 0, 113, 78) },
      Reply(.acknowledge) { $0.transaction = 7 }, Reply(.refuse) { $0.server = IPv4Address(203, 0, 113, 2) },
      Reply(.refuse) { $0.server = nil }, Reply(.offer) { $0.server = IPv4Address(203, 0, 113, 2) },
    ])
  func dropsForeignAcknowledgements(reply: Reply) {
    var script = ClientScript()
    _ = script.tell(.linkUp)
    _ = script.answer(Reply(.offer))
    #expect(script.answer(reply) == [])
    #expect(script.client.state == .requesting && script.client.counters.ignored == 1)
  }

  @Test("3.1.5: DHCPNAK restarts at once, then ever more slowly")
  func slowsDownAfterRefusals() throws {
    var script = ClientScript()
    _ = script.tell(.linkUp)
    var waits: [Int64] = []
    for _ in 0..<5 {
      let before = script.clock
      if script.client.state == .initial { #expect(script.wait().broadcast?.type == .discover) }
      waits.append(script.clock - before)
      _ = script.answer(Reply(.offer))
      _ = script.answer(Reply(.refuse))
    }
    #expect(waits == [0, 0, 1_500, 2_500, 4_500])
  }

  @Test("4.4.1 and RFC 5227: an address that answers ARP is declined, and ten seconds pass")
  func declines() throws {
    var script = ClientScript()
    _ = script.tell(.linkUp)
    _ = script.answer(Reply(.offer))
    _ = script.answer(Reply(.acknowledge))
    script.clock = 150
    let decline = try #require(script.tell(.conflict(MACAddress("02:00:00:00:00:66")!)).broadcast)
    #expect(decline.type == .decline)
    #expect(decline.address(.requestedAddress) == ClientScript.address)
    #expect(decline.address(.serverIdentifier) == ClientScript.server)
    #expect(decline.header.clientAddress == .any && decline.options[55] == nil)
    #expect(script.client.held == nil)
    #expect(script.client.refusal?.contains("02:00:00:00:00:66") == true)
    #expect(script.wait().broadcast?.type == .discover && script.clock == 10_150)
  }

  @Test("4.4.5: renews by unicast at T1, asks all at T2, halving the time that is left")
  func renewsAndRebinds() throws {
    var script = ClientScript()
    script.bind { $0.options = [DHCPOptionSetting(code: 58, bytes: [0, 0, 0, 15])] }
    var unicasts: [Int64] = []
    var broadcasts: [Int64] = []
    while !script.client.isExpired(now: script.now) {
      let actions = script.wait()
      if let (message, own, server) = actions.unicast {
        #expect(message.type == .request && own == ClientScript.address && server == ClientScript.server)
        #expect(message.header.clientAddress == ClientScript.address)
        #expect(message.options[50] == nil && message.options[54] == nil, "4.3.2: neither in RENEWING")
        unicasts.append(script.clock)
      } else if let message = actions.broadcast, message.type == .request {
        #expect(message.header.clientAddress == ClientScript.address)
        #expect(message.options[50] == nil && message.options[54] == nil, "4.3.2: nor in REBINDING")
        broadcasts.append(script.clock)
      }
    }
    #expect(unicasts.first == 29_000, "a T1 of 15 s counts as 30 s, less the spread")
    #expect(unicasts.count > 3)
    for (earlier, later) in zip(unicasts, unicasts.dropFirst()) {
      #expect(later - earlier == max(60_000, (3_150_000 - earlier) / 2))
    }
    #expect(broadcasts == [3_150_000, 3_375_000, 3_487_500, 3_547_500])
  }

  @Test("4.4.5: an acknowledgement in RENEWING or REBINDING begins the lease anew, without a probe", arguments: [1, 9])
  func extends(timers: Int) throws {
    var script = ClientScript()
    script.bind()
    for _ in 0..<timers { _ = script.wait() }
    let before = script.clock
    #expect(script.client.state == (timers == 1 ? .renewing : .rebinding))
    script.clock += 20
    let another = IPv4Address(203, 0, 113, 2)
    let actions = script.answer(Reply(.acknowledge) { $0.server = another })
    #expect(actions.configured?.server == another && actions.count == 1)
    #expect(script.client.state == .bound)
    #expect(script.client.held?.since.nanoseconds ?? 0 <= before * 1_000_000)
    #expect(!script.client.isExpired(now: script.now.advanced(milliseconds: 3_000_000)))
  }

  @Test("W2: past its end the lease stays while no server answers, and DISCOVER asks for it")
  func keepsExpiredLease() throws {
    var script = ClientScript()
    script.bind()
    while !script.client.isExpired(now: script.now) { #expect(!script.wait().isDeconfigured) }
    #expect(script.client.state == .selecting && script.client.words(now: script.now) == "expired, kept")
    let again = try #require(script.wait().broadcast)
    #expect(again.type == .discover && again.address(.requestedAddress) == ClientScript.address)
    for _ in 0..<50 { #expect(!script.wait().isDeconfigured) }
    #expect(script.client.held?.lease.address == InterfaceAddress("203.0.113.77/24"))
    // The server is back: the same address needs no probe.
    #expect(script.answer(Reply(.offer)).broadcast?.type == .request)
    #expect(script.answer(Reply(.acknowledge)).configured != nil)
    #expect(script.client.words(now: script.now) == "bound")
  }

  @Test("W2: another lease replaces the one that was kept")
  func replacesKeptLease() throws {
    var script = ClientScript()
    script.bind()
    while !script.client.isExpired(now: script.now) { _ = script.wait() }
    let other = IPv4Address(198, 51, 100, 9)
    _ = script.answer(Reply(.offer) { $0.address = other })
    #expect(script.answer(Reply(.acknowledge) { $0.address = other }) == [.probe(other)])
    #expect(script.client.held?.lease.address == InterfaceAddress("203.0.113.77/24"), "until the other one is sure")
    _ = script.wait()
    _ = script.wait()
    #expect(script.wait().configured?.address == InterfaceAddress("198.51.100.9/24"))
  }

  @Test("figure 5: DHCPNAK in RENEWING, from the lease's server only, and in REBINDING halts the network")
  func refusedWhileExtending() throws {
    var script = ClientScript()
    script.bind()
    _ = script.wait()
    #expect(script.answer(Reply(.refuse) { $0.server = IPv4Address(203, 0, 113, 66) }) == [])
    let actions = script.answer(Reply(.refuse))
    #expect(actions.isDeconfigured && actions.broadcast?.type == .discover)
    #expect(script.client.held == nil)

    script = ClientScript()
    script.bind()
    while script.client.state != .rebinding { _ = script.wait() }
    #expect(script.answer(Reply(.refuse) { $0.server = IPv4Address(203, 0, 113, 66) }).isDeconfigured)
  }

  @Test("3.2: after a restart the address is in use at once and is asked about")
  func reboots() throws {
    var first = ClientScript()
    first.bind()
    var script = ClientScript(restored: first.client.held)
    #expect(script.client.state == .initialReboot && script.client.held != nil)
    let request = try #require(script.tell(.linkUp).broadcast)
    #expect(request.type == .request && request.header.clientAddress == .any)
    #expect(request.address(.requestedAddress) == ClientScript.address)
    #expect(request.options[54] == nil, "4.3.2: no server identifier in INIT-REBOOT")
    #expect(script.answer(Reply(.acknowledge)).configured != nil, "no probe for an address that is in use")
    #expect(script.client.state == .bound)
  }

  @Test("3.2: DHCPNAK after a restart takes the address away")
  func refusedAfterReboot() throws {
    var first = ClientScript()
    first.bind()
    var script = ClientScript(restored: first.client.held)
    _ = script.tell(.linkUp)
    let actions = script.answer(Reply(.refuse) { $0.server = IPv4Address(198, 51, 100, 1) })
    #expect(actions.isDeconfigured && actions.broadcast?.type == .discover)
    #expect(actions.broadcast?.options[50] == nil)
  }

  @Test("3.2.4: servers that know nothing of the address stay silent; then any address will do, and this one is kept")
  func unansweredReboot() throws {
    var first = ClientScript()
    first.bind()
    var script = ClientScript(restored: first.client.held)
    _ = script.tell(.linkUp)
    #expect(script.wait().broadcast?.type == .request && script.clock == 4_000)
    #expect(script.wait().broadcast?.type == .request && script.clock == 12_000)
    #expect(script.wait().broadcast?.type == .discover && script.clock == 28_000)
    #expect(script.client.held != nil)
    #expect(script.client.words(now: script.now) == "kept, no server answers")
  }

  @Test("a lost link stops all sending; its return asks about the lease")
  func followsLink() throws {
    var script = ClientScript()
    script.bind()
    #expect(script.tell(.linkDown) == [])
    #expect(script.client.state == .initialReboot && script.client.deadline == nil)
    #expect(script.tell(.renew) == [], "nobody to ask")
    script.clock = 9_000_000
    let request = try #require(script.tell(.linkUp).broadcast)
    #expect(request.type == .request && script.client.state == .rebooting)
    #expect(script.tell(.linkUp) == [], "told twice")
  }

  @Test("4.4.6: RELEASE goes to the server by unicast, once, and only when asked for")
  func releases() throws {
    var script = ClientScript()
    script.bind()
    let actions = script.tell(.release)
    let (message, own, server) = try #require(actions.unicast)
    #expect(message.type == .release && own == ClientScript.address && server == ClientScript.server)
    #expect(message.header.clientAddress == ClientScript.address)
    #expect(message.address(.serverIdentifier) == ClientScript.server && message.options[50] == nil)
    #expect(actions.isDeconfigured && script.client.held == nil && script.client.deadline == nil)
    #expect(script.tell(.release) == [])
    #expect(script.tell(.linkDown) == [] && script.tell(.linkUp) == [], "stays released")
    #expect(script.tell(.renew).broadcast?.type == .discover)
  }

  @Test("an offer that overlaps the home is refused with a sentence, and the next one is taken")
  func refusesOverlap() throws {
    var script = ClientScript(homePrefixes: [IPPrefix("203.0.113.0/26")!])
    _ = script.tell(.linkUp)
    #expect(script.answer(Reply(.offer)) == [])
    let sentence = try #require(script.client.refusal)
    #expect(sentence.contains("203.0.113.77/24") && sentence.contains("203.0.113.0/26"))
    let other = IPv4Address(198, 51, 100, 9)
    #expect(script.answer(Reply(.offer) { $0.address = other }).broadcast?.type == .request)
  }

  @Test("a home network that comes to overlap the lease wins")
  func homeWins() throws {
    var script = ClientScript()
    script.bind()
    #expect(script.tell(.homePrefixes([IPPrefix("10.0.0.0/8")!])) == [])
    let actions = script.tell(.homePrefixes([IPPrefix("203.0.113.64/26")!]))
    #expect(actions.isDeconfigured && actions.broadcast?.type == .discover)
    #expect(script.client.held == nil && script.client.refusal != nil)
  }

  @Test("W15: host name, client identifier, vendor class and options by hand")
  func sendsSettings() throws {
    var script = ClientScript(
      settings: DHCPClientSettings(
        hostName: "router", clientIdentifier: [0xff, 1, 2, 3], vendorClass: "sagem",
        options: [
          DHCPOptionSetting(code: 90, bytes: [9, 9]), DHCPOptionSetting(code: 55, bytes: [1, 3]),
          DHCPOptionSetting(code: 53, bytes: [7]), DHCPOptionSetting(code: 54, bytes: [1, 1, 1, 1]),
        ]))
    let discover = try #require(script.tell(.linkUp).broadcast)
    #expect(discover.options[12] == Array("router".utf8))
    #expect(discover.options[61] == [0xff, 1, 2, 3])
    #expect(discover.options[60] == Array("sagem".utf8))
    #expect(discover.options[90] == [9, 9])
    #expect(discover.options[55] == [1, 3], "by hand goes before by default")
    #expect(discover.type == .discover && discover.options[54] == nil, "the machine's own options cannot be set")
  }

  @Test("RFC 2131 3.3: a lease without end has no timers")
  func infiniteLease() {
    var script = ClientScript()
    script.bind { $0.seconds = .max }
    #expect(script.client.state == .bound && script.client.deadline == nil)
    #expect(!script.client.isExpired(now: .seconds(4_000_000_000)))
    #expect(script.tell(.renew).unicast != nil && script.client.state == .renewing)
    #expect(script.wait() == [] && script.client.state == .bound, "asked by hand, unanswered: it goes on")
  }

  @Test("a timer that comes hours late acts on the present, not on the past")
  func lateTimer() throws {
    var script = ClientScript()
    script.bind()
    script.clock = 3_200_000
    #expect(script.tell(.timer).broadcast?.type == .request && script.client.state == .rebinding)
    script.clock = 50_000_000
    #expect(script.tell(.timer).broadcast?.type == .discover && script.client.held != nil)
  }

  @Test("damaged messages are counted and dropped")
  func countsMalformed() {
    var script = ClientScript()
    _ = script.tell(.linkUp)
    let good = Reply(.offer).bytes(transaction: script.transaction)
    #expect(script.hear([]) == [] && script.hear(Array(good.prefix(239))) == [])
    #expect(script.hear(Array(good.prefix(250))) == [] && script.client.counters.malformed == 3)
    #expect(script.hear(good).broadcast?.type == .request)
  }
}
