import Household
import TestSupport
import Wire

@testable import NameService

/// A message from a scripted server, made from the query that it answers.
struct ScriptedReply {
  var code: DNSResponseCode = .noError
  var records: [(type: DNSType, ttl: UInt32, data: [UInt8])] = []
  /// TTL and MINIMUM of a SOA record in the authority section.
  var startOfAuthority: (ttl: UInt32, minimum: UInt32)?
  /// A name server of this zone in the authority section.
  var referral: DomainName?
  var isTruncated = false
  var flags: DNSFlags = []
  /// Changes to the identifier and the question, as a forger or a broken server makes them.
  var identifierOffset: UInt16 = 0
  var question: DomainName?
  var type: DNSType?
  var leavesQuestionOut = false
  /// Milliseconds until it arrives.
  var delay: Int64 = 5

  func after(_ milliseconds: Int64) -> ScriptedReply {
    var reply = self
    reply.delay = milliseconds
    return reply
  }

  static func a(_ text: String, ttl: UInt32 = 300) -> ScriptedReply {
    ScriptedReply(records: [(.a, ttl, IPv4Address(text)!.octets)])
  }

  static func error(_ code: DNSResponseCode) -> ScriptedReply { ScriptedReply(code: code) }

  func bytes(to query: [UInt8]) -> [UInt8] {
    let message = DNSMessage(query.span.bytes)!
    let asked = message.question!
    var writer = ByteWriter()
    writer.write(message.identifier &+ identifierOffset)
    writer.write(
      DNSFlags([.response, .recursionDesired, .recursionAvailable]).union(flags).rawValue
        | (isTruncated ? DNSFlags.truncated.rawValue : 0) | code.rawValue)
    for count in [
      leavesQuestionOut ? 0 : 1, records.count, (startOfAuthority == nil ? 0 : 1) + (referral == nil ? 0 : 1), 0,
    ] {
      writer.write(UInt16(count))
    }
    if leavesQuestionOut { return writer.bytes }
    writer.write(contentsOf: (question ?? asked.name).wire)
    writer.write((type ?? asked.type).rawValue)
    writer.write(asked.recordClass)
    for record in records { Self.write(record.type, record.ttl, record.data, to: &writer) }
    if let soa = startOfAuthority {
      var data = ByteWriter()
      data.write(contentsOf: [0, 0])
      for number in [1, 3600, 600, 86_400, soa.minimum] { data.write(number) }
      Self.write(.soa, soa.ttl, data.bytes, to: &writer)
    }
    if let referral { Self.write(.ns, 300, referral.wire, to: &writer) }
    return writer.bytes
  }

  private static func write(_ type: DNSType, _ ttl: UInt32, _ data: [UInt8], to writer: inout ByteWriter) {
    writer.write(UInt16(0xc00c))
    writer.write(type.rawValue)
    writer.write(UInt16(1))
    writer.write(ttl)
    writer.write(UInt16(data.count))
    writer.write(contentsOf: data)
  }
}

extension IPv4Address {
  var octets: [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> UInt32(24 - 8 * $0)) } }
}

/// What a scripted server sees of a query.
struct SeenQuery {
  var server: String
  var bytes: [UInt8]
  var isStream: Bool
  /// Milliseconds since the start.
  var time: Int64

  var message: DNSMessage.Question { DNSMessage(bytes.span.bytes)!.question! }
  var hasEDNS: Bool { (try? DNSQuery(reading: bytes.span.bytes))?.hasEDNS ?? false }
}

/// What a scripted server does with a query: its replies, each after its time; an empty list is silence.
typealias Script = (SeenQuery) -> [ScriptedReply]

/// A resolver between scripted servers, in virtual time.
final class ResolverLab {
  private(set) var time: Int64 = 0
  let resolver: Resolver
  var servers: [String: Script]
  /// Servers whose port is closed: the kernel says so after a millisecond.
  var unreachable: Set<String> = []
  /// No descriptor is free for a socket.
  var lacksDescriptors = false
  /// Most sockets that were open at a time.
  private(set) var mostOpenAttempts = 0
  private(set) var seen: [SeenQuery] = []
  private(set) var outcomes: [(time: Int64, question: Question, outcome: Outcome, waiters: [UInt64])] = []
  private(set) var openAttempts: Set<UInt64> = []
  private var events: [(time: Int64, order: Int, body: () -> Void)] = []
  private var order = 0

