/// A view over the bytes of a pack's index (gitformat-pack, "pack-*.idx files", version 2). Its bounds are checked once,
/// so that no lookup can fail.
///
/// The names are not hashed at open: `verify` does that.
public struct PackIndex: @unchecked Sendable {
  // Sendable: nobody changes the bytes below it.
  private let bytes: UnsafeRawBufferPointer
  public let format: ObjectFormat
  /// How many objects the pack has.
  public let count: Int
  private let largeCount: Int

  private static let fanOutStart = 8
  private static let namesStart = 8 + 256 * 4
  private var checksumsStart: Int { Self.namesStart + count * format.length }
  private var offsetsStart: Int { checksumsStart + count * 4 }
  private var largeStart: Int { offsetsStart + count * 4 }

  /// Looks at the index's frame.
  ///
  /// - Parameter bytes: the whole file. It has to stay, unchanged, as long as the view is used.
  public init(_ bytes: UnsafeRawBufferPointer, _ format: ObjectFormat) throws(FormatError) {
    let trailer = 2 * format.length
    guard bytes.count >= Self.namesStart + trailer else { throw FormatError("pack index", "it is too short") }
    guard bytes.starts(with: Self.magic) else { throw FormatError("pack index", "it is not of version 2") }
    var previous: UInt32 = 0
    for byte in 0..<256 {
      let value = bytes.bigEndian32(at: Self.fanOutStart + byte * 4)
      guard value >= previous else { throw FormatError("pack index", "its fan-out table goes down") }
      previous = value
    }
    let count = Int(previous)
    let tables = bytes.count - Self.namesStart - trailer
    let large = tables - count * (format.length + 8)
    guard large >= 0, large % 8 == 0, large / 8 <= count else {
      throw FormatError("pack index", "\(count) objects do not fill \(bytes.count) bytes")
    }
    self.bytes = bytes
    self.format = format
    self.count = count
    largeCount = large / 8
  }

  private static let magic: [UInt8] = [0xFF, 0x74, 0x4F, 0x63, 0, 0, 0, 2]

  /// The name at a position in order of names.
  ///
  /// - Precondition: 0 ≤ position < count. The same for the others.
  public func id(at position: Int) -> ObjectID {
    precondition(position >= 0 && position < count)
    let start = Self.namesStart + position * format.length
    return ObjectID(format, UnsafeRawBufferPointer(rebasing: bytes[start..<(start + format.length)]).bytes)
  }

  /// The CRC-32 of the entry's bytes in the pack, header and compressed data.
  public func crc(at position: Int) -> UInt32 {
    precondition(position >= 0 && position < count)
    return bytes.bigEndian32(at: checksumsStart + position * 4)
  }

  /// Where the entry begins in the pack. A damaged index may say any place, also one that no pack has (Int.max).
  public func offset(at position: Int) -> Int {
    precondition(position >= 0 && position < count)
    let value = bytes.bigEndian32(at: offsetsStart + position * 4)
    guard value >= 0x8000_0000 else { return Int(value) }
    let large = Int(value & 0x7FFF_FFFF)
    guard large < largeCount else { return Int.max }
    return Int(exactly: bytes.bigEndian64(at: largeStart + large * 8)) ?? Int.max
  }

  /// The checksum at the end of the pack that this is the index of.
  public var packChecksum: ObjectID {
    let start = bytes.count - 2 * format.length
    return ObjectID(format, UnsafeRawBufferPointer(rebasing: bytes[start..<(start + format.length)]).bytes)
  }

  /// Whether the index has the checksum that it ends with.
  public func verify() throws(FormatError) {
    let start = bytes.count - format.length
    var hasher = ObjectHasher(format)
    hasher.update(UnsafeRawBufferPointer(rebasing: bytes[..<start]))
    let expected = ObjectID(format, UnsafeRawBufferPointer(rebasing: bytes[start...]).bytes)
    guard try hasher.finish() == expected else { throw FormatError("pack index", "its checksum is wrong") }
  }
}

// MARK: - Lookup

extension PackIndex {
  /// Where the object's entry begins in the pack; nil where the pack does not have it.
  public func find(_ id: ObjectID) -> Int? { position(of: id).map { offset(at: $0) } }

