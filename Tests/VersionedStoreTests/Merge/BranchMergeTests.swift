import GitFormat
import TestSupport
import Testing

@testable import VersionedStore

/// Merges of branches, on each back end and in both object formats.
@Suite struct BranchMergeTests {
  /// A repository and the commits of a test, by short names.
  private struct Bench {
    let repository: Repository

    init(_ maker: StoreMaker) throws { repository = try maker.repository() }

    /// A branch at a commit, made where there is none.
    func branch(_ name: String, at commit: ObjectID? = nil) throws -> Branch {
      guard let commit else { return try repository.branch(name) }
      return try repository.createBranch(name, at: commit)
    }

    @discardableResult
    func commit(_ branch: Branch, _ sketch: Sketch) throws -> Commit {
      try branch.commit(Tree(sketch, in: repository.objects), on: try branch.head()?.id, .test("set"))
    }
  }

  @Test(arguments: StoreMaker.all) func whatIsMergedAlreadyStays(_ maker: StoreMaker) throws {
    let bench = try Bench(maker)
    let main = try bench.branch("main")
    let one = try bench.commit(main, ["a": "1"])
    let two = try bench.commit(main, ["a": "2"])
    #expect(try main.merge(one.id, .test("merge")) == .alreadyMerged)
    #expect(try main.merge(two.id, .test("merge")) == .alreadyMerged)
    #expect(try main.head() == two)
  }

  @Test(arguments: StoreMaker.all) func aBranchWithNothingOfItsOwnMovesForward(_ maker: StoreMaker) throws {
    let bench = try Bench(maker)
    let main = try bench.branch("main")
    let one = try bench.commit(main, ["a": "1"])
    let topic = try bench.branch("topic", at: one.id)
    let two = try bench.commit(topic, ["a": "2"])
    var options = MergeOptions()
    options.allowsFastForward = false
    let branch = try bench.branch("always", at: one.id)
    guard case .merged(let commit) = try branch.merge(topic, .test("merge"), options: options) else {
      Issue.record("no merge commit")
      return
    }
    #expect(commit.parents == [one.id, two.id])
    #expect(commit.object.tree == two.object.tree)
    #expect(try main.merge(topic, .test("merge")) == .fastForward(two.id))
    #expect(try main.head() == two)
    // A branch that has no commit yet is at the other's.
    let new = try bench.branch("new")
    #expect(try new.merge(topic, .test("merge")) == .fastForward(two.id))
    #expect(throws: StoreError.noBranch("none")) { try new.merge(try bench.branch("none"), .test("merge")) }
  }

  @Test(arguments: StoreMaker.all) func branchesThatWentApartMeet(_ maker: StoreMaker) throws {
    let bench = try Bench(maker)
    let main = try bench.branch("main")
    let one = try bench.commit(main, ["a": "1\n", "b": "1\n"])
    let topic = try bench.branch("topic", at: one.id)
    let two = try bench.commit(main, ["a": "2\n", "b": "1\n"])
    let three = try bench.commit(topic, ["a": "1\n", "b": "2\n"])
    guard case .merged(let commit) = try main.merge(topic, .test("join")) else {
      Issue.record("not merged")
      return
    }
    #expect(commit.parents == [two.id, three.id])
    #expect(commit.message == "join")
    #expect(try main.head() == commit)
    #expect(try main.tree().sketch() == ["a": "2\n", "b": "2\n"])
    #expect(try topic.merge(main, .test("back")) == .fastForward(commit.id))
  }

  @Test(arguments: StoreMaker.all) func aConflictIsACommitThatPeopleResolve(_ maker: StoreMaker) throws {
    let bench = try Bench(maker)
    let main = try bench.branch("main")
    let one = try bench.commit(main, ["a": "1\n", "b": "1\n"])
    let topic = try bench.branch("topic", at: one.id)
    try bench.commit(main, ["a": "2\n", "b": "1\n"])
    try bench.commit(topic, ["a": "3\n", "b": "2\n"])
    var strict = MergeOptions()
    strict.commitsConflicts = false
    #expect(throws: StoreError.conflict(["a"])) { try main.merge(topic, .test("join"), options: strict) }
    guard case .conflicts(let commit, ["a"]) = try main.merge(topic, .test("join")) else {
      Issue.record("no conflict")
      return
    }
    #expect(try commit.tree.sketch() == ["a": "2\n", "b": "2\n"])
    let conflict = try #require(try commit.tree.conflicts().first)
    #expect(try commit.tree.contents(.theirs, of: conflict) == [UInt8](text: "3\n"))
    try main.update(.test("resolve")) { tree throws(StoreError) in try tree.resolve(conflict, with: .theirs) }
    #expect(try main.tree().files().count == 2)
    #expect(try main.get("a") == [UInt8](text: "3\n"))
    #expect(try topic.merge(main, .test("back")) == .fastForward(try main.requireHead().id))
  }

