import GitFormat
import TestSupport
import Testing

@testable import VersionedStore

/// What a push, or a service, may change of a branch.
@Suite struct ChangeCheckTests {
  private static let ada = Principal.person("ada")
  private let repository: Repository
  private let main = RefName.branch("main")!

  init() throws { repository = try StoreMaker.memory.repository() }

  private func commit(_ files: [Path: String], _ parents: [ObjectID] = []) throws -> ObjectID {
    var tree = repository.emptyTree
    for (path, text) in files { try tree.set(path, Array(text.utf8)) }
    return try commit(tree, parents)
  }

  private func commit(_ tree: Tree, _ parents: [ObjectID]) throws -> ObjectID {
    let buffer = ObjectBuffer(over: repository.objects)
    let made = try repository.makeCommit(of: tree.write(into: buffer), parents: parents, .test("change"), in: buffer)
    try repository.store(Batch(objects: buffer.objects))
    return made.id
  }

  private func set(_ name: RefName, _ id: ObjectID) throws {
    let old = try repository.backend.reference(name)
    try repository.store(Batch(refs: [RefChange(name, from: old, to: id, who: repository.signature(), why: "test")]))
  }

  private func problem(
    _ name: RefName, to new: ObjectID?, paths: [Path] = ["a"], _ powers: Set<Power> = [.write],
    committers: Set<String>? = nil
  ) throws -> String? {
    let rights = Rights([
      Grant(who: [.principal(Self.ada)], paths: paths, powers: powers), Grant(who: [.everybody], powers: [.read]),
    ])
    let check = ChangeCheck(
      rights.access(of: Self.ada, to: "r"), committers: committers, of: repository.backend, with: repository.objects)
    let old = try repository.backend.reference(name)
    return try check.problem(with: RefChange(name, from: old, to: new, who: repository.signature(), why: "push"))
  }

