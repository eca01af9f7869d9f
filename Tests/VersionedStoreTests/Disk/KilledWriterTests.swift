import GitFormat
import Glibc
import HostSystem
import TestSupport
import Testing

@testable import VersionedStore

/// Processes that commit, and end without warning.
@Suite struct KilledWriterTests {
  let folder: TemporaryFolder
  var path: String { folder.path + "/store.git" }

  init() throws { folder = try TemporaryFolder() }

  /// A process that commits to a branch of its own, and what it says is acknowledged.
  private final class Writer {
    let process: ChildProcess
    private let output: Descriptor

    init(_ repository: String, _ branch: String) throws {
      let pipe = try Pipe()
      process = try ChildProcess(
        [Self.program, "count", repository, branch], descriptors: [nil, pipe.writing.number, nil])
      output = pipe.keepingReading()
    }

    /// Built beside the tests' bundle.
    private static var program: String {
      let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0]
      return File.folderName(of: bundle) + "/store-writer"
    }

    /// Ends it as a power button would, and tells the last number that it had acknowledged.
    func kill() throws -> Int {
      Glibc.kill(process.identifier, SIGKILL)
      _ = try process.wait()
      let text = String(decoding: try output.readToEnd(of: "store-writer"), as: UTF8.self)
      return text.split(separator: "\n").last { $0.utf8.count == 8 }.flatMap { Int($0) } ?? 0
    }
  }

  @Test(arguments: ObjectFormat.allCases) func whatAKilledProcessAcknowledgedIsThere(format: ObjectFormat) throws {
    var generator = SeededGenerator(Soak.seed(7))
    var acknowledged = [0, 0]
    for round in 0..<Soak.count(12, soak: 1_000) {
      if round.isMultiple(of: 50) {
        // Another one, for all of its history is looked at in each round.
        if round > 0 {
          try check(acknowledged)
          try File.removeTree(path)
        }
        _ = try GitBackend.create(path, format: format)
        acknowledged = [0, 0]
      }
      let writers = try [Writer(path, "a"), Writer(path, "b")]
      usleep(UInt32.random(in: 1_000...120_000, using: &generator))
      for index in writers.indices { acknowledged[index] = max(acknowledged[index], try writers[index].kill()) }
      // Stock Git reads it at once, whatever is unfinished.
      let stock = try runGit(path, ["fsck", "--strict", "--no-dangling"])
      #expect(stock.isSuccess, "round \(round): \(stock.output)")
      let log = try runGit(path, ["log", "--oneline", "--all", "-n", "20"])
      #expect(log.isSuccess, "round \(round): \(log.output)")
      let store = try GitBackend(opening: path)
      for (index, branch) in ["a", "b"].enumerated() {
        guard acknowledged[index] > 0 else { continue }
        let head = try #require(try store.reference(.branch(branch)!))
        let text = try Tree(CommitObject(store.bytes(head, .commit), format).tree, in: store).find(
          Path("counters/\(branch)"))
        let count = try #require(text.flatMap { Int(String(decoding: $0, as: UTF8.self)) })
        #expect(count >= acknowledged[index], "round \(round)")
        acknowledged[index] = count
      }
    }
    try check(acknowledged)
  }

  private func check(_ acknowledged: [Int]) throws {
    let store = try GitBackend(opening: path)
    try store.publish()
    #expect(try git(path, "fsck", "--strict") == "notice: HEAD points to an unborn branch (main)\n")
    #expect(try git(path, "rev-list", "--count", "a", "b").contains("\(acknowledged[0] + acknowledged[1])"))
    #expect(acknowledged[0] > 0 && acknowledged[1] > 0)
  }

  /// Our writers, and stock Git's commits, pushes and collectors, on one repository.
  @Test(arguments: ObjectFormat.allCases) func othersWorkOnTheSameRepositoryMeanwhile(format: ObjectFormat) throws {
    let done = try workTogether(format)
    // Nobody of ours works any more: stock Git's check does not bear that packs are merged while it runs.
    #expect(try git(path, "fsck", "--strict", "--no-dangling") == "")
    #expect(try git(path, "rev-list", "--count", "main") == "\(done.own + 1)\n")
    #expect(try git(path, "rev-list", "--count", "pushed") == "\(done.pushed + 1)\n")
    for (branch, count) in zip(["a", "b"], done.acknowledged) {
      let found = try #require(Int(try git(path, "rev-list", "--count", branch).dropLast()))
      #expect(found >= count && count > 0)
    }
  }

  private func workTogether(_ format: ObjectFormat) throws -> (own: Int, pushed: Int, acknowledged: [Int]) {
    _ = try GitBackend.create(path, format: format)
    try git(path, "config", "receive.denyCurrentBranch", "ignore")
    let store = try GitBackend(opening: path)
    try commit(store, "start", "0", on: .main)
    try store.publish()
    let clone = folder.path + "/clone"
    try git(folder.path, "clone", "--quiet", path, clone)
    let writers = try [Writer(path, "a"), Writer(path, "b")]
    let end = Clock.wallMilliseconds + Int64(Soak.count(3_000, soak: 120_000))
    var pushed = 0
    var own = 0
    while Clock.wallMilliseconds < end {
      pushed += 1
      try git(clone, "commit", "--quiet", "--allow-empty", "-m", "push \(pushed)")
      try git(clone, "push", "--quiet", "origin", "HEAD:refs/heads/pushed")
      own += 1
      try commit(store, "own", "\(own)", on: .main)
      if pushed % 3 == 0 { try git(path, "gc", "--quiet") }
      // Git lists objects first and reads logs of references later: entries made meanwhile seem wrong to it.
      #expect(try git(path, "fsck", "--strict", "--no-dangling", "--no-reflogs") == "")
      #expect(try git(path, "log", "--oneline", "-n", "1", "main") != "")
    }
    var acknowledged: [Int] = []
    for writer in writers { acknowledged.append(try writer.kill()) }
    try store.publish()
    return (own, pushed, acknowledged)
  }
}
