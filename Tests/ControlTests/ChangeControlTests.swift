import Control
import Testing
import Wire

/// A history in memory that can lose power before any write.
private struct MemoryHistory: ConfigurationHistory {
  /// The same for all copies.
  final class Power {
    /// Writes until it goes; nil: it stays.
    var writesLeft: Int?
  }

  var commits: [Commit] = []
  var provisional: Provisional?
  let power = Power()
  struct PowerLoss: Error {}

  var newest: Int { commits.count }
  func commit(_ number: Int) throws -> Commit {
    guard commits.indices.contains(number - 1) else { throw ControlError.noSuchCommit(number, newest: newest) }
    return commits[number - 1]
  }
  private mutating func write() throws {
    if let left = power.writesLeft {
      guard left > 0 else { throw PowerLoss() }
      power.writesLeft = left - 1
    }
  }
  mutating func append(_ commit: Commit) throws {
    try write()
    commits.append(commit)
  }
  mutating func adopt(_ commits: [Commit], by owner: String) throws {
    try write()
    self.commits += commits
  }
  mutating func setProvisional(_ provisional: Provisional?) throws {
    try write()
    self.provisional = provisional
  }
}

@Suite struct ChangeControlTests {
  private typealias Control = ChangeControl<MemoryHistory>
  private let one = ["lares.toml": "one"]
  private let two = ["lares.toml": "two"]

  private func started(_ history: MemoryHistory = MemoryHistory(), boot: String = "a", at: Int64 = 0) throws -> Control
  {
    try Control.resume(history, boot: boot, now: .seconds(at), wall: at).control
  }

  /// A router that runs `one`, with `two` provisional for 120 s from second 10 on.
  private func provisional() throws -> Control {
    var control = try started()
    _ = try control.commit(one, author: "anna", reason: "first", window: 120, now: .seconds(1), wall: 1)
    #expect(control.window(now: .seconds(1)) == nil, "the first commit has nothing to fall back to")
    _ = try control.commit(two, author: "anna", reason: "second", window: 120, now: .seconds(10), wall: 10)
    return control
  }

  @Test func revertsWhenNobodyConfirms() throws {
    var control = try provisional()
    #expect(try control.expire(now: .seconds(129), wall: 129) == nil)
    let revert = try #require(try control.expire(now: .seconds(130), wall: 130))
    #expect(revert.number == 3 && revert.undoes == 2 && revert.files == one && revert.author == "lares")
    #expect(try control.head()?.files == one)
    #expect(control.window(now: .seconds(130)) == nil)
    #expect(try control.expire(now: .seconds(500), wall: 500) == nil)
  }

  @Test func staysWhenConfirmedOnANewConnection() throws {
    var control = try provisional()
    #expect(throws: ControlError.connectionTooOld) { try control.confirm(connectionOpened: .seconds(9)) }
    #expect(throws: ControlError.connectionTooOld) { try control.confirm(connectionOpened: .seconds(10)) }
    #expect(try control.confirm(connectionOpened: .seconds(11)) == 2)
    #expect(try control.expire(now: .seconds(1_000), wall: 0) == nil)
    #expect(try control.head()?.files == two)
    #expect(throws: ControlError.nothingToConfirm) { try control.confirm(connectionOpened: .seconds(12)) }
  }

