import GitFormat
import Glibc
import HostSystem
import TestSupport
import Testing

@testable import VersionedStore

/// What the model writes, as stock Git sees it: the same objects under the same names, and the same answers.
@Suite struct StockGitModelTests {
  @Test(arguments: ObjectFormat.allCases) func gitNamesAndChecksWhatWeWrite(_ format: ObjectFormat) throws {
    var random = SeededGenerator(Soak.seed(7))
    let repository = Repository(MemoryBackend(format: format), identity: Identity(name: "Store", email: "s@home.arpa"))
    {
      1_700_000_000
    }
    let branch = try repository.mainBranch()
    for step in 0..<12 {
      try branch.update(.test("step \(step)\n"), allowEmpty: true) { tree throws(StoreError) in
        for _ in 0..<20 {
          let path = RandomTrees.path(&random), contents = RandomTrees.contents(&random)
          // Git stores any bytes, but its checker warns of links to nowhere sensible.
          try tree.set(path, contents.bytes, mode: contents.mode == .link ? .file : contents.mode)
        }
        for number in 0..<150 where step > 3 { try tree.set(Path("wide/\(step)-\(number)"), [UInt8(step)]) }
      }
    }
    let head = try branch.requireHead()
    let git = try GitDump(format)
    try git.store(repository, head)
    try git.run("fsck", "--strict", "--full")
    let listed = try git.run("ls-tree", "-r", "-z", "--name-only", head.id.hex).split(separator: "\0")
    #expect(listed.count == (try Self.leaves(head.tree)))
    #expect(try git.run("ls-tree", head.id.hex + ":wide").split(separator: "\n").count == 16)
  }

  @Test(arguments: ObjectFormat.allCases) func gitTellsTheSameHistory(_ format: ObjectFormat) throws {
    for seed in Soak.seeds(1...3, soak: 50) {
      var random = SeededGenerator(seed)
      let maker = StoreMaker(name: "memory", format: format) { MemoryBackend(format: $0) }
      var made = try MadeHistory(maker)
      for number in 0..<25 {
        let wanted = number == 0 ? 0 : Int.random(in: 1...2, using: &random)
        let parents = Set((0..<wanted).map { _ in Int.random(in: max(0, number - 4)..<number, using: &random) })
          .sorted()
        let tree = try made.repository.emptyTree.setting("f", [UInt8.random(in: 0..<3, using: &random)]).setting(
          "n", [UInt8(number)])
        try made.add(on: parents, tree: tree)
      }
      try made.store()
      let history = made.repository.history()
      let head = made.ids[24]
      let git = try GitDump(format)
      try git.store(made.repository, try made.repository.commit(head))
      func ids(_ text: String) -> [String] { text.split(separator: "\n").map(String.init) }
      #expect(try history.log(from: [head]).map(\.id.hex) == ids(git.run("rev-list", head.hex)))
      #expect(
        try history.log(from: [head], LogOptions(order: .topological)).map(\.id.hex)
          == ids(git.run("rev-list", "--topo-order", head.hex)))
      #expect(
        try history.log(from: [head], LogOptions(path: "f")).map(\.id.hex)
          == ids(git.run("rev-list", head.hex, "--", "f")))
      for other in made.ids.prefix(24) where try history.isAncestor(other, of: head) {
        #expect(
          try history.log(from: [head], LogOptions(excluding: [other])).map(\.id.hex)
            == ids(git.run("rev-list", head.hex, "^" + other.hex)))
      }
      for (a, b) in zip(made.ids, made.ids.dropFirst(3)) {
        guard try history.isAncestor(a, of: head), try history.isAncestor(b, of: head) else { continue }
        guard case .found(let found) = try history.commonAncestors(of: a, and: b) else { continue }
        #expect(Set(found.map(\.hex)) == Set(ids(try git.run("merge-base", "--all", a.hex, b.hex))))
      }
    }
  }

  private static func leaves(_ tree: Tree) throws -> Int { try tree.files().count }
}

/// A repository of stock Git in a folder of its own.
struct GitDump {
  let folder: TemporaryFolder

  init(_ format: ObjectFormat) throws {
    folder = try TemporaryFolder()
    try run("init", "-q", "--bare", "--object-format=" + format.rawValue)
  }

  @discardableResult
  func run(_ arguments: String...) throws -> String {
    try StockGit.run(arguments, at: folder.path)
  }

  /// Gives Git all objects that a commit needs, has it name them itself, and points main at the commit.
  func store(_ repository: Repository, _ head: Commit) throws {
    var objects: [ObjectID: GitObject] = [:]
    var open = [head.id]
    while let id = open.popLast() {
      guard objects[id] == nil else { continue }
      let object = try repository.objects.object(id)
      objects[id] = object
      switch object.kind {
      case .commit:
        let commit = try CommitObject(object.bytes, id.format)
        open += [commit.tree] + commit.parents
      case .tree: open += try TreeObject.parse(object.bytes, id.format).map(\.id)
      case .blob, .tag: break
      }
    }
    for kind in [ObjectKind.blob, .tree, .commit] {
      let ids = objects.filter { $0.value.kind == kind }.keys.sorted()
      var list = ""
      for id in ids {
        let file = "\(folder.path)/new-\(id)"
        try write(objects[id]?.bytes ?? [], to: file)
        list += file + "\n"
      }
      try write(Array(list.utf8), to: folder.path + "/list")
      let named = try StockGit.run(
        ["hash-object", "-w", "--no-filters", "-t", "\(kind)", "--stdin-paths"], at: folder.path,
        input: folder.path + "/list")
      #expect(named.split(separator: "\n").map(String.init) == ids.map(\.hex))
    }
    try run("update-ref", "refs/heads/main", head.id.hex)
  }

  private func write(_ bytes: [UInt8], to path: String) throws {
    let file = try #require(fopen(path, "w"))
    defer { fclose(file) }
    try #require(fwrite(bytes, 1, bytes.count, file) == bytes.count)
  }
}
