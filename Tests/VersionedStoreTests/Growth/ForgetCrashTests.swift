import GitFormat
import Glibc
import HostSystem
import TestSupport
import Testing

@testable import VersionedStore

/// Forgetting that is cut off anywhere: nothing else is lost, and once it has begun it ends when the repository is opened.
@Suite struct ForgetCrashTests {
  private static let search = ByteSearch([ForgetSample.secret])
  private static let path: Path = "people/ada/phone"

  private static func set(_ path: Path, _ text: String, in store: GitBackend) throws {
    let repository = Repository(store, identity: Identity(name: "Lares", email: "lares@home.arpa")) { 1_763_800_100 }
    try repository.mainBranch().set(path, Array(text.utf8), CommitInfo(author: ada, message: "Set \(path)\n"))
  }

  // MARK: - Power

  /// Work on a recorded disk: commits, the last of which are not published, and forgetting.
  private struct Work {
    let folder: TemporaryFolder
    let disk: RecordedDisk
    static let commits = 6
    var old: ObjectID?
    /// After this event the commits have to be there, and after this one, what is forgotten must not.
    var committed = 0
    var forgotten = 0

    init(seed: UInt64) throws {
      folder = try TemporaryFolder()
      disk = RecordedDisk()
      let path = folder.path + "/store.git"
      try RepositoryLayout.create(path, format: .sha1, head: .main, layer: disk.layer)
      let store = try GitBackend(opening: path, layer: disk.layer, publishAfterMilliseconds: 1 << 40)
      for number in 0..<Work.commits {
        try ForgetCrashTests.set(Path("notes/\(number)"), "a note \(seed)\n", in: store)
        try ForgetCrashTests.set(ForgetCrashTests.path, "\(ForgetSample.secret) \(number)\n", in: store)
        if number == 2 { try store.publish() }
      }
      old = try store.reference(.main)
      committed = disk.count
      try store.forget(ForgetRequest(paths: [try ForgottenPath(ForgetCrashTests.path)]), who: ada)
      forgotten = disk.count
    }

    /// What is wrong after a cut; nil where all is as it was promised.
    ///
    /// - Parameter point: the syncs of this kind are taken for nothing.
    func problem(
      at event: Int, ignoring point: SyncPoint? = nil, using generator: inout SeededGenerator
    ) throws -> String? {
      let place = try TemporaryFolder()
      let path = place.path + "/store.git"
      _ = try disk.cut(
        at: event, into: place.path, for: folder.path, ignoring: { $0.point == point }, using: &generator)
      let before = try runGit(path, ["fsck", "--strict", "--no-dangling"])
      guard before.isSuccess else { return "before recovery, git fsck: \(before.output)" }
      if event >= forgotten {
        let found = try ForgetCrashTests.search.find(in: path).filter { !$0.hasSuffix("lares/journal") }
        guard found.isEmpty else { return "it came back: \(found)" }
      }
      do {
        let store = try GitBackend(opening: path)
        guard !store.isForgetting else { return "it was not finished: \(store.recoveryNotes)" }
        let head = try store.reference(.main)
        let names = try store.forgotten.contains(old!)
        guard event < forgotten || names else { return "the list of what is forgotten is lost" }
        guard head == old || names else { return "the references moved without the list" }
      } catch {
        return "opening: \(error)"
      }
      let after = try runGit(path, ["fsck", "--strict", "--no-dangling"])
      guard after.isSuccess else { return "after recovery, git fsck: \(after.output)" }
      let count = try runGit(path, ["rev-list", "--count", "main"]).output
      return count == "\(2 * Work.commits)\n" ? nil : "there are \(count) commits"
    }
  }

  @Test func aPowerCutAnywhereIsHarmless() throws {
    for seed in Soak.seeds(1...1, soak: 10) {
      let work = try Work(seed: seed)
      var generator = SeededGenerator(seed &+ 77)
      for _ in 0..<Soak.count(8, soak: 400) {
        let event = Int.random(in: work.committed...work.disk.count, using: &generator)
        let problem = try work.problem(at: event, using: &generator)
        #expect(problem == nil, "seed \(seed), event \(event) of \(work.committed)...\(work.forgotten)")
      }
    }
  }

  @Test func theSyncsOfWhatIsForgottenAreNotDispensable() throws {
    for seed: UInt64 in 1...20 {
      let work = try Work(seed: seed)
      var generator = SeededGenerator(seed)
      for _ in 0..<15 {
        let event = Int.random(in: work.committed...work.disk.count, using: &generator)
        if try work.problem(at: event, ignoring: .forgotten, using: &generator) != nil { return }
      }
    }
    Issue.record("nothing is ever lost without them")
  }

  // MARK: - Processes

  /// Built beside the tests' bundle.
  private static var program: String {
    let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0]
    return File.folderName(of: bundle) + "/store-writer"
  }

  @Test func whatAKilledProcessBeganIsFinishedAtTheNextOpening() throws {
    var generator = SeededGenerator(Soak.seed(21))
    let null = try Descriptor(opening: "/dev/null", O_RDWR)
    var finished = 0
    for round in 0..<Soak.count(8, soak: 500) {
      let folder = try TemporaryFolder()
      let path = folder.path + "/store.git"
      do {
        let store = try GitBackend.create(path)
        for number in 0..<20 {
          try Self.set(
            number % 3 == 0 ? Self.path : Path("notes/\(number % 5)"), "\(ForgetSample.secret) \(number)\n", in: store)
        }
      }
      let writer = try ChildProcess(
        [Self.program, "count", path, "main"], descriptors: [nil, null.number, null.number])
      let forgetter = try ChildProcess(
        [Self.program, "forget", path, "people"], descriptors: [nil, null.number, null.number])
      usleep(UInt32.random(in: 5_000...400_000, using: &generator))
      for process in [forgetter, writer] {
        Glibc.kill(process.identifier, SIGKILL)
        _ = try process.wait()
      }
      let stock = try runGit(path, ["fsck", "--strict", "--no-dangling"])
      #expect(stock.isSuccess, "round \(round): \(stock.output)")
      let store = try GitBackend(opening: path)
      try store.publish()
      #expect(!store.isForgetting, "round \(round): \(store.recoveryNotes)")
      #expect(try git(path, "fsck", "--strict", "--no-dangling") == "")
      if try !store.forgotten.isEmpty {
        finished += 1
        #expect(try git(path, "log", "--all", "--oneline", "--", "people") == "", "round \(round)")
      }
      #expect(try git(path, "rev-list", "--all", "--count", "--grep", "notes") == "13\n", "round \(round)")
    }
    #expect(finished > 0)
  }
}
