import CNameService
import HostSystem
import Wire

/// What a core does with a query that its hit path has left over.
extension Worker {
  func handle(_ message: UnsafeRawBufferPointer, from address: IPv6Address, path: Asker.Path) {
    let query: DNSQuery
    do {
      query = try DNSQuery(reading: message.bytes)
    } catch {
      return reject(message, path: path, error)
    }
    let asker = Asker(path: path, address: address, message: Array(message), query: query)
    guard let group = rules.groups.view.group(of: address) else { return refuse(asker, .prohibited) }
    if query.ednsVersion != 0 { return reply(asker, .badVersion) }
    // Type 0 is reserved (RFC 6895 section 3.1), and servers may take a query for it for a malformed one.
    guard query.recordClass == dnsClassInternet, !query.type.isMeta, query.type.rawValue != 0 else {
      return refuse(asker, .notSupported)
    }
    answer(asker, group: group)
  }

  private func reject(_ message: UnsafeRawBufferPointer, path: Asker.Path, _ failure: DNSQuery.Failure) {
    hitPath.counters.malformed += 1
    let code: DNSResponseCode
    switch failure {
    case .notAQuery: return
    case .malformed: code = .formatError
    case .notImplemented: code = .notImplemented
    }
    let answer = writer.write(code, question: message, query: nil)
    switch path {
    case .datagram(let socket, var endpoint):
      _ = lares_send_to(socket, &endpoint, answer.baseAddress, UInt64(answer.count))
    case .stream(let client): client.send(answer)
    }
  }

  private func refuse(_ asker: Asker, _ error: DNSExtendedError) {
    counters.refused += 1
    reply(asker, .refused, error)
  }

  private func reply(_ asker: Asker, _ code: DNSResponseCode, _ error: DNSExtendedError? = nil) {
    asker.message.withUnsafeBytes {
      asker.send(writer.write(code, question: $0, query: asker.query, error: error))
    }
  }

  private func answer(_ asker: Asker, group: PolicyGroup) {
    let now = Self.second(Clock.now)
    fillKey(asker.message, length: asker.query.nameLength, traits: QuestionTraits(asker.query, group: group.rawValue))
    // Without recursion (RFC 1034 section 4.3.2) the household's own data is all there is: what the cache has besides
    // would tell what others look up.
    let isRecursive = asker.query.flags.contains(.recursionDesired)
    if isRecursive, let entry = currentEntry(now: now) { return send(entry, to: asker, now: now) }
    switch decide(group: group, type: asker.query.type) {
    case .answer(let records): answerLocally(asker, records, now: now)
    case .alias(let records, let target) where isRecursive:
      follow(asker, records, target: target, group: group)
    case .alias(let records, _): answerLocally(asker, records, now: now, isKept: false)
    case .upstream where isRecursive: ask(asker)
    case .upstream: refuse(asker, .prohibited)
    }
  }

  private func decide(group: PolicyGroup, type: DNSType) -> NameRules.Decision {
    if type == .any { return .answer(.minimalAny) }
    return rules.decide(hitPath.key.name, type: type, group: group)
  }

  private func fillKey(_ message: [UInt8], length: Int, traits: QuestionTraits) {
    // The key reads whole words: up to 7 octets more than the name has.
    var padded = message[dnsHeaderLength..<dnsHeaderLength + length]
    padded.append(contentsOf: repeatElement(0, count: 8))
    padded.withUnsafeBytes { bytes in
      guard let start = bytes.baseAddress else { return }
      hitPath.key.fill(name: start, length: length, traits: traits)
    }
  }

  func fillKey(_ question: Question) {
    fillKey(
      [UInt8](repeating: 0, count: dnsHeaderLength) + question.name.wire, length: question.name.wire.count,
      traits: question.traits)
  }

  /// The cache's answer to the question in the key, if it holds under the rules in force.
  ///
  /// An upstream's answer survives a change of the rules when they still have nothing against it.
  private func currentEntry(now: UInt32) -> CacheEntry? {
    guard let entry = hitPath.find(), now < entry.expires else { return nil }
    if holds(entry) { return entry }
    hitPath.forget()
    return nil
  }

  /// Whether the rules in force have nothing against an answer.
  private func holds(_ entry: CacheEntry) -> Bool {
    if entry.generation == rules.generation { return true }
    let group = PolicyGroup(rawValue: entry.traits.group)
    guard entry.origin == .upstream,
      rules.decide(entry.name, type: entry.traits.type, group: group) == .upstream, !isObjectionable(entry)
    else { return false }
    entry.generation = rules.generation
    return true
  }

