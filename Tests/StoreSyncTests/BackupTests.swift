import GitFormat
import Glibc
import HostSystem
import TestSupport
import Testing
import VersionedStore

@testable import StoreSync

/// Backups of several repositories in one encrypted file, and what becomes of them.
@Suite struct BackupTests {
  static let passphrase = Array("correct horse".utf8)
  static let cost = PassphraseCost(logarithm: 1)
  static let who = Signature(name: "Ada", email: "ada@home.arpa", time: 1_763_900_000)

  let git: StockGit
  init() throws { git = try StockGit() }

  /// A repository on disk with a history, an annotated tag and a hidden reference.
  func repository(_ name: String, _ format: ObjectFormat, commits: Int = 8) throws -> GitBackend {
    let store = try GitBackend.create(git.path(name), format: format)
    let sample = SampleRepository(format)
    let ids = try sample.history(commits)
    try sample.tag("v1", of: ids[2])
    try sample.set("refs/lares/undo/1-abc/heads/main", ids[3])
    let bundle = MemoryStream()
    let names = try sample.backend.references(under: "refs/").map(\.name)
    try Bundle.write(names, of: sample.backend, to: bundle)
    try Bundle.fetch(
      MemoryStream(bundle.output), into: store, [try RefSpec("refs/*:refs/*")], who: Self.who)
    try store.publish()
    return store
  }

  static func backup(_ items: [Backup.Item]) throws -> [UInt8] {
    let stream = MemoryStream()
    try Backup.write(items, passphrase: passphrase, salt: SystemRandomness.bytes(16), cost) {
      (bytes) throws(StoreError) in try stream.write(bytes)
    }
    return stream.output
  }

  @discardableResult
  static func restore(
    _ bytes: [UInt8], into folder: String, _ passphrase: [UInt8] = passphrase,
    _ options: RestoreOptions = RestoreOptions(who: who)
  ) throws(StoreError) -> [Backup.Entry] {
    try Backup.restore(MemoryStream(bytes, pieceLength: 5_000), passphrase: passphrase, into: folder, options)
  }

  private func refs(_ folder: String) throws -> String {
    try git.run("for-each-ref", "--format=%(objectname) %(refname)", in: folder)
  }

  @Test func repositoriesOfBothFormatsComeBackWhole() throws {
    let one = try repository("one.git", .sha1), two = try repository("two.git", .sha256)
    let empty = try GitBackend.create(git.path("empty.git"), head: .branch("trunk")!)
    try git.run("config", "remote.origin.url", "https://example.net/x.git", in: "one.git")
    try git.run("config", "core.sshCommand", "touch /tmp/owned", in: "one.git")
    let bytes = try Self.backup([.init("one.git", one), .init("people/two.git", two), .init("empty.git", empty)])
    #expect(!bytes.contains("refs/heads".utf8))
    let verified = try Backup.verify(
      MemoryStream(bytes), passphrase: Self.passphrase, using: git.path("."), RestoreOptions(who: Self.who))
    let entries = try Self.restore(bytes, into: git.path("restored"))
    #expect(entries == verified && entries.map(\.name) == ["one.git", "people/two.git", "empty.git"])
    for (old, new) in [("one.git", "restored/one.git"), ("two.git", "restored/people/two.git")] {
      #expect(try refs(new) == refs(old))
      #expect(try git.run("fsck", "--strict", "--no-dangling", in: new) == "")
      #expect(try git.run("cat-file", "-t", "v1", in: new) == "tag")
    }
    #expect(try git.run("config", "remote.origin.url", in: "restored/one.git") == "https://example.net/x.git")
    #expect(!(try File.read(git.path("restored/one.git/config"))).contains("sshCommand".utf8))
    #expect(try git.run("symbolic-ref", "HEAD", in: "restored/empty.git") == "refs/heads/trunk")
    #expect(File.list(git.path(".")).allSatisfy { !$0.hasPrefix(".") })
    // Never over something that is there.
    #expect(throws: StoreError.self) { try Self.restore(bytes, into: git.path("restored")) }
    var some = RestoreOptions(who: Self.who)
    some.only = ["people/two.git"]
    #expect(try Self.restore(bytes, into: git.path("some"), Self.passphrase, some).map(\.name) == ["people/two.git"])
    #expect(File.list(git.path("some")) == ["people"])
  }

  @Test func whatIsWrongWithAFileIsSaidAndNothingIsLeft() throws {
    let store = try repository("one.git", .sha1, commits: 5)
    let bytes = try Self.backup([.init("one.git", store)])
    #expect(throws: StoreError.denied("the passphrase is not the one that the backup was made with")) {
      try Self.restore(bytes, into: git.path("restored"), Array("wrong".utf8))
    }
    var generator = SeededGenerator(Soak.seed(3))
    for _ in 0..<Soak.count(40, soak: 2_000) {
      var changed = bytes
      if Bool.random(using: &generator) {
        changed.removeLast(Int.random(in: 1..<bytes.count, using: &generator))
      } else {
        changed[Int.random(in: 0..<bytes.count, using: &generator)] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
      }
      #expect(throws: StoreError.self) { try Self.restore(changed, into: git.path("restored")) }
    }
    #expect(throws: StoreError.self) { try Self.restore(bytes + [0], into: git.path("restored")) }
    #expect(File.list(git.path(".")) == ["one.git"])
  }
}
