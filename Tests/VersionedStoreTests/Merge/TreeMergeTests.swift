import GitFormat
import TestSupport
import Testing

@testable import VersionedStore

/// One row of the merge table.
struct TreeMergeCase: CustomTestStringConvertible, Sendable {
  var testDescription: String
  var base: Sketch? = [:]
  var ours: Sketch = [:]
  var theirs: Sketch = [:]
  var merged: Sketch
  var conflicts: [String: MergeConflict.Kind] = [:]
}

@Suite struct TreeMergeTests {
  static let table: [TreeMergeCase] = [
    TreeMergeCase(
      testDescription: "nobody changed anything", base: ["a": "1\n"], ours: ["a": "1\n"], theirs: ["a": "1\n"],
      merged: ["a": "1\n"]),
    TreeMergeCase(
      testDescription: "each side changed another file", base: ["a": "1", "d/b": "1"], ours: ["a": "2", "d/b": "1"],
      theirs: ["a": "1", "d/b": "2"], merged: ["a": "2", "d/b": "2"]),
    TreeMergeCase(
      testDescription: "the same change on both sides", base: ["a": "1"], ours: ["a": "2"], theirs: ["a": "2"],
      merged: ["a": "2"]),
    TreeMergeCase(
      testDescription: "lines far from each other", base: ["a": "1\n2\n3\n4\n"], ours: ["a": "x\n2\n3\n4\n"],
      theirs: ["a": "1\n2\n3\ny\n"], merged: ["a": "x\n2\n3\ny\n"]),
    TreeMergeCase(
      testDescription: "the same line", base: ["a": "1\n"], ours: ["a": "x\n"], theirs: ["a": "y\n"],
      merged: ["a": "x\n"], conflicts: ["a": .contents]),
    TreeMergeCase(
      testDescription: "no text", base: ["a": "1\0"], ours: ["a": "2\0"], theirs: ["a": "3\0"], merged: ["a": "2\0"],
      conflicts: ["a": .contents]),
    TreeMergeCase(
      testDescription: "removed here, changed there", base: ["a": "1", "b": "1"], ours: ["b": "1"],
      theirs: ["a": "2", "b": "1"], merged: ["b": "1"], conflicts: ["a": .removed]),
    TreeMergeCase(
      testDescription: "changed here, removed there", base: ["a": "1", "b": "1"], ours: ["a": "2", "b": "1"],
      theirs: ["b": "1"], merged: ["a": "2", "b": "1"], conflicts: ["a": .removed]),
    TreeMergeCase(
      testDescription: "removed on both sides", base: ["a": "1", "b": "1"], ours: ["b": "1"],
      theirs: ["b": "1", "c": "1"], merged: ["b": "1", "c": "1"]),
    TreeMergeCase(
      testDescription: "a directory removed here, one of its files changed there", base: ["d/a": "1", "d/b": "1"],
      ours: ["x": "1"], theirs: ["d/a": "2", "d/b": "1"], merged: ["x": "1"], conflicts: ["d/a": .removed]),
    TreeMergeCase(
      testDescription: "a directory changed here, removed there", base: ["d/a": "1", "d/b": "1"],
      ours: ["d/a": "2", "d/b": "1"], theirs: ["x": "1"], merged: ["d/a": "2", "x": "1"], conflicts: ["d/a": .removed]),
    TreeMergeCase(
      testDescription: "added on both sides, the same", base: [:], ours: ["a": "1"], theirs: ["a": "1"],
      merged: ["a": "1"]),
    TreeMergeCase(
      testDescription: "added on both sides, not the same", base: ["z": "1"], ours: ["a": "1", "z": "1"],
      theirs: ["a": "2", "z": "1"], merged: ["a": "1", "z": "1"], conflicts: ["a": .added]),
    TreeMergeCase(
      testDescription: "added on both sides, in a type that needs no ancestor", base: ["z": "1"],
      ours: ["a.set": "milk\n", "z": "1"], theirs: ["a.set": "bread\n", "z": "1"],
      merged: ["a.set": "bread\nmilk\n", "z": "1"]),
    TreeMergeCase(
      testDescription: "unrelated histories", base: nil, ours: ["a": "1", "d/b": "1", "same": "0"],
      theirs: ["a": "2", "d/c": "1", "same": "0"], merged: ["a": "1", "d/b": "1", "d/c": "1", "same": "0"],
      conflicts: ["a": .added]),
    TreeMergeCase(
      testDescription: "a file here, a directory there", base: ["a": "1"], ours: ["a": "2"], theirs: ["a/b": "1"],
      merged: ["a": "2"], conflicts: ["a": .fileAndDirectory]),
    TreeMergeCase(
      testDescription: "a directory here, a file there", base: [:], ours: ["a/b": "1"], theirs: ["a": "1"],
      merged: ["a/b": "1"], conflicts: ["a": .fileAndDirectory]),
    TreeMergeCase(
      testDescription: "a file that became a directory on one side only", base: ["a": "1", "z": "1"],
      ours: ["a": "1", "z": "2"], theirs: ["a/b": "1", "z": "1"], merged: ["a/b": "1", "z": "2"]),
    TreeMergeCase(
      testDescription: "a file removed here that became a directory there", base: ["a": "1", "z": "1"],
      ours: ["z": "1"], theirs: ["a/b": "1", "z": "1"], merged: ["a/b": "1", "z": "1"]),
    TreeMergeCase(
      testDescription: "executable here, other contents there", base: ["a": "1"], ours: ["a": "! 1"],
      theirs: ["a": "2"], merged: ["a": "! 2"]),
    TreeMergeCase(
      testDescription: "added as executable here and as a file there", base: ["z": "1"], ours: ["a": "! 1", "z": "1"],
      theirs: ["a": "1", "z": "1"], merged: ["a": "! 1", "z": "1"], conflicts: ["a": .mode]),
    TreeMergeCase(
      testDescription: "a link here, other contents there", base: ["a": "1"], ours: ["a": "-> b"], theirs: ["a": "2"],
      merged: ["a": "-> b"], conflicts: ["a": .contents]),
    TreeMergeCase(
      testDescription: "links to two places", base: ["a": "-> b"], ours: ["a": "-> c"], theirs: ["a": "-> d"],
      merged: ["a": "-> c"], conflicts: ["a": .contents]),
    TreeMergeCase(
      testDescription: "a counter on both sides", base: ["n.counter": "5\n"], ours: ["n.counter": "7\n"],
      theirs: ["n.counter": "4\n"], merged: ["n.counter": "6\n"]),
    TreeMergeCase(
      testDescription: "JSON by key", base: ["a.json": #"{"a":1,"b":2.50}"#], ours: ["a.json": #"{"a":9,"b":2.50}"#],
      theirs: ["a.json": #"{"a":1,"b":2.50,"c":[]}"#], merged: ["a.json": #"{"a":9,"b":2.50,"c":[]}"#]),
    TreeMergeCase(
      testDescription: "JSON that is none is text", base: ["a.json": "{\n1\n2\n3\n"], ours: ["a.json": "{\nx\n2\n3\n"],
      theirs: ["a.json": "{\n1\n2\ny\n"], merged: ["a.json": "{\nx\n2\ny\n"]),
  ]

  @Test(arguments: table) func mergesByTheTable(_ row: TreeMergeCase) throws {
    let merge = try SketchMerge(row.base, row.ours, row.theirs)
    #expect(try merge.tree.sketch() == row.merged)
    #expect(Dictionary(uniqueKeysWithValues: merge.result.conflicts.map { ("\($0.path)", $0.kind) }) == row.conflicts)
    #expect(try merge.tree.conflicts() == merge.result.conflicts)
    let turned = try SketchMerge(row.base, row.theirs, row.ours)
    #expect(turned.result.conflicts.map(\.path) == merge.result.conflicts.map(\.path))
    if row.conflicts.isEmpty { #expect(turned.result.tree == merge.result.tree) }
  }

  @Test func everyVersionOfAConflictIsBesideIt() throws {
    let merge = try SketchMerge(["d/a": "1\n", "b": "1"], ["d/a": "2\n"], ["d/a": "3\n", "b": "2"])
    let files = try merge.tree.files().mapValues { String(decoding: $0.bytes, as: UTF8.self) }
    #expect(files["d/a"] == "2\n")
    #expect(files[".lares-conflicts/d/a/base"] == "1\n")
    #expect(files[".lares-conflicts/d/a/ours"] == "2\n")
    #expect(files[".lares-conflicts/d/a/theirs"] == "3\n")
    #expect(files[".lares-conflicts/b/base"] == "1")
    #expect(files[".lares-conflicts/b/ours"] == nil)
    #expect(files[".lares-conflicts/b/theirs"] == "2")
    #expect(
      files[".lares-conflicts/b/.lares-conflict"] == "removed\nwe removed it, they changed it\nours: nothing is there\n"
    )
  }

  @Test(arguments: MergeConflict.Choice.allCases) func aConflictIsResolvedWithAVersion(
    _ choice: MergeConflict.Choice
  ) throws {
    let merge = try SketchMerge(["a": "1\n", "b": "1"], ["a": "2\n", "b": "2"], ["a": "3\n", "b/c": "2"])
    var tree = merge.tree
    for conflict in try tree.conflicts() { try tree.resolve(conflict, with: choice) }
    let sides: [MergeConflict.Choice: Sketch] = [
      .base: ["a": "1\n", "b": "1"], .ours: ["a": "2\n", "b": "2"], .theirs: ["a": "3\n", "b/c": "2"],
    ]
    #expect(try tree.sketch() == sides[choice])
    // Nothing of the records is left.
    #expect(try tree.id() == Tree(sides[choice]!, in: merge.buffer).id())
  }

  @Test func aConflictIsResolvedWithOtherContentsOrWhatIsThere() throws {
    let merge = try SketchMerge(["a": "1\n", "b": "1\n"], ["a": "2\n", "b": "2\n"], ["a": "3\n", "b": "3\n"])
    var tree = merge.tree
    let conflicts = try tree.conflicts()
    try tree.resolve(conflicts[0], with: Contents(Array("both\n".utf8)))
    try tree.removeRecord(conflicts[1])
    #expect(try tree.files().mapValues { String(decoding: $0.bytes, as: UTF8.self) } == ["a": "both\n", "b": "2\n"])
    #expect(throws: StoreError.notFound("b")) { try tree.removeRecord(conflicts[1]) }
  }

  @Test func conflictsOfBothSidesStayUntilTheyAreResolved() throws {
    let buffer = ObjectBuffer(over: MemoryBackend())
    func tree(_ sketch: Sketch) throws -> ObjectID { try Tree(sketch, in: buffer).write(into: buffer) }
    func merge(_ base: ObjectID?, _ ours: ObjectID?, _ theirs: ObjectID?) throws -> ObjectID {
      try TreeMerge.merge(base: base, ours: ours, theirs: theirs, in: buffer).tree!
    }
    let base = try tree(["a": "1\n", "b": "1\n"])
    let one = try merge(base, tree(["a": "2\n", "b": "1\n"]), tree(["a": "3\n", "b": "1\n"]))
    let two = try merge(base, tree(["a": "1\n", "b": "2\n"]), tree(["a": "1\n", "b": "3\n"]))
    let both = try merge(base, one, two)
    #expect(try Tree(both, in: buffer).conflicts().map(\.path) == ["a", "b"])
    // The same path on both sides: two records, and the one of this merge, which is about what the sides chose.
    let other = try merge(base, tree(["a": "4\n", "b": "1\n"]), tree(["a": "5\n", "b": "1\n"]))
    let all = Tree(try merge(base, one, other), in: buffer)
    #expect(try all.conflicts(at: "a").count == 3)
    #expect(try Tree(try merge(base, other, one), in: buffer).conflicts(at: "a").count == 3)
    // What one side resolved is resolved in the merge.
    var resolved = Tree(one, in: buffer)
    for conflict in try resolved.conflicts() { try resolved.resolve(conflict, with: .theirs) }
    let after = Tree(try merge(one, both, try resolved.write(into: buffer)), in: buffer)
    #expect(try after.conflicts().map(\.path) == ["b"])
    #expect(try after.sketch() == ["a": "3\n", "b": "2\n"])
    // Each of several records of one path can be ended for itself.
    var rest = all
    for (index, conflict) in try all.conflicts().enumerated() {
      try rest.removeRecord(conflict)
      #expect(try rest.conflicts().count == 2 - index)
    }
  }

  @Test func whatElseIsInTheFolderStays() throws {
    let buffer = ObjectBuffer(over: MemoryBackend())
    func id(_ text: String) throws -> ObjectID {
      try Tree(["a": text, ".lares-conflicts/notes": "mine", ".lares-conflicts/b/ours": "no record"], in: buffer)
        .write(into: buffer)
    }
    let result = try TreeMerge.merge(base: id("1"), ours: id("2"), theirs: id("3"), in: buffer)
    var tree = Tree(try #require(result.tree), in: buffer)
    let conflict = try #require(try tree.conflicts().first)
    try tree.resolve(conflict, with: .ours)
    #expect(try tree.id() == id("2"))
  }

  @Test func pathsThatLookLikeRecordsAreKeptApart() throws {
    let merge = try SketchMerge(
      ["a/ours": "1\n", "a/base/ours": "1\n", "c": "1\n"], ["a/ours": "2\n", "a/base/ours": "2\n", "c": "2\n"],
      ["a/ours": "3\n", "a/base/ours": "3\n", "c": "3\n"])
    #expect(try merge.tree.conflicts() == merge.result.conflicts)
    #expect(merge.result.conflicts.map(\.path) == ["a/base/ours", "a/ours", "c"])
  }

  @Test func recordsThatAreDamagedAreReadOrRefused() throws {
    for seed in Soak.seeds(1...100, soak: 10_000) {
      var editor = Editor(seed: seed)
      let merge = try SketchMerge(["a": "1\n", "d/b": "1"], ["a": "2\n"], ["a": "3\n", "d/b": "2"])
      var tree = merge.tree
      let paths = try tree.files().keys.sorted()
      for _ in 0..<3 {
        let path = editor.pick(paths)!
        switch editor.below(3) {
        case 0: try tree.remove(path)
        case 1: try tree.set(path / EntryName(editor.pick(["base", "ours", ".lares-conflict", ".lares-also-x"])!), [1])
        default: try tree.set(path, editor.word())
        }
      }
      let conflicts = try tree.conflicts()
      for conflict in conflicts { try? tree.resolve(conflict, with: .theirs) }
      let id = try tree.write(into: merge.buffer)
      _ = try TreeMerge.merge(base: nil, ours: id, theirs: merge.result.tree, in: merge.buffer)
    }
  }

  @Test func aSubtreeMergeChangesOnlyItsPlace() throws {
    let buffer = ObjectBuffer(over: MemoryBackend())
    func id(_ sketch: Sketch) throws -> ObjectID { try Tree(sketch, in: buffer).write(into: buffer) }
    let ours = try id(["x": "1", "lib/a": "1\n", "lib/b": "mine\n"])
    let result = try TreeMerge.merge(
      base: id(["a": "1\n", "b": "1\n"]), ours: ours, theirs: id(["a": "2\n", "b": "theirs\n", "c": "1"]), at: "lib",
      in: buffer)
    let tree = Tree(result.tree!, in: buffer)
    #expect(try tree.sketch() == ["x": "1", "lib/a": "2\n", "lib/b": "mine\n", "lib/c": "1"])
    #expect(try tree.conflicts().map(\.path) == ["lib/b"])
    // Records that the other brings along come to stand at our root, also where all of it is new here.
    let conflicted = try TreeMerge.merge(base: id(["a": "1"]), ours: id(["a": "2"]), theirs: id(["a": "3"]), in: buffer)
    for base in [nil, try id(["a": "1"])] {
      let place = base == nil ? Path("new/place") : "lib"
      let start = base == nil ? ours : try id(["lib/a": "1"])
      let moved = Tree(
        try TreeMerge.merge(base: base, ours: start, theirs: conflicted.tree, at: place, in: buffer).tree!, in: buffer)
      #expect(try moved.conflicts().map(\.path) == [place / "a"])
      #expect(try moved.kind(place / ConflictRecords.folder) == nil)
      #expect(try moved.find(place / "a") == Array("2".utf8))
    }
    // Where nothing is yet, it is put.
    let new = try TreeMerge.merge(base: nil, ours: ours, theirs: id(["a": "1"]), at: "other/place", in: buffer)
    #expect(new.conflicts.isEmpty)
    #expect(try Tree(new.tree!, in: buffer).find("other/place/a") == Array("1".utf8))
    #expect(throws: StoreError.self) {
      try TreeMerge.merge(base: nil, ours: ours, theirs: ours, at: ".lares-conflicts", in: buffer)
    }
  }

  @Test func whatIsEqualIsNotRead() throws {
    let backend = MemoryBackend()
    let buffer = ObjectBuffer(over: backend)
    let missing = ObjectID(.sha1, [UInt8](repeating: 7, count: 20))
    func tree(_ a: String, _ b: String) throws -> ObjectID {
      var tree = try Tree(["a": a, "b": b], in: buffer)
      let id = try tree.write(into: buffer)
      // A directory and a file whose objects are not there.
      let changes = [
        EntryChange("d", from: nil, to: TreeEntry("d", .tree, missing)),
        EntryChange("e", from: nil, to: TreeEntry("e", .file, missing)),
      ]
      tree = Tree(try Directories.applying(changes, to: id, in: buffer)!, in: buffer)
      return try tree.id()
    }
    let result = try TreeMerge.merge(base: tree("1", "1"), ours: tree("2", "1"), theirs: tree("1", "2"), in: buffer)
    #expect(try result.tree == tree("2", "2"))
  }

  @Test func directoriesThatNestTooDeepAreRefused() throws {
    let buffer = ObjectBuffer(over: MemoryBackend())
    func deep(_ text: String) throws -> ObjectID {
      var entry = TreeEntry("f", .file, try buffer.write(.blob, Array(text.utf8)))
      for _ in 0...Path.maximumDepth {
        let tree = try Directories.applying([EntryChange(entry.name, from: nil, to: entry)], to: nil, in: buffer)!
        entry = TreeEntry("d", .tree, tree)
      }
      return entry.id
    }
    #expect(throws: StoreError.self) {
      try TreeMerge.merge(base: deep("1"), ours: deep("2"), theirs: deep("3"), in: buffer)
    }
  }

  /// Directories that each name the one below them eight times: few objects, and more paths than anybody can read.
  @Test func recordsThatNameADirectoryAgainAndAgainAreRefused() throws {
    let buffer = ObjectBuffer(over: MemoryBackend())
    var below = try Tree(["x": "1"], in: buffer).write(into: buffer)
    for _ in 0..<12 {
      let changes = (0..<8).map {
        EntryChange(EntryName("d\($0)"), from: nil, to: TreeEntry(EntryName("d\($0)"), .tree, below))
      }
      below = try #require(try Directories.applying(changes, to: nil, in: buffer))
    }
    let name = ConflictRecords.folder
    let root = try Directories.applying(
      [EntryChange(name, from: nil, to: TreeEntry(name, .tree, below))], to: nil, in: buffer)
    #expect(throws: StoreError.self) { try Tree(root!, in: buffer).conflicts() }
  }
}
