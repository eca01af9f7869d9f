import GitFormat
import TestSupport
import Testing

@Suite struct PackIndexTests {
  private static func entries(_ count: Int, _ format: ObjectFormat, _ generator: inout SeededGenerator)
    -> [PackIndex.Entry]
  {
    (0..<count).map { number in
      let id = ObjectID(format, (0..<32).map { _ in UInt8.random(in: 0...255, using: &generator) })
      // Some beyond 2 and 4 GiB.
      let offset = number % 3 == 0 ? 0x7FFF_FFF0 + number * 7_000_000 : 12 + number
      return PackIndex.Entry(id: id, crc: UInt32.random(in: 0 ... .max, using: &generator), offset: offset)
    }
  }

  @Test(arguments: ObjectFormat.allCases, [0, 1, 2, 300, 2_000])
  func everyObjectIsFoundAndNoOther(_ format: ObjectFormat, _ count: Int) throws {
    var generator = SeededGenerator(Soak.seed(1))
    let entries = Self.entries(count, format, &generator)
    let strangers = Self.entries(1_000, format, &generator)
    let checksum = ObjectID(format, Array(0..<32))
    let bytes = try PackIndex.serialize(entries, packChecksum: checksum, format)
    try bytes.withUnsafeBytes { bytes in
      let index = try PackIndex(bytes, format)
      try index.verify()
      #expect(index.count == count && index.packChecksum == checksum)
      for (position, entry) in entries.sorted(by: { $0.id < $1.id }).enumerated() {
        let found = index.position(of: entry.id)
        #expect(found == position)
        #expect(index.id(at: position) == entry.id && index.crc(at: position) == entry.crc)
        #expect(index.find(entry.id) == entry.offset)
      }
      for stranger in strangers { #expect(index.find(stranger.id) == nil) }
      #expect(index.find(ObjectID.zero(format)) == nil)
    }
  }

  @Test func namesThatShareTheirFirstBitsAreFound() throws {
    // Nothing spreads these: a search that trusts in it must still be right.
    let ids = (0..<600).map { number in
      var bytes = [UInt8](repeating: 7, count: 20)
      bytes[number < 500 ? 19 : 7] = UInt8(truncatingIfNeeded: number)
      bytes[18] = UInt8(number >> 8)
      return ObjectID(.sha1, bytes)
    }
    let entries = Set(ids).enumerated().map { PackIndex.Entry(id: $1, crc: 0, offset: $0) }
    let bytes = try PackIndex.serialize(entries, packChecksum: .zero(.sha1), .sha1)
    try bytes.withUnsafeBytes { bytes in
      let index = try PackIndex(bytes, .sha1)
      for entry in entries { #expect(index.find(entry.id) == entry.offset) }
    }
  }

  @Test func abbreviatedNamesGiveAllThatBeginSo() throws {
    let names = ["1234", "1235", "12ff", "1300", "ffff"]
    let entries = names.map {
      PackIndex.Entry(id: ObjectID(.sha1, hex: $0 + String(repeating: "0", count: 36))!, crc: 0, offset: 12)
    }
    let bytes = try PackIndex.serialize(entries, packChecksum: .zero(.sha1), .sha1)
    try bytes.withUnsafeBytes { bytes in
      let index = try PackIndex(bytes, .sha1)
      func positions(_ prefix: String) -> Range<Int> { index.positions(hexPrefix: Array(prefix.utf8)) }
      #expect(positions("123") == 0..<2)
      #expect(positions("12F") == 2..<3)
      #expect(positions("1") == 0..<4)
      #expect(positions("") == 0..<5)
      #expect(positions("f") == 4..<5)
      #expect(positions("ffff" + String(repeating: "0", count: 36)) == 4..<5)
      #expect(positions("2").isEmpty && positions("x").isEmpty && positions(String(repeating: "1", count: 41)).isEmpty)
    }
  }

  @Test(arguments: ObjectFormat.allCases, Soak.seeds(1...20, soak: 5_000))
  func noDamageTrapsALookup(_ format: ObjectFormat, _ seed: UInt64) throws {
    var generator = SeededGenerator(seed)
    let entries = Self.entries(100, format, &generator)
    let good = try PackIndex.serialize(entries, packChecksum: .zero(format), format)
    for _ in 0..<40 {
      var bytes = good
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        // Often the fan-out table and the offsets, where bounds stand.
        let place = Bool.random(using: &generator) ? 0..<1_032 : 0..<bytes.count
        bytes[Int.random(in: place, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
      }
      if Bool.random(using: &generator) { bytes.removeLast(Int.random(in: 0...bytes.count, using: &generator)) }
      bytes.withUnsafeBytes { bytes in
        guard let index = try? PackIndex(bytes, format) else { return }
        for entry in entries {
          if let position = index.position(of: entry.id) { #expect(index.id(at: position) == entry.id) }
          _ = index.positions(hexPrefix: Array(entry.id.hex.prefix(3).utf8))
        }
        for position in 0..<index.count {
          _ = (index.id(at: position), index.crc(at: position))
          #expect(index.offset(at: position) >= 0)
        }
        if bytes.count == good.count, !bytes.elementsEqual(good) {
          #expect(throws: FormatError.self) { try index.verify() }
        }
      }
    }
  }
}
