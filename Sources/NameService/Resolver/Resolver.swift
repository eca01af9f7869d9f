import Household
import Wire

/// Asks upstream servers, each question once however many want to know. A state machine without sockets or clock: calls
/// tell it what happened, `takeEffects` says what is to be done.
///
/// It belongs to the core that owns its questions.
final class Resolver {
  private(set) var settings: ResolverSettings
  private(set) var counters = ResolverCounters()
  private var forwards: ForwardTable
  private var policy: AnswerPolicy?
  private var servers: [SocketAddress: UpstreamServer] = [:]
  private var pending: [Question: PendingQuestion] = [:]
  /// Those of `pending` that come from isolated networks.
  private var isolatedCount = 0
  private var owners: [UInt64: PendingQuestion] = [:]
  /// Questions with a stale answer that failed lately: not asked anew before.
  private var recheckAt: [Question: Instant] = [:]
  private var effects: [ResolverEffect] = []
  private var lastAttempt: UInt64 = 0
  private var randomness: any RandomNumberGenerator
  /// When `advance` is next to be called; nil: only after something else has happened.
  private(set) var nextDeadline: Instant?

  init(
    _ settings: ResolverSettings = ResolverSettings(), forwards: ForwardTable, policy: AnswerPolicy? = nil,
    randomness: any RandomNumberGenerator
  ) {
    self.settings = settings
    self.forwards = forwards
    self.policy = policy
    self.randomness = randomness
  }

  /// Questions under way.
  var pendingCount: Int { pending.count }

  /// What has to be done since the last call, in order.
  func takeEffects() -> [ResolverEffect] {
    defer { effects.removeAll(keepingCapacity: true) }
    return effects
  }

  /// Other servers or rules from now on. Questions under way go on with the old ones, and their answers are not to be kept.
  func configure(_ settings: ResolverSettings, forwards: ForwardTable, policy: AnswerPolicy?) {
    self.settings = settings
    self.forwards = forwards
    self.policy = policy
    let known = Set(forwards.servers + forwards.zones.flatMap(\.servers))
    servers = servers.filter { known.contains($0.key) }
    recheckAt.removeAll()
    for asking in pending.values { asking.isKept = false }
  }

  // MARK: Questions

  /// Somebody wants an answer that the cache does not have.
  ///
  /// - Parameters:
  ///   - stale: an expired answer that may still be given.
  ///   - isKept: whether the question passed the rules in force; otherwise the answer is not to be kept.
  func ask(_ question: Question, waiter: Waiter, stale: StoredAnswer?, isKept: Bool = true, now: Instant) {
    counters.questions += 1
    if let underWay = pending[question] {
      counters.coalesced += 1
      return join(underWay, waiter)
    }
    let isIsolated = question.traits.isIsolated
    guard pending.count < settings.maximumQuestions, !isIsolated || isolatedCount < settings.maximumQuestions / 3
    else {
      counters.refused += 1
      return answer(question, stale, [waiter], .passing(.failure(.other, "too many questions are under way")))
    }
    let candidates = forwards.servers(for: question.name).map(server)
    guard !candidates.isEmpty else {
      return answer(question, stale, [waiter], .failed(.failure(.networkError, "no upstream name server is known")))
    }
    if let stale, let recheck = recheckAt[question], now < recheck { return giveStale(question, stale, [waiter]) }
    let start = PendingQuestion(
      question, waiter: waiter, servers: candidates, stale: stale, isKept: isKept, now: now, settings: settings)
    pending[question] = start
    if isIsolated { isolatedCount += 1 }
    if let stale, candidates.allSatisfy(\.isSilent) {
      // Nobody is there: the answer at once, one more try behind it.
      giveStale(question, stale, start.waiters)
      start.waiters = []
      start.staleDeadline = nil
    }
    tryNext(start, now)
  }

  private func join(_ underWay: PendingQuestion, _ waiter: Waiter) {
    if let stale = underWay.stale, underWay.staleDeadline == nil {
      giveStale(underWay.question, stale, [waiter])
    } else {
      underWay.waiters.append(waiter)
    }
  }

