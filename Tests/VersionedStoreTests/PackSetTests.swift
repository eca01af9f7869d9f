import GitFormat
import Glibc
import HostSystem
import Synchronization
import TestSupport
import Testing

@testable import VersionedStore

@Suite struct PackSetTests {
  /// All objects, as they are before anything is done to their files.
  private static func objects(_ git: StockRepository) throws -> [ObjectID: GitObject] {
    let set = PackSet(objects: git.objects, git.format)
    var all: [ObjectID: GitObject] = [:]
    for id in set.allIDs() { all[id] = try set.object(id) }
    return all
  }

  /// Every object is what its name says, and what stock Git says of it.
  private func check(_ git: StockRepository, _ set: PackSet) throws {
    let all = try git.list()
    #expect(set.allIDs() == all.map(\.id))
    for (id, kind, size) in all {
      let object = try #require(try set.object(id))
      #expect(try object.id(git.format) == id)
      let (foundKind, foundSize) = try #require(try set.kindAndSize(id))
      #expect(foundKind == kind && foundSize == size && object.kind == kind)
      #expect(set.contains(id))
    }
    let stranger = ObjectID(git.format, Array(repeating: 0xAB, count: 32))
    #expect(try set.object(stranger) == nil)
    #expect(try set.kindAndSize(stranger) == nil)
    #expect(!set.contains(stranger))
  }

  @Test(arguments: ObjectFormat.allCases)
  func whatStockGitWroteIsRead(_ format: ObjectFormat) throws {
    let git = try StockRepository(format)
    try git.importHistory(commits: 20)
    #expect(git.packs().isEmpty)
    try check(git, PackSet(objects: git.objects, format))
    try git.importHistory(commits: 50, seed: 2)
    #expect(git.packs().count == 1)
    try check(git, PackSet(objects: git.objects, format))
    try git("gc", "--quiet", "--aggressive")
    try check(git, PackSet(objects: git.objects, format))
    // A cache too small for anything changes nothing but time.
    try check(git, PackSet(objects: git.objects, format, limits: PackSet.Limits(cache: 0)))
  }

  @Test func deltasByNameAndDeepChainsAreRead() throws {
    let git = try StockRepository()
    try git.importHistory(commits: 200)
    try git("-c", "repack.useDeltaBaseOffset=false", "repack", "--quiet", "-adf", "--depth=180", "--window=20")
    try check(git, PackSet(objects: git.objects, .sha1))
  }

  @Test func packsThatComeAndGoAreFollowed() throws {
    let git = try StockRepository()
    try git.importHistory(commits: 50)
    let set = PackSet(objects: git.objects, .sha1)
    let before = try git.list()
    #expect(try set.object(before[0].id) != nil)
    try git.importHistory(commits: 50, seed: 2)
    try check(git, set)
    let old = git.packs()
    try git("repack", "--quiet", "-adf")
    #expect(Set(git.packs()).isDisjoint(with: old))
    try check(git, set)
    try git.importHistory(commits: 10, seed: 3)
    try check(git, set)
    try git("gc", "--quiet", "--prune=now")
    try check(git, PackSet(objects: git.objects, .sha1))
  }

