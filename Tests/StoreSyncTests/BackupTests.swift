import GitFormat
import Glibc
import HostSystem
import Synchronization
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

  static func backup(_ items: [Backup.Item], files: [BackupFile] = []) throws -> [UInt8] {
    let stream = MemoryStream()
    try Backup.write(items, files: files, passphrase: passphrase, salt: SystemRandomness.bytes(16), cost) {
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

  /// Seals bytes as a backup is sealed, be they one or not.
  static func sealed(_ bytes: [UInt8]) throws -> [UInt8] {
    let stream = MemoryStream()
    let writer = try SealedWriter(passphrase: passphrase, salt: SystemRandomness.bytes(16), cost) {
      (bytes) throws(StoreError) in try stream.write(bytes)
    }
    try bytes.withUnsafeBytes { try writer.write($0) }
    try writer.finish()
    return stream.output
  }

  static func opened(_ bytes: [UInt8]) throws -> [UInt8] {
    let input = BufferedInput(MemoryStream(bytes))
    let reader = try SealedReader(passphrase: passphrase) { (count) throws(StoreError) in
      var piece: [UInt8] = []
      _ = try input.append(count, to: &piece)
      return piece
    }
    var all: [UInt8] = []
    while let chunk = try reader.next() { all += chunk }
    return all
  }

  /// Whoever has the passphrase may be mistaken, or no friend.
  @Test func hostilePlainTextIsRefusedOrHarmless() throws {
    let one = try repository("one.git", .sha1, commits: 5)
    try one.remember(one.forgotten)
    let plain = try Self.opened(Self.backup([.init("one.git", one), .init("b/two.git", one)]))
    var generator = SeededGenerator(Soak.seed(11))
    var refused = 0
    for round in 0..<Soak.count(20, soak: 20_000) {
      var bytes = plain
      // Mostly where names, references and lengths stand.
      let end = round % 3 == 0 ? bytes.count : min(bytes.count, 600)
      for _ in 0...Int.random(in: 0...2, using: &generator) {
        let place = Int.random(in: 0..<min(end, bytes.count), using: &generator)
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
        case 1: bytes.remove(at: place)
        case 2: bytes.insert([0, 0x2E, 0x2F, 0x50, 0xFF].randomElement(using: &generator)!, at: place)
        default: bytes.removeLast(min(bytes.count - 1, Int.random(in: 1...400, using: &generator)))
        }
      }
      let target = git.path("out/restored")
      try File.makeFolder(git.path("out"))
      do {
        try Self.restore(try Self.sealed(bytes), into: target)
        for name in File.list(target) where name.hasSuffix(".git") {
          _ = try git.run("fsck", in: "out/restored/\(name)")
        }
        try git.remove("out/restored")
      } catch is StoreError {
        refused += 1
      }
      #expect(File.list(git.path("out")) == [])
      #expect(Set(File.list(git.path("."))) == ["one.git", "out"])
    }
    #expect(refused > 7)
  }

  @Test(arguments: ["/etc", "../up", "a/../b", ".hidden", "a//b", "", "a\u{1B}b", "a\nb", "a/.git"])
  func namesThatLeadElsewhereAreRefused(_ name: String) throws {
    let store = try GitBackend.create(git.path("one.git"))
    #expect(throws: StoreError.self) { try Self.backup([.init(name, store)]) }
    let stream = MemoryStream()
    let records = try BackupRecordWriter(stream)
    try records.write(.repository, Array("name \(name)\nformat sha1\nhead refs/heads/main\n".utf8))
    try records.write(.endOfRepository, [UInt8](repeating: 0, count: 16))
    try records.write(.end, [0, 0, 0, 0, 0, 0, 0, 1])
    #expect(throws: StoreError.self) { try Self.restore(try Self.sealed(stream.output), into: git.path("restored")) }
    #expect(File.list(git.path(".")) == ["one.git"])
  }

  /// Two branches are moved by each commit, both or none: a backup has them at one commit.
  @Test func aBackupIsOfOneMomentWhileOthersWrite() throws {
    let store = try GitBackend.create(git.path("one.git"))
    let path = git.path("one.git")
    let isOver = Flag()
    let thread = try Thread {
      while !isOver.isSet {
        do {
          let store = try GitBackend(opening: path)
          for _ in 0..<50 {
            if isOver.isSet { break }
            try Self.commitToTwoBranches(store)
          }
        } catch { isOver.set("\(error)") }
      }
    }
    for round in 0..<Soak.count(6, soak: 200) {
      let bytes = try Self.backup([.init("one.git", store)])
      try Self.restore(bytes, into: git.path("restored\(round)"))
      let restored = "restored\(round)/one.git"
      let lines = try refs(restored).split(separator: "\n").map { $0.prefix(40) }
      #expect(Set(lines).count <= 1, "\(lines)")
      #expect(try git.run("fsck", "--strict", "--no-dangling", in: restored).hasPrefix("error") == false)
    }
    isOver.set(nil)
    thread.join()
    #expect(isOver.problem == nil)
  }

  private static func commitToTwoBranches(_ store: GitBackend) throws {
    let names = [RefName.branch("a")!, .branch("b")!]
    let old = try store.reference(names[0])
    let buffer = ObjectBuffer(over: store)
    let blob = try buffer.write(.blob, SystemRandomness.bytes(20))
    let tree = try buffer.write(.tree, TreeObject.serialize([TreeEntry("file", .file, blob)]))
    let commit = CommitObject(tree: tree, parents: old.map { [$0] } ?? [], author: who, message: "next\n")
    let id = try buffer.write(.commit, commit.bytes)
    try store.commit(
      Batch(objects: buffer.objects, refs: names.map { RefChange($0, from: old, to: id, who: who, why: "next") }))
  }

  @Test func whatAKilledRestoreLeftIsRemovedByTheNext() throws {
    let store = try repository("one.git", .sha1, commits: 5)
    let bytes = try Self.backup([.init("one.git", store)])
    let abandoned = git.path(".restored.restoring-abc")
    try File.makeFolder(abandoned + "/one.git/objects")
    try File.replace(abandoned + "/.lock", with: [], durable: false)
    // Somebody is at work in this one.
    let busy = git.path(".restored.restoring-busy")
    try File.makeFolder(busy)
    let lock = try Descriptor(opening: busy + "/.lock", O_RDWR | O_CREAT, mode: 0o600)
    flock(lock.number, LOCK_EX)
    try Self.restore(bytes, into: git.path("restored"))
    #expect(access(abandoned, F_OK) != 0)
    #expect(access(busy, F_OK) == 0)
  }
}

/// Set once, with what went wrong.
private final class Flag: Sendable {
  private let state = Mutex<(isSet: Bool, problem: String?)>((false, nil))
  var isSet: Bool { state.withLock { $0.isSet } }
  var problem: String? { state.withLock { $0.problem } }
  func set(_ problem: String?) { state.withLock { $0 = (true, $0.problem ?? problem) } }
}