  @Test(arguments: StoreMaker.all) func unrelatedHistoriesMergeByPermission(_ maker: StoreMaker) throws {
    let bench = try Bench(maker)
    let main = try bench.branch("main"), other = try bench.branch("other")
    try bench.commit(main, ["a": "1", "same": "1"])
    try bench.commit(other, ["b": "1", "same": "1"])
    #expect(throws: StoreError.self) { try main.merge(other, .test("join")) }
    var options = MergeOptions()
    options.allowsUnrelated = true
    guard case .merged = try main.merge(other, .test("join"), options: options) else {
      Issue.record("not merged")
      return
    }
    #expect(try main.tree().sketch() == ["a": "1", "b": "1", "same": "1"])
  }

  @Test(arguments: StoreMaker.all) func aSubtreeFollowsItsOwnHistory(_ maker: StoreMaker) throws {
    let bench = try Bench(maker)
    let main = try bench.branch("main"), library = try bench.branch("library")
    try bench.commit(main, ["x": "1"])
    try bench.commit(library, ["a": "1\n2\n3\n"])
    var options = MergeOptions()
    options.allowsUnrelated = true
    _ = try main.merge(try library.requireHead().id, at: "lib", .test("add"), options: options)
    #expect(try main.tree().sketch() == ["x": "1", "lib/a": "1\n2\n3\n"])
    try bench.commit(main, ["x": "2", "lib/a": "1\n2\nmine\n"])
    try bench.commit(library, ["a": "theirs\n2\n3\n", "b": "1"])
    // By now they have a commit in common.
    guard case .merged = try main.merge(try library.requireHead().id, at: "lib", .test("update")) else {
      Issue.record("not merged")
      return
    }
    #expect(try main.tree().sketch() == ["x": "2", "lib/a": "theirs\n2\nmine\n", "lib/b": "1"])
    #expect(try main.merge(try library.requireHead().id, at: "lib", .test("again")) == .alreadyMerged)
  }

  /// One and two merge each other at the same time; their next merge has two lowest common ancestors.
  @Test(arguments: StoreMaker.all) func crissCrossHistoriesMergeThroughAVirtualAncestor(_ maker: StoreMaker) throws {
    let bench = try Bench(maker)
    let one = try bench.branch("one")
    let start = try bench.commit(one, ["a": "1\n2\n3\n4\n5\n6\n7\n", "n.counter": "5\n"])
    let two = try bench.branch("two", at: start.id)
    let left = try bench.commit(one, ["a": "one\n2\n3\n4\n5\n6\n7\n", "n.counter": "6\n"])
    let right = try bench.commit(two, ["a": "1\n2\n3\n4\n5\n6\ntwo\n", "n.counter": "8\n"])
    try one.merge(right.id, .test("one takes two"))
    try two.merge(left.id, .test("two takes one"))
    #expect(try one.requireHead().object.tree == two.requireHead().object.tree)
    try one.update(.test("more")) { tree throws(StoreError) in
      try tree.set("a", [UInt8](text: "one\n2\nmore\n4\n5\n6\ntwo\n"))
    }
    try two.update(.test("more")) { tree throws(StoreError) in try tree.set("n.counter", [UInt8](text: "10\n")) }
    guard case .merged = try one.merge(two, .test("join")) else {
      Issue.record("not merged")
      return
    }
    #expect(try one.tree().sketch() == ["a": "one\n2\nmore\n4\n5\n6\ntwo\n", "n.counter": "10\n"])
  }

