import GitFormat
import TestSupport
import Testing

@Suite struct PackEntryTests {
  private static let base = ObjectID(.sha1, hex: "ce013625030ba8dba906f756967f9e9ca394464a")!

  @Test func headersAreThoseOfTheFormat() {
    func header(_ content: PackEntry.Content, _ size: Int) -> [UInt8] {
      var bytes: [UInt8] = []
      PackEntry.appendHeader(content, size: size, to: &bytes)
      return bytes
    }
    #expect(header(.object(.commit), 0) == [0x10])
    #expect(header(.object(.blob), 15) == [0x3F])
    #expect(header(.object(.tree), 16) == [0xA0, 0x01])
    #expect(header(.object(.tag), 2_048 + 3) == [0xC3, 0x80, 0x01])
    #expect(header(.offsetDelta(distance: 127), 1) == [0x61, 0x7F])
    #expect(header(.offsetDelta(distance: 128), 1) == [0x61, 0x80, 0x00])
    #expect(header(.offsetDelta(distance: 128 + 16_384), 1) == [0x61, 0x80, 0x80, 0x00])
    #expect(header(.delta(base: Self.base), 1) == [0x71] + Self.base.bytes)
  }

  @Test(arguments: ObjectFormat.allCases)
  func everyHeaderIsReadAsItWasWritten(_ format: ObjectFormat) throws {
    var generator = SeededGenerator(Soak.seed(1))
    for _ in 0..<Soak.count(200, soak: 200_000) {
      let size = Int.random(in: 0...Int.max, using: &generator) >> Int.random(in: 0..<63, using: &generator)
      let distance =
        1 + Int.random(in: 0..<Int.max / 256, using: &generator) >> Int.random(in: 0..<55, using: &generator)
      let id = ObjectID(format, (0..<32).map { _ in UInt8.random(in: 0...255, using: &generator) })
      let contents: [PackEntry.Content] = [.object(.tree), .offsetDelta(distance: distance), .delta(base: id)]
      let content = contents.randomElement(using: &generator)!
      var bytes: [UInt8] = []
      PackEntry.appendHeader(content, size: size, to: &bytes)
      #expect(bytes.count <= PackEntry.longestHeader)
      let entry = try bytes.withUnsafeBytes { try PackEntry(parsing: $0, format) }
      #expect(entry.content == content && entry.size == size && entry.headerLength == bytes.count)
      for end in 0..<bytes.count {
        #expect(throws: FormatError.self) {
          try bytes.withUnsafeBytes { try PackEntry(parsing: UnsafeRawBufferPointer(rebasing: $0[..<end]), format) }
        }
      }
    }
  }

  @Test(
    arguments: [
      [0x00], [0x50],  // types 0 and 5
      [0xB0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F],  // size of 67 bits
      [0x60, 0x00],  // its own base
      [0x60, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F],  // distance of 70 bits
    ] as [[UInt8]])
  func impossibleHeadersAreRefused(_ bytes: [UInt8]) {
    #expect(throws: FormatError.self) { try bytes.withUnsafeBytes { try PackEntry(parsing: $0, .sha1) } }
  }

  @Test func noBytesTrapTheReader() {
    var generator = SeededGenerator(Soak.seed(2))
    for _ in 0..<Soak.count(5_000, soak: 5_000_000) {
      let bytes = (0..<Int.random(in: 0...24, using: &generator)).map { _ in
        // Mostly continuations, to go deep.
        UInt8.random(in: 0...255, using: &generator) | (UInt8.random(in: 0...3, using: &generator) > 0 ? 0x80 : 0)
      }
      guard let entry = try? bytes.withUnsafeBytes({ try PackEntry(parsing: $0, .sha1) }) else { continue }
      #expect(entry.size >= 0 && entry.headerLength <= bytes.count)
    }
  }

  @Test func whatHardlyCompressesIsStored() throws {
    var generator = SeededGenerator(3)
    // A tree of 20 files: most of it is hashes.
    let tree = (0..<20).flatMap { number in
      Array("100644 file\(number)\0".utf8) + (0..<20).map { _ in UInt8.random(in: 0...255, using: &generator) }
    }
    let text = Array(String(repeating: "much of the same, ", count: 50).utf8)
    func size(_ bytes: [UInt8], leastSaving: Int) throws -> Int {
      var entry: [UInt8] = []
      PackEntry.append(.tree, bytes, level: 6, leastSaving: leastSaving, to: &entry)
      return try entry.withUnsafeBytes { entry in
        let header = try PackEntry(parsing: entry, .sha1)
        let data = UnsafeRawBufferPointer(rebasing: entry[header.headerLength...])
        let (content, consumed) = try Deflate.decompress(data, size: header.size)
        #expect(content == bytes && consumed == data.count)
        return data.count
      }
    }
    #expect(try size(tree, leastSaving: 30) == tree.count + 11)
    #expect(try size(tree, leastSaving: 0) < tree.count)
    #expect(try size(text, leastSaving: 30) < 60)
  }
}
