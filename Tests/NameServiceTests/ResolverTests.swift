import CNameService
import Household
import TestSupport
import Testing
import Wire

@testable import NameService

/// The resolver between scripted servers, in virtual time: what a network, a forger or a broken server does, and what a
/// client sees of it.
@Suite struct ResolverTests {
  private let one = "198.51.100.1"
  private let two = "198.51.100.2"
  private let silent: Script = { _ in [] }

  private func answers(_ text: String, after milliseconds: Int64 = 20) -> Script {
    { _ in [.a(text).after(milliseconds)] }
  }

  private let stale = StoredAnswer(
    records: AnswerRecords(
      flags: [.response, .recursionAvailable], answerCount: 1,
      body: [0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 192, 0, 2, 9], ttlOffsets: [6]),
    origin: .upstream, stored: 0, expires: 300, generation: 1)

  @Test func anAnswerComesBackWithItsLifetime() throws {
    let lab = ResolverLab([one: answers("192.0.2.1")])
    lab.ask("www.example")
    lab.run(100)
    let outcome = try #require(lab.outcomes.first)
    #expect(outcome.time == 20)
    #expect(outcome.outcome.address == "192.0.2.1")
    #expect(outcome.outcome.ttl == 300)
    #expect(lab.resolver.pendingCount == 0)
    #expect(lab.openAttempts.isEmpty)
  }

  @Test func equalQuestionsAreAskedOnce() throws {
    let lab = ResolverLab([one: answers("192.0.2.1")])
    for ticket in 1...50 { lab.ask("www.example", ticket: UInt64(ticket)) }
    lab.ask("www.example", .aaaa, ticket: 99)
    lab.run(100)
    #expect(lab.seen.count == 2)
    #expect(try #require(lab.outcomes.first).waiters == Array(1...50))
  }

  @Test func aLostQueryIsSentToTheOtherServer() throws {
    let lab = ResolverLab([one: silent, two: answers("192.0.2.2")])
    for ticket in 1...20 {
      lab.ask("n\(ticket).example", ticket: UInt64(ticket))
      lab.run(2_000)
    }
    #expect(lab.outcomes.allSatisfy { $0.outcome.address == "192.0.2.2" })
    #expect(lab.outcomes.count == 20)
    // The silent one is found out, and asked only now and then.
    #expect(lab.seen.filter { $0.server == one }.count <= 12)
  }

  @Test func aLateAnswerStillCounts() throws {
    let lab = ResolverLab([one: answers("192.0.2.1", after: 900)])
    lab.ask("www.example")
    lab.run(2_000)
    #expect(try #require(lab.outcomes.first).time == 900)
    #expect(lab.seen.count >= 2)
  }

  @Test(arguments: [
    ("identifier", ScriptedReply(identifierOffset: 1)),
    ("name", ScriptedReply(question: DomainName("evil.example"))),
    ("type", ScriptedReply(type: .aaaa)),
  ])
  func anAnswerToAnotherQuestionIsIgnored(_ kind: String, _ forged: ScriptedReply) throws {
    let lab = ResolverLab([
      one: { _ in
        var forged = forged
        forged.records = [(.a, 300, [6, 6, 6, 6])]
        return [forged.after(5), forged.after(6), .a("192.0.2.1").after(20)]
      }
    ])
    lab.ask("www.example")
    lab.run(100)
    #expect(try #require(lab.outcomes.first).outcome.address == "192.0.2.1")
    #expect(lab.resolver.counters.unrelated == 2)
  }

  @Test func manyForgeriesMoveTheQuestionToTCP() throws {
    let lab = ResolverLab([
      one: { query in
        if query.isStream { return [.a("192.0.2.1").after(30)] }
        return (0..<100).map { ScriptedReply(identifierOffset: UInt16($0 + 1)).after(5) }
      }
    ])
    lab.ask("www.example")
    lab.run(100)
    #expect(try #require(lab.outcomes.first).outcome.address == "192.0.2.1")
    #expect(lab.seen.map(\.isStream) == [false, true])
  }

