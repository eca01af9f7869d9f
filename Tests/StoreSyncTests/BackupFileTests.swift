import GitFormat
import HostSystem
import TestSupport
import Testing
import VersionedStore

@testable import StoreSync

/// Files in a backup beside the repositories.
@Suite struct BackupFileTests {
  private let git: StockGit
  init() throws { git = try StockGit() }

  private static func unpack(
    _ bytes: [UInt8], beside path: String, _ passphrase: [UInt8] = BackupTests.passphrase
  ) throws -> UnpackedBackup {
    try Backup.unpack(
      MemoryStream(bytes, pieceLength: 5_000), passphrase: passphrase, beside: path,
      RestoreOptions(who: BackupTests.who)
    ) { unpacked in
      #expect(unpacked.entries.map(\.name) == File.list(unpacked.folder).filter { $0 != ".lock" })
      return unpacked
    }
  }

  private static func files() throws -> [BackupFile] {
    try [
      BackupFile("secrets/pppoe", mode: 0o600, Array("Tr0ub4dor".utf8)), BackupFile("empty", mode: 0o644, []),
      BackupFile("lists/long", mode: 0o640, [UInt8](repeating: 7, count: 300_000)),
    ]
  }

  @Test func theyComeBackInMemoryAndOnNoDisk() throws {
    let store = try GitBackend.create(git.path("one.git"))
    let bytes = try BackupTests.backup([.init("one.git", store)], files: Self.files())
    #expect(!bytes.contains("Tr0ub4dor".utf8))
    let unpacked = try Self.unpack(bytes, beside: git.path("x"))
    #expect(try unpacked.files == Self.files() && unpacked.entries.map(\.name) == ["one.git"])
    #expect(File.list(git.path(".")) == ["one.git"])
    // `lares store restore` leaves nothing out without being told.
    #expect(throws: StoreError.self) { try BackupTests.restore(bytes, into: git.path("restored")) }
    var only = RestoreOptions(who: BackupTests.who)
    only.only = ["one.git"]
    try BackupTests.restore(bytes, into: git.path("restored"), BackupTests.passphrase, only)
    #expect(File.list(git.path("restored")) == ["one.git"])
    #expect(try Self.unpack(BackupTests.backup([], files: Self.files()), beside: git.path("x")).entries == [])
  }

