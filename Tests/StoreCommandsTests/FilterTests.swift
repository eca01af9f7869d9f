import GitFormat
import Glibc
import HostSystem
import TestSupport
import Testing
import VersionedStore

/// Clones of stock Git whose working trees have values where the repository has chunks.
@Suite struct FilterTests {
  /// Chunks as always, of smaller values than usual: what reads them cannot tell.
  private static let limits = ChunkLimits(threshold: 1 << 20, minimum: 256 << 10, averageBits: 20, maximum: 4 << 20)

  @Test(arguments: ObjectFormat.allCases) func aCloneHasValuesAndIsClean(_ format: ObjectFormat) throws {
    let clone = try FilteredClone(format, Self.limits)
    let value = FilteredClone.bytes(3_000_000, 1)
    try clone.commit("films/a b.mov", value)
    try clone.commit("readme", Array("hello\n".utf8))
    try clone.make()
    #expect(try File.read(clone.tree + "/films/a b.mov") == value)
    #expect(try clone.git("status", "--porcelain") == "")
    #expect(access(clone.tree + "/films/.lares-chunks", F_OK) != 0)
    // Git looks into a file whose times it does not know.
    try clone.run("touch", clone.tree + "/films/a b.mov")
    #expect(try clone.git("status", "--porcelain") == "")
    try clone.git("fsck", "--strict", "--full")
    try clone.run("git", "-C", clone.store, "fsck", "--strict", "--full")
  }

  @Test func anEditIsPushedAndBecomesChunksAgain() throws {
    let clone = try FilteredClone(.sha1, Self.limits)
    let value = FilteredClone.bytes(2_000_000, 2), edited = value + [1, 2, 3]
    try clone.commit("film.mov", value)
    try clone.make()
    try File.replace(clone.tree + "/film.mov", with: edited, durable: false)
    #expect(try clone.git("status", "--porcelain") == " M film.mov\n")
    try clone.git("commit", "-aqm", "Edit")
    #expect(try clone.git("status", "--porcelain") == "")
    try clone.git("push", "-q", "origin", "HEAD:main")
    // What Git added is one object, and is read at once.
    let plain = try clone.branch().tree()
    #expect(try plain.get("film.mov") == edited)
    #expect(try plain.value("film.mov")?.pointer == nil)
    #expect(try plain.differences(to: plain).isEmpty)
    // Our next write of the path puts it into chunks.
    try clone.commit("film.mov", value + [1, 2, 3, 4])
    let chunked = try clone.branch().tree()
    #expect(try chunked.value("film.mov")?.pointer != nil)
    try clone.git("pull", "-q")
    #expect(try File.read(clone.tree + "/film.mov") == value + [1, 2, 3, 4])
    #expect(try clone.git("status", "--porcelain") == "")
    // The old version again, which the clone has.
    try clone.git("checkout", "-q", "HEAD~2")
    #expect(try File.read(clone.tree + "/film.mov") == value)
    #expect(try clone.git("status", "--porcelain") == "")
    try clone.git("checkout", "-q", "main")
    try clone.git("fsck", "--strict", "--full")
    try clone.run("git", "-C", clone.store, "fsck", "--strict", "--full")
  }

  @Test func whatOnlyLooksLikeAPointerStaysAsItIs() throws {
    let clone = try FilteredClone(.sha1, Self.limits)
    let text = Array(
      "lares-chunks 1\nsize 5\nsha256 \(String(repeating: "0", count: 64))\ntree \(String(repeating: "0", count: 40))\n"
        .utf8)
    try clone.commit("text.mov", text)
    try clone.commit("empty.mov", [])
    try clone.commit("bytes.mov", FilteredClone.bytes(100_000, 3))
    try clone.make()
    #expect(try File.read(clone.tree + "/text.mov") == text)
    #expect(try File.read(clone.tree + "/empty.mov") == [])
    #expect(try File.read(clone.tree + "/bytes.mov") == FilteredClone.bytes(100_000, 3))
    try clone.run("touch", clone.tree + "/text.mov", clone.tree + "/bytes.mov", clone.tree + "/empty.mov")
    #expect(try clone.git("status", "--porcelain") == "")
  }