  @Test func aServerThatFoldsCaseIsAskedOverTCPOnceAndThenWithoutRandomCase() throws {
    let lab = ResolverLab([
      one: { query in
        var reply = ScriptedReply.a("192.0.2.1")
        reply.question = query.message.name.canonical
        return [reply.after(10)]
      }
    ])
    lab.ask("a-long-name-with-many-letters.example")
    lab.run(100)
    lab.ask("another-long-name-with-many-letters.example", ticket: 2)
    lab.run(100)
    #expect(lab.outcomes.map(\.outcome.address) == ["192.0.2.1", "192.0.2.1"])
    #expect(lab.seen.map(\.isStream) == [false, true, false])
  }

  @Test func identifiersAndCaseAreUnpredictable() {
    let lab = ResolverLab([one: silent])
    for number in 0..<200 { lab.ask("some-name-\(number).example", ticket: UInt64(number)) }
    let messages = lab.seen.map { DNSMessage($0.bytes.span.bytes)!.identifier }
    #expect(Set(messages).count > 190)
    #expect(lab.seen.contains { $0.message.name.wire != $0.message.name.canonical.wire })
  }

  @Test func aTruncatedAnswerIsFetchedOverTCP() throws {
    let lab = ResolverLab([
      one: { $0.isStream ? [.a("192.0.2.1").after(20)] : [ScriptedReply(isTruncated: true).after(20)] }
    ])
    lab.ask("www.example")
    lab.run(100)
    #expect(lab.seen.map(\.isStream) == [false, true])
    #expect(try #require(lab.outcomes.first).outcome.address == "192.0.2.1")
  }

  @Test(arguments: [DNSResponseCode.formatError, .notImplemented], [false, true])
  func aServerWithoutEDNSIsAskedWithoutAndRemembered(_ code: DNSResponseCode, leavesQuestionOut: Bool) throws {
    let lab = ResolverLab([
      one: { query in
        query.hasEDNS
          ? [ScriptedReply(code: code, leavesQuestionOut: leavesQuestionOut).after(5)] : [.a("192.0.2.1").after(5)]
      }
    ])
    lab.ask("www.example")
    lab.run(100)
    lab.ask("mail.example", ticket: 2)
    lab.run(100)
    #expect(lab.seen.map(\.hasEDNS) == [true, false, false])
    #expect(lab.outcomes.map(\.outcome.address) == ["192.0.2.1", "192.0.2.1"])
  }

  @Test func aServerThatDoesNotUnderstandOneQuestionKeepsItsEDNS() throws {
    let odd = name("odd.example")
    let lab = ResolverLab([
      one: { $0.message.name == odd ? [.error(.formatError).after(5)] : [.a("192.0.2.1").after(5)] }
    ])
    lab.ask("odd.example")
    lab.run(7_000)
    let asked = lab.seen.count
    lab.ask("www.example", ticket: 2)
    lab.run(100)
    #expect(lab.seen.dropFirst(asked).map(\.hasEDNS) == [true])
    #expect(lab.outcomes.last?.outcome.address == "192.0.2.1")
  }

  @Test func anAnswerWithoutSignaturesIsNotKeptForThoseWhoWantThem() {
    let lab = ResolverLab([
      one: { $0.hasEDNS ? [.error(.notImplemented).after(5)] : [.a("192.0.2.1").after(5)] }
    ])
    for ticket in 1...2 as ClosedRange<UInt64> {
      lab.ask("www.example", ticket: ticket, options: .wantsDNSSEC)
      lab.run(100)
    }
    lab.ask("www.example", ticket: 3)
    lab.run(100)
    #expect(lab.outcomes.map(\.outcome.address) == ["192.0.2.1", "192.0.2.1", "192.0.2.1"])
    #expect(lab.outcomes.map(\.outcome.ttl) == [0, 0, 300])
  }

