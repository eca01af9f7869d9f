#if DEBUG || FUZZING
  import TestSupport
  import CNameService
  import Household
  import Wire

  @testable import NameService

  extension FuzzTarget {
    /// DNS messages: as a client's query, and as an upstream server's answer to the question that it carries.
    static let dns = FuzzTarget("dns") { bytes in
      try checkQuery(bytes)
      try checkHit(bytes)
      try walk(bytes)
      try checkAnswer(bytes)
    }

    /// What is taken for a query reads the same as a message, and gets an answer that can be read.
    private static func checkQuery(_ bytes: [UInt8]) throws {
      guard let query = try? DNSQuery(reading: bytes.span.bytes) else { return }
      let message = DNSMessage(bytes.span.bytes)
      let question = message?.question
      try promise(
        question?.name.wire == Array(bytes[dnsHeaderLength..<dnsHeaderLength + query.nameLength])
          && question?.type == query.type && question?.recordClass == query.recordClass
          && question?.end == query.questionEnd, "two readers see two questions: \(query)")
      try promise(message?.identifier == query.identifier && message?.flags == query.flags, "another header")
      let writer = AnswerWriter()
      try bytes.withUnsafeBytes { octets in
        let refusal = writer.write(.refused, question: octets, query: query, error: .prohibited)
        try promise(refusal.count <= query.questionEnd + 17, "a refusal of \(refusal.count) octets")
        try promise(
          DNSMessage(refusal.bytes)?.flags.code == DNSResponseCode.refused.rawValue, "a refusal that cannot be read")
      }
    }

    /// A datagram whose question the cache can answer is answered in its own slot; any other is left as it came.
    private static func checkHit(_ bytes: [UInt8]) throws {
      guard bytes.count <= Int(LARES_SLOT_SIZE) else { return }
      var numbers = SeededGenerator(1)
      let groups = PolicyGroups(HouseholdModel(domain: DomainName("home.arpa") ?? .root))
      guard var path = HitPath(capacity: 64, secret: HashSecret(using: &numbers), groups: groups.view) else { return }
      let slot = UnsafeMutableRawBufferPointer(start: path.batch.pointee.datagrams, count: Int(LARES_SLOT_SIZE))
      slot.copyBytes(from: bytes)
      let query = try? DNSQuery(reading: bytes.span.bytes)
      if let query, let start = slot.baseAddress {
        let traits = QuestionTraits(query, group: PolicyGroup.open.rawValue)
        path.key.fill(name: start + dnsHeaderLength, length: query.nameLength, traits: traits)
        path.keep(StoredAnswer(records: oneAddress, origin: .upstream, stored: 0, expires: 300, generation: 1))
      }
      lares_batch_set_length(path.batch, 0, UInt32(bytes.count))
      path.batch.pointee.endpoints[0].address_length = 16
      withUnsafeMutableBytes(of: &path.batch.pointee.endpoints[0].address) { ($0[4], $0[7]) = (127, 1) }
      path.serve(1, now: 10)
      guard path.missCount == 0 else {
        try promise(slot.prefix(bytes.count).elementsEqual(bytes), "a datagram that was changed and not answered")
        return
      }
      guard let query else { throw BrokenPromise(description: "an answer to what is no query") }
      let answer = Array(slot.prefix(Int(path.batch.pointee.answer_length.0)))
      guard let message = DNSMessage(answer.span.bytes), let question = message.question else {
        throw BrokenPromise(description: "an answer that cannot be read: \(answer)")
      }
      try promise(answer.count <= max(512, query.payloadSize), "\(answer.count) octets for \(query.payloadSize)")
      try promise(message.identifier == query.identifier && message.answerCount == 1, "another answer: \(answer)")
      try promise(
        question.name.wire == Array(bytes[dnsHeaderLength..<dnsHeaderLength + query.nameLength])
          && question.type == query.type, "an answer to another question")
      try checkReadable(answer, question, maximumTTL: 290)
    }

    private static let oneAddress = AnswerRecords(
      flags: [.response, .recursionAvailable], answerCount: 1,
      body: [0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 192, 0, 2, 9], ttlOffsets: [6])

    /// Every offset as the start of a name and of a record.
    private static func walk(_ bytes: [UInt8]) throws {
      guard let message = DNSMessage(bytes.span.bytes) else { return }
      _ = message.question
      for offset in bytes.indices.prefix(512) {
        if let (name, end) = bytes.span.bytes.dnsName(at: offset) {
          try promise(end <= bytes.count, "a name that goes on behind the message")
          try promise(DomainName(wire: name.wire) == name, "a name that is none: \(name.wire)")
          try promise(DomainName(name.description)?.wire == name.wire, "a name that text changes: \(name)")
        }
        guard let record = message.record(at: offset) else { continue }
        try promise(record.end <= bytes.count && record.ttlOffset + 4 <= record.end, "a record behind the message")
        var whole = ByteWriter()
        whole.pad(dnsHeaderLength)
        message.copy(record, to: &whole)
        let copied = whole.bytes
        let again = DNSMessage(copied.span.bytes)?.record(at: dnsHeaderLength)
        try promise(
          again?.type == record.type && again?.ttl == record.ttl && again?.end == copied.count,
          "a copied record is another one")
      }
    }

    /// An answer that is kept for a question can be given to who asks it, in time too, and every record of it be read.
    private static func checkAnswer(_ bytes: [UInt8]) throws {
      guard let message = DNSMessage(bytes.span.bytes), let question = message.question else { return }
      let query = DNSOutgoingQuery(
        identifier: message.identifier, name: question.name, type: question.type, flags: .recursionDesired,
        payloadSize: 1_232, wantsDNSSEC: false)
      let lifetimes = UpstreamResponse.Lifetimes()
      guard case .answer(let records, let ttl) = UpstreamResponse(bytes.span.bytes, to: query, lifetimes: lifetimes)
      else { return }
      try promise(ttl <= lifetimes.maximum, "an answer for \(ttl) seconds")
      try promise(records.body.count <= bytes.count, "more records than came")
      let asked = query.bytes
      let read = try DNSQuery(reading: asked.span.bytes)
      var numbers = SeededGenerator(1)
      var key = QuestionKey(secret: HashSecret(using: &numbers))
      (asked + [UInt8](repeating: 0, count: 8)).withUnsafeBytes {
        if let start = $0.baseAddress {
          key.fill(name: start + dnsHeaderLength, length: read.nameLength, traits: QuestionTraits(read, group: 0))
        }
      }
      let stored = StoredAnswer(records: records, origin: .upstream, stored: 0, expires: 300, generation: 1)
      let writer = AnswerWriter()
      for limit in [AnswerWriter.messageSize, 512] {
        let answer = asked.withUnsafeBytes {
          Array(
            writer.write(
              stored, key: key, question: $0, query: read, terms: CacheEntry.Terms(limit: limit, now: 10)))
        }
        try promise(answer.count <= limit, "\(answer.count) octets for a limit of \(limit)")
        try checkReadable(answer, question, maximumTTL: lifetimes.maximum)
      }
      try checkAlias(records, question, key)
      try checkKeeping(stored, key)
    }

    /// An answer behind an alias of the household can be given too, with every TTL set where it is stale.
    private static func checkAlias(
      _ records: AnswerRecords, _ question: DNSMessage.Question, _ key: borrowing QuestionKey
    ) throws {
      let joined = records.followed(by: records, named: question.name)
      try promise(joined.body.count <= AnswerRecords.maximumBody, "\(joined.body.count) octets of records")
      try promise(
        joined.ttlOffsets.allSatisfy { Int($0) + 4 <= joined.body.count }, "a TTL behind the records")
      let alias = AnswerRecords(flags: .response).followed(by: records, named: question.name)
      let asked = DNSOutgoingQuery(
        identifier: 1, name: question.name, type: question.type, flags: .recursionDesired, payloadSize: 1_232,
        wantsDNSSEC: false
      ).bytes
      let read = try DNSQuery(reading: asked.span.bytes)
      let stored = StoredAnswer(records: alias, origin: .upstream, stored: 0, expires: 300, generation: 1)
      let writer = AnswerWriter()
      let answer = asked.withUnsafeBytes {
        Array(
          writer.write(
            stored, key: key, question: $0, query: read,
            terms: CacheEntry.Terms(limit: AnswerWriter.messageSize, now: 10, staleTTL: 30)))
      }
      try checkReadable(answer, question, maximumTTL: 30)
    }

    private static func checkReadable(_ answer: [UInt8], _ question: DNSMessage.Question, maximumTTL: UInt32) throws {
      guard let message = DNSMessage(answer.span.bytes), message.question == question else {
        throw BrokenPromise(description: "an answer to another question")
      }
      var offset = question.end
      for _ in 0..<message.answerCount + message.authorityCount + message.additionalCount {
        guard let record = message.record(at: offset) else {
          throw BrokenPromise(description: "the record at \(offset) of the answer cannot be read: \(answer)")
        }
        try promise(record.type == .opt || record.ttl <= maximumTTL, "a record for \(record.ttl) seconds")
        offset = record.end
      }
      try promise(offset == answer.count, "octets behind the last record")
    }

    /// The cache gives back what was put in, and so does its file.
    private static func checkKeeping(_ stored: StoredAnswer, _ key: borrowing QuestionKey) throws {
      guard var cache = AnswerCache(capacity: 64) else { return }
      guard cache.insert(stored, for: key) else { return }
      try promise(cache.find(key)?.answer == stored, "the cache gives another answer than it got")
      var writer = ByteWriter()
      func append(_ entry: CacheEntry) { CacheDump.append(entry, stored: 1, expires: 2, to: &writer) }
      cache.visitAll(append)
      let kept = CacheDump.read(CacheDump.file([writer.bytes]))
      try promise(kept?.map(\.records) == [stored.records], "the cache's file gives another answer than it got")
    }
  }
#endif
