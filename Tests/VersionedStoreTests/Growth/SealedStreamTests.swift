import GitFormat
import TestSupport
import Testing

@testable import VersionedStore

@Suite struct SealedStreamTests {
  private static let passphrase = Array("correct horse".utf8)
  private static let cost = PassphraseCost(logarithm: 1)

  private func sealed(_ bytes: [UInt8], pieces: Int = 1 << 20) throws -> [UInt8] {
    var output: [UInt8] = []
    try withUnsafeMutablePointer(to: &output) { output in
      let writer = try SealedWriter(
        passphrase: Self.passphrase, salt: Array(0..<16), Self.cost, sink: { output.pointee.append(contentsOf: $0) })
      var start = 0
      while start < bytes.count {
        let end = min(start + pieces, bytes.count)
        try bytes.withUnsafeBytes { try writer.write(UnsafeRawBufferPointer(rebasing: $0[start..<end])) }
        start = end
      }
      try writer.finish()
    }
    return output
  }

  private func opened(_ sealed: [UInt8], _ passphrase: [UInt8] = passphrase) throws(StoreError) -> [UInt8] {
    var start = 0
    return try withUnsafeMutablePointer(to: &start) { start throws(StoreError) in
      let reader = try SealedReader(passphrase: passphrase) { count in
        let piece = Array(sealed[start.pointee..<min(start.pointee + count, sealed.count)])
        start.pointee += piece.count
        return piece
      }
      var all: [UInt8] = []
      while let chunk = try reader.next() { all += chunk }
      return all
    }
  }

  @Test(arguments: [0, 1, 65_535, 65_536, 65_537, 131_072, 200_001]) func whatWasSealedIsOpened(count: Int) throws {
    var generator = SeededGenerator(UInt64(count))
    let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
    let whole = try sealed(bytes)
    #expect(try opened(whole) == bytes)
    #expect(try sealed(bytes, pieces: 7_777) == whole)
    #expect(whole.count == count + 51 + 16 * max(1, (count + 65_535) / 65_536))
  }

  @Test func aWrongPassphraseIsCalledSo() throws {
    let bytes = try sealed([1, 2, 3])
    #expect(throws: StoreError.denied("the passphrase is not the one that the backup was made with")) {
      try opened(bytes, Array("correct hors".utf8))
    }
  }

  @Test func everyChangedByteAndEveryCutIsFound() throws {
    let bytes = try sealed(Array("a household's data".utf8))
    for index in bytes.indices {
      for bit in 0..<8 {
        var changed = bytes
        changed[index] ^= 1 << UInt8(bit)
        #expect(throws: StoreError.self, "byte \(index), bit \(bit)") { try opened(changed) }
      }
      #expect(throws: StoreError.self, "cut at \(index)") { try opened(Array(bytes[..<index])) }
    }
    #expect(throws: StoreError.self) { try opened(bytes + [0]) }
  }

  @Test func chunksCannotBeDroppedOrMoved() throws {
    let bytes = try sealed([UInt8](repeating: 7, count: 3 * 65_536))
    let header = Array(bytes[..<51])
    let chunks = stride(from: 51, to: bytes.count, by: 65_552).map { Array(bytes[$0..<min($0 + 65_552, bytes.count)]) }
    try #require(chunks.count == 3)
    for order in [[0], [0, 1], [0, 2], [1, 0, 2], [0, 0, 1, 2], [2], [0, 1, 2, 2]] {
      #expect(throws: StoreError.self, "\(order)") { try opened(header + order.flatMap { chunks[$0] }) }
    }
    #expect(try opened(header + chunks.flatMap(\.self)).count == 3 * 65_536)
  }

  @Test func aHeaderThatAsksForTooMuchIsRefused() {
    var cost = PassphraseCost(logarithm: 30)
    cost.blockSize = 255
    let header = SealedFormat.header(cost, salt: Array(0..<16)) + Array(repeating: 0, count: 40)
    #expect(throws: StoreError.tooLarge("the backup asks for more memory than is given to a passphrase")) {
      try opened(header)
    }
  }
}
