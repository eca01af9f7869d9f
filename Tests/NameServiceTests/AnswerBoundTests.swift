import Household
import TestSupport
import Testing
import Wire

@testable import NameService

/// Answers that fit no message end in SERVFAIL, not in the end of the daemon.
@Suite struct AnswerBoundTests {
  private let asked = DNSOutgoingQuery(
    identifier: 7, name: name("www.home.arpa"), type: .a, flags: .recursionDesired, payloadSize: 1_232,
    wantsDNSSEC: false
  ).bytes

  private func write(_ records: AnswerRecords, stored: UInt32 = 0, staleTTL: UInt32? = nil) throws -> [UInt8] {
    var numbers = SeededGenerator(1)
    var key = QuestionKey(secret: HashSecret(using: &numbers))
    let query = try DNSQuery(reading: asked.span.bytes)
    (asked + [UInt8](repeating: 0, count: 8)).withUnsafeBytes {
      key.fill(name: $0.baseAddress! + 12, length: query.nameLength, traits: QuestionTraits(query, group: 0))
    }
    let answer = StoredAnswer(records: records, origin: .upstream, stored: stored, expires: 300, generation: 1)
    let writer = AnswerWriter()
    return asked.withUnsafeBytes {
      Array(
        writer.write(
          answer, key: key, question: $0, query: query,
          terms: CacheEntry.Terms(limit: AnswerWriter.messageSize, now: 400, staleTTL: staleTTL)))
    }
  }

  /// `count` addresses of the question's name, 16 octets each with the name compressed.
  private func addresses(_ count: Int) -> AnswerRecords {
    var records = AnswerRecords(flags: [.response, .recursionAvailable], answerCount: UInt16(count))
    for number in 0..<count {
      records.ttlOffsets.append(UInt16(records.body.count + 6))
      records.body += [0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 192, 0, UInt8(number >> 8), UInt8(number & 255)]
    }
    return records
  }

  private var alias: AnswerRecords {
    let target = long.wire
    return AnswerRecords(
      flags: .response, answerCount: 1,
      body: [0xc0, 12, 0, 5, 0, 1, 0, 0, 1, 44, 0, UInt8(target.count)] + target)
  }

  private let long = name((0..<3).map { _ in String(repeating: "a", count: 40) }.joined(separator: ".") + ".example")

  @Test(arguments: [(1, UInt16(0)), (400, 0), (1_300, 2), (4_000, 2)])
  func anAliasAndManyAddressesFitOrFail(_ count: Int, _ code: UInt16) throws {
    let answer = try write(alias.followed(by: addresses(count), named: long))
    #expect(Seen(answer) == Seen(code: code, answers: code == 0 ? count + 1 : 0))
  }

  @Test func recordsBeyondTheBoundAreServerFailure() throws {
    var records = addresses(1)
    for count in [65_001, 70_000, 90_000] {
      records.body += [UInt8](repeating: 0, count: count - records.body.count)
      #expect(Seen(try write(records)) == Seen(code: 2))
      #expect(records.bounded.code == .serverFailure)
    }
  }

  @Test func recordsBehindAnAliasHaveTheLifetimeOfAStaleAnswer() throws {
    let answer = try write(alias.followed(by: addresses(2), named: long), stored: 0, staleTTL: 30)
    var lifetimes: [UInt32] = []
    if let message = DNSMessage(answer.span.bytes), var offset = message.question?.end {
      while let record = message.record(at: offset), lifetimes.count < message.answerCount {
        lifetimes.append(record.ttl)
        offset = record.end
      }
    }
    #expect(lifetimes == [300, 30, 30])
  }

  @Test func oneDeviceWithThousandsOfLeasesHasAnAnswerThatFits() throws {
    let leases = (0..<3_000).map { number in
      lease("10.9.\(number / 250).\(number % 250 + 1)", nil, device: "tv", since: UnixTime(number))
    }
    let zone = try snapshot(household(), leases)
    #expect(zone.ask("tv.home.arpa")?.answers.count == ZoneCompiler.maximumAddresses)
  }
}