  /// The object's position in order of names.
  ///
  /// Names are spread evenly, so where one stands can be guessed to within a cache line or two (interpolation search).
  /// Where guesses do not lead on, as with names that share their first 64 bits, halving does.
  public func position(of id: ObjectID) -> Int? {
    guard id.format == format else { return nil }
    let key = id.prefix64
    let bucket = bucket(id.firstByte)
    var (low, high) = (bucket.lowerBound, bucket.upperBound)
    // All names from `low` to `high` have keys in this range.
    var lowKey = UInt64(id.firstByte) << 56
    var highKey = lowKey | UInt64.max >> 8
    var guesses = 6
    while low < high {
      var place = low + (high - low) / 2
      if guesses > 0, highKey > lowKey {
        place = low + Int(Double(high - low - 1) * (Double(key - lowKey) / Double(highKey - lowKey)))
        guesses -= 1
      }
      let found = prefix(at: place)
      if found == key {
        let name = self.id(at: place)
        if name == id { return place }
        if name < id { low = place + 1 } else { high = place }
      } else if found < key {
        low = place + 1
        lowKey = found
      } else {
        high = place
        highKey = found
      }
    }
    return nil
  }

  /// The positions of all objects whose names begin with these hexadecimal digits.
  public func positions(hexPrefix digits: some Collection<UInt8>) -> Range<Int> {
    let pad = format.digits - digits.count
    guard pad >= 0, let low = ObjectID(format, hex: digits + Array(repeating: UInt8(ascii: "0"), count: pad)),
      let high = ObjectID(format, hex: digits + Array(repeating: UInt8(ascii: "f"), count: pad))
    else { return 0..<0 }
    let start = firstPosition { $0 >= low }
    return start..<max(start, firstPosition { $0 > high })
  }

  /// The first position whose name the condition holds for, as it does for all after it.
  private func firstPosition(where condition: (ObjectID) -> Bool) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = low + (high - low) / 2
      if condition(id(at: middle)) { high = middle } else { low = middle + 1 }
    }
    return low
  }

  /// The positions of names with a first byte.
  private func bucket(_ byte: UInt8) -> Range<Int> {
    let end = bytes.bigEndian32(at: Self.fanOutStart + Int(byte) * 4)
    let start = byte == 0 ? 0 : bytes.bigEndian32(at: Self.fanOutStart + Int(byte) * 4 - 4)
    return Int(start)..<Int(end)
  }

  @inline(__always)
  private func prefix(at position: Int) -> UInt64 { bytes.bigEndian64(at: Self.namesStart + position * format.length) }
}

// MARK: - Writing

extension PackIndex {
  /// One object of a pack.
  public struct Entry: Equatable, Sendable {
    public var id: ObjectID
    /// The CRC-32 of the entry's bytes in the pack.
    public var crc: UInt32
    /// Where it begins in the pack.
    public var offset: Int

    public init(id: ObjectID, crc: UInt32, offset: Int) {
      self.id = id
      self.crc = crc
      self.offset = offset
    }
  }

  /// The bytes of a pack's index.
  ///
  /// - Parameters:
  ///   - entries: in any order, each object once.
  ///   - packChecksum: what the pack ends with.
  public static func serialize(
    _ entries: [Entry], packChecksum: ObjectID, _ format: ObjectFormat
  ) throws(FormatError) -> [UInt8] {
    let entries = entries.sorted { $0.id < $1.id }
    var bytes = magic
    bytes.reserveCapacity(namesStart + entries.count * (format.length + 8) + 2 * format.length)
    appendFanOut(entries, to: &bytes)
    for entry in entries { entry.id.append(to: &bytes) }
    for entry in entries { bytes.appendBigEndian(entry.crc) }
    var large: [UInt64] = []
    for entry in entries {
      if entry.offset < 0x8000_0000 {
        bytes.appendBigEndian(UInt32(entry.offset))
      } else {
        bytes.appendBigEndian(0x8000_0000 | UInt32(large.count))
        large.append(UInt64(entry.offset))
      }
    }
    for offset in large { bytes.appendBigEndian(offset) }
    packChecksum.append(to: &bytes)
    var hasher = ObjectHasher(format)
    hasher.update(bytes)
    try hasher.finish().append(to: &bytes)
    return bytes
  }

  private static func appendFanOut(_ entries: [Entry], to bytes: inout [UInt8]) {
    var end = 0
    for byte in UInt8.min...UInt8.max {
      while end < entries.count, entries[end].id.firstByte == byte { end += 1 }
      bytes.appendBigEndian(UInt32(end))
    }
  }
}
