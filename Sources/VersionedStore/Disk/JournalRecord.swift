import CDeflate
import GitFormat

/// One record of the journal, as bytes and back. Pure.
///
///     length of the payload   4 bytes, little-endian
///     CRC-32                  4 bytes, of the generation and the payload
///     generation              8 bytes
///     payload                 a byte that says what it is, then the rest
///
/// The generation tells a record from what an earlier use of the same file left behind it.
enum JournalRecord {
  static let headerLength = 16
  /// A batch with more than this goes into a pack of its own, not through the journal.
  static let maximumPayload = 1 << 20

  /// What a record says.
  enum Content {
    case batch(JournalBatch)
    /// Everything up to this offset is in Git's own files, durably.
    case published(upTo: Int)
  }

  private static let batchTag: UInt8 = 1
  private static let publishedTag: UInt8 = 2

  // MARK: - Writing

  /// The payload of a batch, and where in it the entries are. `entries` are complete pack entries, not deltas.
  static func payload(
    objects: [(id: ObjectID, entry: Range<Int>)], entries: [UInt8], refs: [RefChange]
  ) -> (bytes: [UInt8], places: [(id: ObjectID, place: Range<Int>)]) {
    var bytes: [UInt8] = []
    var places: [(id: ObjectID, place: Range<Int>)] = []
    places.reserveCapacity(objects.count)
    bytes.reserveCapacity(entries.count + objects.count * 36 + refs.count * 256 + 16)
    bytes.append(batchTag)
    bytes.appendVariable(objects.count)
    for object in objects {
      object.id.append(to: &bytes)
      bytes.appendVariable(object.entry.count)
      places.append((object.id, bytes.count..<bytes.count + object.entry.count))
      bytes.append(contentsOf: entries[object.entry])
    }
    bytes.appendVariable(refs.count)
    for change in refs {
      bytes.appendText(change.name.text)
      bytes.append((change.old == nil ? 0 : 1) | (change.new == nil ? 0 : 2))
      change.old?.append(to: &bytes)
      change.new?.append(to: &bytes)
      bytes.appendVariable(change.who.bytes.count)
      bytes.append(contentsOf: change.who.bytes)
      bytes.appendText(change.why)
    }
    return (bytes, places)
  }

  static func payload(publishedUpTo offset: Int) -> [UInt8] {
    var bytes = [publishedTag]
    bytes.appendVariable(offset)
    return bytes
  }

  /// Appends the record of a payload.
  static func append(_ payload: [UInt8], generation: UInt64, to block: inout [UInt8]) {
    block.appendLittleEndian(UInt32(payload.count))
    block.appendLittleEndian(checksum(payload.span.bytes, generation: generation))
    block.appendLittleEndian(generation)
    block.append(contentsOf: payload)
  }

  // MARK: - Reading

  /// The record at an offset of the journal's bytes, and where the next begins; nil where no whole record of the
  /// generation stands there, which is how a journal ends.
  ///
  /// - Parameter base: offset of the bytes' first byte in the file, for the places that the result names.
  static func read(
    _ bytes: [UInt8], at offset: Int, base: Int, generation: UInt64, format: ObjectFormat
  ) -> (content: Content, end: Int)? {
    guard bytes.count - offset >= headerLength else { return nil }
    let length = Int(bytes.littleEndian(at: offset, as: UInt32.self))
    let start = offset + headerLength
    guard length <= bytes.count - start, length > 0,
      bytes.littleEndian(at: offset + 8, as: UInt64.self) == generation
    else { return nil }
    let payload = bytes.span.extracting(start..<start + length).bytes
    guard bytes.littleEndian(at: offset + 4, as: UInt32.self) == checksum(payload, generation: generation) else {
      return nil
    }
    var reader = JournalReader(bytes: bytes, position: start, end: start + length, base: base, format: format)
    guard let content = reader.content(batchTag: batchTag, publishedTag: publishedTag) else { return nil }
    return (content, start + length)
  }