  private func server(_ address: SocketAddress) -> UpstreamServer {
    if let known = servers[address] { return known }
    let new = UpstreamServer(address)
    servers[address] = new
    return new
  }

  // MARK: Attempts

  private func tryNext(_ asking: PendingQuestion, _ now: Instant) {
    guard asking.attemptsMade < settings.maximumAttempts,
      let server = asking.nextServer(at: now, using: &randomness)
    else { return finishIfSilent(asking, now) }
    attempt(asking, server, isStream: false, now)
  }

  private func attempt(
    _ asking: PendingQuestion, _ server: UpstreamServer, isStream: Bool, isPlainTrial: Bool = false, _ now: Instant
  ) {
    // The oldest of those that timed out is the likeliest to be answered yet.
    while asking.attempts.count >= settings.maximumOpenAttempts, let last = asking.attempts.last {
      drop(last, of: asking)
    }
    lastAttempt += 1
    asking.attemptsMade += 1
    asking.asked[ObjectIdentifier(server), default: 0] += 1
    let query = makeQuery(
      asking.question, to: server, isStream: isStream, hasEDNS: !isPlainTrial && server.understandsEDNS(at: now), now)
    let patience = isStream ? 3_000 : server.timeoutMilliseconds
    asking.attempts.append(
      PendingQuestion.Attempt(
        identifier: lastAttempt, query: query, server: server, sent: now, isStream: isStream,
        isPlainTrial: isPlainTrial,
        deadline: now.advanced(milliseconds: patience)))
    owners[lastAttempt] = asking
    counters.sent += 1
    effects.append(
      isStream
        ? .connect(attempt: lastAttempt, to: server.address, bytes: query.bytes)
        : .send(attempt: lastAttempt, to: server.address, bytes: query.bytes))
    wake(at: asking.nextDeadline)
  }

  private func makeQuery(
    _ question: Question, to server: UpstreamServer, isStream: Bool, hasEDNS: Bool, _ now: Instant
  ) -> DNSOutgoingQuery {
    let options = question.traits.options
    var flags: DNSFlags = .recursionDesired
    if options.contains(.checkingDisabled) { flags.insert(.checkingDisabled) }
    var name = question.name
    if settings.randomisesCase, !isStream, server.keepsCase(at: now) { name = name.randomCase(using: &randomness) }
    return DNSOutgoingQuery(
      identifier: UInt16(truncatingIfNeeded: randomness.next()), name: name, type: question.type, flags: flags,
      payloadSize: hasEDNS ? UInt16(udpAnswerLimit) : nil, wantsDNSSEC: options.contains(.wantsDNSSEC))
  }

  /// A message came on an attempt's socket.
  func receive(_ bytes: RawSpan, attempt identifier: UInt64, now: Instant) {
    guard let asking = owners[identifier],
      let attempt = asking.attempts.first(where: { $0.identifier == identifier })
    else { return }
    let response = UpstreamResponse(bytes, to: attempt.query, lifetimes: settings.lifetimes)
    if response == .unrelated { return noteUnrelated(asking, attempt, now) }
    attempt.server.noteAnswer(
      after: Double(now.nanoseconds - attempt.sent.nanoseconds) / 1e6, at: now)
    switch response {
    case .unrelated: break
    case .answer(let records, let ttl):
      if attempt.isPlainTrial { attempt.server.noteNoEDNS(at: now) }
      // Without DO in the query there are no signatures in the answer: the next may have them.
      let lacksSignatures = attempt.query.payloadSize == nil && asking.question.traits.options.contains(.wantsDNSSEC)
      succeed(asking, records, ttl: lacksSignatures ? 0 : ttl, message: bytes, now)
    case .truncated where !attempt.isStream: retry(asking, attempt, isStream: true, now)
    case .otherCase where !attempt.isStream:
      attempt.server.noteFoldedCase(at: now)
      retry(asking, attempt, isStream: true, now)
    case .notUnderstood where attempt.query.payloadSize != nil:
      retry(asking, attempt, isStream: attempt.isStream, isPlainTrial: true, now)
    case .truncated, .otherCase, .notUnderstood, .failed: fail(asking, attempt, now)
    }
  }

