import GitFormat
import TestSupport
import Testing

@testable import VersionedStore

/// Values in chunks as people of the model see them: files.
@Suite struct ChunkedTreeTests {
  private let large = randomBytes(50_000, 1), other = randomBytes(40_000, 2)
  private let folder = Path([ChunkFolder.name])

  private func stored(_ tree: Tree, in repository: Repository) throws -> Tree {
    let buffer = ObjectBuffer(over: repository.objects)
    let id = try tree.write(into: buffer)
    try repository.store(Batch(objects: buffer.objects))
    return repository.tree(id)
  }

  @Test(arguments: StoreMaker.all) func aLargeFileIsAFile(_ maker: StoreMaker) throws {
    let repository = try maker.chunkRepository()
    let branch = try repository.mainBranch()
    try branch.set("films/a", large, mode: .executable, .test("one"))
    let tree = try branch.tree()
    #expect(try tree.get("films/a") == large)
    #expect(try tree.kind("films/a") == .executable)
    #expect(try tree.size("films/a") == large.count)
    #expect(try tree.list("films").map(\.name) == ["a"])
    #expect(try tree.read("films/a", 30_000..<30_007) == Array(large[30_000..<30_007]))
    #expect(try tree.read("films/a", 49_990..<60_000) == Array(large[49_990...]))
    let value = try #require(try tree.value("films/a"))
    let pointer = try #require(value.pointer)
    #expect(try repository.objects.bytes(try #require(try tree.entry("films/a")).id, .blob) == pointer.bytes)
    #expect(try tree.entry("films/.lares-chunks/a")?.id == pointer.tree)
    #expect(try tree.files() == ["films/a": Contents(large, mode: .executable)])
    var found: [Path] = []
    try tree.forEachFile { path, file throws(StoreError) in
      found.append(path)
      return file.chunks == pointer.tree
    }
    #expect(found == ["films/a"])
    // The limit itself is one object.
    try branch.set("b", Array(large.prefix(ChunkLimits.test.threshold)), .test("two"))
    #expect(try branch.tree().value("b")?.pointer == nil)
  }

  @Test(arguments: StoreMaker.all) func aStreamIsStoredAsBytesAre(_ maker: StoreMaker) throws {
    let repository = try maker.chunkRepository()
    for (number, length) in [0, 1, 4_096, 4_097, 100_000].enumerated() {
      for knowsSize in [true, false] {
        let branch = try repository.branch("b\(number)\(knowsSize)")
        var source = ArraySource(randomBytes(length), knowsSize: knowsSize)
        let commit = try #require(try branch.set("f", from: &source, .test("f")))
        let expected = try repository.emptyTree.setting("f", randomBytes(length))
        #expect(commit.object.tree == (try expected.id()))
        #expect(try branch.get("f") == randomBytes(length))
      }
    }
  }

