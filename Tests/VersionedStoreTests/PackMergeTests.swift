import GitFormat
import HostSystem
import TestSupport
import Testing

@testable import VersionedStore

@Suite struct GeometricMergeTests {
  private static func packs(_ counts: [Int], stays: Set<Int> = []) -> [PackSummary] {
    counts.enumerated().map { PackSummary(path: "\($0)", objects: $1, bytes: $1, stays: stays.contains($0)) }
  }

  private static func choose(_ counts: [Int], stays: Set<Int> = []) -> [Int] {
    GeometricMerge.choose(packs(counts, stays: stays)).map(\.objects)
  }

  @Test func packsThatDoubleAreLeftAlone() {
    #expect(Self.choose([]) == [])
    #expect(Self.choose([7]) == [])
    #expect(Self.choose([8, 1, 2, 4]) == [])
    #expect(Self.choose([1, 100]) == [])
  }

  @Test func packsThatDoNotDoubleAreMergedWithAllSmallerOnes() {
    #expect(Self.choose([3, 3]) == [3, 3])
    #expect(Self.choose([3, 3, 100]) == [3, 3])
    #expect(Self.choose([1, 2, 4, 5, 1_000]) == [1, 2, 4, 5])
    // 12 are too many below 20, and 32 below 50.
    #expect(Self.choose([6, 6, 20, 50, 1_000]) == [6, 6, 20, 50])
  }

  @Test func packsThatSomebodyKeepsAreNoPartOfIt() {
    #expect(Self.choose([3, 3, 3], stays: [1]) == [3, 3])
    #expect(Self.choose([3, 3, 100], stays: [0]) == [])
  }

  @Test func manySmallPacksAreRewrittenALogarithmicNumberOfTimes() {
    var counts: [Int] = []
    var written = 0
    var most = 0
    for _ in 0..<4_096 {
      counts.append(3)
      let chosen = Self.choose(counts)
      for count in chosen { counts.remove(at: counts.firstIndex(of: count)!) }
      if !chosen.isEmpty {
        counts.append(chosen.reduce(0, +))
        written += chosen.reduce(0, +)
      }
      most = max(most, counts.count)
    }
    #expect(counts.reduce(0, +) == 3 * 4_096)
    #expect(most <= 13 && written <= 3 * 4_096 * 13)
  }
}

@Suite struct PackMergeTests {
  @Test(arguments: ObjectFormat.allCases)
  func aHistoryThatComesInSmallPacksStaysSmall(_ format: ObjectFormat) throws {
    // Each commit's objects come in a pack of their own, whole.
    let model = try StockRepository(format)
    try model.importHistory(commits: 80)
    let all = PackSet(objects: model.objects, format)
    let items = try HistoryOrder.items(of: all.allIDs(), from: all).reversed()
    let git = try StockRepository(format)
    let set = PackSet(objects: git.objects, format)
    var fast = PackBuilder.Options()
    fast.window = 0
    fast.level = 1
    fast.copies = false
    func place(_ pack: WrittenPack, _ bytes: [UInt8]) throws {
      try File.replace("\(git.objects)/pack/\(pack.name).pack", with: bytes, durable: false)
      try File.replace("\(git.objects)/pack/\(pack.name).idx", with: try pack.index(), durable: false)
    }
    let commits = items.count / 80 + 1
    for start in stride(from: 0, to: items.count, by: commits) {
      var bytes: [UInt8] = []
      let new = Array(items.dropFirst(start).prefix(commits))
      let pack = try PackBuilder(fast).write(new, from: all) { bytes.append(contentsOf: $0) }
      try place(pack, bytes)
      let chosen = GeometricMerge.choose(set.packs())
      guard !chosen.isEmpty else { continue }
      bytes = []
      let merged = try PackMerge.write(chosen, of: set) { bytes.append(contentsOf: $0) }
      try place(merged, bytes)
      for pack in chosen where pack.path != "\(git.objects)/pack/\(merged.name)" {
        try File.remove(pack.path + ".idx")
        try File.remove(pack.path + ".pack")
      }
    }
    #expect(git.packs().count <= 9)
    let head = try #require(try model("rev-parse", "refs/heads/main").split(separator: "\n").first)
    try git("update-ref", "refs/heads/main", String(head))
    #expect(try git("fsck", "--strict", "--full").isEmpty)
    #expect(set.allIDs() == all.allIDs())
    let size = try git.packs().reduce(0) { try $0 + File.read($1).count }
    try model("gc", "--quiet")
    #expect(try size < File.read(try #require(model.packs().first)).count * 3 / 2)
  }

  @Test func packsThatAreKeptAreKnown() throws {
    let git = try StockRepository()
    try git.importHistory(commits: 50)
    let set = PackSet(objects: git.objects, .sha1)
    #expect(set.packs().map(\.stays) == [false])
    #expect(set.packs().first?.objects == (try git.list().count))
    try File.replace(try #require(git.packs().first).dropLast(5) + ".keep", with: [], durable: false)
    #expect(set.packs().map(\.stays) == [true])
  }

  @Test func packsThatAreGoneAreNotMerged() throws {
    let git = try StockRepository()
    let set = PackSet(objects: git.objects, .sha1)
    #expect(throws: StoreError.self) {
      try PackMerge.write([PackSummary(path: "gone", objects: 1, bytes: 1)], of: set) { _ in }
    }
  }
}
