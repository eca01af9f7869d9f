import GitFormat
import HostSystem
import TestSupport
import Testing

@testable import VersionedStore

@Suite struct PackBuilderTests {
  private static func options(_ change: (inout PackBuilder.Options) -> Void = { _ in }) -> PackBuilder.Options {
    var options = PackBuilder.Options()
    change(&options)
    return options
  }

  private static func write(
    _ items: [PackItem], outside: [PackItem] = [], _ options: PackBuilder.Options, from source: some PackSource
  ) throws -> (pack: WrittenPack, bytes: [UInt8]) {
    var bytes: [UInt8] = []
    let pack = try PackBuilder(options).write(items, outside: outside, from: source) { bytes.append(contentsOf: $0) }
    #expect(bytes.count == pack.size)
    return (pack, bytes)
  }

  /// Stock Git accepts the pack as the only one of a repository, makes the same index of it, and both read the same of it.
  private static func check(
    _ pack: WrittenPack, _ bytes: [UInt8], of source: PackSet, depth: Int = 50, head: ObjectID
  ) throws {
    let ids = source.allIDs()
    let git = try StockRepository(head.format)
    let base = "\(git.objects)/pack/\(pack.name)"
    try File.replace(base + ".pack", with: bytes, durable: false)
    try git("index-pack", "--strict", base + ".pack")
    #expect(try File.read(base + ".idx") == pack.index())
    try git("update-ref", "refs/heads/main", head.hex)
    #expect(try git("fsck", "--strict", "--full").isEmpty)
    let depths = try git("verify-pack", "-v", base + ".idx").split(separator: "\n").compactMap { line in
      line.hasPrefix("chain length") ? Int(line.split { !("0"..."9").contains($0) }.first ?? "") : nil
    }
    #expect(depths.max() ?? 0 <= depth)
    #expect(try git.list().map(\.id) == ids)
    let set = PackSet(objects: git.objects, head.format)
    for id in ids { #expect(try set.object(id) == source.object(id)) }
  }

  private static func head(_ git: StockRepository) throws -> ObjectID {
    let text = try git("rev-parse", "refs/heads/main").split(separator: "\n").first ?? ""
    return try #require(ObjectID(hex: String(text)))
  }

  @Test(arguments: ObjectFormat.allCases)
  func stockGitReadsWhatIsWritten(_ format: ObjectFormat) throws {
    let git = try StockRepository(format)
    try git.importHistory(commits: 60)
    let source = PackSet(objects: git.objects, format)
    let ids = source.allIDs()
    let items = try HistoryOrder.items(of: ids, from: source)
    #expect(Set(items.map(\.id)) == Set(ids) && items.count == ids.count)
    let head = try Self.head(git)
    #expect(items.first?.id == head)
    for options in [
      Self.options(), Self.options { $0.copies = false }, Self.options { $0.usesOffsets = false },
      Self.options { $0.window = 0 }, Self.options { $0.depth = 3 },
      Self.options {
        $0.depth = 3
        $0.copies = false
      }, .smallest,
    ] {
      let (pack, bytes) = try Self.write(items, options, from: source)
      try Self.check(pack, bytes, of: source, depth: options.depth, head: head)
    }
  }

  @Test func historyOfASmallFileIsAsSmallAsGitMakesIt() throws {
    let git = try StockRepository()
    try git.importHistory(commits: 60)
    let source = PackSet(objects: git.objects, .sha1)
    let items = try HistoryOrder.items(of: source.allIDs(), from: source)
    let ours = try Self.write(items, .smallest, from: source).pack.size
    try git("gc", "--quiet", "--aggressive")
    let theirs = try File.read(try #require(git.packs().first)).count
    #expect(ours < theirs * 9 / 10)
  }

  @Test func deltasAreMadeAgainWhereThereWasNoRoomToKeepThem() throws {
    let git = try StockRepository()
    try git.importHistory(commits: 60)
    let source = PackSet(objects: git.objects, .sha1)
    let items = try HistoryOrder.items(of: source.allIDs(), from: source)
    let plain = Self.options { $0.copies = false }
    var tight = plain
    tight.deltaMemory = 1_000
    #expect(try Self.write(items, tight, from: source).bytes == Self.write(items, plain, from: source).bytes)
    // Room for no two objects: no deltas of the file, and all the same a good pack.
    tight.windowMemory = 30_000
    let (pack, bytes) = try Self.write(items, tight, from: source)
    try Self.check(pack, bytes, of: source, head: try Self.head(git))
  }

  @Test(arguments: ObjectFormat.allCases, [true, false])
  func thinPacksAreCompletedByStockGit(_ format: ObjectFormat, _ usesOffsets: Bool) throws {
    let git = try StockRepository(format)
    try git.importHistory(commits: 60)
    let source = PackSet(objects: git.objects, format)
    let all = try HistoryOrder.items(of: source.allIDs(), from: source)
    // The receiver has all but the newest commits with what they brought.
    let lacks = try git("rev-list", "--objects", "main~5..main").split(separator: "\n").compactMap {
      ObjectID(format, hex: String($0.prefix(format.digits)))
    }
    let new = all.filter { lacks.contains($0.id) }, old = all.filter { !lacks.contains($0.id) }
    #expect(new.count == lacks.count && new.count >= 15)
    let receiver = try StockRepository(format)
    let base = try Self.write(old, Self.options(), from: source)
    try receiver("index-pack", "--stdin", input: base.bytes)
    let options = Self.options { $0.usesOffsets = usesOffsets }
    let thin = try Self.write(new, outside: old, options, from: source)
    let full = try Self.write(new, options, from: source)
    #expect(thin.pack.size + 800 < full.pack.size && thin.pack.entries.count == new.count)
    try receiver("index-pack", "--strict", "--stdin", "--fix-thin", input: thin.bytes)
    try receiver("update-ref", "refs/heads/main", try Self.head(git).hex)
    try receiver("fsck", "--strict", "--full")
    #expect(try receiver.list().map(\.id) == source.allIDs())
  }

  @Test func deltasOfSeveralPacksThatGoInACircleAreCut() throws {
    // In one pack the old version is a delta of the new one, in the other the other way round.
    let text = (0..<200).map { "line \($0 &* 7_919)\n" }.joined()
    let old = GitObject(.blob, Array(text.utf8)), new = GitObject(.blob, Array((text + "more\n").utf8))
    let ids = [try old.id(.sha1), try new.id(.sha1)]
    let source = ReaderSource(try Self.buffer([old, new]))
    let folder = try TemporaryFolder()
    try File.makeFolder(folder.path + "/pack")
    for order in [ids, ids.reversed()] {
      let items = order.map { PackItem($0, path: PathHash("notes")) }
      let (pack, bytes) = try Self.write(items, Self.options(), from: source)
      #expect(pack.size < 1_500)
      try File.replace("\(folder.path)/pack/\(pack.name).pack", with: bytes, durable: false)
      try File.replace("\(folder.path)/pack/\(pack.name).idx", with: try pack.index(), durable: false)
    }
    let set = PackSet(objects: folder.path, .sha1)
    let circle = Circle(packs: set.openPacks(), set: set)
    #expect(circle.storedEntry(ids[0])?.content == .delta(base: ids[1]))
    #expect(circle.storedEntry(ids[1])?.content == .delta(base: ids[0]))
    let (pack, bytes) = try Self.write(ids.map { PackItem($0) }, Self.options(), from: circle)
    try File.replace(folder.path + "/one.pack", with: bytes, durable: false)
    try File.replace(folder.path + "/one.idx", with: try pack.index(), durable: false)
    let one = try PackFile(path: folder.path + "/one", .sha1)
    for (id, object) in zip(ids, [old, new]) {
      let position = try #require(one.index.position(of: id))
      #expect(try one.object(at: position, PackFile.Cache(capacity: 0), limit: 1 << 20) == object)
    }
  }

  @Test func whatTheSinkThrowsEndsTheWork() throws {
    let buffer = try Self.buffer([GitObject(.blob, [1, 2, 3])])
    let source = ReaderSource(buffer)
    let items = buffer.objects.map { PackItem($0.id) }
    #expect(throws: StoreError.invalid("full")) {
      try PackBuilder().write(items, from: source) { _ throws(StoreError) in throw .invalid("full") }
    }
    let stranger = ObjectID(.sha1, Array(0..<32))
    #expect(throws: StoreError.missing(stranger)) { try Self.write([PackItem(stranger)], Self.options(), from: source) }
    let unknown = try Self.write(items, outside: [PackItem(stranger)], Self.options(), from: source)
    #expect(unknown.pack.entries.map(\.id) == items.map(\.id))
  }

  private static func buffer(_ objects: [GitObject]) throws -> ObjectBuffer {
    let buffer = ObjectBuffer(over: MemoryBackend())
    for object in objects { _ = try buffer.write(object.kind, object.bytes) }
    return buffer
  }

  /// Gives each object as a delta, of whichever pack has it as one.
  private struct Circle: PackSource {
    let packs: [PackFile]
    let set: PackSet
    var format: ObjectFormat { .sha1 }

    func object(_ id: ObjectID) throws(StoreError) -> GitObject? { try set.object(id) }
    func kindAndSize(_ id: ObjectID) throws(StoreError) -> (kind: ObjectKind, size: Int)? { try set.kindAndSize(id) }
    func storedEntry(_ id: ObjectID) -> StoredEntry? {
      let entries = packs.compactMap { pack in pack.index.position(of: id).flatMap { pack.storedEntry(at: $0) } }
      return entries.first { if case .delta = $0.content { true } else { false } }
    }
  }
}
