import CCrypto
import TestSupport
import Testing

@testable import GitFormat

@Suite struct SHA1Tests {
  @Test func hashesAreThoseOfOtherPrograms() throws {
    var random = SeededGenerator(Soak.seed(3))
    for length in Array(0...300) + [1_000, 4_095, 65_537] {
      let bytes = (0..<length).map { _ in UInt8.random(in: .min ... .max, using: &random) }
      var expected = [UInt8](repeating: 0, count: 20)
      CCrypto.SHA1(bytes, length, &expected)
      for piece in [length, 1, 63, 64, 65, 1_000] where piece > 0 {
        #expect(try hash(bytes, .sha1, inPiecesOf: piece).bytes == expected)
      }
      var expected256 = [UInt8](repeating: 0, count: 32)
      CCrypto.SHA256(bytes, length, &expected256)
      #expect(try hash(bytes, .sha256, inPiecesOf: 67).bytes == expected256)
    }
  }

  /// Both files of SHAttered (Stevens, Bursztein, Karpman, Albertini, Markov, CRYPTO 2017) begin with these five blocks, and one
  /// state comes after them.
  @Test(arguments: [SHAttered.one, SHAttered.two]) func aCollidingFileIsRefused(prefix: [UInt8]) throws {
    var plain = [UInt8](repeating: 0, count: 20)
    CCrypto.SHA1(prefix, prefix.count, &plain)
    #expect(ObjectID(.sha1, plain).hex == "f92d74e3874587aaf443d1db961d4e26dde13e9c")
    for piece in [320, 1, 100] {
      for more in [[], Array(repeating: 1, count: 1_000)] as [[UInt8]] {
        #expect(throws: FormatError.self) { try hash(prefix + more, .sha1, inPiecesOf: piece) }
      }
    }
    // The fourth block alone ends in two states that are near each other.
    #expect(throws: Never.self) { try hash(Array(prefix[..<256]), .sha1, inPiecesOf: 64) }
    #expect(throws: Never.self) { try hash(prefix, .sha256, inPiecesOf: 64) }
    // As an object it has a header before it, which makes it harmless.
    #expect(throws: Never.self) { try ObjectID.of(.blob, prefix, .sha1) }
    #expect(throws: Never.self) { try hash([0] + prefix, .sha1, inPiecesOf: 64) }
    for bit in stride(from: 192 * 8, to: 320 * 8, by: 37) {
      var changed = prefix
      changed[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(throws: Never.self) { try hash(changed, .sha1, inPiecesOf: 64) }
    }
  }

  /// A vector is fixed by its words K to K+15, and all words follow from any sixteen.
  @Test(arguments: 43...56) func differencesFollowTheirVectors(number: Int) {
    for (vectors, firstQuiet) in [(SHA1DisturbanceClass.one, 5), (.two, 9)] {
      let words = (0..<80).map { vectors.difference(ofWord: $0, in: number) }
      for index in 16..<80 {
        #expect(
          words[index] == (words[index - 3] ^ words[index - 8] ^ words[index - 14] ^ words[index - 16]).rotated(1))
      }
      #expect(words[(number + firstQuiet)..<(number + 15)].allSatisfy { $0 == 0 })
      #expect(words[number + 15] == 1)
      #expect(words[number + firstQuiet - 1] != 0)
    }
  }

  /// For each vector, a pair of blocks that meets it is an attack, where the unavoidable conditions let it through or not.
  @Test func aPairThatFollowsAVectorIsAnAttack() {
    var random = SeededGenerator(Soak.seed(4))
    for bit in 0..<14 as Range<UInt64> {
      for (family, vectors, rotation) in [
        (0, SHA1DisturbanceClass.one, 0), (1, .one, 2), (2, .two, 0), (3, .two, 2),
      ] as [(Int, SHA1DisturbanceClass, UInt32)] {
        let number = 43 + Int(bit)
        let words = expandedBlock(&random)
        let meeting = SHA1State(random.next32(), random.next32(), random.next32(), random.next32(), random.next32())
        var (before, otherBefore, end) = (meeting, meeting, meeting)
        let others = (0..<80).map { words[$0] ^ vectors.difference(ofWord: $0, in: number).rotated(rotation) }
        before.stepBack(0..<(number + 15)) { words[$0] }
        otherBefore.stepBack(0..<(number + 15)) { others[$0] }
        end.step((number + 15)..<80) { others[$0] }
        func masks(_ bits: UInt64) -> SHA1Disturbances {
          let masks = (0..<4).map { $0 == family ? bits : 0 }
          return SHA1Disturbances(one: masks[0], oneRotated: masks[1], two: masks[2], twoRotated: masks[3])
        }
        let after = otherBefore &+ end
        #expect(masks(1 << bit).areAttack(on: words, from: before, to: after))
        #expect(masks(0x3FFF).areAttack(on: words, from: before, to: after))
        #expect(!masks(0x3FFF & ~(1 << bit)).areAttack(on: words, from: before, to: after))
      }
    }
  }