  /// How many bytes the record whose header stands at an offset takes; nil where none can begin there.
  static func length(_ bytes: [UInt8], at offset: Int, generation: UInt64) -> Int? {
    guard bytes.count - offset >= headerLength,
      bytes.littleEndian(at: offset + 8, as: UInt64.self) == generation
    else { return nil }
    let length = Int(bytes.littleEndian(at: offset, as: UInt32.self))
    return length > 0 && length <= maximumPayload * 2 ? headerLength + length : nil
  }

  private static func checksum(_ payload: RawSpan, generation: UInt64) -> UInt32 {
    var seed = generation.littleEndian
    let start = withUnsafeBytes(of: &seed) { libdeflate_crc32(0, $0.baseAddress, $0.count) }
    return payload.withUnsafeBytes { libdeflate_crc32(start, $0.baseAddress, $0.count) }
  }
}

/// A batch as the journal has it: where its objects stand, and its references.
struct JournalBatch: Sendable {
  /// Names of objects, and where in the file their pack entries are.
  var objects: [(id: ObjectID, place: Range<Int>)]
  var refs: [RefChange]
}

/// Reads a payload whose checksum was right; still checks every bound, for a wrong program may have written it.
private struct JournalReader {
  let bytes: [UInt8]
  var position: Int
  let end: Int
  let base: Int
  let format: ObjectFormat

  mutating func content(batchTag: UInt8, publishedTag: UInt8) -> JournalRecord.Content? {
    switch byte() {
    case batchTag: batch().map { .batch($0) }
    case publishedTag: variable().map { .published(upTo: $0) }
    default: nil
    }
  }

  private mutating func batch() -> JournalBatch? {
    var batch = JournalBatch(objects: [], refs: [])
    guard let objects = variable(), objects <= end - position else { return nil }
    batch.objects.reserveCapacity(objects)
    for _ in 0..<objects {
      guard let id = id(), let length = variable(), length <= end - position else { return nil }
      batch.objects.append((id, base + position..<base + position + length))
      position += length
    }
    guard let refs = variable(), refs <= end - position else { return nil }
    for _ in 0..<refs {
      guard let change = refChange() else { return nil }
      batch.refs.append(change)
    }
    return batch
  }

  private mutating func refChange() -> RefChange? {
    guard let text = text(), let name = RefName(String(decoding: text, as: UTF8.self)), let flags = byte() else {
      return nil
    }
    let old = flags & 1 == 0 ? nil : id()
    let new = flags & 2 == 0 ? nil : id()
    guard (old == nil) == (flags & 1 == 0), (new == nil) == (flags & 2 == 0),
      let who = self.text().flatMap({ Signature(line: $0) }), let why = self.text()
    else { return nil }
    return RefChange(name, from: old, to: new, who: who, why: String(decoding: why, as: UTF8.self))
  }

  private mutating func byte() -> UInt8? {
    guard position < end else { return nil }
    defer { position += 1 }
    return bytes[position]
  }

  private mutating func variable() -> Int? {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 63, by: 7) {
      guard let byte = byte() else { return nil }
      value |= UInt64(byte & 0x7F) << shift
      if byte & 0x80 == 0 { return Int(exactly: value) }
    }
    return nil
  }

  private mutating func text() -> ArraySlice<UInt8>? {
    guard let length = variable(), length <= end - position else { return nil }
    defer { position += length }
    return bytes[position..<position + length]
  }

  private mutating func id() -> ObjectID? {
    guard format.length <= end - position else { return nil }
    defer { position += format.length }
    return ObjectID(format, bytes.span.extracting(position..<position + format.length).bytes)
  }
}

extension [UInt8] {
  fileprivate mutating func appendVariable(_ value: Int) {
    var rest = UInt64(value)
    while rest >= 0x80 {
      append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    append(UInt8(rest))
  }

  fileprivate mutating func appendText(_ text: String) {
    appendVariable(text.utf8.count)
    append(contentsOf: text.utf8)
  }

  mutating func appendLittleEndian(_ value: some FixedWidthInteger) {
    Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
  }

  /// - Precondition: the bytes are there.
  func littleEndian<Value: FixedWidthInteger & BitwiseCopyable>(at offset: Int, as type: Value.Type) -> Value {
    precondition(offset >= 0 && count - offset >= MemoryLayout<Value>.size)
    return withUnsafeBytes { Value(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: type)) }
  }
}
