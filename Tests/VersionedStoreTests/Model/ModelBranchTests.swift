import GitFormat
import Synchronization
import TestSupport
import Testing

@testable import VersionedStore

@Suite struct ModelBranchTests {
  @Test(arguments: StoreMaker.all) func aWriteIsACommitWithWhoAndWhy(_ maker: StoreMaker) throws {
    let branch = try maker.repository().mainBranch()
    #expect(try branch.head() == nil)
    let one = try #require(try branch.set("lan/name", [1], .test("name the network\n")))
    let two = try #require(try branch.set("lan/name", [2], .test("again")))
    #expect(try branch.head() == two)
    #expect(two.parents == [one.id])
    #expect(one.message == "name the network\n")
    #expect(one.author.name == "Ada")
    #expect(one.committer.email == "store@home.arpa")
    #expect(two.committer.time > one.committer.time)
    #expect(try one.tree.get("lan/name") == [1])
    #expect(try branch.get("lan/name") == [2])
    #expect(try branch.repository.commit(two.id).object == two.object)
  }

  @Test(arguments: StoreMaker.all) func noChangeIsNoCommitUnlessAsked(_ maker: StoreMaker) throws {
    let branch = try maker.repository().mainBranch()
    #expect(try branch.remove("a", .test("nothing there")) == nil)
    let head = try branch.set("a", [1], .test("one"))
    #expect(try branch.set("a", [1], .test("the same")) == nil)
    #expect(try branch.update(.test("empty")) { _ in } == nil)
    #expect(try branch.head() == head)
    let empty = try #require(try branch.update(.test("on purpose"), allowEmpty: true) { _ in })
    #expect(empty.object.tree == head?.object.tree)
    #expect(try branch.head() == empty)
  }

  @Test(arguments: StoreMaker.all) func testAndSetLooksBeforeItWrites(_ maker: StoreMaker) throws {
    let branch = try maker.repository().mainBranch()
    try branch.testAndSet("n", test: nil, set: [1], .test("first"))
    #expect(throws: StoreError.testFailed("n")) { try branch.testAndSet("n", test: nil, set: [2], .test("no")) }
    try branch.testAndSet("n", test: [1], set: [2], .test("second"))
    #expect(throws: StoreError.testFailed("n")) { try branch.testAndSet("n", test: [1], set: nil, .test("no")) }
    try branch.testAndSet("n", test: [2], set: nil, .test("gone"))
    #expect(try branch.find("n") == nil)
  }

