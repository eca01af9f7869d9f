import Household
import Wire

/// A question as the cores pass it around: the name in lower case, and what else distinguishes answers.
struct Question: Hashable, Sendable {
  /// In lower case.
  let name: DomainName
  let traits: QuestionTraits

  var type: DNSType { traits.type }
}

/// Who wants an answer: a core, and its own number for the question.
struct Waiter: Hashable, Sendable {
  var core: Int
  var ticket: UInt64
}

/// What became of a question.
enum Outcome: Equatable, Sendable {
  /// A server's answer, or what is said in place of one; to be kept for `ttl` seconds.
  case fresh(AnswerRecords, ttl: UInt32)
  /// An answer past its time (RFC 8767): to be given now, not to be kept anew.
  case stale(StoredAnswer)
  /// Nobody could answer. To be kept for some seconds (RFC 9520).
  case failed(AnswerRecords)
  /// A failure that says nothing of the question: too much is under way here, or the rules have changed. Never to be kept.
  case passing(AnswerRecords)

  /// The same for those who wait, and not to be kept.
  var unkept: Outcome {
    switch self {
    case .fresh(let records, _): .fresh(records, ttl: 0)
    case .failed(let records): .passing(records)
    case .stale, .passing: self
    }
  }
}

/// Why an attempt will have no answer.
enum AttemptFailure: Equatable, Sendable {
  /// The network says so: port unreachable, connection refused or reset, no route.
  case network
  /// This machine has no descriptor or memory for it, which says nothing of the server.
  case shortage
}

/// What the resolver wants done. The edge owns sockets; an attempt is one socket.
enum ResolverEffect: Equatable, Sendable {
  /// Send a datagram from a fresh socket with an unpredictable port, connected to the server.
  case send(attempt: UInt64, to: SocketAddress, bytes: [UInt8])
  /// Open a TCP connection and send the message with its length in front (RFC 1035 section 4.2.2).
  case connect(attempt: UInt64, to: SocketAddress, bytes: [UInt8])
  /// Close an attempt's socket; nothing is expected of it any more.
  case close(attempt: UInt64)
  case answer(Question, Outcome, [Waiter])
}

/// The resolver's constants; tests and the household's configuration change some.
struct ResolverSettings: Sendable, Equatable {
  var lifetimes = UpstreamResponse.Lifetimes()
  /// How long an expired answer may still be given, in seconds; 0: never.
  var staleSeconds: UInt32 = 86_400
  /// Silence after which a client gets a stale answer (RFC 8767 section 5).
  var staleAnswerMilliseconds: Int64 = 1_800
  /// After a failure, how long a stale answer is given without asking anew (RFC 8767 section 5).
  var failureRecheckMilliseconds: Int64 = 30_000
  /// When a question is given up.
  var patienceMilliseconds: Int64 = 4_500
  /// Queries sent for one question at most.
  var maximumAttempts = 8
  /// Queries of one question that wait for an answer at a time, the timed out among them: each holds a descriptor.
  var maximumOpenAttempts = 2
  /// Questions under way at a time, a third of them from isolated networks; more are refused.
  var maximumQuestions = 1_024
  /// Random letter case in queries, checked in answers: more for a forger to guess.
  var randomisesCase = true
  /// TTL of a stale answer (RFC 8767 section 4) and seconds that a failure is kept (RFC 9520 section 3.2).
  static let staleTTL: UInt32 = 30
  static let failureTTL: UInt32 = 5
}

/// Counted by the resolver since its start.
struct ResolverCounters: Equatable, Sendable {
  var questions: UInt64 = 0
  var coalesced: UInt64 = 0
  var sent: UInt64 = 0
  var timeouts: UInt64 = 0
  var unrelated: UInt64 = 0
  var stale: UInt64 = 0
  var failures: UInt64 = 0
  var rebindings: UInt64 = 0
  var blockedAliases: UInt64 = 0
  var refused: UInt64 = 0

  mutating func note(_ objection: AnswerPolicy.Objection) {
    switch objection {
    case .localAddress: rebindings += 1
    case .blockedAlias: blockedAliases += 1
    }
  }
}
