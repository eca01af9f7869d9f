import Wire

/// What the cores and the daemon tell each other.
enum WorkerMessage: Sendable {
  /// To the core that owns a question: `core` wants an answer under its number `ticket`. The question passed the rules of
  /// `generation`.
  case question(Question, hash: UInt64, Waiter, generation: UInt32)
  /// Back to the core that asked. The answer passed the rules of `generation`.
  case outcome(ticket: UInt64, Outcome, generation: UInt32)
  case rules(NameRules)
  /// Tell the counters.
  case report
  /// Hand over the answers that are worth keeping.
  case dump
  case stop
}

/// What a core tells the daemon.
enum DaemonMessage: Sendable {
  case counters(core: Int, WorkerCounters)
  case dump(core: Int, [UInt8])
  case stopped(core: Int)
  case problem(core: Int, String)
}

/// Everything that one core counts.
struct WorkerCounters: Sendable, Equatable {
  var hitPath = HitPath.Counters()
  var resolver = ResolverCounters()
  /// Answers of the household's zone and of the policy.
  var local: UInt64 = 0
  var refused: UInt64 = 0
  /// Questions dropped because a client had too many under way.
  var limited: UInt64 = 0
  var streams: UInt64 = 0
  var entries = 0
  var evictions: UInt64 = 0
}
