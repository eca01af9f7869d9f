import Glibc
import Household

/// The two files of a kind of facts: `snapshot`, replaced atomically, and `tail`, the changes since.
///
/// Both hold one record a line: the CRC-32 of the rest as eight hexadecimal digits, a space, JSON. The first line of
/// either is a `Header`; the others are `Entry` values. A reader takes a tail's lines up to the first that is cut or
/// damaged, and skips those whose sequence number the snapshot includes, so that a crash between replacing one file
/// and replacing the other changes nothing.
struct FactFiles {
  struct Header: Codable {
    /// The last change that the snapshot includes.
    var sequence: UInt64
  }

  struct Entry<Value: Codable>: Codable {
    var sequence: UInt64
    var key: String
    /// Nil: the key was removed.
    var value: Value?
  }

  let folder: String
  var snapshot: String { folder + "/snapshot" }
  var tail: String { folder + "/tail" }
  var socket: String { folder + "/socket" }

  static func line(_ value: some Encodable) throws -> [UInt8] { line(json: try JSON.encode(value)) }

  /// The line of an entry; a value that writes its own JSON does so.
  static func line(_ entry: Entry<some Codable>) throws -> [UInt8] {
    guard let value = entry.value as? any DirectJSON else { return line(json: try JSON.encode(entry)) }
    var writer = JSONObjectWriter()
    writer.member("key", entry.key)
    writer.member("sequence", entry.sequence)
    write(value, to: &writer)
    return line(json: writer.finish())
  }

  private static func write(_ value: some DirectJSON, to writer: inout JSONObjectWriter) {
    writer.member("value", value)
  }

  private static func line(json: [UInt8]) -> [UInt8] {
    let sum = CRC32.checksum(of: json)
    var line: [UInt8] = []
    line.reserveCapacity(json.count + 10)
    for shift in stride(from: 28, through: 0, by: -4) {
      let digit = UInt8(truncatingIfNeeded: sum >> UInt32(shift)) & 15
      line.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
    }
    line.append(UInt8(ascii: " "))
    line += json
    line.append(UInt8(ascii: "\n"))
    return line
  }

  /// The JSON of one line without its newline; nil where the line is damaged.
  static func payload(of line: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
    guard line.count > 9, line[line.startIndex + 8] == UInt8(ascii: " "),
      let sum = UInt32(String(decoding: line.prefix(8), as: UTF8.self), radix: 16)
    else { return nil }
    let json = line.dropFirst(9)
    return CRC32.checksum(of: json) == sum ? json : nil
  }

  /// What both files hold together.
  struct Contents<Value: Codable> {
    var values: [String: Value] = [:]
    var sequence: UInt64 = 0
    /// Keys that lines have set or removed since this was last emptied.
    var touched: Set<String> = []
    /// What the snapshot includes, and what the tail stands on: where the tail is ahead, they do not belong together.
    var snapshotSequence: UInt64 = 0
    var tailSequence: UInt64 = 0
    /// Bytes of the tail that are whole records, and the tail that they were read from.
    var validTailBytes = 0
    var tailIdentifier: UInt64 = 0
    /// False where a file had a damaged record before its end.
    var isWhole = true
  }

  /// Reads the snapshot and the tail. Files that are not there are empty.
  func read<Value: Codable>(_: Value.Type) throws(SystemError) -> Contents<Value> {
    var contents = Contents<Value>()
    // A writer that replaces both files between our reading one and the other is met at most a few times in a row.
    for _ in 0..<10 {
      contents = Contents()
      if let bytes = try File.readIfPresent(snapshot) {
        let used = Self.apply(bytes, to: &contents, header: \.snapshotSequence)
        contents.isWhole = used == bytes.count
      }
      try readTail(into: &contents)
      if contents.tailSequence <= contents.snapshotSequence { break }
    }
    return contents
  }

  /// Takes up what has been appended to the tail since.
  ///
  /// - Returns: false where the tail is another file now, so that everything must be read again.
  func readMore<Value: Codable>(into contents: inout Contents<Value>) throws(SystemError) -> Bool {
    guard File.identifier(of: tail) == contents.tailIdentifier else { return false }
    try readTail(into: &contents)
    return true
  }

  private func readTail<Value: Codable>(into contents: inout Contents<Value>) throws(SystemError) {
    guard File.identifier(of: tail) != nil else { return }
    let descriptor = try Descriptor(opening: tail, O_RDONLY)
    contents.tailIdentifier = descriptor.identifier
    let offset = contents.validTailBytes
    lseek(descriptor.number, off_t(offset), SEEK_SET)
    let bytes = try descriptor.readToEnd(of: tail)
    let used = Self.apply(bytes, to: &contents, header: \.tailSequence)
    contents.validTailBytes = offset + used
    contents.isWhole = contents.isWhole && used == bytes.count
  }

  /// Applies whole lines from the start of `bytes`, and returns how many bytes they took.
  static func apply<Value: Codable>(
    _ bytes: [UInt8], to contents: inout Contents<Value>,
    header: WritableKeyPath<Contents<Value>, UInt64> = \.tailSequence
  ) -> Int {
    var start = 0
    while let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) {
      guard let json = payload(of: bytes[start..<end]) else { return start }
      if let entry = try? JSON.decode(Entry<Value>.self, from: json) {
        if entry.sequence == 0 || entry.sequence > contents.sequence {
          contents.values[entry.key] = entry.value
          contents.touched.insert(entry.key)
          contents.sequence = max(contents.sequence, entry.sequence)
        }
      } else if let line = try? JSON.decode(Header.self, from: json) {
        contents[keyPath: header] = line.sequence
        contents.sequence = max(contents.sequence, line.sequence)
      } else {
        return start
      }
      start = end + 1
    }
    return start
  }
}