  @Test func severalThreadsReadWhileGitRepacks() async throws {
    let git = try StockRepository()
    try git.importHistory(commits: 50)
    try git.importHistory(commits: 20, seed: 2)
    let objects = try Self.objects(git)
    let ids = Array(objects.keys)
    let set = PackSet(objects: git.objects, .sha1, limits: PackSet.Limits(cache: 20_000))
    final class Flag: Sendable { let isSet = Atomic(false) }
    let done = Flag()
    try await withThrowingTaskGroup(of: Int.self) { group in
      for seed in 1...3 as ClosedRange<UInt64> {
        group.addTask { () throws -> Int in
          var generator = SeededGenerator(seed)
          var count = 0
          while !done.isSet.load(ordering: .relaxed) || count < 500 {
            let id = ids[Int.random(in: ids.indices, using: &generator)]
            let found = try set.object(id)
            #expect(found == objects[id] && set.contains(id))
            count += 1
          }
          return count
        }
      }
      for window in [2, 20, 5] {
        try git("repack", "--quiet", "-adf", "--window=\(window)")
        try git("prune-packed")
      }
      done.isSet.store(true, ordering: .relaxed)
      for try await count in group { #expect(count >= 500) }
    }
  }

  @Test func alternatesAreReadAndMayGoInCircles() throws {
    let git = try StockRepository()
    try git.importHistory(commits: 50)
    let other = try StockRepository()
    try other.importHistory(commits: 30, seed: 2)
    func alternates(_ repository: StockRepository, _ text: String) throws {
      try File.makeFolder(repository.objects + "/info")
      try File.replace(repository.objects + "/info/alternates", with: Array(text.utf8), durable: false)
    }
    try alternates(other, "# a comment\n\(git.objects)\n")
    try check(other, PackSet(objects: other.objects, .sha1))
    let id = try #require(try git.list().first).id
    try alternates(git, "\(other.objects)\n\(git.objects)\n/nowhere\n")
    let set = PackSet(objects: other.objects, .sha1)
    #expect(set.contains(id))
    #expect(!set.contains(ObjectID(.sha1, Array(0..<32))))
  }

  @Test func abbreviatedNamesAreFoundInPacksAndFiles() throws {
    let git = try StockRepository()
    try git.importHistory(commits: 50)
    try git.importHistory(commits: 10, seed: 2)
    let set = PackSet(objects: git.objects, .sha1)
    for (id, _, _) in try git.list() {
      #expect(set.ids(hexPrefix: Array(id.hex.uppercased().prefix(12).utf8), limit: 2) == [id])
    }
    #expect(set.ids(hexPrefix: Array("a".utf8), limit: 3).count == 3)
  }

  @Test func objectsAboveTheLimitAreRefused() throws {
    let git = try StockRepository()
    try git.importHistory(commits: 50)
    let set = PackSet(objects: git.objects, .sha1, limits: PackSet.Limits(object: 1_000))
    let all = try git.list()
    let large = try #require(all.first { $0.size > 1_000 })
    #expect(throws: StoreError.self) { try set.object(large.id) }
    let small = try #require(all.first { $0.size < 1_000 })
    #expect(try set.object(small.id) != nil)
  }

  // MARK: - Damage

  @Test func aGoodCopyIsUsedWhereOneIsDamaged() throws {
    let git = try StockRepository()
    try git.importHistory(commits: 50)
    let id = try #require(try git.list().first { $0.kind == .blob }).id
    let good = try #require(git.packs().first)
    // The same objects in another pack, every entry of which is spoilt.
    let copy = git.objects + "/pack/pack-copy"
    var bytes = try File.read(good)
    for place in 12..<(bytes.count - 20) { bytes[place] ^= 0x55 }
    try File.replace(copy + ".pack", with: bytes, durable: false)
    try File.replace(copy + ".idx", with: try File.read(String(good.dropLast(5)) + ".idx"), durable: false)
    let set = PackSet(objects: git.objects, .sha1)
    for _ in 0..<3 { #expect(try set.object(id)?.id(.sha1) == id) }
    unlink(good)
    do {
      _ = try PackSet(objects: git.objects, .sha1).object(id)
      Issue.record("a spoilt object was read")
    } catch {
      guard case .damaged(let file, _) = error else { throw error }
      #expect(file == copy + ".pack")
    }
  }

  @Test func anUnreadablePackIsNamedWhereAnObjectIsMissing() throws {
    let git = try StockRepository()
    try git.importHistory(commits: 50)
    let id = try #require(try git.list().first).id
    let pack = try #require(git.packs().first)
    try File.replace(pack, with: try File.read(pack).dropLast(100), durable: false)
    #expect(throws: StoreError.self) { try PackSet(objects: git.objects, .sha1).object(id) }
    #expect(!PackSet(objects: git.objects, .sha1).contains(id))
  }

  @Test(arguments: ObjectFormat.allCases, Soak.seeds(1...2, soak: 2_000))
  func noDamageTrapsOrGivesOtherBytes(_ format: ObjectFormat, _ seed: UInt64) throws {
    var generator = SeededGenerator(seed)
    let git = try StockRepository(format)
    try git.importHistory(commits: 40, seed: seed)
    if Bool.random(using: &generator) { try git("repack", "--quiet", "-adf") }
    let objects = try Self.objects(git)
    let base = String(try #require(git.packs().first).dropLast(5))
    for ending in [".pack", ".idx"] {
      let good = try File.read(base + ending)
      for _ in 0..<Soak.count(5, soak: 20) {
        var bytes = good
        for _ in 0..<Int.random(in: 1...40, using: &generator) {
          bytes[Int.random(in: 12..<(bytes.count - 64), using: &generator)] = UInt8.random(
            in: 0...255, using: &generator)
        }
        // Mapped files are replaced, never written into.
        try File.replace(base + ending, with: bytes, durable: false)
        let set = PackSet(objects: git.objects, format)
        for (id, expected) in objects {
          guard let object = try? set.object(id) else { continue }
          #expect(object == expected)
          _ = try? set.kindAndSize(id)
        }
        _ = set.allIDs()
      }
      try File.replace(base + ending, with: good, durable: false)
    }
  }

  @Test(arguments: Soak.seeds(1...4, soak: 2_000))
  func noDamagedLooseObjectTrapsOrGivesOtherBytes(_ seed: UInt64) throws {
    var generator = SeededGenerator(seed)
    let git = try StockRepository()
    try git.importHistory(commits: 4, seed: seed)
    let set = PackSet(objects: git.objects, .sha1)
    for (id, expected) in try Self.objects(git) {
      let path = LooseObjects(folder: git.objects, format: .sha1).path(of: id)
      let good = try File.read(path)
      for _ in 0..<20 {
        var bytes = good
        bytes[Int.random(in: bytes.indices, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
        if Bool.random(using: &generator) { bytes.removeLast(Int.random(in: 0...bytes.count, using: &generator)) }
        try File.replace(path, with: bytes, durable: false)
        if let object = try? set.object(id) { #expect(object == expected) }
        _ = try? set.kindAndSize(id)
      }
    }
  }
}

@Suite struct ObjectCacheTests {
  @Test func itStaysWithinItsBytesAndKeepsWhatIsWanted() {
    let cache = PackFile.Cache(capacity: 100_000)
    func place(_ number: Int) -> PackFile.Address { PackFile.Address(pack: 1, offset: number) }
    cache.insert(GitObject(.tree, [UInt8](repeating: 7, count: 500)), place(-1))
    for number in 0..<10_000 {
      cache.insert(GitObject(.blob, [UInt8](repeating: 1, count: number % 3_000)), place(number))
      #expect(cache.used <= 100_000)
      #expect(cache.object(place(-1))?.bytes.count == 500)
    }
    #expect(cache.object(place(9_999))?.bytes.count == 9_999 % 3_000)
    #expect(cache.object(place(0)) == nil)
    for number in 0..<1_000 {
      cache.insert(GitObject(.blob, [UInt8](repeating: 1, count: 3_000)), place(20_000 + number))
    }
    #expect(cache.object(place(-1)) == nil)
    cache.insert(GitObject(.blob, [UInt8](repeating: 1, count: 50_000)), place(-2))
    #expect(cache.object(place(-2)) == nil)
  }
}
