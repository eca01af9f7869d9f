import Glibc
import HostSystem
import Household
import TestSupport
import Testing
import Wire

@testable import Control

/// The history in the store, and what becomes of it when the store is damaged.
@Suite struct StoreHistoryTests {
  private static func text(_ number: Int) -> String { RunningControl.text + "# \(number)\n" }

  /// Runs stock git on a router's store, once everything is published.
  private func git(_ router: RunningControl, _ arguments: String...) throws -> String {
    let id = try router.history().first?.id ?? ""
    let isPublished = eventually {
      let published = (try? File.read(router.store + "/refs/heads/main")) ?? []
      return String(decoding: published, as: UTF8.self).hasPrefix(id)
    }
    #expect(isPublished)
    let anybodys = ["GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"]
    return try StockGit.run(arguments, at: router.store, variables: anybodys)
  }

  @Test func stockGitReadsTheHistory() throws {
    let router = try RunningControl()
    try router.commit(Self.text(2), reason: "the second\n\nSigned-off-by: Ada")
    let back: ChangeReport = try router.client.send("POST", "/v1/configuration/rollback", ["commit": "1"])
    #expect(back.commit == 3)
    let history = try router.history()
    let log = try git(router, "log", "--format=%H %an <%ae> %s")
    let user = ProcessIdentity.userName(geteuid())
    let names = history.compactMap(\.id)
    #expect(
      log == """
        \(names[0]) \(user) <\(user)@lares> Back to commit 1
        \(names[1]) \(user) <\(user)@lares> the second
        \(names[2]) lares <lares@lares> Import lares.toml

        """)
    let trailer = try git(router, "log", "-1", "--format=%(trailers:key=Undoes,valueonly)")
    #expect(trailer.filter { !$0.isWhitespace } == names[1])
    #expect(try git(router, "show", "main:lares.toml") == RunningControl.text)
    _ = try git(router, "fsck", "--strict")
  }

  @Test func revisionsHaveNumbersAndNames() throws {
    let router = try RunningControl()
    try router.commit(RunningControl.text.replacing("77.10\"", with: "77.11\""))
    let id = try #require(try router.history().last?.id)
    for (from, to) in [("1", "2"), (String(id.prefix(8)), "main"), (id, "candidate")] {
      let answer = try router.client.exchange("GET", "/v1/configuration/diff?from=\(from)&to=\(to)", body: [])
      #expect(String(decoding: answer, as: UTF8.self).contains("192.168.77.11"), "\(from) \(to)")
    }
    for wrong in ["7", "nothing", "abcdef0123"] {
      #expect(throws: ControlError.self) {
        try router.client.exchange("GET", "/v1/configuration/history/\(wrong)", body: [])
      }
    }
  }

  @Test func aProvisionalCommitEndsByRollback() throws {
    let router = try RunningControl()
    let report = try router.commit(Self.text(2), window: 60)
    #expect(report.confirmWithin == 60)
    let back: ChangeReport = try router.client.send("POST", "/v1/configuration/rollback", [String: String]())
    #expect(back.commit == 3 && back.confirmWithin == nil)
    #expect(try router.history().first?.undoes == 2)
    #expect(try router.status().candidateDiffers == false)
  }

  /// Folders as the file history left them are taken over once, with numbers, times and the open window.
  @Test func theFileHistoryIsImported() throws {
    let folder = try TemporaryFolder()
    let old = folder.path + "/history"
    try File.makeFolder(old)
    for number in 1...3 {
      let commit = Commit(
        number: number, author: "ada", reason: "number \(number)", time: 1_000 + Int64(number),
        undoes: number == 3 ? 2 : nil, files: ["lares.toml": Self.text(number), "more.toml": "# \(number)\n"])
      try File.replace("\(old)/0000000\(number).json", with: JSON.encode(commit), durable: false)
    }
    let mark = Provisional(commit: 3, fallback: 2, owner: "ada", deadline: 5, boot: "b")
    try File.replace(old + "/provisional", with: JSON.encode(mark), durable: false)
    for _ in 0..<2 {
      let history = try StoreHistory(folder: folder.path)
      #expect(history.newest == 3 && history.provisional == mark && history.problem == nil)
      let commit = try history.commit(3)
      #expect(commit.author == "ada" && commit.reason == "number 3" && commit.time == 1_003 && commit.undoes == 2)
      #expect(commit.files["lares.toml"] == Self.text(3))
    }
    #expect(!File.list(folder.path).contains("history"))
  }

  /// Stock git as root on the repository itself: what it commits is taken up, and what a cut-off push left is dropped.
  @Test func whatOthersDoToTheRepositoryIsTakenUp() throws {
    let router = try RunningControl()
    try router.commit(Self.text(2))
    _ = try git(router, "update-ref", "refs/lares/incoming/left", "main")
    let tree = try git(router, "rev-parse", "main~^{tree}").filter { !$0.isNewline }
    let commit = try git(router, "commit-tree", "-p", "main", "-m", "by hand", tree).filter { !$0.isNewline }
    _ = try git(router, "update-ref", "refs/heads/main", commit)
    #expect(throws: ControlError.self) { try router.commit(Self.text(3)) }
    #expect(try router.history().map(\.author).prefix(2) == ["Ada", ProcessIdentity.userName(geteuid())])
    #expect(try router.commit(Self.text(3)).commit == 4)
    #expect(!(try git(router, "for-each-ref").contains("incoming")))
    _ = try git(router, "fsck", "--strict")
  }

  @Test func aDamagedFileHistoryLosesItsDamagedCommitsOnly() throws {
    let folder = try TemporaryFolder()
    let old = folder.path + "/history"
    try File.makeFolder(old)
    for number in [1, 3] {
      let commit = Commit(
        number: number, author: "ada", reason: "", time: 1, files: ["lares.toml": Self.text(number)])
      try File.replace("\(old)/0000000\(number).json", with: JSON.encode(commit), durable: false)
    }
    try File.replace("\(old)/00000002.json", with: Array("{".utf8), durable: false)
    let history = try StoreHistory(folder: folder.path)
    #expect(history.newest == 2 && history.problem == nil && history.notes.count == 1)
    #expect(try history.commit(2).files == ["lares.toml": Self.text(3)])
  }

  /// What is no configuration cannot come into force, also where somebody made it main's newest commit by hand.
  @Test func aHeadThatIsNoConfigurationIsNotInForce() throws {
    let router = try RunningControl()
    try router.commit(Self.text(2))
    _ = try git(router, "log", "-1")
    router.end()
    let made = try runCommand([
      "sh", "-c",
      """
      cd '\(router.store)' && export GIT_AUTHOR_NAME=e GIT_AUTHOR_EMAIL=e GIT_COMMITTER_NAME=e GIT_COMMITTER_EMAIL=e &&
      blob=$(printf '\\377\\376' | git hash-object -w --stdin) &&
      tree=$(printf '100644 blob %s\\tlares.toml\\n' $blob | git mktree) &&
      git update-ref refs/heads/main $(git commit-tree -p main -m noise $tree)
      """,
    ])
    #expect(made.isSuccess, "\(made.output)")
    try router.start()
    #expect(try router.status().problems.contains { $0.contains("last good configuration, commit 2, is in force") })
    #expect(try router.commit(Self.text(3)).commit == 4)
    #expect(try router.status().daemons.first?.problems == [])
  }

  // MARK: - Damage

  enum Damage: String, CaseIterable {
    case truncatedPacks, deletedRefs, deletedFolder, garbageHead, noiseInTheJournal, garbageRef, noConfig, aFileInstead

    /// Breaks a store whose commits are all published.
    func strike(_ store: String) throws {
      let packs = store + "/objects/pack/"
      switch self {
      case .truncatedPacks:
        for name in File.list(packs) where name.hasSuffix(".pack") {
          chmod(packs + name, 0o600)
          try systemCall("truncating \(name)") { truncate(packs + name, 20) }
        }
      case .deletedRefs: _ = try runCommand(["rm", "-rf", store + "/refs/heads", store + "/packed-refs"])
      case .deletedFolder: _ = try runCommand(["rm", "-rf", store])
      case .garbageHead: try File.replace(store + "/HEAD", with: Array("\u{1}\u{2}garbage".utf8), durable: false)
      case .noiseInTheJournal:
        var generator = SeededGenerator(7)
        let noise = (0..<100_000).map { _ in UInt8.random(in: 0...255, using: &generator) }
        try File.replace(store + "/lares/journal", with: noise, durable: false)
      case .garbageRef: try File.replace(store + "/refs/heads/main", with: Array("zzz\n".utf8), durable: false)
      case .noConfig: try File.remove(store + "/config")
      case .aFileInstead:
        _ = try runCommand(["rm", "-rf", store])
        try File.replace(store, with: Array("not a folder".utf8), durable: false)
      }
    }
  }

  @Test(arguments: Damage.allCases) func theRouterRunsOnItsLastGoodConfiguration(_ damage: Damage) throws {
    let router = try RunningControl()
    try router.commit(Self.text(2), reason: "the last good")
    _ = try git(router, "log", "-1")
    router.end()
    try damage.strike(router.store)
    try router.start()
    let files = try router.client.get("/v1/configuration", as: [String: String].self)
    #expect(files == ["lares.toml": Self.text(2)])
    let status = try router.status()
    #expect(status.daemons.first?.problems == [])
    // A journal of noise may have held nothing that was not published: then nothing is lost.
    let isWhole = damage == .noiseInTheJournal && status.commit?.number == 2
    if !isWhole {
      #expect(status.commit?.reason.hasPrefix("The last good configuration, commit 2 before: ") == true)
      let isKept = File.list(router.state).contains { $0.hasPrefix("config.git.damaged-") && !$0.hasSuffix(".why") }
      #expect(isKept == (damage != .deletedFolder))
      #expect(status.daemons.first?.notes.contains { $0.contains("damaged") } == isKept)
    }
    // Changes go on, and stock Git is content.
    #expect(try router.commit(Self.text(3)).commit == (status.commit?.number ?? 0) + 1)
    let back: ChangeReport = try router.client.send("POST", "/v1/configuration/rollback", [String: String]())
    #expect(back.commit == (status.commit?.number ?? 0) + 2)
    _ = try git(router, "fsck", "--strict")
  }

  /// What is provisional is not what the router falls back to.
  @Test func damageInsideAWindowBringsBackWhatWasBefore() throws {
    let router = try RunningControl()
    try router.commit(Self.text(2), window: 60)
    router.end()
    try Damage.deletedRefs.strike(router.store)
    try router.start()
    #expect(
      try router.client.get("/v1/configuration", as: [String: String].self) == ["lares.toml": RunningControl.text])
    #expect(try router.status().provisional == nil)
  }

  /// Damage that shows while control runs is answered by the first change that meets it.
  @Test func damageIsFoundWhileRunning() throws {
    let router = try RunningControl()
    try router.commit(Self.text(2))
    _ = try git(router, "log", "-1")
    _ = try runCommand(["rm", "-rf", router.store])
    #expect(throws: ControlError.self) { try router.commit(Self.text(3)) }
    #expect(try router.client.get("/v1/configuration", as: [String: String].self) == ["lares.toml": Self.text(2)])
    #expect(try router.commit(Self.text(4)).commit == 2)
  }

  /// A store that cannot be opened just now: the router runs, says so, and takes it up again later.
  @Test func aStoreThatCannotBeOpenedIsTriedAgain() throws {
    let folder = try TemporaryFolder()
    var history = try StoreHistory(folder: folder.path)
    let one = Commit(number: 1, author: "ada", reason: "", time: 1, files: ["lares.toml": Self.text(1)])
    try history.append(one)
    try history.keepLastGood(try history.commit(1))
    try history.setProvisional(Provisional(commit: 2, fallback: 1, owner: "ada", deadline: 5, boot: "b"))
    try history.append(Commit(number: 2, author: "ada", reason: "", time: 1, files: ["lares.toml": Self.text(2)]))
    let away = folder.path + "/away"
    try File.move(folder.path + "/config.git", to: away)
    // A link in a circle: an error of the system, not of the store.
    symlink("config.git", folder.path + "/config.git")
    var (control, reverted) = try ChangeControl.resume(
      StoreHistory(folder: folder.path), boot: "c", now: .seconds(1), wall: 10)
    #expect(control.history.problem != nil && reverted == nil)
    #expect(try control.head()?.files == ["lares.toml": Self.text(1)])
    #expect(throws: ControlError.self) {
      try control.commit(["lares.toml": "x"], author: "a", reason: "", window: nil, now: .seconds(2), wall: 11)
    }
    unlink(folder.path + "/config.git")
    try File.move(away, to: folder.path + "/config.git")
    (control, reverted) = try ChangeControl.resume(
      StoreHistory(folder: folder.path), boot: "c", now: .seconds(1), wall: 10)
    #expect(reverted?.undoes == 2, "the window was not forgotten meanwhile")
    #expect(try control.head()?.files == ["lares.toml": Self.text(1)])
  }
}
