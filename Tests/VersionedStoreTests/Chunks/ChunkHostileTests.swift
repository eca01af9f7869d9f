import GitFormat
import TestSupport
import Testing

@testable import VersionedStore

/// Pointers, trees and chunks that somebody made to do harm, or that are damaged.
@Suite struct ChunkHostileTests {
  private let objects = MemoryBackend()

  private func store(_ kind: ObjectKind, _ bytes: [UInt8]) throws -> ObjectID {
    let buffer = ObjectBuffer(over: objects)
    let id = try buffer.write(kind, bytes)
    try objects.commit(Batch(objects: buffer.objects))
    return id
  }

  private func tree(_ entries: [(String, FileMode, ObjectID)]) throws -> ObjectID {
    try store(.tree, TreeObject.serialize(entries.map { TreeEntry(EntryName($0.0), $0.1, $0.2) }))
  }

  private func pointer(_ size: Int, _ tree: ObjectID) -> ChunkPointer {
    ChunkPointer(size: size, sha256: .zero(.sha256), tree: tree)
  }

  private func read(_ pointer: ChunkPointer) throws -> Int {
    var count = 0
    try ChunkReader(pointer, in: LimitedReader(base: objects)).forEachPiece { count += $0.count }
    return count
  }

  private static func isMalformed(_ error: any Error) -> Bool {
    if case .malformed = error as? StoreError { return true }
    return false
  }

  private func expectMalformed(_ pointer: ChunkPointer, _ comment: Comment) {
    #expect(comment, performing: { _ = try read(pointer) }, throws: Self.isMalformed)
  }

  @Test func sizesThatDoNotFitAreErrors() throws {
    let chunk = try store(.blob, randomBytes(200)), other = try store(.blob, randomBytes(300))
    let zero = "000000000000", second = "0000000000c8"
    expectMalformed(pointer(200, try tree([(zero, .file, chunk)])), "another SHA-256")
    expectMalformed(pointer(199, try tree([(zero, .file, chunk)])), "a chunk longer than its place")
    expectMalformed(pointer(201, try tree([(zero, .file, chunk)])), "a chunk shorter than its place")
    expectMalformed(pointer(500, try tree([(second, .file, chunk)])), "no beginning")
    expectMalformed(pointer(200, try tree([(zero, .file, chunk), (second, .file, other)])), "more than the whole")
    expectMalformed(pointer(500, try tree([(zero, .file, chunk), ("0000000000C8", .file, other)])), "another spelling")
    expectMalformed(pointer(500, try tree([(zero, .file, chunk), ("c8", .file, other)])), "a short name")
    expectMalformed(pointer(500, try tree([(zero, .executable, chunk), (second, .file, other)])), "another mode")
    expectMalformed(pointer(500, try tree([(zero, .link, chunk), (second, .file, other)])), "a link")
    expectMalformed(pointer(5_000, try tree([(zero, .file, chunk)])), "a place larger than a chunk may be")
    let small = try store(.blob, [1])
    expectMalformed(
      pointer(201, try tree([(zero, .file, small), ("000000000001", .file, chunk)])), "a small chunk not at the end")
    expectMalformed(pointer(500, try store(.tree, [])), "an empty tree")
    let inner = try tree([(zero, .file, chunk)])
    expectMalformed(
      pointer(500, try tree([(zero, .tree, inner), (second, .file, other)])), "trees and chunks together")
  }

  @Test func missingAndWrongObjectsAreErrors() throws {
    let chunk = try store(.blob, randomBytes(200))
    let nowhere = ObjectID(.sha1, [UInt8](repeating: 9, count: 20))
    #expect(throws: StoreError.missing(nowhere)) { try read(pointer(200, nowhere)) }
    #expect(throws: StoreError.wrongKind(chunk, found: .blob, expected: .tree)) { try read(pointer(200, chunk)) }
    let one = try tree([("000000000000", .file, nowhere)])
    #expect(throws: StoreError.missing(nowhere)) { try read(pointer(200, one)) }
    let two = try tree([("000000000000", .file, one)])
    #expect(throws: StoreError.wrongKind(one, found: .tree, expected: .blob)) { try read(pointer(200, two)) }
  }

  @Test func depthAndCountsAreBounded() throws {
    let chunk = try store(.blob, randomBytes(200))
    var deep = try tree([("000000000000", .file, chunk)])
    for _ in 0..<ChunkTree.deepest { deep = try tree([("000000000000", .tree, deep)]) }
    expectMalformed(pointer(200, deep), "too deep")
    let many = (0..<257).map { number in
      let digits = String(number * 200, radix: 16)
      return (String(repeating: "0", count: 12 - digits.count) + digits, FileMode.file, chunk)
    }
    expectMalformed(pointer(257 * 200, try tree(many)), "too many entries")
    let one = try tree([("000000000000", .file, chunk)])
    #expect(throws: StoreError.self) { try read(pointer(.max, one)) }
  }

  /// Each byte of a value's trees changed: an error, or, where a change is undone by chance, the value itself.
  @Test func changedTreesAreErrorsOrReadWithoutATrap() throws {
    var random = SeededGenerator(Soak.seed(5))
    let bytes = randomBytes(20_000)
    let made = try MadeChunks(bytes)
    let root = try made.objects.bytes(made.pointer.tree, .tree)
    for _ in 0..<Soak.count(300, soak: 50_000) {
      var changed = root
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let place = Int.random(in: 0..<changed.count, using: &random)
        if Bool.random(using: &random) {
          changed[place] = UInt8.random(in: 0...255, using: &random)
        } else {
          changed.remove(at: place)
        }
      }
      let buffer = ObjectBuffer(over: made.objects)
      let forged = ChunkPointer(
        size: bytes.count, sha256: made.pointer.sha256, tree: try buffer.write(.tree, changed))
      var read: [UInt8] = []
      do throws(StoreError) {
        try ChunkReader(forged, in: LimitedReader(base: buffer)).forEachPiece { read.append(contentsOf: $0) }
        #expect(read == bytes)
      } catch { #expect(read.count <= bytes.count) }
    }
  }
}
