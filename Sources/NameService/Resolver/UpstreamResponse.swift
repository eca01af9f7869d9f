import Wire

/// What a server's message means for the query that it answers.
enum UpstreamResponse: Equatable {
  /// Not an answer to this query: forged, late, or noise. The wait goes on.
  case unrelated
  /// Answers this query, but its letters do not have the case that was sent: forged, or a server that does not keep it.
  case otherCase
  /// Cut short (TC): to be asked again over TCP.
  case truncated
  /// Cannot be read, or the server does not understand EDNS: FORMERR, NOTIMP, BADVERS.
  case notUnderstood
  /// The server will not or cannot answer: SERVFAIL, REFUSED, a malformed message, a referral.
  case failed(DNSResponseCode)
  case answer(AnswerRecords, ttl: UInt32)
}

extension UpstreamResponse {
  /// How long answers hold, in seconds.
  struct Lifetimes: Sendable, Equatable {
    var minimum: UInt32 = 0
    var maximum: UInt32 = 86_400
    /// RFC 2308 section 5 sees one to three hours as sensible.
    var maximumNegative: UInt32 = 3_600
  }

  /// Reads a message that came from the server that `query` went to.
  init(_ bytes: RawSpan, to query: DNSOutgoingQuery, lifetimes: Lifetimes) {
    guard let message = DNSMessage(bytes), message.identifier == query.identifier,
      message.flags.contains(.response), message.flags.operation == 0
    else {
      self = .unrelated
      return
    }
    let code = DNSResponseCode(rawValue: message.flags.code)
    guard message.questionCount > 0 else {
      // Servers that do not understand a message may leave the question out.
      self = code == .formatError || code == .notImplemented ? .notUnderstood : .unrelated
      return
    }
    guard message.questionCount == 1, let question = message.question, question.type == query.type,
      question.recordClass == dnsClassInternet, question.name == query.name
    else {
      self = .unrelated
      return
    }
    if question.name.wire != query.name.wire {
      self = .otherCase
    } else if message.flags.contains(.truncated) {
      self = .truncated
    } else {
      self = Self.meaning(of: message, question: question, code: code, lifetimes: lifetimes)
    }
  }

  private static func meaning(
    of message: borrowing DNSMessage, question: DNSMessage.Question, code: DNSResponseCode, lifetimes: Lifetimes
  ) -> UpstreamResponse {
    switch code {
    case .formatError, .notImplemented: return .notUnderstood
    case .noError, .nameError: break
    default: return .failed(code)
    }
    var reader = SectionReader(question: question, start: question.end)
    guard reader.read(message) else { return .failed(.formatError) }
    if reader.extendedCode != 0 { return reader.extendedCode == 1 ? .notUnderstood : .failed(.serverFailure) }
    let isNegative = code == .nameError || !reader.hasAnswerToType
    if isNegative, reader.isReferral { return .failed(.serverFailure) }
    // AD is not passed on: it came over a path that anybody can forge (RFC 4035 section 4.9.3).
    var records = AnswerRecords(flags: [.response, .recursionAvailable])
    records.flags.formUnion(DNSFlags(rawValue: code.rawValue))
    records.answerCount = UInt16(message.answerCount)
    records.authorityCount = UInt16(message.authorityCount)
    records.additionalCount = UInt16(reader.additionalKept)
    records.body = message.bytes.extracting(question.end..<reader.keptEnd).array
    records.ttlOffsets = reader.ttlOffsets.map { UInt16($0 - question.end) }

    var ttl = min(reader.answerTTL ?? .max, lifetimes.maximum)
    if isNegative {
      // Without a SOA record there is no saying how long (RFC 2308 section 5).
      ttl = min(ttl, reader.negativeTTL ?? 0, lifetimes.maximumNegative)
    }
    ttl = max(ttl, lifetimes.minimum)
    records.limitTTLs(to: isNegative ? ttl : lifetimes.maximum)
    return .answer(records, ttl: ttl)
  }
}

/// Walks over the sections of an answer and notes what matters.
private struct SectionReader {
  let question: DNSMessage.Question
  /// The octet after the last record that is kept: all but OPT and what follows it.
  var keptEnd: Int
  var additionalKept = 0
  var ttlOffsets: [Int] = []
  /// The shortest TTL of the answer section.
  var answerTTL: UInt32?
  /// From the SOA record of the authority section (RFC 2308 section 3).
  var negativeTTL: UInt32?
  var hasAnswerToType = false
  /// NS in the authority section, and neither answer nor SOA: a server that sends us on instead of answering.
  var isReferral: Bool { hasNameServers && negativeTTL == nil && !hasAnswer }
  private var hasNameServers = false
  private var hasAnswer = false
  /// The high eight bits of the response code (RFC 6891 section 6.1.3).
  var extendedCode: UInt8 = 0

  init(question: DNSMessage.Question, start: Int) {
    self.question = question
    keptEnd = start
  }

  /// False where any record is malformed.
  mutating func read(_ message: borrowing DNSMessage) -> Bool {
    var offset = keptEnd
    for index in 0..<message.answerCount + message.authorityCount + message.additionalCount {
      guard let record = message.record(at: offset) else { return false }
      offset = record.end
      if index < message.answerCount {
        noteAnswer(record)
        keep(record)
      } else if index < message.answerCount + message.authorityCount {
        noteAuthority(record, message)
        keep(record)
      } else if record.type == .opt {
        extendedCode = UInt8(truncatingIfNeeded: record.ttl >> 24)
      } else if record.type != .tsig, keptEnd == record.start {
        additionalKept += 1
        keep(record)
      }
    }
    return keptEnd - question.end <= AnswerRecords.maximumBody
  }

  private mutating func keep(_ record: DNSMessage.Record) {
    keptEnd = record.end
    ttlOffsets.append(record.ttlOffset)
  }

  private mutating func noteAnswer(_ record: DNSMessage.Record) {
    hasAnswer = true
    if record.type == question.type || question.type == .any { hasAnswerToType = true }
    answerTTL = min(answerTTL ?? .max, record.ttl >> 31 == 0 ? record.ttl : 0)
  }

  private mutating func noteAuthority(_ record: DNSMessage.Record, _ message: borrowing DNSMessage) {
    if record.type == .ns { hasNameServers = true }
    guard record.type == .soa, record.data.count >= 20 else { return }
    let minimum = message.bytes.extracting(record.end - 4..<record.end).array.reduce(0) { $0 << 8 | UInt32($1) }
    negativeTTL = min(minimum, record.ttl >> 31 == 0 ? record.ttl : 0)
  }
}

extension AnswerRecords {
  /// Lowers every TTL to at most `limit`; those of 2^31 and more are 0 (RFC 2181 section 8).
  mutating func limitTTLs(to limit: UInt32) {
    for offset in ttlOffsets.map({ Int($0) }) {
      let ttl = body.ttl(at: offset)
      body.setTTL(ttl >> 31 == 0 ? min(ttl, limit) : 0, at: offset)
    }
  }
}
