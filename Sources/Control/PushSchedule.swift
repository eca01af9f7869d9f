import Wire

/// When the history is pushed: one push at a time, the newest commit first, and after failures less and less often.
/// Pure: time is an argument.
struct PushSchedule: Equatable {
  /// Milliseconds.
  struct Pauses: Equatable, Sendable {
    /// After the first failure; each further one doubles it.
    var first: Int64 = 60_000
    var longest: Int64 = 3_600_000
  }

  let pauses: Pauses
  /// The commit that the remote is to have; nil: none yet.
  private(set) var wanted: String?
  /// The commit that the remote has.
  private(set) var done: String?
  /// When the next push may begin; nil: there is nothing to do, or one is under way.
  private(set) var due: Instant?
  private var running: String?
  private var isAbandoned = false
  private var failures = 0

  /// - Parameter done: what the remote has had since an earlier run.
  init(_ pauses: Pauses, done: String? = nil) {
    self.pauses = pauses
    self.done = done
  }

  var isRunning: Bool { running != nil }

  /// Asks for a commit. One that is new is pushed at once, or after the push that is under way.
  mutating func want(_ commit: String, now: Instant) {
    guard commit != wanted else { return }
    wanted = commit
    retry(now: now)
  }

  /// Does not wait any longer: something has changed that may have been in the way.
  mutating func retry(now: Instant) {
    failures = 0
    due = wanted == nil || wanted == done || isRunning ? nil : now
  }

  /// The commit to push now, which is under way from here on; nil: not now.
  mutating func begin(now: Instant) -> String? {
    guard !isRunning, let due, due <= now, let wanted else { return nil }
    running = wanted
    self.due = nil
    return wanted
  }

  /// The push that was under way has ended.
  ///
  /// - Returns: whether it counts: it was to the remote of now.
  @discardableResult
  mutating func end(succeeded: Bool, now: Instant) -> Bool {
    defer { (running, isAbandoned) = (nil, false) }
    let counts = !isAbandoned
    if succeeded, counts { done = running }
    guard wanted != nil, wanted != done else { return counts }
    if counts, running == wanted {
      due = now.advanced(milliseconds: min(pauses.longest, pauses.first << min(failures, 20)))
      failures += 1
    } else {
      due = now
    }
    return counts
  }

  /// Begins anew for another remote. A push that is under way counts no more.
  mutating func forget(done: String?) {
    (wanted, self.done, due, failures, isAbandoned) = (nil, done, nil, 0, isRunning)
  }
}
