import Wire

/// How often the monitor asks, in milliseconds.
///
/// Slow while all is well, quick while something is wrong or uncertain, so that a cause is named within seconds and
/// a healthy uplink sees a few bytes a minute.
public struct ProbeTiming: Sendable, Equatable {
  /// Between ARP or ND questions to a gateway that answers.
  public var gatewayGood: Int64
  /// Between questions to a name server that answers.
  public var nameServerGood: Int64
  /// Between questions while the answer is missing or was missing lately.
  public var quick: Int64
  /// How long a gateway on the link has for its answer.
  public var gatewayTimeout: Int64
  /// How long a name server has for its answer.
  public var nameServerTimeout: Int64

  public init(
    gatewayGood: Int64 = 5_000, nameServerGood: Int64 = 10_000, quick: Int64 = 1_000, gatewayTimeout: Int64 = 500,
    nameServerTimeout: Int64 = 900
  ) {
    self.gatewayGood = gatewayGood
    self.nameServerGood = nameServerGood
    self.quick = quick
    self.gatewayTimeout = gatewayTimeout
    self.nameServerTimeout = nameServerTimeout
  }
}

/// What the answers of one probed host, and the lack of them, amount to. Pure.
///
/// One lost packet is no outage, and a host that comes and goes must not make the verdict flap: it takes
/// `failuresToBad` failures in a row to become bad, one success to become good, and `successesWhenFlapping` where it
/// was bad more than once in the last `memoryMilliseconds`.
struct ProbeTrack: Sendable, Equatable {
  enum Verdict: Sendable, Equatable { case unknown, good, bad }

  static let failuresToBad = 3
  static let successesWhenFlapping = 5
  static let memoryMilliseconds: Int64 = 120_000

  private(set) var verdict = Verdict.unknown
  /// Outcomes in a row that contradict the verdict.
  private var contradictions = 0
  /// When the verdict became bad, lately.
  private var falls: [Instant] = []

  /// Takes the outcome of one question.
  mutating func record(success: Bool, now: Instant) {
    let agrees = verdict == (success ? .good : .bad)
    contradictions = agrees ? 0 : contradictions + 1
    if agrees { return }
    falls.removeAll { now.milliseconds(since: $0) > Self.memoryMilliseconds }
    let needed = success ? (falls.count > 1 ? Self.successesWhenFlapping : 1) : Self.failuresToBad
    guard contradictions >= needed else { return }
    // The failures of a host that was never heard of end the uncertainty, but they are no fall.
    if !success, verdict == .good { falls.append(now) }
    verdict = success ? .good : .bad
    contradictions = 0
  }

  /// Whether the next question should follow soon.
  var isUncertain: Bool { verdict != .good || contradictions > 0 }
}