  /// An attempt will have no answer.
  func attemptFailed(_ identifier: UInt64, _ failure: AttemptFailure = .network, now: Instant) {
    guard let asking = owners[identifier],
      let attempt = asking.attempts.first(where: { $0.identifier == identifier })
    else { return }
    guard failure == .network else {
      drop(attempt, of: asking)
      return finishIfOverloaded(asking)
    }
    // A server without TCP lives nevertheless.
    if !attempt.isStream { attempt.server.noteSilence(at: now, isCertain: true) }
    drop(attempt, of: asking)
    tryNext(asking, now)
  }

  /// Somebody who sends what was not asked for has found the socket: TCP is out of a forger's reach.
  private func noteUnrelated(_ asking: PendingQuestion, _ attempt: PendingQuestion.Attempt, _ now: Instant) {
    counters.unrelated += 1
    asking.unrelatedCount += 1
    if asking.unrelatedCount == 8, !attempt.isStream { retry(asking, attempt, isStream: true, now) }
  }

  private func retry(
    _ asking: PendingQuestion, _ attempt: PendingQuestion.Attempt, isStream: Bool, isPlainTrial: Bool = false,
    _ now: Instant
  ) {
    drop(attempt, of: asking)
    guard asking.attemptsMade < settings.maximumAttempts else { return finishIfSilent(asking, now) }
    self.attempt(
      asking, attempt.server, isStream: isStream, isPlainTrial: isPlainTrial || attempt.isPlainTrial, now)
  }

  private func fail(_ asking: PendingQuestion, _ attempt: PendingQuestion.Attempt, _ now: Instant) {
    asking.wasRefused = true
    drop(attempt, of: asking)
    // Every server has said that it cannot: asking again now changes nothing.
    let everyServer = asking.servers.allSatisfy { asking.asked[ObjectIdentifier($0)] != nil }
    if everyServer, asking.attempts.isEmpty { return finishWithFailure(asking, now) }
    if !everyServer { tryNext(asking, now) }
  }

  private func drop(_ attempt: PendingQuestion.Attempt, of asking: PendingQuestion) {
    asking.attempts.removeAll { $0.identifier == attempt.identifier }
    owners[attempt.identifier] = nil
    effects.append(.close(attempt: attempt.identifier))
  }

  // MARK: Time

  /// Does what is due at `now`.
  func advance(_ now: Instant) {
    guard let due = nextDeadline, due <= now else { return }
    nextDeadline = nil
    for asking in Array(pending.values) {
      if asking.nextDeadline <= now { advance(asking, now) }
      if pending[asking.question] === asking { wake(at: asking.nextDeadline) }
    }
    if recheckAt.count > settings.maximumQuestions { recheckAt = recheckAt.filter { $0.value > now } }
  }

  private func advance(_ asking: PendingQuestion, _ now: Instant) {
    if asking.end <= now { return finishWithFailure(asking, now) }
    if let due = asking.staleDeadline, due <= now, let stale = asking.stale {
      asking.staleDeadline = nil
      giveStale(asking.question, stale, asking.waiters)
      asking.waiters = []
    }
    var isSilent = false
    for index in asking.attempts.indices {
      guard let due = asking.attempts[index].deadline, due <= now else { continue }
      asking.attempts[index].deadline = nil
      asking.attempts[index].server.noteTimeout(ofQuerySent: asking.attempts[index].sent, at: now)
      counters.timeouts += 1
      isSilent = true
    }
    if isSilent { tryNext(asking, now) }
  }

  private func wake(at deadline: Instant) { nextDeadline = min(nextDeadline ?? deadline, deadline) }

  // MARK: Ends

  /// How long an answer that the household objects to is not asked for again, in seconds; as long as a blocked name.
  private static let objectionTTL: UInt32 = 60

