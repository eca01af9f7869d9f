import GitFormat
import TestSupport
import Testing

@testable import VersionedStore

@Suite struct RevertTests {
  private let who = Signature(name: "Ada", email: "ada@home.arpa", time: 1_700_000_000)

  @Test(arguments: StoreMaker.all) func aRevertUndoesOneCommitAndKeepsLaterOnes(_ maker: StoreMaker) throws {
    let branch = try maker.repository().mainBranch()
    let first = try #require(try branch.set("a", [1], .test("first")))
    let bad = try #require(
      try branch.update(.test("bad\n\nbecause")) { tree throws(StoreError) in
        try tree.set("a", [2])
        try tree.set("d/new", [3])
      })
    try branch.set("d/later", [4], .test("later"))
    let revert = try #require(try branch.revert(bad.id, author: who))
    #expect(revert.message == "Revert \"bad\"\n\nThis reverts commit \(bad.id).\n")
    #expect(try branch.tree().files() == ["a": Contents([1]), "d/later": Contents([4])])
    #expect(try branch.revert(bad.id, author: who) == nil)
    try branch.revert(revert.id, author: who, message: "again")
    #expect(try branch.get("a") == [2])
    #expect(try branch.get("d/new") == [3])
    #expect(throws: StoreError.conflict(["a"])) { try branch.revert(first.id, author: who) }
  }

  @Test(arguments: StoreMaker.all) func whatWasChangedSinceIsAConflictByName(_ maker: StoreMaker) throws {
    let branch = try maker.repository().mainBranch()
    try branch.update(.test("first")) { tree throws(StoreError) in
      try tree.set("a", [1])
      try tree.set("b/x", [1])
      try tree.set("c", [1])
    }
    let bad = try #require(
      try branch.update(.test("bad")) { tree throws(StoreError) in
        try tree.set("a", [2])
        try tree.set("b", [2])
        try tree.remove("c")
      })
    try branch.set("a", [3], .test("since"))
    try branch.set("c/d", [3], .test("since too"))
    let head = try branch.head()
    #expect(throws: StoreError.conflict(["a", "c"])) { try branch.revert(bad.id, author: who) }
    #expect(try branch.head() == head)
    try branch.set("a", [2], .test("back"))
    try branch.remove("c", .test("back"))
    try branch.revert(bad.id, author: who)
    #expect(try branch.tree().files() == ["a": Contents([1]), "b/x": Contents([1]), "c": Contents([1])])
  }

  @Test(arguments: StoreMaker.all) func aMergeIsRevertedToANamedParent(_ maker: StoreMaker) throws {
    let branch = try maker.repository().mainBranch()
    let base = try #require(try branch.set("a", [1], .test("base")))
    let side = try branch.repository.createBranch("side", at: base.id)
    let theirs = try #require(try side.set("b", [2], .test("theirs")))
    let ours = try #require(try branch.set("c", [3], .test("ours")))
    let merge = try branch.commit(ours.tree.setting("b", [2]), on: ours.id, merging: [theirs.id], .test("merge"))
    #expect(merge.parents == [ours.id, theirs.id])
    #expect(throws: StoreError.self) { try branch.revert(merge.id, author: who) }
    #expect(throws: StoreError.self) { try branch.revert(merge.id, parent: 2, author: who) }
    try branch.revert(merge.id, parent: 0, author: who)
    #expect(try branch.tree().files() == ["a": Contents([1]), "c": Contents([3])])
  }

  @Test(arguments: StoreMaker.all) func aPathIsRestoredFromACommit(_ maker: StoreMaker) throws {
    let branch = try maker.repository().mainBranch()
    let old = try #require(
      try branch.update(.test("old")) { tree throws(StoreError) in
        try tree.set("d/x", [1], mode: .executable)
        try tree.set("e", [1])
      })
    try branch.update(.test("new")) { tree throws(StoreError) in
      try tree.set("d/x", [2])
      try tree.set("d/y", [2])
      try tree.set("e", [2])
      try tree.set("f", [2])
    }
    try branch.restore("d", from: old.id, .test("restore a directory"))
    try branch.restore("e", from: old.id, .test("restore a file"))
    try branch.restore("f", from: old.id, .test("restore nothing"))
    #expect(try branch.requireHead().object.tree == old.object.tree)
    #expect(try branch.restore(.root, from: old.id, .test("the same")) == nil)
  }
}