  @Test func eachCommitHasToStayWithinThePaths() throws {
    let first = try commit(["a/x": "1", "b/x": "1"])
    try set(main, first)
    let good = try commit(["a/x": "2", "b/x": "1"], [first])
    #expect(try problem(main, to: good) == nil)
    let bad = try commit(["a/x": "2", "b/x": "2"], [first])
    #expect(
      try problem(main, to: bad)
        == "person:ada may not write b in refs/heads/main (from \(first.hex.prefix(12)) to \(bad.hex.prefix(12)))")
    // The end is within the paths, but not the way.
    let back = try commit(["a/x": "3", "b/x": "1"], [bad])
    let refused = try problem(main, to: back)
    #expect(refused?.hasPrefix("person:ada may not write b in refs/heads/main (commit ") == true)
  }

  @Test func aFileOrADirectoryInThePlaceOfAnotherIsSeen() throws {
    let first = try commit(["a/x": "1", "b/x": "1", "c": "1"])
    try set(main, first)
    #expect(try problem(main, to: commit(["a": "file", "b/x": "1", "c": "1"], [first])) == nil)
    #expect(try problem(main, to: commit(["a/x": "1", "b": "file", "c": "1"], [first])) != nil)
    #expect(try problem(main, to: commit(["a/x": "1", "b/x": "1", "c/y": "1"], [first])) != nil)
    #expect(try problem(main, to: commit(["a/x": "1", "b/x": "1"], [first])) != nil)
    #expect(try problem(main, to: commit(["a/x": "1", "c": "1"], [first])) != nil)
    #expect(try problem(main, to: commit(["b/x": "1", "c": "1"], [first])) == nil)
    // A right deep below does not reach the directories on the way.
    #expect(try problem(main, to: commit(["a": "file", "b/x": "1", "c": "1"], [first]), paths: ["a/y/z"]) != nil)
    let deep = try commit(["a/x": "1", "a/y/z/new": "1", "b/x": "1", "c": "1"], [first])
    #expect(try problem(main, to: deep, paths: ["a/y/z"]) == nil)
    #expect(try problem(main, to: deep, paths: ["a/y/zz"]) != nil)
  }

  @Test func aDirectoryWithoutFilesCountsToo() throws {
    let first = try commit(["a/x": "1"])
    try set(main, first)
    let buffer = ObjectBuffer(over: repository.objects)
    let empty = try buffer.write(.tree, [])
    let folder = try #require(try repository.commit(first).tree.entry("a"))
    let root = try buffer.write(
      .tree, TreeObject.serialize([TreeEntry("a", folder.mode, folder.id), TreeEntry("b", .tree, empty)]))
    let made = try repository.makeCommit(of: root, parents: [first], .test("empty"), in: buffer)
    try repository.store(Batch(objects: buffer.objects))
    #expect(try problem(main, to: made.id) != nil)
  }

  @Test func wideDirectoriesAreLookedThrough() throws {
    var tree = repository.emptyTree
    for number in 0..<1_500 { try tree.set(Path("d\(number)/x"), [1]) }
    let first = try commit(tree, [])
    try set(main, first)
    try tree.set("d7/x", [2])
    #expect(try problem(main, to: commit(tree, [first]), paths: ["d7"]) == nil)
    #expect(try problem(main, to: commit(tree, [first]), paths: ["d8"]) != nil)
    // Below the limit again: another shape, and still only one name less.
    for number in 1_000..<1_500 { try tree.remove(Path("d\(number)")) }
    let removed = (1_000..<1_500).map { Path("d\($0)") } + ["d7"]
    #expect(try problem(main, to: commit(tree, [first]), paths: removed) == nil)
    #expect(try problem(main, to: commit(tree, [first]), paths: Array(removed.dropFirst())) != nil)
  }

  @Test func aMergeCountsWhereItIsLikeNoneOfItsParents() throws {
    let base = try commit(["a/x": "1", "b/x": "1", "b/y": "1"])
    let side = try commit(["a/x": "2", "b/x": "1", "b/y": "1"], [base])
    let tip = try commit(["a/x": "1", "b/x": "2", "b/y": "1"], [base])
    try set(main, tip)
    let merge = try commit(["a/x": "2", "b/x": "2", "b/y": "1"], [tip, side])
    #expect(try problem(main, to: merge) == nil)
    #expect(try problem(main, to: commit(["a/x": "2", "b/x": "3", "b/y": "1"], [tip, side])) != nil)
    #expect(try problem(main, to: commit(["a/x": "2", "b/x": "2", "b/y": "1", "c": ""], [tip, side])) != nil)
  }

  @Test func aMergeDoesNotBringBackWhatOthersHaveChanged() throws {
    let base = try commit(["a/x": "1", "b/x": "1"])
    let tip = try commit(["a/x": "1", "b/x": "2"], [base])
    try set(main, tip)
    // Like its second parent in b/x, and still a change of the branch.
    #expect(try problem(main, to: commit(["a/x": "1", "b/x": "1"], [tip, base])) != nil)
    #expect(try problem(main, to: commit(["a/x": "1", "b/x": "1"], [base, tip])) != nil)
  }

  @Test func commitsOfAnotherBranchAreLookedAtToo() throws {
    let base = try commit(["a/x": "1", "b/x": "1"])
    try set(main, base)
    let other = try commit(["a/x": "1", "b/x": "2"], [base])
    try set(.branch("other")!, other)
    #expect(try problem(main, to: other) != nil)
    #expect(try problem(main, to: commit(["a/x": "2", "b/x": "2"], [base, other])) != nil)
  }

  @Test func eachPowerIsForItself() throws {
    let base = try commit(["a/x": "1"])
    let next = try commit(["a/x": "2"], [base])
    let stranger = try commit(["a/x": "3"])
    try set(main, base)
    let new = RefName.branch("new")!
    #expect(try problem(main, to: next, [.read]) == "person:ada may not change refs/heads/main")
    #expect(try problem(main, to: next, [.rewind]) == "person:ada may not write refs/heads/main")
    #expect(try problem(main, to: stranger, [.write]) == "person:ada may not rewind refs/heads/main")
    #expect(try problem(main, to: stranger, [.rewind]) != nil)
    #expect(try problem(main, to: stranger, [.rewind, .write]) == nil)
    #expect(try problem(main, to: nil, [.write, .rewind, .create]) == "person:ada may not delete refs/heads/main")
    #expect(try problem(main, to: nil, [.delete]) == nil)
    #expect(try problem(new, to: base, [.write, .rewind, .delete]) == "person:ada may not create refs/heads/new")
    #expect(try problem(new, to: base, [.create]) == nil)
    #expect(try problem(new, to: next, [.create]) != nil)
    #expect(try problem(new, to: next, [.create, .write]) == nil)
    #expect(try problem(RefName("refs/lares/x")!, to: base, paths: [""], [.create, .write]) != nil)
    #expect(try problem(RefName("refs/lares/x")!, to: base, paths: [""], [.administer]) == nil)
  }

  @Test func aRewindWithinThePathsTakesNothingElseBack() throws {
    let base = try commit(["a/x": "1", "b/x": "1"])
    let own = try commit(["a/x": "2", "b/x": "1"], [base])
    try set(main, own)
    #expect(try problem(main, to: base, [.write, .rewind]) == nil)
    try set(main, try commit(["a/x": "2", "b/x": "2"], [own]))
    #expect(try problem(main, to: own, [.write, .rewind]) != nil)
  }

  @Test func newCommitsHaveToBeThePushersOwnWhereThatIsAsked() throws {
    let base = try commit(["a/x": "1"])
    try set(main, base)
    let next = try commit(["a/x": "2"], [base])
    #expect(try problem(main, to: next, committers: ["store@home.arpa"]) == nil)
    let refused = try problem(main, to: next, paths: [""], committers: ["ada@home.arpa"])
    #expect(refused?.contains("was committed by <store@home.arpa>, not by person:ada") == true)
    // What is seen on another branch is nobody's news.
    try set(.branch("other")!, next)
    #expect(try problem(main, to: next, committers: ["ada@home.arpa"]) == nil)
  }

  @Test func aTreeOrAFileHasNoPaths() throws {
    let base = try commit(["a/x": "1"])
    try set(main, base)
    let tag = RefName("refs/tags/tree")!
    let tree = try repository.commit(base).object.tree
    #expect(try problem(tag, to: tree, [.create, .write]) != nil)
    #expect(try problem(tag, to: tree, paths: [""], [.create, .write]) == nil)
  }
}
