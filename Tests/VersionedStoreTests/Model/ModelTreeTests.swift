import GitFormat
import TestSupport
import Testing

@testable import VersionedStore

@Suite struct ModelTreeTests {
  @Test(arguments: StoreMaker.all) func whatIsSetIsRead(_ maker: StoreMaker) throws {
    var tree = try maker.repository().emptyTree
    try tree.set("people/ada/phone", [1])
    try tree.set("people/ada/run", [2], mode: .executable)
    try tree.set("people/grace", [3], mode: .link)
    #expect(try tree.get("people/ada/phone") == [1])
    #expect(try tree.contents("people/ada/run") == Contents([2], mode: .executable))
    #expect(try tree.kind("people/ada") == .tree)
    #expect(try tree.kind("people/grace") == .link)
    #expect(try tree.kind("nobody") == nil)
    #expect(try tree.find("people") == nil)
    #expect(try tree.find("people/ada/phone/number") == nil)
    #expect(try tree.list("people").map(\.name) == ["ada", "grace"])
    #expect(throws: StoreError.notFound("people/bob")) { try tree.get("people/bob") }
  }

  @Test(arguments: StoreMaker.all) func aCopyIsASnapshot(_ maker: StoreMaker) throws {
    let one = try maker.repository().emptyTree.setting("a/b", [1])
    var other = one
    try other.set("a/b", [2])
    try other.set("a/c", [3])
    #expect(try one.files() == ["a/b": Contents([1])])
    #expect(try other.files() == ["a/b": Contents([2]), "a/c": Contents([3])])
    #expect(try other.removing("a/c").setting("a/b", [1]).id() == one.id())
  }

  @Test(arguments: StoreMaker.all) func theLastEntryTakesItsDirectoryAlong(_ maker: StoreMaker) throws {
    var tree = try maker.repository().emptyTree
    try tree.set("a/b/c", [1])
    #expect(try tree.remove("a/b/c"))
    #expect(try tree.kind("a/b") == nil)
    #expect(try tree.list().isEmpty)
    #expect(try tree.isEmpty())
    #expect(try !tree.remove("a/b/c"))
    #expect(try tree.id() == .emptyTree(maker.format))
  }

  @Test(arguments: StoreMaker.all) func aFileMakesRoomForADirectoryAndBack(_ maker: StoreMaker) throws {
    var tree = try maker.repository().emptyTree
    try tree.set("a", [1])
    try tree.set("a/b", [2])
    #expect(try tree.files() == ["a/b": Contents([2])])
    try tree.set("a", [3])
    #expect(try tree.files() == ["a": Contents([3])])
    #expect(try !tree.remove("a/b"))
    #expect(try tree.get("a") == [3])
  }

