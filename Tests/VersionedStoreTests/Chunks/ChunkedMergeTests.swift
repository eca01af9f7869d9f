import GitFormat
import TestSupport
import Testing

@testable import VersionedStore

/// A pointer and its chunks are one thing to a merge.
@Suite struct ChunkedMergeTests {
  private let one = randomBytes(30_000, 1), two = randomBytes(30_000, 2), three = randomBytes(30_000, 3)
  private let ours: Branch, theirs: Branch

  init() throws {
    let repository = try StoreMaker.memory.chunkRepository()
    ours = try repository.mainBranch()
    try ours.update(.test("base")) { [one] tree throws(StoreError) in
      try tree.set("d/film", one)
      try tree.set("d/text", Array("a\nb\nc\n".utf8))
    }
    theirs = try repository.createBranch("theirs", at: try ours.requireHead().id)
  }

  private func merge() throws -> MergeOutcome { try ours.merge(theirs, .test("merge")) }

  @Test func oneSidesChangeIsTakenWhole() throws {
    try theirs.update(.test("theirs")) { tree throws(StoreError) in
      try tree.set("d/film", two)
      try tree.set("d/other", three)
    }
    try ours.update(.test("ours")) { tree throws(StoreError) in
      try tree.set("d/mine", two)
      try tree.set("d/text", Array("A\nb\nc\n".utf8))
    }
    guard case .merged(let commit) = try merge() else {
      Issue.record("not merged")
      return
    }
    #expect(
      try commit.tree.files() == [
        "d/film": Contents(two), "d/other": Contents(three), "d/mine": Contents(two),
        "d/text": Contents(Array("A\nb\nc\n".utf8)),
      ])
    let expected = try ours.repository.emptyTree.setting("d/film", two).setting("d/other", three).setting("d/mine", two)
      .setting("d/text", Array("A\nb\nc\n".utf8))
    #expect(try expected.id() == commit.object.tree)
  }

  /// A stock `git mv` leaves a pointer without its chunks; another commit brings them there.
  @Test func chunksThatOneSideBringsToAnUnchangedPointerStay() throws {
    let repository = ours.repository
    let head = try ours.requireHead()
    let buffer = ObjectBuffer(over: repository.objects)
    let film = try #require(try Directories.entry("film", of: head.tree.entry("d")?.id, in: buffer))
    let chunks = try #require(try head.tree.entry("d/.lares-chunks")?.id)
    func stored(_ entries: [TreeEntry], on parent: Commit) throws -> Commit {
      let tree = try Directories.applying(
        [EntryChange("e", from: nil, to: TreeEntry("e", .tree, buffer.write(.tree, TreeObject.serialize(entries))))],
        to: parent.object.tree, in: buffer)
      return try repository.makeCommit(of: #require(tree), parents: [parent.id], .test("stock"), in: buffer)
    }
    let text = TreeEntry("text", .file, try buffer.write(.blob, [1]))
    let moved = try stored([film, text], on: head)
    let repaired = try stored([film, text, TreeEntry(ChunkFolder.name, .tree, chunks)], on: moved)
    try repository.store(Batch(objects: buffer.objects))
    #expect(try moved.tree.get("e/film") != one && repaired.tree.get("e/film") == one)
    let (here, there) = (
      try repository.createBranch("here", at: moved.id), try repository.createBranch("there", at: repaired.id)
    )
    try here.set("e/text", [2], .test("ours"))
    guard case .merged(let commit) = try here.merge(there, .test("merge")) else {
      Issue.record("not merged")
      return
    }
    #expect(try commit.tree.get("e/film") == one && commit.tree.get("e/text") == [2])
  }

  @Test func aRemovedValueTakesItsChunksAlong() throws {
    try theirs.remove("d/film", .test("theirs"))
    try ours.set("d/text", [1], .test("ours"))
    guard case .merged(let commit) = try merge() else {
      Issue.record("not merged")
      return
    }
    #expect(try commit.tree.kind("d/.lares-chunks") == nil)
    #expect(try commit.tree.files() == ["d/text": Contents([1])])
  }

  @Test func bothSidesChangesAreAConflictWithAllThreeValues() throws {
    try ours.set("d/film", two, .test("ours"))
    try theirs.set("d/film", three, .test("theirs"))
    guard case .conflicts(let commit, let paths) = try merge() else {
      Issue.record("no conflict")
      return
    }
    #expect(paths == ["d/film"])
    var tree = commit.tree
    #expect(try tree.get("d/film") == two)
    let conflict = try #require(try tree.conflicts().first)
    #expect(try tree.contents(.base, of: conflict) == one)
    #expect(try tree.contents(.ours, of: conflict) == two)
    #expect(try tree.contents(.theirs, of: conflict) == three)
    #expect(try tree.find(".lares-conflicts/d/film/theirs") == three)
    try tree.resolve(conflict, with: .theirs)
    #expect(try tree.get("d/film") == three)
    #expect(try tree.conflicts().isEmpty)
    let expected = try ours.repository.emptyTree.setting("d/film", three).setting("d/text", Array("a\nb\nc\n".utf8))
    #expect(try tree.id() == expected.id())
  }

  @Test func aLargeAndASmallValueConflict() throws {
    try ours.set("d/film", Array("small".utf8), .test("ours"))
    try theirs.set("d/film", three, .test("theirs"))
    guard case .conflicts(let commit, _) = try merge() else {
      Issue.record("no conflict")
      return
    }
    #expect(try commit.tree.get("d/film") == Array("small".utf8))
    #expect(try commit.tree.contents(.theirs, of: #require(try commit.tree.conflicts().first)) == three)
    #expect(try commit.tree.kind("d/.lares-chunks") == nil)
  }

  @Test func theSameChangeOnBothSidesIsNone() throws {
    try ours.set("d/film", two, .test("ours"))
    try theirs.update(.test("theirs")) { tree throws(StoreError) in
      try tree.set("d/film", two)
      try tree.set("d/x", three)
    }
    guard case .merged(let commit) = try merge() else {
      Issue.record("not merged")
      return
    }
    #expect(try commit.tree.get("d/film") == two && commit.tree.get("d/x") == three)
  }

  @Test func aTransactionMergesValuesThatAreNotStoredYet() throws {
    let strategy = UpdateStrategy.merging()
    try ours.update(.test("slow"), strategy: strategy) { tree throws(StoreError) in
      try tree.set("d/mine", two)
      _ = try ours.set("d/yours", three, .test("fast"))
    }
    let tree = try ours.tree()
    #expect(try tree.get("d/mine") == two && tree.get("d/yours") == three && tree.get("d/film") == one)
  }

  @Test func aTransactionMergesStagedValuesWithoutReadingThem() throws {
    let limits = ChunkLimits(threshold: 4_096, minimum: 64, averageBits: 8, maximum: 1_024, assembled: 10_000)
    let repository = Repository(MemoryBackend(), identity: Identity(name: "S", email: "s@home.arpa"), chunks: limits) {
      1
    }
    let branch = try repository.mainBranch()
    var source = ArraySource(one)
    let value = try repository.stage(&source)
    try branch.update(.test("slow"), strategy: .merging()) { tree throws(StoreError) in
      try tree.set("mine", value)
      _ = try branch.set("yours", [1], .test("fast"))
    }
    #expect(try branch.tree().value("mine")?.read(0..<one.count) == one)
    #expect(try branch.get("yours") == [1])
  }

  @Test func transactionsOfSeveralFilesDoNotMeet() throws {
    try ours.update(.test("slow")) { tree throws(StoreError) in
      _ = try tree.list("d/sub")
      try tree.set("d/mine", two)
      _ = try ours.set("d/yours", three, .test("fast"))
    }
    #expect(try ours.get("d/mine") == two && ours.get("d/yours") == three)
  }

  /// Ancestors that conflict are merged first.
  @Test func crissCrossHistoriesMerge() throws {
    try ours.set("d/film", two, .test("ours"))
    try theirs.set("d/film", three, .test("theirs"))
    let (mine, yours) = (try ours.requireHead().id, try theirs.requireHead().id)
    for (branch, other) in [(ours, yours), (theirs, mine)] {
      guard case .conflicts(let commit, _) = try branch.merge(other, .test("cross")) else { continue }
      var tree = commit.tree
      try tree.resolve(try #require(try tree.conflicts().first), with: .ours)
      try branch.setTree(.root, tree, .test("resolved"))
    }
    guard case .conflicts(let commit, let paths) = try merge() else {
      Issue.record("no conflict")
      return
    }
    #expect(paths == ["d/film"])
    #expect(try commit.tree.get("d/film") == two)
    #expect(try commit.tree.contents(.theirs, of: #require(try commit.tree.conflicts().first)) == three)
  }
}