  /// Made by the version before there were files.
  @Test func anOldBackupIsRead() throws {
    try BackupTests.restore(Self.bytes(ofBase64: Self.old), into: git.path("restored"), BackupTests.passphrase)
    #expect(
      try git.run("rev-parse", "main", in: "restored/store.git") == "0520ede5f8cf472b1a1308079f48b15427d43110")
    #expect(try git.run("show", "main:greeting", in: "restored/store.git") == "hello")
  }

  private static let old = """
    TEFSRVNCSzEPCAG7E9MKz+Z4IgGIRTcYUQHlJj2sIaMPdcp5XPqlVUXYfF0J2jlmM0Pjo3Dzcj71FTgXmEnvmMAf5tjMw8BrV6gy\
    yt6K0Pcs1HCSOfRxUXVNlMAWf9wIQqTiOkzrV+P3Nek7WUBrmoeMOtXfHKb6ZpxJF0Ts3HV8CucaQYlLbyHXG6WZUCJBbC0sdCKP\
    x7G1UVyc21sEy21RFquIDuRqEoZNZ5Cn2vJVY+AdNjj7C2ApXJYvWA6+voP2PRCKeBcKU2Rf+7f0ae85+EI5MKxmGrN4xb1n4a5n\
    I/8dWPK6a+Qrc5KgB33XuGhR+9/H/gDkE2+Yablox+APngOYlK40t+hXReisrXMPxSXIGU9ZDNSFLB62xyXLQoXqxTO/iCSalxtl\
    iyTXSlS/ML13sVtKXLYzP7YWnPbmZHYaqgRk70H/LhKEK2ytCUUkSEbQCZGfWgnlnIob2HCn5gl8Hj+y9QJlw8A3azl6Clrbi1iV\
    xlu40iaYRt+RPqdWlSalkkuk2c/guSB/q5kUMKQTrEvfudp8rRVXxZVW0bs7ozdfhSMcUuipTRW5+m+UmzDMaVrZX+6343ZXoM8J\
    QwTw3svNh7KTn2228G0xJ/gL6oLrFxTtO2G6+tkcU1UjzwofEDOJYzdA5x6Ti3jC9qp7wV7QhDCKjFswOohQwXXnZzUfJqWqv/0W\
    5LPkdxmxhm0gMOVLMwZi4YuNFFy8jL0uegmA9tO3LayD0PoSZSC5UZ8VgYIt4d8lmG1xYMSQ54KHdrZ9YWcG73nU0MiuNInjBA==
    """

  private static func bytes(ofBase64 text: String) -> [UInt8] {
    let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var bytes: [UInt8] = []
    var (bits, count) = (0, 0)
    for value in text.utf8.compactMap({ digits.firstIndex(of: $0) }) {
      (bits, count) = (bits << 6 & 0xFFF_FFFF | value, count + 6)
      guard count >= 8 else { continue }
      count -= 8
      bytes.append(UInt8(truncatingIfNeeded: bits >> count))
    }
    return bytes
  }

  /// Whoever has the passphrase may be mistaken, or no friend.
  @Test func hostileFilesAreRefusedOrHarmless() throws {
    let store = try GitBackend.create(git.path("one.git"))
    let plain = try BackupTests.opened(
      BackupTests.backup([.init("one.git", store)], files: Array(Self.files().prefix(2))))
    var generator = SeededGenerator(Soak.seed(5))
    var refused = 0
    for _ in 0..<Soak.count(60, soak: 20_000) {
      let bytes = MutationTests.mutated(plain, &generator)
      do {
        let unpacked = try Self.unpack(BackupTests.sealed(bytes), beside: git.path("x"))
        for file in unpacked.files { #expect(Backup.isName(file.name) && file.mode <= 0o777) }
      } catch is StoreError {
        refused += 1
      }
      #expect(File.list(git.path(".")) == ["one.git"])
    }
    #expect(refused > 20)
  }

  @Test(arguments: [
    ("name ../up\nmode 600\nlength 1\n", "x"), ("name .hidden\nmode 600\nlength 1\n", "x"),
    ("name /etc/shadow\nmode 600\nlength 1\n", "x"), ("name a\nmode 4755\nlength 1\n", "x"),
    ("name a\nmode -1\nlength 1\n", "x"), ("name a\nmode 600\nlength 2\n", "x"), ("name a\nmode 600\nlength 0\n", "x"),
    ("name a\nmode 600\nlength -1\n", "x"), ("name a\nmode 600\nlength 9223372036854775807\n", "x"),
    ("name a\nmode 600\nlength 1\nmore\n", "x"), ("name b\nmode 600\nlength 1\n", "x"),
  ])
  func filesThatCannotBeAreRefused(_ lines: String, _ content: String) throws {
    let stream = MemoryStream()
    let records = try BackupRecordWriter(stream)
    try BackupFile("b", mode: 0o600, [1]).write(to: records)
    try records.write(.file, Array(lines.utf8))
    try records.write(.content, Array(content.utf8))
    try records.write(.end, Backup.countsAtEnd(repositories: 0, files: 2))
    #expect(throws: StoreError.self) { try Self.unpack(BackupTests.sealed(stream.output), beside: git.path("x")) }
  }

  @Test func aKindOfANewerVersionIsSaid() throws {
    let newer = BackupRecord.magic + [0x21, 0, 0, 0, 1, 0]
    let error = #expect(throws: StoreError.self) { try Self.unpack(BackupTests.sealed(newer), beside: git.path("x")) }
    #expect("\(try #require(error))".contains("a newer version may have made it"))
    let few = MemoryStream()
    let records = try BackupRecordWriter(few)
    try BackupFile("b", mode: 0o600, [1]).write(to: records)
    try records.write(.end, Backup.countsAtEnd(repositories: 0, files: 2))
    #expect(throws: StoreError.self) { try Self.unpack(BackupTests.sealed(few.output), beside: git.path("x")) }
  }

  @Test func namesThatStandInEachOthersWayAreRefused() throws {
    let store = try GitBackend.create(git.path("one.git"))
    for name in ["one.git", "one.git/x"] {
      let file = try BackupFile(name, mode: 0o600, [])
      #expect(throws: StoreError.self) { try BackupTests.backup([.init("one.git", store)], files: [file]) }
    }
    #expect(throws: StoreError.self) { try BackupFile("a", mode: 0o1777, []) }
  }
}