  @Test func bitPlanesAreTheWordsTurned() {
    var random = SeededGenerator(Soak.seed(12))
    for _ in 0..<100 {
      let words = expandedBlock(&random)
      let planes = BitPlanes(words)
      for bit in Array(0..<8) + Array(24..<32) {
        for index in 32...64 {
          #expect(planes[bit] >> UInt64(index - BitPlanes.origin) & 1 == UInt64(words[index] >> UInt32(bit) & 1))
        }
      }
    }
  }

  /// The share of random blocks that need a second look is the sum of the probabilities of each vector's relations.
  @Test func aboutOneBlockInTwentyIsSuspect() {
    var random = SeededGenerator(Soak.seed(5))
    let blocks = Soak.count(20_000, soak: 2_000_000)
    var counts = [Int](repeating: 0, count: 64)
    for _ in 0..<blocks {
      let words = expandedBlock(&random)
      let suspects = SHA1Disturbances.suspects(words)
      for (family, mask) in [suspects.one, suspects.oneRotated, suspects.two, suspects.twoRotated].enumerated() {
        for bit in 0..<16 where mask >> UInt64(bit) & 1 == 1 { counts[family * 16 + bit] += 1 }
      }
    }
    let share = Double(counts.reduce(0, +)) / Double(blocks)
    #expect((0.045...0.054).contains(share), "\(share)")
  }

  /// The 80 words of a block of random bytes.
  private func expandedBlock(_ random: inout SeededGenerator) -> [UInt32] {
    let block = (0..<64).map { _ in UInt8.random(in: .min ... .max, using: &random) }
    var words = [UInt32](repeating: 0, count: 80)
    words.withUnsafeMutableBufferPointer { words in
      block.withUnsafeBytes { SHA1Block.expand($0, into: words.baseAddress!) }
      SHA1Block.expand(words.baseAddress!, 68..<80)
    }
    return words
  }

  private func hash(_ bytes: [UInt8], _ format: ObjectFormat, inPiecesOf size: Int) throws -> ObjectID {
    var hasher = ObjectHasher(format)
    for start in stride(from: 0, to: bytes.count, by: size) {
      hasher.update(Array(bytes[start..<min(start + size, bytes.count)]))
    }
    return try hasher.finish()
  }
}

extension SeededGenerator {
  fileprivate mutating func next32() -> UInt32 { UInt32(truncatingIfNeeded: next()) }
}

/// The first 320 bytes of the two files, which are facts published with the attack.
private enum SHAttered {
  static let one = bytes(
    prefix + """
      7f46dc93a6b67e013b029aaa1db2560b45ca67d688c7f84b8c4c791fe02b3df6
      14f86db1690901c56b45c1530afedfb76038e972722fe7ad728f0e4904e046c2
      30570fe9d41398abe12ef5bc942be33542a4802d98b5d70f2a332ec37fac3514
      e74ddc0f2cc1a874cd0c78305a21566461309789606bd0bf3f98cda8044629a1
      """)
  static let two = bytes(
    prefix + """
      7346dc9166b67e118f029ab621b2560ff9ca67cca8c7f85ba84c79030c2b3de2
      18f86db3a90901d5df45c14f26fedfb3dc38e96ac22fe7bd728f0e45bce046d2
      3c570feb141398bb552ef5a0a82be331fea48037b8b5d71f0e332edf93ac3500
      eb4ddc0decc1a864790c782c76215660dd309791d06bd0af3f98cda4bc4629b1
      """)

  private static let prefix = """
    255044462d312e330a25e2e3cfd30a0a0a312030206f626a0a3c3c2f57696474
    682032203020522f4865696768742033203020522f547970652034203020522f
    537562747970652035203020522f46696c7465722036203020522f436f6c6f72
    53706163652037203020522f4c656e6774682038203020522f42697473506572
    436f6d706f6e656e7420383e3e0a73747265616d0affd8fffe00245348412d31
    20697320646561642121212121852fec092339759c39b1a1c63c4c97e1fffe01

    """

  private static func bytes(_ hex: String) -> [UInt8] {
    let digits = hex.utf8.compactMap(HexDigit.value)
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
  }
}
