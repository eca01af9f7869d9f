import Household
import Wire

/// A question that is being asked upstream, with everybody who waits for it.
final class PendingQuestion {
  let question: Question
  let started: Instant
  let servers: [UpstreamServer]
  var waiters: [Waiter]
  /// Whether the rules are those that the question passed: otherwise the answer goes to who asked, and is not kept.
  var isKept: Bool
  /// What may be answered where no server does.
  let stale: StoredAnswer?
  /// When waiters get the stale answer; nil: no more, or there is none.
  var staleDeadline: Instant?
  /// When it is given up.
  let end: Instant
  /// Queries whose answers are still waited for, oldest first.
  var attempts: [Attempt] = []
  var attemptsMade = 0
  /// Times that each server was asked.
  var asked: [ObjectIdentifier: Int] = [:]
  /// True once a server has said that it cannot answer; otherwise nobody said anything.
  var wasRefused = false
  /// Messages to this question's sockets that did not answer it.
  var unrelatedCount = 0

  /// One query on its way.
  struct Attempt {
    let identifier: UInt64
    let query: DNSOutgoingQuery
    let server: UpstreamServer
    let sent: Instant
    let isStream: Bool
    /// Sent without EDNS because the server did not understand the query with it: its answer says whether that was why.
    var isPlainTrial = false
    /// When the next server is asked; nil once that has happened. The answer is still welcome.
    var deadline: Instant?
  }

  init(
    _ question: Question, waiter: Waiter, servers: [UpstreamServer], stale: StoredAnswer?, isKept: Bool, now: Instant,
    settings: ResolverSettings
  ) {
    self.question = question
    self.servers = servers
    self.stale = stale
    started = now
    waiters = [waiter]
    self.isKept = isKept
    staleDeadline = stale.map { _ in now.advanced(milliseconds: settings.staleAnswerMilliseconds) }
    end = now.advanced(milliseconds: settings.patienceMilliseconds)
  }

  /// When something is to be done.
  var nextDeadline: Instant {
    attempts.compactMap(\.deadline).reduce(min(end, staleDeadline ?? end), min)
  }

  /// The server to ask next: one that lives before one that is dead, one asked less often before others, then a fast one.
  /// Among those within a factor of the fastest the choice is random, so that each is measured now and then.
  func nextServer(at now: Instant, using generator: inout some RandomNumberGenerator) -> UpstreamServer? {
    func rank(_ server: UpstreamServer) -> (Int, Int) {
      (server.isDead(at: now) ? 1 : 0, asked[ObjectIdentifier(server)] ?? 0)
    }
    guard let best = servers.map(rank).min(by: <) else { return nil }
    let equals = servers.filter { rank($0) == best }
    let fastest = equals.map(\.estimate).min() ?? 0
    return equals.filter { $0.estimate <= fastest * 1.5 + 20 }.randomElement(using: &generator)
  }
}