  /// Both places saw the conflict and decided; whoever decided otherwise is not overruled in silence, whichever version of
  /// the ancestors an automatic choice would take.
  @Test(arguments: ["x\n", "y\n", "base\n", "z\n", "x\0", "y\0", "base\0"], ["x", "y"])
  func decisionsInACrissCrossAreKeptOrAskedFor(_ decision: String, _ other: String) throws {
    let end = decision.hasSuffix("\0") ? "\0" : "\n"
    let bench = try Bench(.memory)
    let one = try bench.branch("one")
    let start = try bench.commit(one, ["a": "base\(end)"])
    let two = try bench.branch("two", at: start.id)
    let left = try bench.commit(one, ["a": "x\(end)"]), right = try bench.commit(two, ["a": "y\(end)"])
    try one.merge(right.id, .test("merge"))
    try two.merge(left.id, .test("merge"))
    for (branch, text) in [(one, decision), (two, other + end)] {
      try branch.update(.test("decide")) { tree throws(StoreError) in
        for conflict in try tree.conflicts() { try tree.resolve(conflict, with: Contents([UInt8](text: text))) }
      }
    }
    let outcome = try one.merge(two, .test("join"))
    if decision == other + end {
      guard case .merged = outcome else {
        Issue.record("a conflict, though both decided the same")
        return
      }
    } else {
      guard case .conflicts(let commit, ["a"]) = outcome else {
        Issue.record("one decision was dropped in silence: \(outcome)")
        return
      }
      let conflict = try #require(try commit.tree.conflicts().first)
      #expect(try commit.tree.contents(.ours, of: conflict) == [UInt8](text: decision))
      #expect(try commit.tree.contents(.theirs, of: conflict) == [UInt8](text: other + end))
    }
  }

  /// Two places that merge each other at the same time again and again, each time with something new: the ladder of common
  /// ancestors has no end but the first commit.
  @Test func aLongLadderOfCrissCrossMergesEnds() throws {
    let bench = try Bench(.memory)
    let one = try bench.branch("one")
    let start = try bench.commit(one, ["start": "1"])
    let two = try bench.branch("two", at: start.id)
    for round in 0..<24 {
      for (branch, name) in [(one, "one"), (two, "two")] {
        try branch.update(.test("round")) { tree throws(StoreError) in
          try tree.set(Path("\(name)-\(round)"), [1])
          // Both rewrite this one, so that the ancestors differ.
          try tree.set("last", [UInt8](text: "\(name) \(round)\n"))
          for conflict in try tree.conflicts() { try tree.removeRecord(conflict) }
        }
      }
      let (left, right) = (try one.requireHead().id, try two.requireHead().id)
      try one.merge(right, .test("merge"))
      try two.merge(left, .test("merge"))
    }
    try one.merge(two, .test("join"))
    #expect(try one.tree().list().count { $0.name.text.hasPrefix("one-") || $0.name.text.hasPrefix("two-") } == 48)
  }