  /// Whether the policy has anything against an answer that came under older rules.
  private func isObjectionable(_ entry: CacheEntry) -> Bool {
    guard let name = DomainName(wire: entry.name) else { return true }
    let question = Question(name: name, traits: entry.traits)
    let message = DNSOutgoingQuery(
      identifier: 0, name: name, type: question.type, flags: [], payloadSize: nil, wantsDNSSEC: false
    ).bytes
    guard let query = try? DNSQuery(reading: message.span.bytes) else { return true }
    return message.withUnsafeBytes { bytes in
      guard let start = bytes.baseAddress else { return true }
      let terms = CacheEntry.Terms(limit: AnswerWriter.messageSize, now: entry.stored)
      let whole = writer.write(entry, question: start, query: query, terms: terms)
      guard let message = DNSMessage(whole.bytes) else { return true }
      return rules.answers.objection(to: message, question: question) != nil
    }
  }

  private func send(_ entry: CacheEntry, to asker: Asker, now: UInt32) {
    hitPath.counters.hits += 1
    entry.isUsed = true
    asker.message.withUnsafeBytes { bytes in
      guard let start = bytes.baseAddress else { return }
      let terms = CacheEntry.Terms(limit: asker.limit, now: now)
      asker.send(writer.write(entry, question: start, query: asker.query, terms: terms))
    }
  }

  /// How long a core keeps the household's own answers; a change of the rules ends them at once.
  private static let localSeconds: UInt32 = 3_600

  private func answerLocally(_ asker: Asker, _ records: AnswerRecords, now: UInt32, isKept: Bool = true) {
    counters.local += 1
    if records.extendedError == .blocked { hitPath.counters.blocked += 1 }
    let answer = StoredAnswer(
      records: records, origin: .local, stored: now, expires: now + Self.localSeconds, generation: rules.generation)
    if isKept, isWorthKeeping(records, type: asker.query.type) { hitPath.keep(answer) }
    write(answer, to: asker, terms: CacheEntry.Terms(limit: asker.limit, now: now))
  }

  /// Whether the household's own answer to the question in the key may take room from others.
  ///
  /// There are endless names that do not exist, or that are blocked because of what they end in, and any client can ask
  /// them all: such answers are made anew each time. Names that stand in a list are as many as the list has.
  private func isWorthKeeping(_ records: AnswerRecords, type: DNSType) -> Bool {
    if records.extendedError == .blocked { return rules.answers.blocks.lists(hitPath.key.name) }
    return records.answerCount > 0 && type != .any
  }

  /// Writes an answer to the question in the key.
  private func write(_ answer: StoredAnswer, to asker: Asker, terms: CacheEntry.Terms) {
    asker.message.withUnsafeBytes {
      asker.send(writer.write(answer, key: hitPath.key, question: $0, query: asker.query, terms: terms))
    }
  }

  // MARK: Asking

  /// Asks for an alias's target on behalf of the asker.
  private func follow(_ asker: Asker, _ records: AnswerRecords, target: DomainName, group: PolicyGroup) {
    var asker = asker
    asker.alias = records
    fillKey(Question(name: target.canonical, traits: QuestionTraits(asker.query, group: group.rawValue)))
    if case .answer(let target) = decide(group: group, type: asker.query.type) {
      let now = Self.second(Clock.now)
      return finish(
        asker,
        StoredAnswer(records: target, origin: .local, stored: now, expires: now, generation: rules.generation),
        question: nil, staleTTL: nil, now: now)
    }
    ask(asker)
  }

  /// Asks the owner of the question in the key.
  private func ask(_ asker: Asker) {
    guard let name = DomainName(wire: hitPath.key.name) else { return }
    let question = Question(name: name, traits: hitPath.key.traits)
    let hash = hitPath.key.hash
    do {
      if case .stream(let client) = asker.path { client.outstanding += 1 }
      guard let ticket = try waiting.add(asker, question, hash: hash, generation: rules.generation)
      else { return }
      let waiter = Waiter(core: core, ticket: ticket)
      let owner = owner(of: hash)
      if owner == core {
        own(question, hash: hash, waiter, generation: rules.generation)
      } else {
        mailboxes[owner].post(.question(question, hash: hash, waiter, generation: rules.generation))
      }
    } catch {
      if case .stream(let client) = asker.path { client.outstanding -= 1 }
      counters.limited += 1
      reply(asker, .serverFailure)
    }
  }

  /// The core that asks upstream: every core comes to the same, and no client can choose it.
  func owner(of hash: UInt64) -> Int {
    Int(hash.multipliedFullWidth(by: UInt64(mailboxes.count)).high)
  }