  @Test(arguments: [DNSResponseCode.serverFailure, .refused])
  func aLameServerIsPassedOver(_ code: DNSResponseCode) throws {
    let lab = ResolverLab([one: { _ in [.error(code).after(5)] }, two: answers("192.0.2.2")])
    for ticket in 1...10 {
      lab.ask("n\(ticket).example", ticket: UInt64(ticket))
      lab.run(200)
    }
    #expect(lab.outcomes.allSatisfy { $0.outcome.address == "192.0.2.2" })
  }

  @Test func aReferralIsNoAnswer() throws {
    let lab = ResolverLab([
      one: { _ in
        var reply = ScriptedReply()
        reply.referral = DomainName("example")
        return [reply]
      }
    ])
    lab.ask("www.example")
    lab.run(7_000)
    #expect(try #require(lab.outcomes.first).outcome.failure == .networkError)
  }

  @Test func whereEveryServerRefusesTheAnswerComesAtOnce() throws {
    let lab = ResolverLab([one: { _ in [.error(.serverFailure).after(5)] }, two: { _ in [.error(.refused).after(5)] }])
    lab.ask("www.example")
    lab.run(7_000)
    let outcome = try #require(lab.outcomes.first)
    #expect(outcome.time == 10)
    #expect(outcome.outcome.failure == .networkError)
  }

  @Test func silenceEndsInSERVFAILWithNoReachableAuthority() throws {
    let lab = ResolverLab([one: silent, two: silent])
    lab.ask("www.example")
    lab.run(10_000)
    let outcome = try #require(lab.outcomes.first)
    #expect(outcome.outcome.failure == .noReachableAuthority)
    #expect(outcome.time <= 6_000)
    #expect(lab.seen.count <= 8)
    #expect(lab.openAttempts.isEmpty)
  }

  @Test func withoutServersTheAnswerIsNetworkErrorAtOnce() throws {
    let lab = ResolverLab([:])
    lab.ask("www.example")
    #expect(try #require(lab.outcomes.first).outcome.failure == .networkError)
  }

  @Test func aClosedPortIsNotWaitedFor() throws {
    let lab = ResolverLab([one: silent, two: answers("192.0.2.2")])
    lab.unreachable = [one]
    for ticket in 1...10 {
      lab.ask("n\(ticket).example", ticket: UInt64(ticket))
      lab.run(100)
    }
    #expect(lab.outcomes.count == 10)
    #expect(lab.outcomes.allSatisfy { $0.outcome.address == "192.0.2.2" })
  }

  @Test func slowNamesDoNotMakeALiveServerDead() {
    let slow = name("slow.example")
    let lab = ResolverLab([
      one: { $0.message.name.isWithin(slow) ? [] : [.a("192.0.2.1").after(5)] }
    ])
    for number in 0..<40 {
      lab.ask("n\(number).slow.example", ticket: 1)
      lab.ask("w\(number).example", ticket: 2)
      lab.run(50)
    }
    lab.run(7_000)
    for number in 0..<10 { lab.ask("m\(number).slow.example", ticket: 3) }
    lab.run(10)
    lab.ask("x.example", ticket: 4)
    lab.run(120)
    // A server that is taken for dead has its stale answers given at once, and nobody waits for it.
    let before = lab.outcomes.count
    lab.ask("www.example", ticket: 9, stale: stale)
    #expect(lab.outcomes.count == before)
    lab.run(20)
    #expect(lab.outcomes.last?.outcome.address == "192.0.2.1")
  }

  // MARK: Stale answers (RFC 8767)

  @Test func aStaleAnswerComesAfterSilenceOf1800Milliseconds() throws {
    let lab = ResolverLab([one: answers("192.0.2.1", after: 2_500)])
    lab.ask("www.example", stale: stale)
    lab.run(4_000)
    #expect(lab.outcomes.map(\.time) == [1_800, 2_500])
    #expect(lab.outcomes[0].outcome == .stale(stale))
    #expect(lab.outcomes[0].waiters == [1])
    // The refreshed answer has nobody waiting, and is kept.
    #expect(lab.outcomes[1].outcome.address == "192.0.2.1")
    #expect(lab.outcomes[1].waiters == [])
  }