  @Test func aFurtherWorkingTreeHasValuesToo() throws {
    let clone = try FilteredClone(.sha1, Self.limits)
    let value = FilteredClone.bytes(1_500_000, 4)
    try clone.commit("film.mov", value)
    try clone.make()
    let other = clone.folder.path + "/other"
    try clone.git("worktree", "add", "-q", "--detach", other)
    #expect(try File.read(other + "/film.mov") == value)
    try clone.run("touch", other + "/film.mov")
    #expect(try clone.run("git", "-C", other, "status", "--porcelain") == "")
  }

  /// At the size at which values are chunks by themselves.
  @Test(.enabled(if: Soak.isOn)) func aValueAboveSixtyFourMebibytes() throws {
    let clone = try FilteredClone(.sha1, .standard)
    let value = FilteredClone.bytes(70 << 20, 5)
    try clone.commit("film.mov", value)
    #expect(try clone.branch().tree().value("film.mov")?.pointer != nil)
    try clone.make()
    #expect(try File.read(clone.tree + "/film.mov") == value)
    try clone.run("touch", clone.tree + "/film.mov")
    #expect(try clone.git("status", "--porcelain") == "")
    try clone.git("fsck", "--strict", "--full")
  }
}

/// A repository of ours, and a clone of it as the help of the filter says to make one.
private final class FilteredClone {
  let folder: TemporaryFolder
  private let repository: Repository
  private let environment: [String: String]
  var store: String { folder.path + "/store.git" }
  var tree: String { folder.path + "/clone" }

  init(_ format: ObjectFormat, _ limits: ChunkLimits) throws {
    folder = try TemporaryFolder()
    let backend = try GitBackend.create(folder.path + "/store.git", format: format)
    repository = Repository(backend, identity: Identity(name: "Store", email: "store@home.arpa"), chunks: limits) {
      1_763_800_000
    }
    let own = ["PATH": "\(Shell.products):/usr/bin:/bin", "HOME": folder.path, "TMPDIR": folder.path]
    var environment = StockGit.environment.merging(own) { $1 }
    // It has settings, in the home.
    environment["GIT_CONFIG_GLOBAL"] = nil
    self.environment = environment
  }

  static func bytes(_ count: Int, _ seed: UInt64) -> [UInt8] {
    var random = SeededGenerator(seed)
    return [UInt8](unsafeUninitializedCapacity: count + 8) { buffer, used in
      let raw = UnsafeMutableRawBufferPointer(buffer)
      for place in stride(from: 0, to: count, by: 8) {
        raw.storeBytes(of: random.next(), toByteOffset: place, as: UInt64.self)
      }
      used = count
    }
  }

  func branch() throws -> Branch { try repository.mainBranch() }

  func commit(_ path: Path, _ bytes: [UInt8]) throws {
    let author = Signature(name: "Ada", email: "ada@home.arpa", time: 1_763_800_000)
    try branch().set(path, bytes, CommitInfo(author: author, message: "Set \(path)\n"))
    try repository.backend.publish()
  }

  /// Clones.
  func make() throws {
    try run("git", "config", "--global", "filter.lares.smudge", "lares store filter smudge %f")
    try run("git", "config", "--global", "filter.lares.clean", "lares store filter clean %f")
    try run("git", "config", "--global", "filter.lares.required", "true")
    try run("git", "clone", "-q", "--sparse", "--no-checkout", store, tree)
    try git("sparse-checkout", "set", "--no-cone", "/*", "!.lares-chunks/")
    try File.makeFolder(tree + "/.git/info")
    try File.replace(
      tree + "/.git/info/attributes", with: Array("*.mov filter=lares -text -diff\n".utf8), durable: false)
    try git("checkout", "-q", "main")
  }

  @discardableResult
  func git(_ arguments: String...) throws -> String { try run(["git", "-C", tree] + arguments) }

  @discardableResult
  func run(_ arguments: String...) throws -> String { try run(arguments) }

  private func run(_ arguments: [String]) throws -> String {
    let result = try runCommand(arguments, environment: environment)
    try #require(result.isSuccess, "\(arguments.joined(separator: " ")): \(result.output)")
    return result.output
  }
}
