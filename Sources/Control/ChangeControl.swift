public import Household
public import Wire

/// The rules of a change: commit, provisional window, confirm, revert, roll back. Knows no files, sockets or clocks.
///
/// Each change to the history is written so that a power cut between two writes is understood at the next start: the
/// mark of a window comes before its commit, and goes after the commit that ends it.
public struct ChangeControl<History: ConfigurationHistory> {
  public internal(set) var history: History
  private let boot: String
  /// When the commit in force was made; confirming needs a connection that is younger.
  private var changed: Instant

  /// Seconds that a window may last, and lasts by default.
  public static var windowRange: ClosedRange<Int> { 10...3_600 }
  public static var defaultWindow: Int { 120 }

  /// Takes up the history after a start. A window of another boot, or one that has run out meanwhile, is reverted.
  ///
  /// - Returns: also the revert, where there was one.
  public static func resume(
    _ history: History, boot: String, now: Instant, wall: UnixTime
  ) throws -> (control: Self, reverted: Commit?) {
    var control = Self(history: history, boot: boot, changed: now)
    guard let provisional = history.provisional else { return (control, nil) }
    guard provisional.commit == history.newest else {
      // Cut off before the provisional commit was written, or after the commit that undid it.
      try control.history.setProvisional(nil)
      return (control, nil)
    }
    let isOver = provisional.boot != boot || provisional.deadline <= now.nanoseconds
    let why = provisional.boot != boot ? "the router restarted inside the window" : "nobody confirmed in time"
    let reverted = isOver ? try control.revert(why: why, now: now, wall: wall) : nil
    return (control, reverted)
  }

  private init(history: History, boot: String, changed: Instant) {
    self.history = history
    self.boot = boot
    self.changed = changed
  }

  /// The commit in force; nil before the first.
  public func head() throws -> Commit? { history.newest == 0 ? nil : try history.commit(history.newest) }

  /// The mark of the open window. One whose commit could not be written is none; the next commit takes its place.
  private var provisional: Provisional? { history.provisional.flatMap { $0.commit <= history.newest ? $0 : nil } }

  /// The open window, with the seconds it has left.
  public func window(now: Instant) -> (provisional: Provisional, secondsLeft: Int)? {
    provisional.map { provisional in
      let left = (provisional.deadline - now.nanoseconds + 999_999_999) / 1_000_000_000
      return (provisional, Int(max(0, left)))
    }
  }

  /// When the open window ends.
  public var deadline: Instant? { provisional.map { Instant(nanoseconds: $0.deadline) } }

  /// Puts checked files in force.
  ///
  /// - Parameter window: seconds until it reverts by itself; nil: it stays. The first commit always stays, for there
  ///   is nothing to go back to.
  /// - Throws: `ControlError.windowOpen`, `.nothingToCommit`, `.badWindow`, or what the history throws.
  public mutating func commit(
    _ files: [String: String], author: String, reason: String, window: Int?, now: Instant, wall: UnixTime,
    undoes: Int? = nil
  ) throws -> Commit {
    try requireNoWindow(now: now)
    try Self.check(window)
    let head = try head()
    guard head?.files != files else { throw ControlError.nothingToCommit }
    let commit = Commit(
      number: history.newest + 1, author: author, reason: reason, time: wall, undoes: undoes, files: files)
    try put(commit, in: window, owner: author, after: head, now: now) { try $0.append(commit) }
    return try self.head() ?? commit
  }

  /// Puts commits in force that came from outside and whose files have been checked. Where they change no file, there is
  /// nothing to go back from, and they stay.
  ///
  /// - Parameters:
  ///   - commits: in order, going on from the head.
  ///   - owner: who pushed them.
  ///   - window: seconds until the last of them reverts to the head of before; nil: they stay.
  /// - Throws: `ControlError.windowOpen`, `.nothingToCommit`, `.badWindow`, or what the history throws.
  public mutating func adopt(_ commits: [Commit], owner: String, window: Int?, now: Instant) throws {
    try requireNoWindow(now: now)
    try Self.check(window)
    guard let last = commits.last else { throw ControlError.nothingToCommit }
    let head = try head()
    let window = head?.files == last.files ? nil : window
    try put(last, in: window, owner: owner, after: head, now: now) { try $0.adopt(commits, by: owner) }
  }

  /// Refuses a second change while one is provisional.
  public func requireNoWindow(now: Instant) throws {
    guard let (open, secondsLeft) = window(now: now) else { return }
    throw ControlError.windowOpen(commit: open.commit, owner: open.owner, secondsLeft: secondsLeft)
  }

  /// Refuses a window that cannot be kept.
  static func check(_ window: Int?) throws {
    if let window, !windowRange.contains(window) { throw ControlError.badWindow(window) }
  }

  /// Writes a change and its mark in the order that a power cut cannot break.
  mutating func put(
    _ newest: Commit, in window: Int?, owner: String, after head: Commit?, now: Instant,
    _ write: (inout History) throws -> Void
  ) throws {
    if let window, let head {
      try history.setProvisional(
        Provisional(
          commit: newest.number, fallback: head.number, owner: owner,
          deadline: now.advanced(milliseconds: Int64(window) * 1_000).nanoseconds, boot: boot))
    }
    try write(&history)
    if window == nil, history.provisional != nil { try history.setProvisional(nil) }
    changed = now
  }

  /// Ends the window and keeps the commit.
  ///
  /// - Parameter connectionOpened: when the connection was made that asks for it.
  public mutating func confirm(connectionOpened: Instant) throws -> Int {
    guard let provisional else { throw ControlError.nothingToConfirm }
    guard connectionOpened > changed else { throw ControlError.connectionTooOld }
    try history.setProvisional(nil)
    return provisional.commit
  }

  /// Reverts the provisional commit if its window is over.
  public mutating func expire(now: Instant, wall: UnixTime) throws -> Commit? {
    guard let deadline, deadline <= now else { return nil }
    return try revert(why: "nobody confirmed in time", now: now, wall: wall)
  }

  /// Puts the files from before the provisional commit back in force, as a new commit that names the one it undoes.
  public mutating func revert(why: String, now: Instant, wall: UnixTime) throws -> Commit? {
    guard let provisional else { return nil }
    guard provisional.commit == history.newest else {
      // It is undone already, and only its mark could not be taken away.
      try history.setProvisional(nil)
      return try head()
    }
    let files = try history.commit(provisional.fallback).files
    let commit = Commit(
      number: history.newest + 1, author: "lares",
      reason: "Revert commit \(provisional.commit) of \(provisional.owner): \(why)", time: wall,
      undoes: provisional.commit, files: files)
    try history.append(commit)
    try history.setProvisional(nil)
    changed = now
    return commit
  }
}
