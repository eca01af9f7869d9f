import Wire

/// Everything that decides beside the cache, at one moment: what each core gets by its mailbox and then has for itself.
final class NameRules: Sendable {
  /// Grows with every change, so that a cached answer knows whether it was checked against these rules.
  let generation: UInt32
  let zone: ZoneSnapshot
  let groups: PolicyGroups
  let scopes: NameScopes
  let answers: AnswerPolicy
  let forwards: ForwardTable
  let resolver: ResolverSettings

  init(
    generation: UInt32, zone: ZoneSnapshot, groups: PolicyGroups, scopes: NameScopes, answers: AnswerPolicy,
    forwards: ForwardTable, resolver: ResolverSettings
  ) {
    self.generation = generation
    self.zone = zone
    self.groups = groups
    self.scopes = scopes
    self.answers = answers
    self.forwards = forwards
    self.resolver = resolver
  }

  /// What is to be done about a question that no cache answers.
  enum Decision: Equatable {
    /// The household's own answer, or the policy's.
    case answer(AnswerRecords)
    /// The household's name is an alias for somebody else's: these records, then those of the target.
    case alias(AnswerRecords, target: DomainName)
    case upstream
  }

  /// Decides about a name in lower case on the wire: the household's zone, then the blocklists, then the Internet.
  func decide(_ name: UnsafeRawBufferPointer, type: DNSType, group: PolicyGroup) -> Decision {
    if let answer = zone.answer(name, type: type) {
      // The same whether it exists or not.
      guard scopes.shows(name, to: group) else { return .answer(.hidden) }
      let records = AnswerRecords(answer).bounded
      guard let target = DomainName(wire: answer.alias) else { return .answer(records) }
      return .alias(records, target: target)
    }
    if group.usesBlocklists, case .blocked(let list) = answers.blocks.match(name) {
      return .answer(.blocked(by: answers.blocks.name(ofList: list)))
    }
    if name.elementsEqual(Self.canary) { return .answer(.canary) }
    return .upstream
  }

  /// `use-application-dns.net`: where it does not exist, browsers keep to the network's name service instead of sending
  /// what the household looks up to somebody else.
  private static let canary = DomainName("use-application-dns.net")?.wire ?? []
}

extension AnswerRecords {
  init(_ answer: ZoneAnswer) {
    self.init(
      flags: [.response, .authoritative, .recursionAvailable, DNSFlags(rawValue: answer.responseCode.rawValue)],
      answerCount: answer.answerCount, authorityCount: answer.authorityCount,
      body: Array(answer.answers) + Array(answer.authority))
  }

  /// NXDOMAIN, and why. The SOA record lets the client remember it for a minute.
  static func blocked(by list: String) -> AnswerRecords {
    var records = nameError
    records.extendedError = .blocked
    records.extendedText = Array("blocked by \(list)".utf8.prefix(200))
    return records
  }

  static let canary = nameError
  /// What an isolated network is told of the household's names that are not for it.
  static let hidden = nameError

  /// NXDOMAIN by our own decision.
  private static var nameError: AnswerRecords {
    // Owner: the name asked. SOA . . 1 3600 600 86400 60, TTL 60.
    let fields: [UInt8] = [0xc0, 0x0c, 0, 6, 0, 1, 0, 0, 0, 60, 0, 22, 0, 0]
    let numbers: [UInt8] = [0, 0, 0, 1, 0, 0, 0x0e, 0x10, 0, 0, 2, 0x58, 0, 1, 0x51, 0x80, 0, 0, 0, 60]
    return AnswerRecords(
      flags: [.response, .recursionAvailable, DNSFlags(rawValue: DNSResponseCode.nameError.rawValue)],
      authorityCount: 1, body: fields + numbers)
  }

  /// The least that may be said to ANY (RFC 8482 section 4.2).
  static let minimalAny = AnswerRecords(
    flags: [.response, .recursionAvailable], answerCount: 1,
    body: [0xc0, 0x0c, 0, 13, 0, 1, 0, 0, 0x0e, 0x10, 0, 9, 7] + Array("RFC8482".utf8) + [0])

  /// This alias, and behind it what its target's servers said; SERVFAIL where both do not fit one message.
  func followed(by target: AnswerRecords, named name: DomainName) -> AnswerRecords {
    var joined = self
    joined.flags = [.response, .recursionAvailable, DNSFlags(rawValue: target.code.rawValue)]
    joined.extendedError = target.extendedError
    joined.extendedText = target.extendedText
    joined.body = Array(body)
    joined.authorityCount = 0
    guard let records = target.uncompressed(question: name) else {
      joined.flags.insert(DNSFlags(rawValue: DNSResponseCode.serverFailure.rawValue))
      return joined
    }
    guard body.count + records.body.count <= Self.maximumBody else { return .tooLong }
    joined.answerCount += target.answerCount
    joined.authorityCount = target.authorityCount
    joined.ttlOffsets = ttlOffsets + records.ttlOffsets.map { UInt16(body.count + $0) }
    joined.body += records.body
    return joined
  }

  /// The answer and authority records with every name in whole, and where their TTLs are; nil where they are malformed.
  ///
  /// Ends early once there is more than a message holds.
  private func uncompressed(question name: DomainName) -> (body: [UInt8], ttlOffsets: [Int])? {
    var writer = ByteWriter(capacity: dnsHeaderLength + name.wire.count + 4 + body.count)
    writer.pad(dnsHeaderLength)
    writer.write(contentsOf: name.wire)
    writer.pad(4)
    let start = writer.count
    writer.write(contentsOf: body)
    let bytes = writer.bytes
    guard let message = DNSMessage(bytes.span.bytes) else { return nil }
    var copied = ByteWriter(capacity: body.count * 2)
    var ttlOffsets: [Int] = []
    var offset = start
    for _ in 0..<Int(answerCount) + Int(authorityCount) where copied.count <= Self.maximumBody {
      guard let record = message.record(at: offset), let owner = message.bytes.dnsName(at: record.start)?.name
      else { return nil }
      // The TTL stands behind owner, type and class.
      ttlOffsets.append(copied.count + owner.wire.count + 4)
      message.copy(record, to: &copied)
      offset = record.end
    }
    return (copied.bytes, ttlOffsets)
  }
}
