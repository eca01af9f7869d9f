import Household
import Wire

/// What is known of one upstream server: how fast it is, whether it lives, what it understands. Belongs to one resolver.
final class UpstreamServer {
  let address: SocketAddress
  /// Smoothed round-trip time and its variation in milliseconds (RFC 6298); nil before the first answer.
  private(set) var roundTrip: (smoothed: Double, variation: Double)?
  private(set) var consecutiveTimeouts = 0
  private var lastAnswer: Instant?
  private var silentUntil: Instant?
  private var backoffMilliseconds: Int64 = 1_000
  private var plainUntil: Instant?
  private var foldsCaseUntil: Instant?

  /// Timeouts in a row after which a server counts as dead for a while.
  private static let timeoutsUntilDead = 3
  private static let longestBackoff: Int64 = 60_000
  /// How long a server is taken not to understand something.
  private static let memory: Int64 = 900_000

  init(_ address: SocketAddress) { self.address = address }

  /// True from its last unanswered queries until it answers again: nobody should have to wait for it.
  var isSilent: Bool { consecutiveTimeouts >= Self.timeoutsUntilDead }

  /// True while others are asked before it, for longer each time.
  func isDead(at now: Instant) -> Bool { silentUntil.map { now < $0 } ?? false }

  /// Whether queries carry EDNS: not where the server has shown that it does not understand it.
  func understandsEDNS(at now: Instant) -> Bool { plainUntil.map { now >= $0 } ?? true }

  /// Whether answers have the letter case of their queries.
  func keepsCase(at now: Instant) -> Bool { foldsCaseUntil.map { now >= $0 } ?? true }

  func noteNoEDNS(at now: Instant) { plainUntil = now.advanced(milliseconds: Self.memory) }
  func noteFoldedCase(at now: Instant) { foldsCaseUntil = now.advanced(milliseconds: Self.memory) }

  /// How long to wait for an answer before another server is asked, in milliseconds.
  var timeoutMilliseconds: Int64 {
    guard let roundTrip else { return 400 }
    return min(max(Int64(roundTrip.smoothed + 4 * roundTrip.variation), 100), 1_500)
  }

  /// Milliseconds by which servers are compared; a server that was never asked is worth a try.
  var estimate: Double { (roundTrip?.smoothed ?? 0) + Double(consecutiveTimeouts) * 400 }

  /// An answer of any kind came at `now`, after `milliseconds`.
  func noteAnswer(after milliseconds: Double, at now: Instant) {
    if let old = roundTrip {
      let deviation = abs(milliseconds - old.smoothed)
      roundTrip = (old.smoothed * 0.875 + milliseconds * 0.125, old.variation * 0.75 + deviation * 0.25)
    } else {
      roundTrip = (milliseconds, milliseconds / 2)
    }
    lastAnswer = now
    consecutiveTimeouts = 0
    silentUntil = nil
    backoffMilliseconds = 1_000
  }

  /// A query sent at `sent` was not answered in time. A server that has answered others since then lives: the name is slow.
  func noteTimeout(ofQuerySent sent: Instant, at now: Instant) {
    if let lastAnswer, lastAnswer >= sent { return }
    noteSilence(at: now)
  }

  /// No answer came in time, or the network said that none will.
  func noteSilence(at now: Instant, isCertain: Bool = false) {
    consecutiveTimeouts = isCertain ? max(consecutiveTimeouts + 1, Self.timeoutsUntilDead) : consecutiveTimeouts + 1
    guard consecutiveTimeouts >= Self.timeoutsUntilDead, !isDead(at: now) else { return }
    silentUntil = now.advanced(milliseconds: backoffMilliseconds)
    backoffMilliseconds = min(backoffMilliseconds * 2, Self.longestBackoff)
  }
}
