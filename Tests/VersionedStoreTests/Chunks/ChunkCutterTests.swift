import GitFormat
import TestSupport
import Testing

@testable import VersionedStore

/// How values are cut, and put together again.
@Suite struct ChunkCutterTests {
  @Test func theGearIsTheHashOfEachByte() {
    // SHA-256 of the one byte 0, of 1, and of 255.
    #expect(ChunkCutter.gear[0] == 0x6e34_0b9c_ffb3_7a98)
    #expect(ChunkCutter.gear[1] == 0x4bf5_122f_3445_54c5)
    #expect(ChunkCutter.gear[255] == 0xa810_0ae6_aa19_40d0)
    #expect(Set(ChunkCutter.gear).count == 256)
  }

  @Test func chunksHaveTheSizesThatTheLimitsSay() throws {
    for bytes in [randomBytes(200_000), [UInt8](repeating: 0, count: 50_000)] {
      let made = try MadeChunks(bytes)
      let sizes = try made.chunks.map { try made.objects.kindAndSize($0).size }
      #expect(sizes.allSatisfy { $0 <= ChunkLimits.test.maximum })
      #expect(sizes.dropLast().allSatisfy { $0 >= ChunkLimits.test.minimum })
    }
    let made = try MadeChunks(randomBytes(200_000))
    #expect((400...1_200).contains(made.chunks.count))
    #expect(made.trees.count > 4)
  }

  @Test(arguments: ObjectFormat.allCases) func equalBytesMakeEqualTreesHoweverTheyCome(_ format: ObjectFormat) throws {
    let bytes = randomBytes(60_000)
    let pointers = try [1, 13, 1_024, 59_999, 60_000].map { try MadeChunks(bytes, format, piece: $0).pointer }
    #expect(Set(pointers).count == 1)
    #expect(pointers[0].size == 60_000)
  }

  /// So that no later version cuts otherwise than this one: it would store all large values again.
  @Test func theSameBytesAreCutAsEver() throws {
    let pointer = try MadeChunks(randomBytes(300_000)).pointer
    #expect(pointer.sha256.hex.prefix(12) == "3ec3ac3878d0")
    #expect(pointer.tree.hex == "f3f7ff1bccca91ab047394a39c8ac3e1e7d9fb3a")
    let large = ChunkCutter(.standard)
    let bytes = randomBytes(6 << 20)
    var start = 0
    var cuts: [Int] = []
    while start < bytes.count {
      start += bytes.withUnsafeBytes { large.length(of: UnsafeRawBufferPointer(rebasing: $0[start...])) }
      cuts.append(start)
    }
    #expect(cuts == [1_149_776, 2_625_345, 3_780_310, 5_616_032, 6_291_456])
  }

  @Test func everyLengthIsReadAgain() throws {
    var random = SeededGenerator(Soak.seed(3))
    let lengths = [1, 2, 63, 64, 65, 1_023, 1_024, 1_025]
    for length in lengths + (0..<Soak.count(20, soak: 500)).map({ _ in Int.random(in: 1..<100_000, using: &random) }) {
      let bytes = randomBytes(length, random.next())
      let made = try MadeChunks(bytes)
      let reader = try ChunkReader(made.pointer, in: LimitedReader(base: made.objects))
      var read: [UInt8] = []
      try reader.forEachPiece { read.append(contentsOf: $0) }
      #expect(read == bytes)
      for _ in 0..<5 {
        let start = Int.random(in: 0...length, using: &random)
        let range = start..<Int.random(in: start...length, using: &random)
        read = []
        try reader.forEachPiece(in: range) { read.append(contentsOf: $0) }
        #expect(read == Array(bytes[range]))
      }
    }
  }

  @Test func aChangeMakesFewNewObjects() throws {
    let bytes = randomBytes(1_000_000)
    let before = try MadeChunks(bytes)
    let old = Set(before.chunks + before.trees)
    for place in [0, 1, 500_000, 999_999] {
      var changed = bytes
      changed.insert(0x55, at: place)
      let after = try MadeChunks(changed)
      #expect(Set(after.chunks).subtracting(old).count <= 8, "one byte inserted at \(place)")
      #expect(Set(after.trees).subtracting(old).count <= 10, "one byte inserted at \(place)")
    }
  }

  @Test func whatRepeatsIsStoredOnce() throws {
    let part = randomBytes(100_000)
    let once = try MadeChunks(part), often = try MadeChunks(part + part + part + part)
    #expect(often.chunks.count < once.chunks.count + 12)
    // Chunks that are all the same, which end a tree each time or never.
    let zeros = try MadeChunks([UInt8](repeating: 0, count: 3_000_000))
    #expect(zeros.chunks.count <= 2 && zeros.trees.count <= 8)
    var read = 0
    try ChunkReader(zeros.pointer, in: LimitedReader(base: zeros.objects)).forEachPiece { read += $0.count }
    #expect(read == 3_000_000)
  }
}