  private func succeed(
    _ asking: PendingQuestion, _ records: AnswerRecords, ttl: UInt32, message: RawSpan, _ now: Instant
  ) {
    var outcome = Outcome.fresh(records, ttl: ttl)
    if let policy, let message = DNSMessage(message),
      let objection = policy.objection(to: message, question: asking.question)
    {
      counters.note(objection)
      outcome = .fresh(AnswerRecords(objection), ttl: Self.objectionTTL)
    }
    recheckAt[asking.question] = nil
    finish(asking, outcome)
  }

  /// Ends where no attempt is open any more.
  private func finishIfSilent(_ asking: PendingQuestion, _ now: Instant) {
    // An open attempt's answer may still come before the end.
    if asking.attempts.isEmpty { finishWithFailure(asking, now) }
  }

  /// Ends where this machine had no room for the only attempt: more would have none either.
  private func finishIfOverloaded(_ asking: PendingQuestion) {
    guard asking.attempts.isEmpty else { return }
    counters.refused += 1
    finish(
      asking, asking.stale.map { .stale($0) } ?? .passing(.failure(.other, "no descriptor or memory is free to ask")))
  }

  private func finishWithFailure(_ asking: PendingQuestion, _ now: Instant) {
    let servers = asking.servers.map(\.address.description).joined(separator: ", ")
    let failure =
      asking.wasRefused
      ? AnswerRecords.failure(.networkError, "\(servers): could not answer")
      : AnswerRecords.failure(.noReachableAuthority, "\(servers): no answer")
    guard let stale = asking.stale else { return finish(asking, .failed(failure)) }
    recheckAt[asking.question] = now.advanced(milliseconds: settings.failureRecheckMilliseconds)
    finish(asking, .stale(stale))
  }

  private func finish(_ asking: PendingQuestion, _ outcome: Outcome) {
    for attempt in asking.attempts { drop(attempt, of: asking) }
    pending[asking.question] = nil
    if asking.question.traits.isIsolated { isolatedCount -= 1 }
    switch outcome {
    case .stale: counters.stale += UInt64(asking.waiters.count)
    case .failed, .passing: counters.failures += UInt64(asking.waiters.count)
    case .fresh: break
    }
    effects.append(.answer(asking.question, asking.isKept ? outcome : outcome.unkept, asking.waiters))
  }

  private func giveStale(_ question: Question, _ stale: StoredAnswer, _ waiters: [Waiter]) {
    counters.stale += UInt64(waiters.count)
    effects.append(.answer(question, .stale(stale), waiters))
  }

  private func answer(_ question: Question, _ stale: StoredAnswer?, _ waiters: [Waiter], _ failure: Outcome) {
    if let stale { return giveStale(question, stale, waiters) }
    counters.failures += UInt64(waiters.count)
    effects.append(.answer(question, failure, waiters))
  }
}

extension DomainName {
  /// The same name with each letter's case chosen at random (draft-vixie-dnsext-dns0x20).
  func randomCase(using generator: inout some RandomNumberGenerator) -> DomainName {
    var bits = generator.next()
    var left = 64
    var wire = self.wire
    // Length octets are at most 63 and so no letters.
    for index in wire.indices where lowercased(wire[index]) &- UInt8(ascii: "a") < 26 {
      if left == 0 { (bits, left) = (generator.next(), 64) }
      wire[index] = bits & 1 == 0 ? wire[index] & ~0x20 : wire[index] | 0x20
      (bits, left) = (bits >> 1, left - 1)
    }
    return DomainName(wire: wire) ?? self
  }
}

extension AnswerRecords {
  /// SERVFAIL with its cause, also in words.
  static func failure(_ error: DNSExtendedError, _ text: String) -> AnswerRecords {
    AnswerRecords(
      flags: [.response, .recursionAvailable, DNSFlags(rawValue: DNSResponseCode.serverFailure.rawValue)],
      extendedError: error, extendedText: Array(text.utf8.prefix(200)))
  }
}