  @Test(arguments: StoreMaker.all) func branchesComeAndGo(_ maker: StoreMaker) throws {
    let repository = try maker.repository()
    let main = try repository.mainBranch()
    #expect(try repository.branches().isEmpty)
    let head = try #require(try main.set("a", [1], .test("one")))
    let other = try repository.createBranch("try/it", at: head.id)
    try other.set("a", [2], .test("elsewhere"))
    #expect(try main.get("a") == [1])
    #expect(try repository.branches().map(\.name) == ["main", "try/it"])
    #expect(throws: StoreError.self) { try repository.createBranch("main", at: head.id) }
    #expect(throws: StoreError.self) { try repository.createBranch("bad..name", at: head.id) }
    #expect(throws: StoreError.missing(.zero(maker.format))) {
      try repository.createBranch("void", at: .zero(maker.format))
    }
    #expect(throws: StoreError.self) { try repository.createBranch("tree", at: head.object.tree) }
    #expect(throws: StoreError.self) { try repository.renameBranch("try/it", to: "main") }
    #expect(try repository.renameBranch("try/it", to: "done").get("a") == [2])
    #expect(throws: StoreError.noBranch("try/it")) { try repository.deleteBranch("try/it") }
    #expect(throws: StoreError.self) { try repository.deleteBranch("done", at: head.id) }
    try repository.deleteBranch("done")
    #expect(try repository.branches().map(\.name) == ["main"])
    #expect(throws: StoreError.self) { try main.testAndSet(head: nil, to: head.id, why: "late") }
    try main.testAndSet(head: head.id, to: nil, why: "away")
    #expect(throws: StoreError.noBranch("main")) { try main.requireHead() }
  }

  /// A change that somebody else makes while a transaction is under way.
  struct Race: Sendable, CustomTestStringConvertible {
    let testDescription: String
    var strategy: UpdateStrategy = .testAndSet
    let ours: @Sendable (inout Tree) throws(StoreError) -> Void
    let theirs: @Sendable (inout Tree) throws(StoreError) -> Void
    /// The files after both; nil: a conflict.
    let files: Files?
    var conflict: [Path] = []
  }

  static let before: Files = ["a/x": Contents([1]), "a/y": Contents([2]), "b": Contents([3])]
  static let races: [Race] = [
    Race(
      testDescription: "two files of one directory", ours: { t throws(StoreError) in try t.set("a/x", [9]) },
      theirs: { t throws(StoreError) in try t.set("a/y", [8]) },
      files: ["a/x": Contents([9]), "a/y": Contents([8]), "b": Contents([3])]),
    Race(
      testDescription: "the same file", ours: { t throws(StoreError) in try t.set("a/x", [9]) },
      theirs: { t throws(StoreError) in try t.set("a/x", [8]) }, files: nil, conflict: ["a/x"]),
    Race(
      testDescription: "the same file to the same",
      ours: { t throws(StoreError) in
        try t.set("a/x", [9]); try t.set("c", [4])
      },
      theirs: { t throws(StoreError) in try t.set("a/x", [9]) },
      files: ["a/x": Contents([9]), "a/y": Contents([2]), "b": Contents([3]), "c": Contents([4])]),
    Race(
      testDescription: "one reads what the other changes",
      ours: { t throws(StoreError) in try t.set("c", try t.get("b")) },
      theirs: { t throws(StoreError) in try t.set("b", [8]) }, files: nil, conflict: ["b"]),
    Race(
      testDescription: "one lists where the other adds",
      ours: { t throws(StoreError) in try t.set("c", [UInt8(try t.list("a").count)]) },
      theirs: { t throws(StoreError) in try t.set("a/z", [8]) }, files: nil, conflict: ["a"]),
    Race(
      testDescription: "one lists where the other changes a file's bytes",
      ours: { t throws(StoreError) in try t.set("c", [UInt8(try t.list("a").count)]) },
      theirs: { t throws(StoreError) in try t.set("a/x", [8]) },
      files: ["a/x": Contents([8]), "a/y": Contents([2]), "b": Contents([3]), "c": Contents([2])]),
    Race(
      testDescription: "a directory removed under a changed file",
      ours: { t throws(StoreError) in try t.set("a/x", [9]) },
      theirs: { t throws(StoreError) in try t.remove("a") }, files: nil, conflict: ["a/x"]),
    Race(
      testDescription: "a file in the place of a directory written to",
      ours: { t throws(StoreError) in try t.set("d/e", [9]) }, theirs: { t throws(StoreError) in try t.set("d", [8]) },
      files: nil, conflict: ["d"]),
    Race(
      testDescription: "a directory put whole where the other changes a file",
      ours: { t throws(StoreError) in try t.setTree("a", try t.subtree("a")!.setting("n", [7])) },
      theirs: { t throws(StoreError) in try t.set("a/x", [8]) }, files: nil, conflict: ["a"]),
    Race(
      testDescription: "the later wins, if so wished", strategy: .set,
      ours: { t throws(StoreError) in try t.set("a/x", [9]) },
      theirs: { t throws(StoreError) in
        try t.set("a/x", [8]); try t.set("b", [7])
      },
      files: ["a/x": Contents([9]), "a/y": Contents([2]), "b": Contents([7])]),
    Race(
      testDescription: "a function merges",
      strategy: .merge { (base: Tree, ours: Tree, theirs: Tree) throws(StoreError) -> Tree in
        try theirs.setting("a/x", [try base.get("a/x")[0] + ours.get("a/x")[0] + theirs.get("a/x")[0]])
      },
      ours: { t throws(StoreError) in try t.set("a/x", [10]) },
      theirs: { t throws(StoreError) in
        try t.set("a/x", [20]); try t.set("b", [7])
      },
      files: ["a/x": Contents([31]), "a/y": Contents([2]), "b": Contents([7])]),
  ]

  @Test(arguments: StoreMaker.all, races) func somebodyIsFaster(_ maker: StoreMaker, _ race: Race) throws {
    let branch = try maker.repository().mainBranch()
    try branch.update(.test("before")) { tree throws(StoreError) in
      for (path, contents) in Self.before { try tree.set(path, contents.bytes) }
    }
    let faster = Mutex(true)
    func run() throws(StoreError) {
      try branch.update(.test("ours"), strategy: race.strategy) { tree throws(StoreError) in
        try race.ours(&tree)
        guard
          faster.withLock({ first in
            defer { first = false }; return first
          })
        else { return }
        try branch.update(.test("theirs")) { tree throws(StoreError) in try race.theirs(&tree) }
      }
    }
    if let files = race.files {
      try run()
      #expect(try branch.tree().files() == files)
      #expect(try branch.requireHead().message == "ours")
    } else {
      #expect(throws: StoreError.conflict(race.conflict)) { try run() }
      #expect(try branch.requireHead().message == "theirs")
    }
  }

  @Test(arguments: StoreMaker.all) func aTransactionGivesUpAfterItsRetries(_ maker: StoreMaker) throws {
    let branch = try maker.repository().mainBranch()
    let count = Mutex(UInt8(0))
    let busy: UpdateStrategy = .merge { (_, ours: Tree, _) throws(StoreError) -> Tree in
      let n = count.withLock { n in
        n += 1; return n
      }
      try branch.set("theirs", [n], .test("theirs"))
      return try ours.setting("n", [n])
    }
    #expect(throws: StoreError.tooManyRetries(3)) {
      try branch.update(.test("ours"), strategy: busy, retries: 3) { tree throws(StoreError) in
        try tree.set("ours", [1])
        try branch.set("theirs", [200], .test("theirs"))
      }
    }
    #expect(try branch.find("ours") == nil)
  }

  @Test(arguments: StoreMaker.all) func aTransactionThatThrowsLeavesNoTrace(_ maker: StoreMaker) throws {
    let branch = try maker.repository().mainBranch()
    try branch.set("a", [1], .test("one"))
    let head = try branch.head()
    #expect(throws: StoreError.invalid("on purpose")) {
      try branch.update(.test("no")) { tree throws(StoreError) in
        try tree.set("a", [2])
        throw .invalid("on purpose")
      }
    }
    #expect(try branch.head() == head)
    #expect(try branch.get("a") == [1])
  }

  /// Threads that all write to files of their own lose nothing, and each commit stands on the one before.
  @Test(arguments: StoreMaker.all) func manyWritersLoseNothing(_ maker: StoreMaker) async throws {
    let branch = try maker.repository().mainBranch()
    let each = Soak.count(20, soak: 500)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for writer in 0..<4 {
        group.addTask {
          for n in 0..<each {
            try branch.update(.test("\(writer) \(n)"), retries: 1_000_000) { tree throws(StoreError) in
              try tree.set(Path("w\(writer)/\(n)"), [UInt8(n & 255)])
            }
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(try branch.tree().files().count == 4 * each)
    var commits = 0
    var next = try branch.head()
    while let commit = next {
      commits += 1
      next = try commit.parents.first.map { try branch.repository.commit($0) }
    }
    #expect(commits == 4 * each)
  }
}