  init(
    _ servers: [String: Script], zones: [ForwardZone] = [], settings: ResolverSettings = ResolverSettings(),
    policy: AnswerPolicy? = nil, seed: UInt64 = 1
  ) {
    self.servers = servers
    let general = servers.keys.sorted().filter { text in !zones.contains { $0.servers.contains(Self.socket(text)) } }
    resolver = Resolver(
      settings, forwards: ForwardTable(servers: general.map(Self.socket), zones: zones), policy: policy,
      randomness: SeededGenerator(seed))
  }

  static func socket(_ text: String) -> SocketAddress { SocketAddress(IPAddress(text)!, port: 53) }

  var now: Instant { .milliseconds(time) }

  static func question(
    _ text: String, _ type: DNSType = .a, options: QuestionTraits.Options = [], group: PolicyGroup = .open
  ) -> Question {
    let traits = QuestionTraits(type: type, options: options, group: group.rawValue)
    return Question(name: DomainName(text)!.canonical, traits: traits)
  }

  func ask(
    _ text: String, _ type: DNSType = .a, ticket: UInt64 = 1, stale: StoredAnswer? = nil,
    options: QuestionTraits.Options = [], group: PolicyGroup = .open
  ) {
    resolver.ask(
      Self.question(text, type, options: options, group: group), waiter: Waiter(core: 0, ticket: ticket), stale: stale,
      now: now)
    carryOut()
  }

  /// Lets `milliseconds` pass, with everything that falls into them.
  func run(_ milliseconds: Int64) {
    let end = time + milliseconds
    while true {
      let timer = resolver.nextDeadline.map { ($0.nanoseconds + 999_999) / 1_000_000 } ?? .max
      let event = events.map { ($0.time, $0.order) }.min { $0 < $1 }
      let next = min(timer, event?.0 ?? .max)
      guard next <= end else { break }
      time = max(time, next)
      if let event, event.0 <= timer {
        let index = events.firstIndex { $0.order == event.1 }!
        events.remove(at: index).body()
      } else {
        resolver.advance(now)
      }
      carryOut()
    }
    time = end
  }

  private func later(_ milliseconds: Int64, _ body: @escaping () -> Void) {
    order += 1
    events.append((time + milliseconds, order, body))
  }

  private func carryOut() {
    while true {
      let effects = resolver.takeEffects()
      if effects.isEmpty { return }
      for effect in effects {
        switch effect {
        case .send(let attempt, let server, let bytes): transmit(attempt, server, bytes, isStream: false)
        case .connect(let attempt, let server, let bytes): transmit(attempt, server, bytes, isStream: true)
        case .close(let attempt): openAttempts.remove(attempt)
        case .answer(let question, let outcome, let waiters):
          outcomes.append((time, question, outcome, waiters.map(\.ticket)))
        }
      }
    }
  }

  private func transmit(_ attempt: UInt64, _ server: SocketAddress, _ bytes: [UInt8], isStream: Bool) {
    if lacksDescriptors {
      return later(0) { [unowned self] in resolver.attemptFailed(attempt, .shortage, now: now) }
    }
    openAttempts.insert(attempt)
    mostOpenAttempts = max(mostOpenAttempts, openAttempts.count)
    let text = server.address.description
    let query = SeenQuery(server: text, bytes: bytes, isStream: isStream, time: time)
    seen.append(query)
    if unreachable.contains(text) {
      return later(1) { [unowned self] in resolver.attemptFailed(attempt, now: now) }
    }
    for reply in servers[text]?(query) ?? [] {
      let message = reply.bytes(to: bytes)
      later(reply.delay) { [unowned self] in
        // A socket that was closed hears nothing.
        if openAttempts.contains(attempt) { resolver.receive(message.span.bytes, attempt: attempt, now: now) }
      }
    }
  }
}

extension Outcome {
  /// The address of a single A record.
  var address: String? {
    guard case .fresh(let records, _) = self, records.answerCount == 1, records.body.count == 16 else { return nil }
    return IPv4Address(records.body[12], records.body[13], records.body[14], records.body[15]).description
  }

  var ttl: UInt32? { if case .fresh(_, let ttl) = self { ttl } else { nil } }
  var failure: DNSExtendedError? { if case .failed(let records) = self { records.extendedError } else { nil } }
  /// A failure that is not kept.
  var isPassing: Bool { if case .passing = self { true } else { false } }
  var isStale: Bool { if case .stale = self { true } else { false } }
}