  @Test(arguments: StoreMaker.all) func treesAreGraftedWhole(_ maker: StoreMaker) throws {
    let repository = try maker.repository()
    let branch = try repository.mainBranch()
    try branch.set("from/x", [1], .test("one"))
    let subtree = try #require(try branch.tree().subtree("from"))
    var tree = try branch.tree()
    try tree.set("to/old", [9])
    try tree.setTree("to", subtree)
    try tree.set("to/y", [2])
    #expect(
      try tree.files() == ["from/x": Contents([1]), "to/x": Contents([1]), "to/y": Contents([2])])
    let elsewhere = try maker.repository()
    #expect(throws: StoreError.self) { try elsewhere.emptyTree.setting("a", subtree) }
    #expect(try tree.subtree("nowhere") == nil)
  }

  @Test func pathsThatCannotStandInATreeAreRefused() throws {
    let tree = try StoreMaker.memory.repository().emptyTree
    let bad: [Path] = [
      Path([EntryName("")]), "a/./b", "a/../b", ".git/config", "a/.GIT", "git~1", Path([EntryName("a/b")]), "a\nb",
      ".lares-0",
      "a/.lares-f/b", Path([EntryName(Array(repeating: 0x61, count: 256))]), Path(Array(repeating: "a", count: 1_001)),
      .root,
    ]
    for path in bad { #expect(throws: StoreError.self, "\(path)") { try tree.setting(path, []) } }
    for path in [".lares-conflicts/a", ".lares-10", ".gitignore", "..."] as [Path] {
      #expect(try tree.setting(path, []).find(path) == [])
    }
    let branch = try StoreMaker.memory.repository().mainBranch()
    #expect(throws: StoreError.self) { try branch.set(".lares-conflicts/a", [], .test("reserved")) }
  }

  /// Thousands of changes, each done to a dictionary too.
  @Test(arguments: StoreMaker.all, Soak.seeds(1...2, soak: 100)) func aTreeIsADictionaryOfPaths(
    _ maker: StoreMaker, seed: UInt64
  ) throws {
    var random = SeededGenerator(seed)
    let repository = try maker.repository()
    let branch = try repository.mainBranch()
    var tree = repository.emptyTree
    var model: Files = [:]
    for step in 0..<Soak.count(1_500, soak: 5_000) {
      let path = RandomTrees.path(&random)
      switch UInt8.random(in: 0..<10, using: &random) {
      case 0...5:
        let contents = RandomTrees.contents(&random)
        try tree.set(path, contents.bytes, mode: contents.mode)
        model.set(path, contents)
      case 6...7:
        let was = try tree.remove(path)
        #expect(was == model.contains(below: path))
        model.remove(below: path)
      case 8:
        let from = RandomTrees.path(&random)
        if let subtree = try tree.subtree(from) {
          try tree.setTree(path, subtree)
          let copied = model.filter { $0.key.hasPrefix(from) && $0.key != from }
          model.remove(below: path)
          for (old, contents) in copied {
            model.set(path + Path(Array(old.names.dropFirst(from.names.count))), contents)
          }
        }
      default:
        #expect(try tree.contents(path) == model[path])
        #expect(try (tree.kind(path) != nil) == model.contains(below: path))
      }
      if step % 100 == 99 {
        #expect(try tree.files() == model)
        // Every other time on from what is stored.
        if step % 200 == 199 { tree = try #require(try branch.setTree(.root, tree, .test("step \(step)"))).tree }
      }
    }
    var again = repository.emptyTree
    for (path, contents) in model.shuffled(using: &random) { try again.set(path, contents.bytes, mode: contents.mode) }
    #expect(try again.id() == tree.id())
  }
}

extension ModelTreeTests {
  @Test(arguments: StoreMaker.all) func differencesAreFilesInOrderOfPath(_ maker: StoreMaker) throws {
    let empty = try maker.repository().emptyTree
    let old = try empty.setting("a/x", [1]).setting("a/y", [2]).setting("b", [3]).setting("c/d/e", [4])
    let new = try old.removing("a/x").setting("a/y", [2], mode: .executable).setting("b/f", [5]).setting("g", [6])
    let changes = try old.differences(to: new)
    #expect(changes.map(\.path) == ["a/x", "a/y", "b", "b/f", "g"])
    #expect(changes.map(\.kind) == [.removed, .changed, .removed, .added, .added])
    #expect(changes[1].old?.mode == .file && changes[1].new?.mode == .executable)
    #expect(changes[1].old?.id == changes[1].new?.id)
    #expect(try new.differences(to: old).map(\.kind) == [.added, .changed, .added, .removed, .removed])
    #expect(try old.differences(to: old.setting("b", [3])).isEmpty)
    #expect(throws: StoreError.self) { try old.differences(to: new, limit: 4) }
    #expect(try old.differences(to: new, below: "a").map(\.path) == ["a/x", "a/y"])
    #expect(try old.differences(to: new, below: "a/y").map(\.path) == ["a/y"])
    var files: [Path] = []
    try new.forEachFile { path, file in
      files.append(path)
      return path != "b/f"
    }
    #expect(files == ["a/y", "b/f"])
  }

  @Test(arguments: StoreMaker.all, Soak.seeds(1...3, soak: 100)) func differencesAreThoseOfDictionaries(
    _ maker: StoreMaker, seed: UInt64
  ) throws {
    var random = SeededGenerator(seed)
    let empty = try maker.repository().emptyTree
    var last: (tree: Tree, files: Files) = (empty, [:])
    for _ in 0..<20 {
      var (tree, model) = last
      for _ in 0..<Int.random(in: 0..<10, using: &random) {
        let path = RandomTrees.path(&random), contents = RandomTrees.contents(&random)
        try tree.set(path, contents.bytes, mode: contents.mode)
        model.set(path, contents)
      }
      let changes = try last.tree.differences(to: tree)
      let expected = Set(last.files.keys).union(model.keys).filter { last.files[$0] != model[$0] }
      #expect(Set(changes.map(\.path)) == expected)
      #expect(changes.allSatisfy { ($0.old == nil) == (last.files[$0.path] == nil) })
      #expect(changes.allSatisfy { ($0.new == nil) == (model[$0.path] == nil) })
      last = (tree, model)
    }
  }
}

/// Small random trees whose paths meet often.
enum RandomTrees {
  static let names: [EntryName] = ["a", "b", "a.b", "a-", "ab", "A", "ä", EntryName([0xFF])]

  static func path(_ random: inout SeededGenerator) -> Path {
    Path((0..<Int.random(in: 1...4, using: &random)).map { _ in names.randomElement(using: &random)! })
  }

  static func contents(_ random: inout SeededGenerator) -> Contents {
    Contents(
      [UInt8.random(in: 0..<20, using: &random)],
      mode: [.file, .file, .executable, .link].randomElement(using: &random)!)
  }
}

extension Files {
  func contains(below path: Path) -> Bool { keys.contains { $0.hasPrefix(path) } }

  mutating func remove(below path: Path) { self = filter { !$0.key.hasPrefix(path) } }

  mutating func set(_ path: Path, _ contents: Contents) {
    remove(below: path)
    for count in 1..<path.names.count { self[Path(Array(path.names.prefix(count)))] = nil }
    self[path] = contents
  }
}