  @Test func aStreamShorterThanItSaysIsOneObject() throws {
    struct Boaster: ValueSource {
      var source = ArraySource(randomBytes(100))
      var size: Int? { 1_000_000 }
      mutating func next(atMost count: Int) throws(StoreError) -> [UInt8] { try source.next(atMost: count) }
    }
    let repository = try StoreMaker.memory.chunkRepository()
    var source = Boaster()
    let value = try repository.stage(&source)
    #expect(value.pointer == nil && value.size == 100)
    #expect(
      try repository.emptyTree.setting("f", randomBytes(100)).id()
        == {
          var tree = repository.emptyTree
          try tree.set("f", value)
          return try tree.id()
        }())
  }

  @Test(arguments: StoreMaker.all) func whatTakesItsPlaceTakesItsChunksAway(_ maker: StoreMaker) throws {
    let repository = try maker.chunkRepository()
    let branch = try repository.mainBranch()
    try branch.update(.test("two")) { tree throws(StoreError) in
      try tree.set("d/a", large)
      try tree.set("d/b", other)
    }
    let both = try branch.tree()
    #expect(try both.list("d" + folder).map(\.name) == ["a", "b"])
    try branch.set("d/a", [1], .test("small"))
    #expect(try branch.tree().list("d" + folder).map(\.name) == ["b"])
    #expect(try branch.get("d/a") == [1] && branch.get("d/b") == other)
    try branch.remove("d/b", .test("gone"))
    #expect(try branch.tree().kind("d" + folder) == nil)
    try branch.update(.test("directory")) { tree throws(StoreError) in
      try tree.set("d/a", large)
      try tree.set("e", other)
    }
    try branch.update(.test("all")) { tree throws(StoreError) in
      try tree.set("d/a/x", [1])
      try tree.remove("e")
    }
    #expect(try branch.tree().files() == ["d/a/x": Contents([1])])
    #expect(try branch.tree().kind(folder) == nil && branch.tree().kind("d" + folder) == nil)
    try branch.remove("d", .test("nothing"))
    #expect(try branch.tree().isEmpty())
    // In memory before anything is written, too.
    var tree = both
    try tree.remove("d/a")
    try tree.remove("d/b")
    #expect(try tree.isEmpty())
    #expect(try both.removing("d/a").get("d/b") == other)
  }

  @Test func aDirectoryKeepsItsValuesWhereverItGoes() throws {
    let repository = try StoreMaker.memory.chunkRepository()
    let branch = try repository.mainBranch()
    try branch.set("a/film", large, .test("one"))
    try branch.update(.test("moved")) { tree throws(StoreError) in
      guard let below = try tree.subtree("a") else { throw .notFound("a") }
      try tree.setTree("b/c", below)
      try tree.remove("a")
    }
    #expect(try branch.tree().files() == ["b/c/film": Contents(large)])
    try branch.update(.test("mode")) { tree throws(StoreError) in try tree.setMode("b/c/film", .executable) }
    #expect(try branch.tree().files() == ["b/c/film": Contents(large, mode: .executable)])
  }

  @Test func differencesAreOfOneFile() throws {
    let repository = try StoreMaker.memory.chunkRepository()
    let empty = repository.emptyTree
    let one = try stored(empty.setting("d/film", large), in: repository)
    let two = try stored(empty.setting("d/film", other), in: repository)
    let small = try stored(empty.setting("d/film", [7]), in: repository)
    for (old, new) in [(empty, one), (one, two), (two, small), (small, two), (one, empty)] {
      let changes = try old.differences(to: new)
      #expect(changes.map(\.path) == ["d/film"])
      #expect(try old.differences(to: new, below: "d/film") == changes)
      #expect(try old.differences(to: new, below: "d") == changes)
      #expect(changes[0].old?.chunks == (try old.value("d/film")?.pointer?.tree))
      #expect(changes[0].new?.chunks == (try new.value("d/film")?.pointer?.tree))
    }
    #expect(try one.differences(to: one.setting("e", [1])).map(\.path) == ["e"])
  }

  @Test func oldVersionsComeBackWithTheirChunks() throws {
    let repository = try StoreMaker.memory.chunkRepository()
    let branch = try repository.mainBranch()
    let first = try #require(try branch.set("film", large, .test("one")))
    let second = try #require(try branch.set("film", other, .test("two")))
    let author = Signature(name: "Ada", email: "ada@home.arpa", time: 1_700_000_000)
    try branch.revert(second.id, author: author)
    #expect(try branch.get("film") == large)
    try branch.remove("film", .test("gone"))
    try branch.restore("film", from: second.id, .test("back"))
    #expect(try branch.get("film") == other)
    #expect(try branch.tree().id() == second.object.tree)
    try branch.restore("film", from: first.id, .test("first"))
    #expect(try branch.tree().id() == first.object.tree)
  }

  @Test func aWideDirectoryHasLargeFiles() throws {
    let repository = try StoreMaker.memory.chunkRepository()
    let branch = try repository.mainBranch()
    try branch.update(.test("wide")) { tree throws(StoreError) in
      for number in 0..<1_500 { try tree.set(Path("d/\(number)"), [UInt8(truncatingIfNeeded: number)]) }
      try tree.set("d/film", large)
    }
    #expect(try branch.get("d/film") == large)
    #expect(try branch.tree().list("d").count == 1_501)
    try branch.set("d/1", [9], .test("beside"))
    #expect(try branch.get("d/film") == large)
    try branch.remove("d/film", .test("gone"))
    #expect(try branch.tree().kind("d" + folder) == nil)
  }

  /// Whatever was there before, a tree is what its files are.
  @Test func treesAreFunctionsOfTheirFiles() throws {
    for seed in Soak.seeds(1...4, soak: 200) {
      var random = SeededGenerator(seed)
      let repository = try StoreMaker.memory.chunkRepository()
      let branch = try repository.mainBranch()
      let values = (0..<4).map { randomBytes(4_090 + 4 * Int($0), 100 + $0) } + [[], [1], [2]]
      var files: Files = [:]
      for _ in 0..<30 {
        try branch.update(.test("change")) { tree throws(StoreError) in
          for _ in 0..<Int.random(in: 1...4, using: &random) {
            let directory = Path(["a", "b", "a/c"].randomElement(using: &random) ?? "")
            let path = directory / EntryName("f\(Int.random(in: 0..<4, using: &random))")
            switch Int.random(in: 0..<6, using: &random) {
            case 0:
              files = files.filter { !$0.key.hasPrefix(path) }
              try tree.remove(path)
            case 1:
              guard let other = try tree.subtree("b") else { continue }
              files = files.filter { !$0.key.hasPrefix("a/c") }
              for (path, file) in files where path.hasPrefix("b") {
                files["a/c" + Path(Array(path.names.dropFirst()))] = file
              }
              try tree.setTree("a/c", other)
            default:
              let mode: FileMode = Bool.random(using: &random) ? .file : .executable
              files[path] = Contents(values.randomElement(using: &random) ?? [], mode: mode)
              try tree.set(path, files[path]?.bytes ?? [], mode: mode)
            }
          }
        }
        var expected = repository.emptyTree
        for (path, file) in files { try expected.set(path, file.bytes, mode: file.mode) }
        #expect(try branch.tree().id() == expected.id(), "seed \(seed)")
        #expect(try branch.tree().files() == files, "seed \(seed)")
      }
    }
  }

  // MARK: - What others write

  @Test func aTextThatLooksLikeAPointerIsAText() throws {
    let repository = try StoreMaker.memory.chunkRepository()
    let branch = try repository.mainBranch()
    try branch.set("film", large, .test("one"))
    let pointer = try #require(try branch.tree().value("film")?.pointer)
    // Under another name, and in another directory, its chunks do not stand beside it.
    try branch.update(.test("text")) { tree throws(StoreError) in
      try tree.set("text", pointer.bytes)
      try tree.set("d/film", pointer.bytes)
    }
    let tree = try branch.tree()
    #expect(try tree.get("text") == pointer.bytes && tree.get("d/film") == pointer.bytes)
    #expect(try tree.size("text") == pointer.bytes.count)
    #expect(try tree.value("d/film")?.pointer == nil)
    #expect(throws: StoreError.self) {
      var tree = tree
      try tree.setObject(
        "x", .file, try #require(try tree.entry("text")).id, chunks: try #require(try tree.entry("d")).id)
    }
  }

  @Test func chunksOfAnotherValueAreNotTaken() throws {
    let repository = try StoreMaker.memory.chunkRepository()
    let tree = try repository.emptyTree.setting("a", large).setting("b", other)
    let buffer = ObjectBuffer(over: repository.objects)
    let id = try tree.write(into: buffer)
    try repository.store(Batch(objects: buffer.objects))
    // As a stock client may write it: b's pointer where a's is.
    let entries = try Directories.entries(of: id, in: repository.objects)
    let b = try #require(entries.first { $0.name == "b" })
    let forged = try Directories.applying(
      [EntryChange("a", from: nil, to: TreeEntry("a", .file, b.id))], to: id, in: buffer)
    try repository.store(Batch(objects: buffer.objects))
    let read = repository.tree(try #require(forged))
    #expect(try read.get("a") == read.value("b")?.pointer?.bytes)
    #expect(try read.get("b") == other)
    let changes = try tree.differences(to: read)
    #expect(changes.map(\.path) == ["a"] && changes[0].new?.chunks == nil)
    // The next write of the directory puts it in order.
    let folded = try stored(read.setting("c", [1]), in: repository)
    #expect(try folded.list(folder).map(\.name) == ["b"])
  }

  @Test func aPointerWhoseChunksAreGoneIsAChange() throws {
    let repository = try StoreMaker.memory.chunkRepository()
    let buffer = ObjectBuffer(over: repository.objects)
    let id = try repository.emptyTree.setting("a", large).write(into: buffer)
    let without = try Directories.applying([EntryChange(ChunkFolder.name, from: nil, to: nil)], to: id, in: buffer)
    try repository.store(Batch(objects: buffer.objects))
    let before = repository.tree(id), after = repository.tree(try #require(without))
    let changes = try before.differences(to: after)
    #expect(changes.map(\.path) == ["a"])
    #expect(changes[0].old?.chunks != nil && changes[0].new?.chunks == nil)
  }

  @Test func aPlainLargeFileIsReadAndBecomesChunks() throws {
    let repository = try StoreMaker.memory.chunkRepository()
    let buffer = ObjectBuffer(over: repository.objects)
    let blob = try buffer.write(.blob, large)
    let id = try Directories.applying(
      [EntryChange("film", from: nil, to: TreeEntry("film", .file, blob))], to: nil, in: buffer)
    try repository.store(Batch(objects: buffer.objects))
    let tree = repository.tree(try #require(id))
    #expect(try tree.get("film") == large)
    #expect(try tree.read("film", 3..<5) == Array(large[3..<5]))
    let written = try tree.setting("film", large)
    #expect(try written.id() == repository.emptyTree.setting("film", large).id())
  }

  @Test func aValueTooLargeForMemoryIsReadInPieces() throws {
    let objects = MemoryBackend()
    let limits = ChunkLimits(threshold: 4_096, minimum: 64, averageBits: 8, maximum: 1_024, assembled: 10_000)
    let repository = Repository(objects, identity: Identity(name: "S", email: "s@home.arpa"), chunks: limits) { 1 }
    let branch = try repository.mainBranch()
    try branch.set("film", large, .test("one"))
    #expect(throws: StoreError.self) { try branch.get("film") }
    var read: [UInt8] = []
    try branch.tree().value("film")?.forEachPiece { read.append(contentsOf: $0) }
    #expect(read == large)
  }
}