  @Test func secondChangeIsRefusedWithOwnerAndTimeLeft() throws {
    var control = try provisional()
    #expect(throws: ControlError.windowOpen(commit: 2, owner: "anna", secondsLeft: 100)) {
      try control.commit(["lares.toml": "3"], author: "ben", reason: "", window: nil, now: .seconds(30), wall: 30)
    }
  }

  @Test func restartInsideTheWindowGoesOnWithIt() throws {
    var control = try started(provisional().history, at: 60)
    #expect(control.window(now: .seconds(60))?.secondsLeft == 70)
    #expect(try control.expire(now: .seconds(130), wall: 130)?.files == one)
  }

  @Test func restartAfterTheWindowReverts() throws {
    let (control, reverted) = try Control.resume(provisional().history, boot: "a", now: .seconds(131), wall: 131)
    #expect(reverted?.undoes == 2)
    #expect(try control.head()?.files == one)
  }

  @Test func rebootInsideTheWindowReverts() throws {
    let (control, reverted) = try Control.resume(provisional().history, boot: "b", now: .seconds(2), wall: 40)
    #expect(reverted?.undoes == 2)
    #expect(try control.head()?.files == one)
  }

  @Test func equalFilesAreNothingToCommit() throws {
    var control = try started()
    _ = try control.commit(one, author: "anna", reason: "", window: nil, now: .seconds(1), wall: 1)
    #expect(throws: ControlError.nothingToCommit) {
      try control.commit(one, author: "anna", reason: "", window: nil, now: .seconds(2), wall: 2)
    }
    #expect(throws: ControlError.badWindow(5)) {
      try control.commit(two, author: "anna", reason: "", window: 5, now: .seconds(2), wall: 2)
    }
  }

  /// The disk takes the mark and not the commit: there is no window, and the next commit goes its way.
  @Test(arguments: [60, nil]) func aCommitThatCannotBeWrittenBlocksNobody(window: Int?) throws {
    var control = try started()
    _ = try control.commit(one, author: "anna", reason: "", window: nil, now: .seconds(1), wall: 1)
    control.history.power.writesLeft = 1
    #expect(throws: MemoryHistory.PowerLoss.self) {
      try control.commit(two, author: "anna", reason: "", window: 60, now: .seconds(2), wall: 2)
    }
    #expect(control.window(now: .seconds(3)) == nil && control.deadline == nil)
    #expect(throws: ControlError.nothingToConfirm) { try control.confirm(connectionOpened: .seconds(3)) }
    control.history.power.writesLeft = nil
    #expect(try control.commit(two, author: "ben", reason: "", window: window, now: .seconds(4), wall: 4).number == 2)
    #expect(control.window(now: .seconds(4))?.secondsLeft == window)
  }

  /// The disk takes the revert and not the end of its mark: it is not written again and again.
  @Test func aRevertIsWrittenOnce() throws {
    var control = try provisional()
    control.history.power.writesLeft = 1
    #expect(throws: MemoryHistory.PowerLoss.self) { try control.expire(now: .seconds(200), wall: 200) }
    #expect(control.history.newest == 3 && control.history.provisional != nil)
    control.history.power.writesLeft = 1
    #expect(try control.expire(now: .seconds(205), wall: 205)?.files == one)
    #expect(control.history.newest == 3 && control.history.provisional == nil)
  }

  /// Two commits that came from outside, as the history would number them.
  private func pushed(_ text: String) -> [Commit] {
    (2...3).map {
      Commit(number: $0, author: "ben", reason: "", time: 5, files: ["lares.toml": $0 == 3 ? text : "[draft"])
    }
  }

  @Test func pushedCommitsAreProvisionalTogether() throws {
    var control = try started()
    _ = try control.commit(one, author: "anna", reason: "", window: nil, now: .seconds(1), wall: 1)
    #expect(throws: ControlError.badWindow(5)) {
      try control.adopt(pushed("two"), owner: "ben", window: 5, now: .seconds(2))
    }
    try control.adopt(pushed("two"), owner: "ben", window: 60, now: .seconds(2))
    #expect(control.history.newest == 3 && control.window(now: .seconds(2))?.secondsLeft == 60)
    #expect(throws: ControlError.windowOpen(commit: 3, owner: "ben", secondsLeft: 50)) {
      try control.adopt(pushed("four"), owner: "anna", window: nil, now: .seconds(12))
    }
    let revert = try #require(try control.expire(now: .seconds(62), wall: 62))
    #expect(revert.number == 4 && revert.undoes == 3 && revert.files == one)
  }

  @Test func aPushThatChangesNoFileStays() throws {
    var control = try started()
    _ = try control.commit(one, author: "anna", reason: "", window: nil, now: .seconds(1), wall: 1)
    try control.adopt(pushed("one"), owner: "ben", window: 60, now: .seconds(2))
    #expect(control.history.newest == 3 && control.window(now: .seconds(2)) == nil)
  }

  /// Power goes before each write in turn of a push and its revert: all of it is undone, or it never was.
  @Test(arguments: 0...5) func powerLossAtEveryWriteOfAPush(writes: Int) throws {
    var control = try started()
    _ = try control.commit(one, author: "anna", reason: "", window: nil, now: .seconds(1), wall: 1)
    control.history.power.writesLeft = writes
    do {
      try control.adopt(pushed("two"), owner: "ben", window: 60, now: .seconds(2))
      _ = try control.expire(now: .seconds(70), wall: 70)
    } catch is MemoryHistory.PowerLoss {}
    control.history.power.writesLeft = nil
    let (after, _) = try Control.resume(control.history, boot: "b", now: .seconds(1), wall: 100)
    #expect(try after.head()?.files == one && after.history.provisional == nil, "after \(writes) writes")
  }

  /// Power goes before each write in turn of commit, confirm and revert; after the reboot the router runs either the
  /// old files or the new ones in a state that has no open window, and never a provisional commit for good.
  @Test(arguments: 0...5) func powerLossAtEveryWrite(writes: Int) throws {
    var control = try started()
    _ = try control.commit(one, author: "anna", reason: "", window: nil, now: .seconds(1), wall: 1)
    control.history.power.writesLeft = writes
    var reached = "nothing"
    do {
      _ = try control.commit(two, author: "anna", reason: "", window: 60, now: .seconds(2), wall: 2)
      reached = "committed"
      _ = try control.expire(now: .seconds(70), wall: 70)
      reached = "reverted"
    } catch is MemoryHistory.PowerLoss {}
    control.history.power.writesLeft = nil
    let (after, _) = try Control.resume(control.history, boot: "b", now: .seconds(1), wall: 100)
    #expect(try after.head()?.files == one, "after \(reached) and \(writes) writes")
    #expect(after.history.provisional == nil)
    let (again, reverted) = try Control.resume(after.history, boot: "c", now: .seconds(1), wall: 200)
    #expect(reverted == nil && again.history.newest == after.history.newest)
  }
}
