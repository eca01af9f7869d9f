import CDeflate

/// The header of one entry of a pack: what the compressed bytes after it are (gitformat-pack, "pack-*.pack files").
public struct PackEntry: Equatable, Sendable {
  /// What an entry's bytes are once inflated.
  public enum Content: Equatable, Sendable {
    /// An object, whole.
    case object(ObjectKind)
    /// A delta against the entry so many bytes before this one (OFS_DELTA); at least 1.
    case offsetDelta(distance: Int)
    /// A delta against an object by its name (REF_DELTA).
    case delta(base: ObjectID)
  }

  public var content: Content
  /// How many bytes the entry has once inflated: an object's size, or a delta's.
  public var size: Int
  /// Where the compressed bytes begin, counted from the entry's first byte.
  public var headerLength: Int

  /// No header is longer, in either format.
  public static let longestHeader = 10 + 32

  /// Reads the header that `bytes` begin with.
  ///
  /// - Throws: where the bytes end within it, its type is unknown, or a number in it does not fit.
  public init(parsing bytes: UnsafeRawBufferPointer, _ format: ObjectFormat) throws(FormatError) {
    var reader = EntryHeaderReader(bytes: bytes)
    let first = try reader.next()
    size = try reader.size(after: first)
    switch first >> 4 & 7 {
    case 6:
      content = .offsetDelta(distance: try reader.distance())
    case 7:
      guard bytes.count - reader.position >= format.length else { throw EntryHeaderReader.cutOff }
      let base = UnsafeRawBufferPointer(rebasing: bytes[reader.position..<(reader.position + format.length)])
      content = .delta(base: ObjectID(format, base.bytes))
      reader.position += format.length
    case let type:
      guard let kind = ObjectKind(rawValue: type) else {
        throw FormatError("pack entry", "type \(type) is none of an object's or a delta's")
      }
      content = .object(kind)
    }
    headerLength = reader.position
  }

  /// Appends a header.
  ///
  /// - Precondition: `size` is not negative, a distance is positive.
  public static func appendHeader(_ content: Content, size: Int, to bytes: inout [UInt8]) {
    var rest = UInt(size)
    var byte = UInt8(rest & 15) | content.type << 4
    rest >>= 4
    while rest != 0 {
      bytes.append(byte | 0x80)
      byte = UInt8(rest & 0x7F)
      rest >>= 7
    }
    bytes.append(byte)
    switch content {
    case .object: break
    case .offsetDelta(let distance): appendDistance(UInt(distance), to: &bytes)
    case .delta(let base): base.append(to: &bytes)
    }
  }

  /// Most significant seven bits first, each continuation counting one more than its bits say.
  private static func appendDistance(_ distance: UInt, to bytes: inout [UInt8]) {
    let start = bytes.count
    var rest = distance
    bytes.append(UInt8(rest & 0x7F))
    rest >>= 7
    while rest != 0 {
      rest -= 1
      bytes.append(UInt8(rest & 0x7F) | 0x80)
      rest >>= 7
    }
    bytes[start...].reverse()
  }
}

// MARK: - Whole entries

extension PackEntry {
  /// Compression that saves less than this part of an entry, in percent, is left out, where nothing else is said.
  public static let usualSaving = 30

  /// Appends an entry: header and compressed bytes.
  ///
  /// - Parameters:
  ///   - bytes: the object, or the delta.
  ///   - level, leastSaving: as for `compress`.
  /// - Returns: the CRC-32 of the entry, for the index.
  @discardableResult
  public static func append(
    _ content: Content, _ bytes: UnsafeRawBufferPointer, level: Int, leastSaving: Int = usualSaving,
    to output: inout [UInt8]
  ) -> UInt32 {
    let start = output.count
    appendHeader(content, size: bytes.count, to: &output)
    compress(bytes, level: level, leastSaving: leastSaving, into: &output)
    return output.withUnsafeBytes { crc(UnsafeRawBufferPointer(rebasing: $0[start...])) }
  }

  /// Appends the entry of a whole object.
  @discardableResult
  public static func append(
    _ kind: ObjectKind, _ bytes: [UInt8], level: Int, leastSaving: Int = usualSaving, to output: inout [UInt8]
  ) -> UInt32 {
    bytes.withUnsafeBytes { append(.object(kind), $0, level: level, leastSaving: leastSaving, to: &output) }
  }

  /// Appends a zlib stream of an entry's bytes, which only holds them as they are where compressing saves little. Most of a
  /// tree is hashes, which no code makes shorter, and building the code's table takes a reader ten times as long as
  /// copying the bytes.
  ///
  /// - Parameters:
  ///   - level: as for `Deflate.compress`.
  ///   - leastSaving: what compressing has to save, in percent of the bytes; 0: nothing.
  public static func compress(
    _ bytes: UnsafeRawBufferPointer, level: Int, leastSaving: Int = usualSaving, into output: inout [UInt8]
  ) {
    let start = output.count
    Deflate.compress(bytes, level: level, into: &output)
    // What is shorter is compressed by the format's fixed code, which needs no table.
    guard leastSaving > 0, bytes.count >= 64 else { return }
    let saved = bytes.count - (output.count - start)
    guard saved * 100 < bytes.count * leastSaving else { return }
    output.removeLast(output.count - start)
    Deflate.compress(bytes, level: 0, into: &output)
  }

  /// The CRC-32 that an index has of an entry's bytes.
  ///
  /// - Parameter sum: that of the bytes before these, for an entry that comes in pieces.
  public static func crc(_ bytes: UnsafeRawBufferPointer, after sum: UInt32 = 0) -> UInt32 {
    libdeflate_crc32(sum, bytes.baseAddress, bytes.count)
  }
}

extension PackEntry.Content {
  /// The type number of the header.
  fileprivate var type: UInt8 {
    switch self {
    case .object(let kind): kind.rawValue
    case .offsetDelta: 6
    case .delta: 7
    }
  }
}

/// Takes a header apart byte by byte.
private struct EntryHeaderReader {
  let bytes: UnsafeRawBufferPointer
  var position = 0

  static let cutOff = FormatError("pack entry", "it ends within its header")

  init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  mutating func next() throws(FormatError) -> UInt8 {
    guard position < bytes.count else { throw Self.cutOff }
    defer { position += 1 }
    return bytes[position]
  }

  /// The size whose lowest four bits are in the header's first byte.
  mutating func size(after first: UInt8) throws(FormatError) -> Int {
    var value = UInt64(first & 15)
    var shift: UInt64 = 4
    var byte = first
    while byte & 0x80 != 0 {
      byte = try next()
      let bits = UInt64(byte & 0x7F)
      guard shift < 63, (bits << shift) >> shift == bits else {
        throw FormatError("pack entry", "its size does not fit into 63 bits")
      }
      value |= bits << shift
      shift += 7
    }
    guard let size = Int(exactly: value) else {
      throw FormatError("pack entry", "its size does not fit into 63 bits")
    }
    return size
  }

  mutating func distance() throws(FormatError) -> Int {
    var byte = try next()
    var value = Int(byte & 0x7F)
    while byte & 0x80 != 0 {
      byte = try next()
      guard value < Int.max >> 8 else { throw FormatError("pack entry", "its base's distance does not fit") }
      value = (value + 1) << 7 | Int(byte & 0x7F)
    }
    guard value > 0 else { throw FormatError("pack entry", "it is a delta of itself") }
    return value
  }
}
