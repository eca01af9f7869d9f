import GitFormat
import TestSupport
import Testing

@testable import VersionedStore

@Suite struct ChunkPointerTests {
  private static let pointer = ChunkPointer(
    size: 104_857_600, sha256: ObjectID(.sha256, [UInt8](repeating: 0xAB, count: 32)),
    tree: ObjectID(.sha1, [UInt8](repeating: 0x1F, count: 20)))

  @Test func aPointerIsAnExactText() throws {
    let text = """
      lares-chunks 1
      size 104857600
      sha256 \(String(repeating: "ab", count: 32))
      tree \(String(repeating: "1f", count: 20))

      """
    #expect(Self.pointer.bytes == Array(text.utf8))
    #expect(ChunkPointer(Array(text.utf8), .sha1) == Self.pointer)
    #expect(ChunkPointer(Array(text.utf8)) == Self.pointer)
    #expect(ChunkPointer(Array(text.utf8), .sha256) == nil)
    let longest = ChunkPointer(
      size: .max, sha256: Self.pointer.sha256, tree: ObjectID(.sha256, [UInt8](repeating: 7, count: 32)))
    #expect(longest.bytes.count <= ChunkPointer.longest && ChunkPointer(longest.bytes, .sha256) == longest)
  }

  @Test(arguments: [
    ("lares-chunks 1", "lares-chunks 2"), ("lares-chunks 1", " lares-chunks 1"), ("size 104857600", "size 0"),
    ("size 104857600", "size 0104857600"), ("size 104857600", "size +104857600"), ("size 104857600", "size -1"),
    ("size 104857600", "size 99999999999999999999"), ("sha256 ab", "sha256 AB"), ("sha256 ab", "sha256 b"),
    ("tree 1f", "tree 1F"), ("tree 1f", "tree 1f1f"), ("tree ", "tree  "), ("size", "sizes"), ("\ntree", "\r\ntree"),
  ])
  func anotherSpellingIsNoPointer(_ from: String, _ to: String) throws {
    let text = String(decoding: Self.pointer.bytes, as: UTF8.self)
    let start = try #require(text.firstRange(of: from))
    var changed = text
    changed.replaceSubrange(start, with: to)
    #expect(ChunkPointer(Array(changed.utf8)) == nil)
    #expect(ChunkPointer(Array((text + "\n").utf8)) == nil)
    #expect(ChunkPointer(Array(text.utf8.dropLast())) == nil)
  }

  @Test func changedBytesAreNoPointerOrAnExactOne() {
    var random = SeededGenerator(Soak.seed(11))
    for _ in 0..<Soak.count(2_000, soak: 1_000_000) {
      var bytes = Self.pointer.bytes
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes.remove(at: place)
        default: bytes.insert(UInt8.random(in: 0x20..<0x7F, using: &random), at: place)
        }
      }
      if let pointer = ChunkPointer(bytes) { #expect(pointer.bytes == bytes) }
    }
  }
}
