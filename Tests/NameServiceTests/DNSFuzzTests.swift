import CNameService
import HostSystem
import Household
import TestSupport
import Testing
import Wire

@testable import NameService

/// Octets that nobody should send: everything that reads messages, fed with a committed corpus, mutated from a seed.
@Suite struct DNSFuzzTests {
  private static var corpus: [(name: String, bytes: [UInt8])] {
    let folder = File.folderName(of: File.folderName(of: #filePath)) + "/Fuzz/dns/corpus"
    return File.list(folder).compactMap { name in (try? File.read(folder + "/" + name)).map { (name, $0) } }
  }

  /// Flips, cuts, repeats, and puts in the numbers that parsers trip over.
  private static func mutate(_ bytes: [UInt8], _ other: [UInt8], _ dice: inout SeededGenerator) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<Int.random(in: 1...6, using: &dice) {
      guard !bytes.isEmpty else { return bytes }
      let place = Int.random(in: 0..<bytes.count, using: &dice)
      switch Int.random(in: 0..<8, using: &dice) {
      case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &dice)
      case 1: bytes[place] = [0, 1, 0x3f, 0x40, 0x80, 0xc0, 0xff].randomElement(using: &dice)!
      case 2: bytes.removeSubrange(place...)
      case 3: bytes.insert(contentsOf: bytes[..<place].suffix(20), at: place)
      case 4: bytes.remove(at: place)
      case 5: bytes[place...] = other.dropFirst(place)[...]
      case 6:
        // A pointer to somewhere.
        guard place + 1 < bytes.count else { continue }
        (bytes[place], bytes[place + 1]) = (0xc0, UInt8.random(in: 0...80, using: &dice))
      default: bytes.insert(UInt8.random(in: 0...255, using: &dice), at: place)
      }
    }
    return bytes
  }

  @Test func theCorpusIsThere() { #expect(Self.corpus.count >= 20) }

  @Test(arguments: 1...4 as ClosedRange<UInt64>)
  func noOctetsTrapAReader(_ seed: UInt64) throws {
    var dice = SeededGenerator(seed)
    let corpus = Self.corpus.map(\.bytes)
    let subject = Subject()
    for bytes in corpus { try subject.read(bytes) }
    for _ in 0..<4_000 {
      let (one, two) = (corpus.randomElement(using: &dice)!, corpus.randomElement(using: &dice)!)
      try subject.read(Self.mutate(one, two, &dice))
    }
    #expect(subject.readAnswers > 0 && subject.readQueries > 0 && subject.unrelated > 0)
  }

  @Test func aDamagedCacheFileIsNoCache() throws {
    var dice = SeededGenerator(9)
    var generator = SeededGenerator(1)
    var key = QuestionKey(secret: HashSecret(using: &generator))
    var cache = AnswerCache(capacity: 100)!
    for number in 0..<20 {
      let wire = name("n\(number).example").wire
      (wire + [UInt8](repeating: 0, count: 8)).withUnsafeBytes {
        key.fill(name: $0.baseAddress!, length: wire.count, traits: QuestionTraits(type: .a))
      }
      let records = AnswerRecords(
        flags: .response, answerCount: 1, body: [0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 1, 2, 3, 4], ttlOffsets: [6])
      cache.insert(StoredAnswer(records: records, origin: .upstream, stored: 1, expires: 9, generation: 1), for: key)
    }
    var writer = ByteWriter()
    cache.visitAll { CacheDump.append($0, stored: 1, expires: 9, to: &writer) }
    let file = CacheDump.file([writer.bytes])
    #expect(CacheDump.read(file)?.count == 20)
    for _ in 0..<2_000 {
      let damaged = Self.mutate(file, [UInt8](repeating: 0xff, count: 300), &dice)
      #expect(damaged == file || CacheDump.read(damaged) == nil)
    }
    // Past the checksum too: a sum that fits over octets that do not.
    for _ in 0..<2_000 {
      let content = Self.mutate(writer.bytes, [], &dice)
      _ = CacheDump.read(CacheDump.file([content]))
    }
  }

  /// Everything that reads octets from the network, and what must hold of its results.
  private final class Subject {
    var readQueries = 0
    var readAnswers = 0
    var unrelated = 0
    private let writer = AnswerWriter()
    private let expected: [DNSOutgoingQuery] = ["www.example", "example", "gone.example"].flatMap { text in
      [DNSType.a, .aaaa, .mx, .https, .cname].map {
        DNSOutgoingQuery(
          identifier: 0x1234, name: DomainName(text)!, type: $0, flags: .recursionDesired, payloadSize: 1232,
          wantsDNSSEC: false)
      }
    }

    func read(_ bytes: [UInt8]) throws {
      readQuery(bytes)
      for query in expected { try readAnswer(bytes, to: query) }
      walk(bytes)
    }

    private func readQuery(_ bytes: [UInt8]) {
      guard let query = try? DNSQuery(reading: bytes.span.bytes) else { return }
      readQueries += 1
      #expect(query.questionEnd <= bytes.count)
      #expect(DomainName(wire: bytes[12..<12 + query.nameLength]) != nil)
      bytes.withUnsafeBytes { question in
        let refusal = writer.write(.refused, question: question, query: query, error: .prohibited)
        #expect(DNSMessage(refusal.bytes)?.flags.code == DNSResponseCode.refused.rawValue)
      }
    }

    private func readAnswer(_ bytes: [UInt8], to query: DNSOutgoingQuery) throws {
      switch UpstreamResponse(bytes.span.bytes, to: query, lifetimes: UpstreamResponse.Lifetimes()) {
      case .unrelated: unrelated += 1
      case .answer(let records, let ttl):
        readAnswers += 1
        #expect(ttl <= 86_400)
        try check(records, to: query)
      default: break
      }
    }

    /// What is kept can be given to a client, who can read all of it.
    private func check(_ records: AnswerRecords, to query: DNSOutgoingQuery) throws {
      var generator = SeededGenerator(1)
      var key = QuestionKey(secret: HashSecret(using: &generator))
      let question = try DNSQuery(reading: query.bytes.span.bytes)
      (query.bytes + [UInt8](repeating: 0, count: 8)).withUnsafeBytes {
        key.fill(name: $0.baseAddress! + 12, length: question.nameLength, traits: QuestionTraits(question, group: 0))
      }
      let stored = StoredAnswer(records: records, origin: .upstream, stored: 0, expires: 300, generation: 1)
      query.bytes.withUnsafeBytes { octets in
        let answer = writer.write(
          stored, key: key, question: octets, query: question,
          terms: CacheEntry.Terms(limit: AnswerWriter.messageSize, now: 10))
        guard let message = DNSMessage(answer.bytes), var offset = message.question?.end else {
          Issue.record("the answer has no question")
          return
        }
        for _ in 0..<message.answerCount + message.authorityCount + message.additionalCount {
          guard let record = message.record(at: offset) else {
            Issue.record("a record cannot be read")
            return
          }
          offset = record.end
        }
        #expect(offset == answer.count)
      }
    }

    private func walk(_ bytes: [UInt8]) {
      for offset in bytes.indices {
        guard let (name, end) = bytes.span.bytes.dnsName(at: offset) else { continue }
        #expect(end <= bytes.count && name.wire.count <= 255)
      }
      guard let message = DNSMessage(bytes.span.bytes) else { return }
      var writer = ByteWriter()
      for offset in bytes.indices {
        if let record = message.record(at: offset) { message.copy(record, to: &writer) }
      }
    }
  }
}
