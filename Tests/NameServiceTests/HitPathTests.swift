import CAllocationCount
import CNameService
import Household
import TestSupport
import Testing
import Wire

@testable import NameService

/// The path of a question whose answer is there: what is written, octet by octet, and that it takes no memory.
@Suite struct HitPathTests {
  private func makeQuery(
    _ text: String, _ type: DNSType = .a, flags: DNSFlags = .recursionDesired, payload: UInt16? = nil,
    dnssec: Bool = false
  ) -> [UInt8] {
    DNSOutgoingQuery(
      identifier: 0xbeef, name: name(text), type: type, flags: flags, payloadSize: payload, wantsDNSSEC: dnssec
    ).bytes
  }

  private func entry(
    _ query: [UInt8], _ records: AnswerRecords, now: UInt32, stored: UInt32 = 100, limit: Int = 512,
    staleTTL: UInt32? = nil
  ) throws -> [UInt8] {
    var generator = SeededGenerator(1)
    var key = QuestionKey(secret: HashSecret(using: &generator))
    let question = try DNSQuery(reading: query.span.bytes)
    (query + [UInt8](repeating: 0, count: 8)).withUnsafeBytes {
      key.fill(name: $0.baseAddress! + 12, length: question.nameLength, traits: QuestionTraits(question, group: 0))
    }
    let answer = StoredAnswer(records: records, origin: .upstream, stored: stored, expires: 500, generation: 1)
    let writer = AnswerWriter()
    return query.withUnsafeBytes {
      Array(
        writer.write(
          answer, key: key, question: $0, query: question,
          terms: CacheEntry.Terms(limit: limit, now: now, staleTTL: staleTTL)))
    }
  }

  private let oneAddress = AnswerRecords(
    flags: [.response, .recursionAvailable, .authenticData], answerCount: 1,
    body: [0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 192, 0, 2, 9], ttlOffsets: [6])

  @Test func theAnswerHasTheQuestionsLettersAndTheRestOfItsLifetime() throws {
    let bytes = try entry(makeQuery("wWw.ExAmPlE"), oneAddress, now: 130)
    let head: [UInt8] = [0xbe, 0xef, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]
    let question = name("wWw.ExAmPlE").wire + [0, 1, 0, 1]
    #expect(bytes == head + question + [0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 14, 0, 4, 192, 0, 2, 9])
  }

  @Test func lifetimesEndAtZero() throws {
    let bytes = try entry(makeQuery("www.example"), oneAddress, now: 100_000)
    #expect(bytes.suffix(10).prefix(4) == [0, 0, 0, 0])
  }

  @Test func aStaleAnswerLivesThirtySecondsAndSaysSo() throws {
    let bytes = try entry(makeQuery("www.example", payload: 1232), oneAddress, now: 1_000, staleTTL: 30)
    #expect(bytes.suffix(33).dropFirst(6).prefix(4) == [0, 0, 0, 30])
    // OPT with option 15, length 2, INFO-CODE 3.
    #expect(bytes.suffix(17) == [0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 6, 0, 15, 0, 2, 0, 3])
  }

  @Test(
    arguments: [
      (DNSFlags.recursionDesired, false, false), ([.recursionDesired, .authenticData], false, true),
      (.recursionDesired, true, true),
    ] as [(DNSFlags, Bool, Bool)])
  func authenticDataIsToldToThoseWhoAskForIt(_ flags: DNSFlags, _ dnssec: Bool, _ isTold: Bool) throws {
    let bytes = try entry(makeQuery("www.example", flags: flags, payload: 1232, dnssec: dnssec), oneAddress, now: 100)
    #expect(DNSMessage(bytes.span.bytes)!.flags.contains(.authenticData) == isTold)
  }

  @Test func anAnswerThatDoesNotFitIsCutToItsQuestion() throws {
    var records = oneAddress
    for _ in 0..<60 { records.body += oneAddress.body }
    records.answerCount = 61
    let query = makeQuery("www.example")
    let bytes = try entry(query, records, now: 100)
    let message = DNSMessage(bytes.span.bytes)!
    #expect(message.flags.contains(.truncated))
    #expect((message.answerCount, message.questionCount) == (0, 1))
    #expect(bytes.count == query.count)
    #expect(try entry(query, records, now: 100, limit: 65_535).count > 900)
  }

  /// The same bytes of a batch as the worker has them, without sockets.
  @Test func aHitTakesNoMemory() throws {
    var generator = SeededGenerator(1)
    let groups = PolicyGroups(HouseholdModel(domain: name("home.arpa")))
    var path = HitPath(capacity: 1_000, secret: HashSecret(using: &generator), groups: groups.view)!
    let query = makeQuery("www.example", payload: 1232)
    let question = try DNSQuery(reading: query.span.bytes)
    (query + [UInt8](repeating: 0, count: 8)).withUnsafeBytes {
      path.key.fill(
        name: $0.baseAddress! + 12, length: question.nameLength,
        traits: QuestionTraits(question, group: PolicyGroup.open.rawValue))
    }
    path.keep(StoredAnswer(records: oneAddress, origin: .upstream, stored: 0, expires: 1_000, generation: 1))
    // An answer stands where its question stood, so that each round asks anew.
    let batch = path.batch
    func ask() {
      for index in 0..<Int(LARES_BATCH_SIZE) {
        query.withUnsafeBytes {
          UnsafeMutableRawPointer(batch.pointee.datagrams + index * Int(LARES_SLOT_SIZE)).copyMemory(
            from: $0.baseAddress!, byteCount: query.count)
        }
        lares_batch_set_length(batch, Int32(index), UInt32(query.count))
        batch.pointee.endpoints[index].address_length = 16
        withUnsafeMutableBytes(of: &batch.pointee.endpoints[index].address) { ($0[4], $0[7]) = (127, 1) }
      }
    }
    ask()
    path.serve(Int(LARES_BATCH_SIZE), now: 1)
    let misses = path.missCount
    #expect(misses == 0)
    let before = lares_allocations_of_thread()
    var second: UInt32 = 0
    while second < 900 {
      ask()
      path.serve(Int(LARES_BATCH_SIZE), now: second)
      second += 1
    }
    #expect(lares_allocations_of_thread() == before)
    let hits = path.counters.hits
    #expect(hits == UInt64(64 * 901))
    // The counter counts: one array is one allocation at least.
    let control = lares_allocations_of_thread()
    withExtendedLifetime([UInt8](repeating: 1, count: 4_000 + misses)) {}
    let box = Array(repeating: control, count: 1_000)
    #expect(lares_allocations_of_thread() > control && box.count == 1_000)
  }
}
