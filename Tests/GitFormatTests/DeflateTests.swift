import TestSupport
import Testing

@testable import GitFormat

@Suite struct DeflateTests {
  /// Contents from empty to a megabyte, from all the same to incompressible.
  private static let contents: [[UInt8]] = {
    var random = SeededGenerator(Soak.seed(1))
    var contents: [[UInt8]] = [[], [0], Array(repeating: 7, count: 1 << 18)]
    for size in [1, 31, 200, 4_096, 70_000] {
      contents.append((0..<size).map { _ in UInt8.random(in: .min ... .max, using: &random) })
      contents.append((0..<size).map { _ in UInt8.random(in: 97...100, using: &random) })
    }
    return contents
  }()

  @Test(arguments: Deflate.levels) func whatIsCompressedIsDecompressed(level: Int) throws {
    for content in Self.contents {
      var stream: [UInt8] = [1, 2, 3]
      content.withUnsafeBytes { Deflate.compress($0, level: level, into: &stream) }
      #expect(stream.prefix(3) == [1, 2, 3])
      stream.removeFirst(3)
      #expect(stream == Deflate.compress(content, level: level))
      let length = stream.count
      #expect(try Deflate.decompress(stream, size: content.count) == content)
      stream += [9, 9, 9]
      let (bytes, consumed) = try stream.withUnsafeBytes { try Deflate.decompress($0, size: content.count) }
      #expect(bytes == content)
      #expect(consumed == length)
      #expect(throws: FormatError.self) { try Deflate.decompress(stream, size: content.count) }
    }
  }

  @Test func aSizeThatIsNotTheContentsIsRefused() {
    let stream = Deflate.compress(Array("forty-two".utf8))
    for (size, why) in [
      (8, "it holds more than 8 bytes"), (10, "it holds fewer than 10 bytes"), (0, "it holds more than 0 bytes"),
      (-1, "\(stream.count) bytes cannot hold -1"), (.max, "\(stream.count) bytes cannot hold \(Int.max)"),
    ] {
      #expect(throws: FormatError("zlib stream", why)) { try Deflate.decompress(stream, size: size) }
    }
  }

  @Test func cutOffAndDamagedStreamsAreRefused() {
    let content = Self.contents.last ?? []
    let stream = Deflate.compress(content)
    var random = SeededGenerator(Soak.seed(2))
    for length in [0, 1, 2, 6, stream.count / 2, stream.count - 1] {
      #expect(throws: FormatError.self) { try Deflate.decompress(Array(stream[..<length]), size: content.count) }
      #expect(throws: FormatError.self) { try inflated(Array(stream[..<length]), pieces: 100, room: 1_000) }
    }
    for _ in 0..<Soak.count(200, soak: 20_000) {
      var damaged = stream
      damaged[.random(in: 0..<stream.count, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      // A changed level in the header is the one difference that may not count.
      if let bytes = try? Deflate.decompress(damaged, size: content.count) { #expect(bytes == content) }
      if let bytes = try? inflated(damaged, pieces: 5_000, room: 5_000) { #expect(bytes == content) }
    }
  }

  @Test(arguments: [(1, 1), (3, 70_000), (100, 7), (70_000, 70_000)])
  func streamsInPiecesAreTheWholeOnes(pieces: Int, room: Int) throws {
    for content in Self.contents where content.count <= 70_000 {
      #expect(try inflated(Deflate.compress(content) + [1, 2], pieces: pieces, room: room) == content)
      let stream = try deflated(content, pieces: pieces, room: room)
      #expect(try Deflate.decompress(stream, size: content.count) == content)
    }
  }

  @Test func aStreamIsUsedAgainAfterItsEnd() throws {
    var stream = InflateStream()
    for content in Self.contents where content.count <= 4_096 {
      var output = [UInt8](repeating: 0, count: content.count)
      let input = Deflate.compress(content)
      let progress = try input.withUnsafeBytes { input in
        try output.withUnsafeMutableBytes { try stream.step(input, into: $0) }
      }
      #expect(progress == StreamProgress(consumed: input.count, produced: content.count, isFinished: true))
      #expect(output == content)
      let after = try stream.step(UnsafeRawBufferPointer(start: nil, count: 0), into: .init(start: nil, count: 0))
      #expect(after == StreamProgress(consumed: 0, produced: 0, isFinished: true))
      stream.reset()
    }
  }

  @Test func aThousandfoldStreamFillsNoMoreThanItsRoom() throws {
    let bomb = Deflate.compress(Self.contents[2])
    var stream = InflateStream()
    var room = [UInt8](repeating: 0, count: 100)
    let progress = try bomb.withUnsafeBytes { input in
      try room.withUnsafeMutableBytes { try stream.step(input, into: $0) }
    }
    #expect(progress.produced == 100)
    #expect(!progress.isFinished)
  }

  /// Reads a stream in pieces of input and output.
  private func inflated(_ bytes: [UInt8], pieces: Int, room: Int) throws -> [UInt8] {
    var stream = InflateStream()
    var content: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: room)
    var position = 0
    while !stream.isFinished {
      let progress = try bytes.withUnsafeBytes { bytes in
        try piece.withUnsafeMutableBytes {
          try stream.step(.init(rebasing: bytes[position..<min(position + pieces, bytes.count)]), into: $0)
        }
      }
      position += progress.consumed
      content += piece[..<progress.produced]
      if progress.consumed == 0 && progress.produced == 0 && !progress.isFinished {
        throw FormatError("zlib stream", "cut off")
      }
    }
    return content
  }

  /// Writes a stream in pieces of input and output.
  private func deflated(_ bytes: [UInt8], pieces: Int, room: Int) throws -> [UInt8] {
    var stream = DeflateStream()
    var result: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: room)
    var position = 0
    while !stream.isFinished {
      let end = min(position + pieces, bytes.count)
      let progress = try bytes.withUnsafeBytes { bytes in
        try piece.withUnsafeMutableBytes {
          try stream.step(.init(rebasing: bytes[position..<end]), isLast: end == bytes.count, into: $0)
        }
      }
      position += progress.consumed
      result += piece[..<progress.produced]
    }
    return result
  }
}
