import GitFormat
import VersionedStore

/// One entry of a pack that is being received.
struct IncomingEntry {
  var offset: Int
  /// Where its compressed bytes begin, and where the entry ends.
  var dataStart: Int
  var end: Int
  var crc: UInt32
  var content: PackEntry.Content
  /// How many bytes it inflates to.
  var size: Int
  /// nil while it is a delta that is not resolved.
  var id: ObjectID?
}

/// Reads a pack as it comes: writes it to a file, and names the objects in it that are no deltas
/// (gitformat-pack, "pack-*.pack files").
struct IncomingPack: ~Copyable {
  private let input: BufferedInput
  private let file: SpoolFile
  private let format: ObjectFormat
  private let limits: ReceiveLimits
  private let check: ObjectChecking
  private var hasher: ObjectHasher
  private var inflater = InflateStream()
  private let scratch = Scratch()
  private(set) var entries: [IncomingEntry] = []
  private var unpacked = 0

  init(
    _ input: BufferedInput, to file: SpoolFile, _ format: ObjectFormat, _ limits: ReceiveLimits,
    _ check: @escaping ObjectChecking
  ) {
    self.input = input
    self.file = file
    self.format = format
    self.limits = limits
    self.check = check
    hasher = ObjectHasher(format)
  }

  /// Reads the whole pack; its checksum is not written to the file.
  ///
  /// - Parameter onProgress: called with the number of entries read and of all.
  /// - Returns: its entries, and its checksum, which has been compared.
  consuming func read(
    onProgress: (Int, Int) throws(StoreError) -> Void
  ) throws(StoreError) -> (entries: [IncomingEntry], checksum: ObjectID, unpacked: Int) {
    let count = try readHeader()
    for number in 0..<count {
      try readEntry()
      if number % 1_024 == 0 { try onProgress(number, count) }
    }
    let checksum: ObjectID
    do { checksum = try hasher.finish() } catch { throw .malformed(error) }
    let trailer = try input.peek(format.length)
    guard trailer.count >= format.length else { throw Self.malformed("it ends before its checksum") }
    guard trailer.starts(with: checksum.bytes) else { throw Self.malformed("its checksum is wrong") }
    input.skip(format.length)
    return (entries, checksum, unpacked)
  }

  static func malformed(_ why: String) -> StoreError { .malformed(FormatError("received pack", why)) }

  private mutating func readHeader() throws(StoreError) -> Int {
    let header = try input.peek(12)
    guard header.count >= 12, header.starts(with: "PACK".utf8) else { throw Self.malformed("it does not begin as one") }
    func number(_ offset: Int) -> UInt32 {
      UInt32(bigEndian: header.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }
    guard number(4) == 2 || number(4) == 3 else { throw Self.malformed("it is of version \(number(4))") }
    let count = Int(number(8))
    guard count <= limits.objects else {
      throw .tooLarge("a pack of \(count) objects; the limit is \(limits.objects)")
    }
    try take(UnsafeRawBufferPointer(rebasing: header[..<12]))
    return count
  }

  /// Passes on bytes of the pack.
  private mutating func take(_ bytes: UnsafeRawBufferPointer) throws(StoreError) {
    guard file.count + bytes.count <= limits.packBytes else {
      throw .tooLarge("a pack above \(limits.packBytes) bytes")
    }
    hasher.update(bytes)
    try file.append(bytes)
    input.skip(bytes.count)
  }

  private mutating func readEntry() throws(StoreError) {
    let offset = file.count
    let seen = try peekHeader()
    let header: PackEntry
    do { header = try PackEntry(parsing: seen, format) } catch { throw .malformed(error) }
    guard header.size <= limits.objectBytes else {
      throw .tooLarge("an object of \(header.size) bytes; the limit is \(limits.objectBytes)")
    }
    unpacked += header.size
    guard unpacked <= limits.unpackedBytes else { throw .tooLarge("a pack of more than \(limits.unpackedBytes) bytes") }
    let bytes = UnsafeRawBufferPointer(rebasing: seen[..<header.headerLength])
    var crc = PackEntry.crc(bytes)
    try take(bytes)
    let id = try inflate(header, offset, &crc)
    entries.append(
      IncomingEntry(
        offset: offset, dataStart: offset + header.headerLength, end: file.count, crc: crc, content: header.content,
        size: header.size, id: id))
  }

  /// Bytes that have an entry's whole header. No more than that is waited for: it may be the last of the connection.
  private func peekHeader() throws(StoreError) -> UnsafeRawBufferPointer {
    var seen = try input.peek(1)
    while !hasWholeHeader(seen), seen.count < PackEntry.longestHeader {
      let more = try input.peek(seen.count + 1)
      if more.count == seen.count { break }
      seen = more
    }
    return seen
  }

  private func hasWholeHeader(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard let sizeEnd = bytes.firstIndex(where: { $0 & 0x80 == 0 }) else { return false }
    let rest = bytes[(sizeEnd + 1)...]
    switch bytes[0] >> 4 & 7 {
    case 6: return rest.contains { $0 & 0x80 == 0 }
    case 7: return rest.count >= format.length
    default: return true
    }
  }

  /// Inflates an entry's data, of which only its name is kept.
  ///
  /// - Returns: the name; nil for a delta.
  private mutating func inflate(
    _ header: PackEntry, _ offset: Int, _ crc: inout UInt32
  ) throws(StoreError) -> ObjectID? {
    var object = IncomingObject(header, format)
    inflater.reset()
    var produced = 0
    while true {
      let available = try input.peek(1)
      let progress: StreamProgress
      do { progress = try inflater.step(available, into: scratch.bytes) } catch {
        throw Self.malformed("the entry at byte \(offset): \(error.why)")
      }
      let used = UnsafeRawBufferPointer(rebasing: available[..<progress.consumed])
      crc = PackEntry.crc(used, after: crc)
      try take(used)
      produced += progress.produced
      guard produced <= header.size else { throw Self.malformed("the entry at byte \(offset) is longer than it says") }
      object.append(UnsafeRawBufferPointer(rebasing: scratch.bytes[..<progress.produced]))
      if progress.isFinished { break }
      if progress.consumed == 0, progress.produced == 0, available.isEmpty { throw Self.malformed("it is cut off") }
    }
    guard produced == header.size else { throw Self.malformed("the entry at byte \(offset) is shorter than it says") }
    return try object.finish(check)
  }
}

/// Room for a piece of inflated data.
private final class Scratch {
  let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 16)
  deinit { bytes.deallocate() }
}

/// Looks at an object from outside before it is taken.
typealias ObjectChecking = (ObjectKind, [UInt8]) throws(StoreError) -> Void

/// An object whose bytes come in pieces. A blob's are only hashed.
private struct IncomingObject: ~Copyable {
  private let kind: ObjectKind?
  private var hasher: ObjectHasher
  private var bytes: [UInt8] = []

  init(_ header: PackEntry, _ format: ObjectFormat) {
    hasher = ObjectHasher(format)
    guard case .object(let kind) = header.content else {
      kind = nil
      return
    }
    self.kind = kind
    hasher.update(Array("\(kind) \(header.size)\0".utf8))
  }

  mutating func append(_ piece: UnsafeRawBufferPointer) {
    guard let kind else { return }
    hasher.update(piece)
    if kind != .blob { bytes.append(contentsOf: piece) }
  }

  consuming func finish(_ check: ObjectChecking) throws(StoreError) -> ObjectID? {
    guard let kind else { return nil }
    if kind != .blob { try check(kind, bytes) }
    do { return try hasher.finish() } catch { throw .malformed(error) }
  }
}
