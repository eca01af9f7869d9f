import GitFormat
import HostSystem
import TestSupport
import Testing

@testable import VersionedStore

/// Values in chunks in repositories on disk.
@Suite struct ChunkDiskTests {
  private func repository(_ backend: GitBackend) -> Repository {
    let clock = TestClock()
    return Repository(backend, identity: Identity(name: "S", email: "s@home.arpa"), chunks: .test) { clock.tick() }
  }

  private var noGrace: CollectOptions {
    var options = CollectOptions(now: 1_800_000_000)
    options.graceSeconds = 0
    return options
  }

  @Test(arguments: ObjectFormat.allCases) func gitFindsNothingWrong(_ format: ObjectFormat) throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/store.git"
    let value = randomBytes(100_000)
    do {
      let branch = try repository(try GitBackend.create(path, format: format)).mainBranch()
      var source = ArraySource(value)
      try branch.set("films/a", from: &source, .test("one"))
      try branch.set("films/b", Array(value.dropFirst(50_000)), .test("two"))
      try branch.set("films/small", [1], .test("three"))
      try branch.remove("films/b", .test("four"))
    }
    try git(path, "fsck", "--strict", "--full")
    let files = try git(path, "ls-tree", "-r", "--name-only", "main").split(separator: "\n")
    #expect(files.filter { !$0.contains("/.lares-chunks/") } == ["films/a", "films/small"])
    #expect(files.filter { $0.hasPrefix("films/.lares-chunks/a/") }.count > 100)
    // Stock Git can put the value together, too.
    try git(path, "gc", "--quiet", "--prune=now")
    let branch = try repository(try GitBackend(opening: path)).mainBranch()
    #expect(try branch.get("films/a") == value)
  }

  @Test func aStagedValueOutlivesCollections() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/store.git"
    let backend = try GitBackend.create(path)
    let repository = repository(backend)
    let branch = try repository.mainBranch()
    try branch.set("old", randomBytes(20_000, 9), .test("one"))
    var source = ArraySource(randomBytes(100_000))
    var value: StagedValue? = try repository.stage(&source)
    try backend.collect(noGrace)
    try git(path, "gc", "--quiet", "--prune=now")
    try branch.update(.test("two")) { tree throws(StoreError) in
      if let value { try tree.set("film", value) }
    }
    value = nil
    #expect(File.list(path + "/objects/pack").allSatisfy { !$0.hasSuffix(".keep") })
    try backend.collect(noGrace)
    #expect(try branch.get("film") == randomBytes(100_000))
    try git(path, "fsck", "--strict", "--full")
    // What is given up goes.
    var other = ArraySource(randomBytes(100_000, 8))
    value = try repository.stage(&other)
    let tree = try #require(value?.pointer?.tree)
    value = nil
    #expect(try runGit(path, ["cat-file", "-e", tree.hex]).isSuccess)
    try backend.collect(noGrace)
    #expect(try !runGit(path, ["cat-file", "-e", tree.hex]).isSuccess)
  }

  @Test func aStreamIsStoredAsItComes() throws {
    struct Counting: ValueSource {
      var source = ArraySource(randomBytes(60_000))
      let packs: String
      var most = 0
      var size: Int? { source.size }
      mutating func next(atMost count: Int) throws(StoreError) -> [UInt8] {
        most = max(most, File.list(packs).count { $0.hasSuffix(".pack") })
        return try source.next(atMost: count)
      }
    }
    let folder = try TemporaryFolder()
    let repository = repository(try GitBackend.create(folder.path + "/store.git"))
    var source = Counting(packs: folder.path + "/store.git/objects/pack")
    let value = try repository.stage(&source)
    #expect(source.most >= 10 && value.size == 60_000)
  }
}
