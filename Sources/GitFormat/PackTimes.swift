/// When each object of a cruft pack was last written or wanted (gitformat-pack, "pack-*.mtimes files", version 1).
public enum PackTimes {
  private static let magic = Array("MTME".utf8)
  private static let headerLength = 12

  /// The bytes of the file.
  ///
  /// - Parameters:
  ///   - times: seconds since 1970, one for each object, in the order of the pack's index.
  ///   - packChecksum: what the pack ends with.
  public static func serialize(
    _ times: [UInt32], packChecksum: ObjectID, _ format: ObjectFormat
  ) throws(FormatError) -> [UInt8] {
    var bytes = magic
    bytes.reserveCapacity(headerLength + 4 * times.count + 2 * format.length)
    bytes.appendBigEndian(UInt32(1))
    bytes.appendBigEndian(number(of: format))
    for time in times { bytes.appendBigEndian(time) }
    packChecksum.append(to: &bytes)
    var hasher = ObjectHasher(format)
    hasher.update(bytes)
    try hasher.finish().append(to: &bytes)
    return bytes
  }

  /// Reads the bytes of such a file.
  ///
  /// - Throws: where they are not those that belong to this index.
  public static func parse(_ bytes: [UInt8], of index: PackIndex) throws(FormatError) -> [UInt32] {
    let format = index.format
    func wrong(_ why: String) -> FormatError { FormatError("pack times", why) }
    guard bytes.count == headerLength + 4 * index.count + 2 * format.length else {
      throw wrong("\(index.count) objects do not fill \(bytes.count) bytes")
    }
    var header = magic
    header.appendBigEndian(UInt32(1))
    header.appendBigEndian(number(of: format))
    guard bytes.starts(with: header) else { throw wrong("they are not of version 1, or of the other object format") }
    let trailer = bytes.count - format.length
    guard ObjectID(format, Array(bytes[(trailer - format.length)..<trailer])) == index.packChecksum else {
      throw wrong("they belong to another pack")
    }
    var hasher = ObjectHasher(format)
    hasher.update(Array(bytes[..<trailer]))
    guard try hasher.finish() == ObjectID(format, Array(bytes[trailer...])) else {
      throw wrong("their checksum is wrong")
    }
    return bytes.withUnsafeBytes { bytes in
      (0..<index.count).map { bytes.bigEndian32(at: headerLength + 4 * $0) }
    }
  }

  /// How Git's files number the object formats.
  private static func number(of format: ObjectFormat) -> UInt32 { format == .sha1 ? 1 : 2 }
}