  @Test func aStaleAnswerComesAtOnceWhenEveryServerIsKnownToBeDead() throws {
    let lab = ResolverLab([one: silent])
    lab.ask("first.example")
    lab.run(10_000)
    let before = lab.time
    lab.ask("www.example", ticket: 2, stale: stale)
    #expect(lab.outcomes.last?.outcome == .stale(stale))
    #expect(lab.outcomes.last?.time == before)
  }

  @Test func afterAFailureTheStaleAnswerIsGivenForHalfAMinuteWithoutAsking() throws {
    let lab = ResolverLab([one: { _ in [.error(.serverFailure).after(5)] }])
    lab.ask("www.example", stale: stale)
    lab.run(1_000)
    #expect(lab.outcomes.last?.outcome == .stale(stale))
    let asked = lab.seen.count
    lab.ask("www.example", ticket: 2, stale: stale)
    #expect(lab.seen.count == asked)
    #expect(lab.outcomes.last?.waiters == [2])
    lab.run(30_000)
    lab.ask("www.example", ticket: 3, stale: stale)
    #expect(lab.seen.count == asked + 1)
  }

  @Test func whoComesAfterTheStaleAnswerHasItAtOnce() throws {
    let lab = ResolverLab([one: answers("192.0.2.1", after: 3_000)])
    lab.ask("www.example", stale: stale)
    lab.run(2_000)
    lab.ask("www.example", ticket: 2, stale: stale)
    #expect(lab.outcomes.last?.time == 2_000)
    #expect(lab.outcomes.last?.waiters == [2])
  }

  @Test func whatWasAskedUnderOlderRulesIsGivenAndNotKept() {
    let lab = ResolverLab([one: { $0.message.name == name("lost.example") ? [] : [.a("192.0.2.1").after(50)] }])
    lab.ask("www.example")
    lab.ask("lost.example", ticket: 2)
    lab.run(10)
    lab.resolver.configure(
      ResolverSettings(), forwards: ForwardTable(servers: [ResolverLab.socket(one)]), policy: nil)
    lab.ask("new.example", ticket: 3)
    lab.run(10_000)
    #expect(lab.outcomes.map(\.outcome.address) == ["192.0.2.1", "192.0.2.1", nil])
    #expect(lab.outcomes.map(\.outcome.ttl) == [0, 300, nil])
    #expect(lab.outcomes.last?.outcome.isPassing == true)
  }

