import GitFormat
import HostSystem
import TestSupport
import Testing

@testable import VersionedStore

/// The filter's two ways, on bytes.
@Suite struct ChunkFilterTests {
  private let value = randomBytes(30_000)
  private let made: MadeChunks

  init() throws { made = try MadeChunks(value) }

  private func smudge(_ bytes: [UInt8]) throws -> [UInt8] {
    var output: [UInt8] = []
    var input = ArraySource(bytes)
    try ChunkFilter.smudge(&input, from: LimitedReader(base: made.objects)) { output.append(contentsOf: $0) }
    return output
  }

  private func clean(_ bytes: [UInt8], stored: [UInt8]?) throws -> [UInt8] {
    var output: [UInt8] = []
    var input = ArraySource(bytes, knowsSize: false)
    let folder = try TemporaryFolder()
    try ChunkFilter.clean(&input, stored: stored, .sha1, .test, spool: try FileSpool(in: folder.path)) {
      output.append(contentsOf: $0)
    }
    #expect(File.list(folder.path).isEmpty)
    return output
  }

  @Test func aPointerBecomesItsValueAndAPointerAgain() throws {
    #expect(try smudge(made.pointer.bytes) == value)
    #expect(try clean(value, stored: made.pointer.bytes) == made.pointer.bytes)
  }

  @Test func anotherValueStaysAsItIs() throws {
    var other = value
    other[12_345] ^= 1
    for bytes in [other, value + [0], Array(value.dropLast()), [], [1], value + value] {
      #expect(try clean(bytes, stored: made.pointer.bytes) == bytes)
      #expect(try clean(bytes, stored: nil) == bytes)
      #expect(try clean(bytes, stored: [1, 2]) == bytes)
      #expect(try smudge(bytes) == bytes)
    }
    #expect(try clean(value, stored: nil) == value)
    // Who has no filter may commit the pointer as it is.
    #expect(try clean(made.pointer.bytes, stored: made.pointer.bytes) == made.pointer.bytes)
  }

  @Test func aPointerToWhatIsNotHereIsAText() throws {
    let other = try MadeChunks(randomBytes(9_000, 7)).pointer
    #expect(try smudge(other.bytes) == other.bytes)
    #expect(try smudge(made.pointer.bytes + [0]) == made.pointer.bytes + [0])
  }

  @Test func missingChunksAreAnError() throws {
    let some = MemoryBackend()
    let tree = NewObject(id: made.pointer.tree, object: try made.objects.object(made.pointer.tree))
    try some.commit(Batch(objects: [tree]))
    var input = ArraySource(made.pointer.bytes)
    #expect(throws: StoreError.self) {
      try ChunkFilter.smudge(&input, from: LimitedReader(base: some)) { _ in }
    }
  }
}
