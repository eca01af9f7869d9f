import GitFormat
import TestSupport
import Testing

@testable import StoreSync
@testable import VersionedStore

/// Packs with deltas by name, of what is in them and of what only the receiver has.
@Suite struct ThinPackTests {
  /// Three versions of a file, whose names are in a given order.
  private static func versions(_ order: [Int]) throws -> [GitObject] {
    let text = Array(String(repeating: "a line that stays as it is\n", count: 10).utf8)
    for number in 0..<10_000 {
      let versions = (0..<3).map { GitObject(.blob, text + Array("\(number) \($0)\n".utf8)) }
      let ids = try versions.map { try $0.id(.sha1) }
      if ids.indices.sorted(by: { ids[$0] < ids[$1] }) == order { return versions }
    }
    throw StoreError.invalid("no such order in 10,000 tries")
  }

  /// Each version is a delta of the one before; the receiver has the first.
  @Test(arguments: [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]], [false, true])
  func aChainOfNamesIsFollowedWhateverTheirOrder(_ order: [Int], _ hasMore: Bool) throws {
    let versions = try Self.versions(order)
    let ids = try versions.map { try $0.id(.sha1) }
    var maker = PackMaker()
    for (base, version) in zip(versions, versions.dropFirst()) {
      let delta = try #require(Delta.Index(base.bytes).delta(to: version.bytes, limit: 1_000))
      maker.append(.delta(base: try base.id(.sha1)), delta)
    }
    let backend = MemoryBackend()
    // The sender need not know all that is here.
    let here = hasMore ? 0...1 : 0...0
    try backend.commit(Batch(objects: here.map { NewObject(id: ids[$0], object: versions[$0]) }))
    let input = BufferedInput(MemoryStream(try maker.finish()))
    let pack = try #require(try PackReceiver(for: backend).receive(from: input))
    #expect(pack.ids == ids.sorted())
    #expect(try pack.object(ids[2]) == versions[2])
  }
}