  @Test func whatAnUpstreamSaysToBeAuthenticIsNotPassedOn() throws {
    let lab = ResolverLab([
      one: { _ in
        var reply = ScriptedReply.a("192.0.2.1")
        reply.flags = .authenticData
        return [reply]
      }
    ])
    lab.ask("www.example", options: .wantsDNSSEC)
    lab.run(100)
    guard case .fresh(let records, _) = try #require(lab.outcomes.first).outcome else {
      Issue.record("no answer")
      return
    }
    #expect(records.flags == [.response, .recursionAvailable])
  }

  // MARK: Lifetimes (RFC 2308, RFC 2181)

  @Test(arguments: [(900, 60, 60), (30, 60, 30), (90_000, 90_000, 3_600)])
  func negativeAnswersLiveAsTheirSOASays(_ ttl: UInt32, _ minimum: UInt32, _ expected: UInt32) throws {
    let lab = ResolverLab([
      one: { _ in
        [ScriptedReply(code: .nameError, startOfAuthority: (ttl, minimum)).after(5)]
      }
    ])
    lab.ask("missing.example")
    lab.run(100)
    #expect(try #require(lab.outcomes.first).outcome.ttl == expected)
  }

  @Test func negativeAnswersWithoutSOAAreNotKept() throws {
    let lab = ResolverLab([one: { _ in [.error(.nameError).after(5)] }])
    lab.ask("missing.example")
    lab.run(100)
    #expect(try #require(lab.outcomes.first).outcome.ttl == 0)
  }

  @Test(arguments: [(UInt32(10_000_000), UInt32(86_400)), (0x8000_0000, 0), (1, 1)])
  func lifetimesAreLimited(_ ttl: UInt32, _ expected: UInt32) throws {
    let lab = ResolverLab([one: { _ in [.a("192.0.2.1", ttl: ttl).after(5)] }])
    lab.ask("www.example")
    lab.run(100)
    guard case .fresh(let records, let kept) = try #require(lab.outcomes.first).outcome else {
      Issue.record("no answer")
      return
    }
    #expect(kept == expected)
    #expect(records.body.ttl(at: Int(records.ttlOffsets[0])) == expected)
  }

  // MARK: Where questions go, and what may come back

  @Test func theLongestForwardZoneAnswers() throws {
    let corp = "203.0.113.1"
    let lab = ResolverLab(
      [one: answers("192.0.2.1"), corp: answers("10.1.1.1"), "203.0.113.2": answers("10.2.2.2")],
      zones: [
        ForwardZone(domain: name("corp.example"), servers: [ResolverLab.socket(corp)]),
        ForwardZone(domain: name("lab.corp.example"), servers: [ResolverLab.socket("203.0.113.2")]),
      ])
    for (ticket, text) in ["www.example", "x.corp.example", "Y.LAB.corp.example", "notcorp.example"].enumerated() {
      lab.ask(text, ticket: UInt64(ticket))
      lab.run(50)
    }
    #expect(lab.outcomes.map(\.outcome.address) == ["192.0.2.1", "10.1.1.1", "10.2.2.2", "192.0.2.1"])
  }

  @Test(arguments: [("192.168.77.1", true), ("127.0.0.1", true), ("100.64.0.1", true), ("192.0.2.1", false)])
  func addressesInsideTheHouseAreWithheld(_ text: String, _ isWithheld: Bool) throws {
    let settings = NameSettings(rebindingAllowed: [name("nas.example")])
    let lab = ResolverLab(
      [one: answers(text)],
      policy: AnswerPolicy(rebinding: RebindingGuard(settings, key: testKey), blocks: .empty(key: testKey)))
    lab.ask("www.example")
    lab.run(50)
    lab.ask("box.nas.example", ticket: 2)
    lab.run(50)
    guard case .fresh(let records, _) = lab.outcomes[0].outcome else {
      Issue.record("no answer")
      return
    }
    #expect((records.extendedError == .blocked) == isWithheld)
    #expect((records.answerCount == 0) == isWithheld)
    #expect(lab.outcomes[1].outcome.address == text)
  }

  @Test func onlySoManyQuestionsAreUnderWayAtATime() {
    var settings = ResolverSettings()
    settings.maximumQuestions = 10
    let lab = ResolverLab([one: silent], settings: settings)
    for number in 0..<25 { lab.ask("n\(number).example", ticket: UInt64(number)) }
    #expect(lab.resolver.pendingCount == 10)
    #expect(lab.outcomes.count == 15)
    #expect(lab.outcomes.allSatisfy { $0.outcome.isPassing })
    lab.run(10_000)
    #expect(lab.resolver.pendingCount == 0)
    #expect(lab.outcomes.count == 25)
  }

  @Test func anIsolatedNetworkHasAThirdOfTheQuestionsUnderWay() {
    var settings = ResolverSettings()
    settings.maximumQuestions = 9
    let lab = ResolverLab([one: silent], settings: settings)
    for _ in 0..<2 {
      for number in 0..<20 { lab.ask("g\(number).example", ticket: 1, group: .open.isolated(1 + number % 2)) }
      #expect(lab.resolver.pendingCount == 3)
      for number in 0..<6 { lab.ask("h\(number).example", ticket: 2) }
      #expect(lab.resolver.pendingCount == 9)
      lab.run(10_000)
    }
  }

  @Test func anIsolatedNetworkHasAThirdOfThoseWhoWait() throws {
    var waiting = WaitingList()
    func add(_ number: Int, _ group: PolicyGroup) throws(WaitingList.Refusal) -> UInt64? {
      let message = DNSOutgoingQuery(
        identifier: 1, name: name("www.example"), type: .a, flags: .recursionDesired, payloadSize: nil,
        wantsDNSSEC: false
      ).bytes
      guard let query = try? DNSQuery(reading: message.span.bytes) else { throw .core }
      let asker = Asker(
        path: .datagram(socket: -1, lares_endpoint()), address: IPv6Address(high: 1, low: UInt64(number)),
        message: message, query: query)
      return try waiting.add(
        asker, ResolverLab.question("n\(number % 7).example", group: group), hash: 1, generation: 1)
    }
    for number in 0..<WaitingList.maximumIsolated { _ = try add(number, .open.isolated(1)) }
    #expect(throws: WaitingList.Refusal.core) { try add(9_999, .open.isolated(2)) }
    #expect(try add(1, .filtered) != nil)
    // Answers make room.
    _ = waiting.remove(1)
    #expect(throws: Never.self) { try add(9_999, .open.isolated(2)) }
  }

  @Test func aQuestionHoldsTwoSocketsAtMost() {
    let lab = ResolverLab([one: silent, two: silent])
    lab.ask("www.example")
    lab.run(10_000)
    #expect(lab.seen.count == 8)
    #expect(lab.mostOpenAttempts == 2)
  }

  @Test func whoHasNoDescriptorBlamesNoServer() throws {
    let lab = ResolverLab([one: answers("192.0.2.1", after: 20)])
    lab.lacksDescriptors = true
    for ticket in 1...5 {
      lab.ask("n\(ticket).example", ticket: UInt64(ticket))
      lab.run(10)
    }
    #expect(lab.outcomes.count == 5)
    #expect(lab.outcomes.allSatisfy { $0.outcome.isPassing })
    lab.lacksDescriptors = false
    // A server that were taken for dead would not be waited for.
    lab.ask("www.example", ticket: 6, stale: stale)
    lab.run(100)
    #expect(lab.outcomes.last?.outcome.address == "192.0.2.1")
    #expect(lab.outcomes.count == 6)
  }

  @Test func everyQuestionIsAnsweredOnceUnderLossDelayAndForgery() {
    for seed in 1...30 as ClosedRange<UInt64> {
      var dice = SeededGenerator(seed)
      let chaotic: Script = { query in
        switch Int.random(in: 0..<10, using: &dice) {
        case 0...2: []
        case 3: [.a("192.0.2.1").after(Int64.random(in: 1...3_000, using: &dice))]
        case 4: [ScriptedReply(identifierOffset: 7).after(3), .a("192.0.2.1").after(9)]
        case 5: query.isStream ? [.a("192.0.2.1").after(9)] : [ScriptedReply(isTruncated: true).after(3)]
        case 6: [.error(.serverFailure).after(4)]
        case 7: [ScriptedReply(code: .formatError, leavesQuestionOut: true).after(4)]
        case 8: [.a("192.0.2.1").after(5), .a("192.0.2.1").after(5)]
        default: [.a("192.0.2.1").after(20)]
        }
      }
      let lab = ResolverLab([one: chaotic, two: chaotic], seed: seed)
      for number in 0..<40 {
        lab.ask("n\(number % 25).example", ticket: UInt64(number))
        lab.run(Int64.random(in: 0...200, using: &dice))
      }
      lab.run(20_000)
      let answered = lab.outcomes.flatMap(\.waiters).sorted()
      #expect(answered == Array(0..<40), "seed \(seed)")
      #expect(lab.resolver.pendingCount == 0 && lab.openAttempts.isEmpty, "seed \(seed)")
    }
  }
}