  @Test func aMergeWhoseBranchMovesIsTriedAgain() throws {
    let backend = InterruptedBackend()
    let repository = Repository(backend, identity: Identity(name: "Store", email: "store@home.arpa")) { 1_700_000_000 }
    let main = try repository.branch("main")
    let start = try main.commit(Tree(["a": "1", "b": "1", "c": "1"], in: repository.objects), on: nil, .test("start"))
    let topic = try repository.createBranch("topic", at: start.id)
    try topic.set("a", [2], .test("topic"))
    try main.set("b", [2], .test("main"))
    backend.interrupt(times: 1) { try main.set("c", [2], .test("somebody else")) }
    guard case .merged = try main.merge(topic, .test("merge")) else {
      Issue.record("not merged")
      return
    }
    #expect(try ["a", "b", "c"].map { try main.get(Path($0)) } == [[2], [2], [2]])
    try topic.set("a", [3], .test("topic"))
    try main.set("b", [3], .test("main"))
    var count = UInt8(0)
    backend.interrupt(times: .max) {
      count &+= 1
      try main.set("c", [count, 1], .test("somebody else"))
    }
    #expect(throws: StoreError.tooManyRetries(3)) {
      try main.merge(try topic.requireHead().id, .test("merge"), retries: 3)
    }
  }

  @Test func anAncestorThatIsTooFarIsNotLookedFor() throws {
    let bench = try Bench(.memory)
    let main = try bench.branch("main")
    let start = try bench.commit(main, ["a": "1"])
    let topic = try bench.branch("topic", at: start.id)
    for number in 0..<10 {
      try bench.commit(main, ["a": "\(number)"])
      try bench.commit(topic, ["a": "1", "b": "\(number)"])
    }
    var options = MergeOptions()
    options.maximumDepth = 3
    #expect(throws: StoreError.limitReached("the common ancestor is more than 3 commits back")) {
      try main.merge(topic, .test("merge"), options: options)
    }
    options.maximumDepth = 30
    guard case .merged = try main.merge(topic, .test("merge"), options: options) else {
      Issue.record("not merged")
      return
    }
  }

  @Test func transactionsMergeWithWhatOthersDid() throws {
    let bench = try Bench(.memory)
    let main = try bench.branch("main")
    try bench.commit(main, ["a": "1\n2\n3\n", "n.counter": "1\n", "d/e": "1"])
    try main.update(.test("ours"), strategy: .merging()) { tree throws(StoreError) in
      try tree.set("a", [UInt8](text: "x\n2\n3\n"))
      try tree.set("n.counter", [UInt8](text: "3\n"))
      try tree.remove("d")
      // Somebody else is faster.
      try main.update(.test("theirs")) { other throws(StoreError) in
        try other.set("a", [UInt8](text: "1\n2\ny\n"))
        try other.set("n.counter", [UInt8](text: "11\n"))
        try other.set("new", [1])
      }
    }
    #expect(try main.tree().sketch() == ["a": "x\n2\ny\n", "n.counter": "13\n", "new": "\u{1}"])
    #expect(throws: StoreError.conflict(["a"])) {
      try main.update(.test("ours"), strategy: .merging()) { tree throws(StoreError) in
        try tree.set("a", [UInt8](text: "1\n"))
        try main.update(.test("theirs")) { other throws(StoreError) in try other.set("a", [UInt8](text: "2\n")) }
      }
    }
  }

  @Test func attributesInTheTreeChooseTheMerge() throws {
    let bench = try Bench(.memory)
    let main = try bench.branch("main")
    let attributes = "*.list merge=union\n/amount merge=lares-counter\nfixed.txt -merge\n"
    func files(_ list: String, _ amount: String, _ fixed: String) -> Sketch {
      [".gitattributes": attributes, "a.list": list, "amount": amount, "fixed.txt": fixed]
    }
    let start = try bench.commit(main, files("", "1\n", "1\n2\n3\n"))
    let topic = try bench.branch("topic", at: start.id)
    try bench.commit(main, files("ours\n", "2\n", "x\n2\n3\n"))
    try bench.commit(topic, files("theirs\n", "3\n", "1\n2\ny\n"))
    guard case .conflicts(let commit, ["fixed.txt"]) = try main.merge(topic, .test("merge")) else {
      Issue.record("fixed.txt was merged")
      return
    }
    #expect(try commit.tree.sketch() == files("ours\ntheirs\n", "4\n", "x\n2\n3\n"))
  }
}

/// A back end on which somebody else is faster: before a commit, something else is done.
private final class InterruptedBackend: Backend, @unchecked Sendable {
  // Used by one thread.
  private let memory = MemoryBackend()
  private var times = 0
  private var action: (() throws -> Void)?

  func interrupt(times: Int, _ action: @escaping () throws -> Void) { (self.times, self.action) = (times, action) }

  var format: ObjectFormat { memory.format }
  var headTarget: RefName { memory.headTarget }

  func commit(_ batch: Batch) throws(StoreError) {
    if let action, times > 0 {
      times -= 1
      // What is done meanwhile is not interrupted.
      self.action = nil
      defer { self.action = action }
      do { try action() } catch { throw .invalid("the interruption failed: \(error)") }
    }
    try memory.commit(batch)
  }

  func object(_ id: ObjectID) throws(StoreError) -> GitObject { try memory.object(id) }
  func contains(_ id: ObjectID) throws(StoreError) -> Bool { try memory.contains(id) }
  func reference(_ name: RefName) throws(StoreError) -> ObjectID? { try memory.reference(name) }
  func references(under prefix: String) throws(StoreError) -> [(name: RefName, id: ObjectID)] {
    try memory.references(under: prefix)
  }
  func publish() throws(StoreError) { try memory.publish() }
  func watch(_ onChange: @escaping @Sendable () -> Void) throws(StoreError) -> RefWatch { try memory.watch(onChange) }
}