  /// The owner's part: from its cache, or from upstream.
  ///
  /// - Parameter generation: the rules that the question passed; under others the answer is given and not kept.
  func own(_ question: Question, hash: UInt64, _ waiter: Waiter, generation: UInt32) {
    let now = Clock.now
    let second = Self.second(now)
    fillKey(question)
    if let entry = currentEntry(now: second) {
      let left = entry.expires - second
      // A failure is not kept anew: cores that ask in turn would keep it for ever.
      return hand(
        entry.origin == .failure ? .passing(entry.answer.records) : .fresh(entry.answer.aged(to: second), ttl: left),
        of: question, to: [waiter])
    }
    resolver.ask(
      question, waiter: waiter, stale: staleAnswer(at: second), isKept: generation == rules.generation, now: now)
    carryOut()
  }

  private func staleAnswer(at second: UInt32) -> StoredAnswer? {
    guard let entry = hitPath.find(), entry.origin == .upstream,
      second &- entry.expires < rules.resolver.staleSeconds, holds(entry)
    else { return nil }
    return entry.answer
  }

  /// Gives an outcome to the cores that wait for it; the owner keeps it first.
  func hand(_ outcome: Outcome, of question: Question, to waiters: [Waiter]) {
    fillKey(question)
    keep(outcome, at: Self.second(Clock.now))
    for waiter in waiters {
      if waiter.core == core {
        deliver(outcome, to: waiter.ticket, generation: rules.generation)
      } else {
        mailboxes[waiter.core].post(.outcome(ticket: waiter.ticket, outcome, generation: rules.generation))
      }
    }
  }

  /// Takes an outcome into the cache under the key, where it is one to be kept.
  private func keep(_ outcome: Outcome, at now: UInt32) {
    switch outcome {
    case .fresh(let records, let ttl) where ttl > 0:
      hitPath.keep(
        StoredAnswer(
          records: records, origin: records.extendedError == nil ? .upstream : .local, stored: now,
          expires: now + ttl, generation: rules.generation))
    case .failed(let records):
      hitPath.keep(
        StoredAnswer(
          records: records, origin: .failure, stored: now, expires: now + ResolverSettings.failureTTL,
          generation: rules.generation))
    case .fresh, .stale, .passing: break
    }
  }

  /// Answers everybody on this core who waits for a question.
  ///
  /// The answer is kept where question and answer passed the rules in force, `generation` being those of the answer.
  func deliver(_ outcome: Outcome, to ticket: UInt64, generation: UInt32) {
    guard let entry = waiting.remove(ticket) else { return }
    let now = Self.second(Clock.now)
    fillKey(entry.question)
    if generation == rules.generation, entry.generation == generation { keep(outcome, at: now) }
    let (answer, staleTTL): (StoredAnswer, UInt32?)
    switch outcome {
    case .fresh(let records, _), .failed(let records), .passing(let records):
      answer = StoredAnswer(
        records: records, origin: .upstream, stored: now, expires: now, generation: rules.generation)
      staleTTL = nil
    case .stale(let old): (answer, staleTTL) = (old, ResolverSettings.staleTTL)
    }
    if answer.records.extendedError == .blocked { hitPath.counters.blocked += UInt64(entry.askers.count) }
    for asker in entry.askers {
      finish(asker, answer, question: entry.question, staleTTL: staleTTL, now: now)
      if case .stream(let client) = asker.path { client.outstanding -= 1 }
    }
    for asker in entry.askers {
      if case .stream(let client) = asker.path { client.resume() }
    }
  }

  /// - Parameter question: what was asked upstream; nil: what the key holds.
  private func finish(_ asker: Asker, _ answer: StoredAnswer, question: Question?, staleTTL: UInt32?, now: UInt32) {
    var answer = answer
    if let alias = asker.alias, let target = question?.name ?? DomainName(wire: hitPath.key.name) {
      answer.records = alias.followed(by: answer.records, named: target)
    }
    write(answer, to: asker, terms: CacheEntry.Terms(limit: asker.limit, now: now, staleTTL: staleTTL))
  }
}

extension StoredAnswer {
  /// The records with TTLs as they are at `second`.
  func aged(to second: UInt32) -> AnswerRecords {
    var records = self.records
    guard origin != .local, second > stored else { return records }
    for offset in records.ttlOffsets.map({ Int($0) }) {
      let ttl = records.body.ttl(at: offset)
      records.body.setTTL(ttl - min(ttl, second - stored), at: offset)
    }
    return records
  }
}

extension [UInt8] {
  /// Four octets as a number in network order.
  func ttl(at offset: Int) -> UInt32 { self[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) } }

  mutating func setTTL(_ ttl: UInt32, at offset: Int) {
    for index in 0..<4 { self[offset + index] = UInt8(truncatingIfNeeded: ttl >> UInt32(24 - 8 * index)) }
  }
}
