import GitFormat
import Glibc
import HostSystem
import Synchronization
import TestSupport
import Testing
import Wire

@testable import VersionedStore

/// Collections beside our writers, stock Git's commits, pushes and its own collector.
@Suite struct CollectConcurrencyTests {
  /// `git fsck` does not bear that packs go while it runs, stock Git's collector or ours: it is run between collections,
  /// and the writers go on.
  private let packsStay = Monitor()

  @Test(arguments: ObjectFormat.allCases, [false, true])
  func nothingReachableIsLost(format: ObjectFormat, graceless: Bool) throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/store.git"
    let store = try GitBackend.create(path, format: format)
    try commit(store, "start", "0")
    try store.publish()
    let clone = folder.path + "/clone"
    try git(folder.path, "clone", "--quiet", path, clone)
    let isOver = Atomic(false)
    let collections = Atomic(0)
    let made = Mutex<[RefName: [ObjectID]]>([:])
    let problems = Mutex<[String]>([])
    var generator = SeededGenerator(Soak.seed(11))
    func work(_ body: @escaping @Sendable (_ round: Int) throws -> Void) throws -> BackgroundThread {
      try BackgroundThread {
        var round = 0
        while !isOver.load(ordering: .relaxed) {
          round += 1
          do { try body(round) } catch { problems.withLock { $0.append("\(error)") } }
        }
      }
    }
    var threads: [BackgroundThread] = []
    // They are waited for, also where an expectation ends the test.
    defer {
      isOver.store(true, ordering: .relaxed)
      threads = []
    }
    for name in ["a", "b"] {
      let branch = try #require(RefName.branch(name))
      let writer = try GitBackend(opening: path)
      threads.append(
        try work { round in
          // Pauses in which the reference is published and free, so that stock Git gets its lock.
          usleep(round % 8 == 0 ? 100_000 : 1_000)
          // Values come again: many objects are unreachable and then wanted again.
          let id = try commit(writer, "file\(round % 7)", "\(round % 5)", on: branch)
          made.withLock { $0[branch, default: []].append(id) }
          if round % 10 == 0 {
            let topic = try #require(RefName.branch("topic-\(name)"))
            let side = try commit(writer, "side", "\(round)", on: topic)
            try writer.commit(Batch(refs: [RefChange(topic, from: side, to: nil, who: ada, why: "test")]))
          }
        })
    }
    threads.append(
      try work { _ in
        var options = CollectOptions(now: Clock.wallMilliseconds / 1_000)
        // The times of the tests' commits are of long ago.
        options.reflogs = nil
        if graceless { options.graceSeconds = 0 }
        try packsStay.withLock { () throws(StoreError) in
          do throws(StoreError) { try store.collect(options) } catch {
            guard case .locked = error else { throw error }
            return
          }
          collections.add(1, ordering: .relaxed)
        }
        usleep(20_000)
      })
    let end = Clock.wallMilliseconds + Int64(Soak.count(4_000, soak: graceless ? 120_000 : 600_000))
    var pushed = 0
    while Clock.wallMilliseconds < end {
      // Without a grace time, stock Git's own writers have no protection: that is what it is for.
      if !graceless {
        pushed += 1
        try git(clone, "commit", "--quiet", "--allow-empty", "-m", "push \(pushed)")
        try git(clone, "push", "--quiet", "origin", "HEAD:refs/heads/pushed")
        try commitByStockGit(path, in: folder.path, pushed)
        if Int.random(in: 0..<4, using: &generator) == 0 {
          // It gives up where ours has just replaced a cruft pack that it wanted to read.
          let stock = try runGit(path, ["gc", "--quiet"])
          #expect(stock.isSuccess || stock.output.contains("could not load cruft pack .mtimes"), "\(stock.output)")
        }
      }
      #expect(try git(path, "rev-list", "--objects", "--all", "--quiet") == "")
      #expect(try git(path, "log", "--oneline", "--all") != "")
      #expect(try packsStay.withLock { try faults(path) } == "")
    }
    isOver.store(true, ordering: .relaxed)
    threads = []
    #expect(problems.withLock { $0 } == [])
    #expect(collections.load(ordering: .relaxed) > 0)
    try store.publish()
    #expect(try git(path, "fsck", "--strict", "--no-dangling") == "")
    for (branch, ids) in made.withLock({ $0 }) {
      #expect(try git(path, "rev-list", "--reverse", branch.text) == ids.map { "\($0)\n" }.joined())
    }
    guard pushed > 0 else { return }
    #expect(try git(path, "rev-list", "--count", "pushed") == "\(pushed + 1)\n")
    #expect(try git(path, "rev-list", "--count", "main") == "\(pushed + 1)\n")
  }

  /// `git commit` in a working tree beside the repository, whose index is beside it too.
  private func commitByStockGit(_ path: String, in folder: String, _ number: Int) throws {
    try File.makeFolder(folder + "/tree")
    try File.replace(folder + "/tree/number", with: Array("\(number)\n".utf8), durable: false)
    for command in [["add", "number"], ["commit", "--quiet", "-m", "Commit \(number)"]] {
      let result = try runGit(
        folder + "/tree", ["--git-dir", path, "--work-tree", "."] + command,
        environment: ["GIT_INDEX_FILE": folder + "/index"])
      try #require(result.isSuccess, "git \(command): \(result.output)")
    }
  }

  /// What `git fsck` finds wrong. It does not bear that packs are merged while it runs either: then it is run again.
  private func faults(_ path: String) throws -> String {
    var output = ""
    for _ in 0..<20 {
      // Git lists objects first and reads logs of references later: entries made meanwhile seem wrong to it.
      output = try runGit(path, ["fsck", "--strict", "--no-dangling", "--no-reflogs"]).output
      let isMerged = output.split(separator: "\n").contains { line in
        let words = line.split(separator: " ")
        return words.starts(with: ["error:", "packfile"]) && !File.isThere("\(path)/\(words[2])")
      }
      if !isMerged { break }
    }
    return output
  }
}
