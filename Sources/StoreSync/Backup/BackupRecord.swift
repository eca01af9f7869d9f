import GitFormat
import VersionedStore

/// One record of a backup's plain text: a byte that says what it is, the length of its content in four bytes, most
/// significant first, and the content.
///
/// A backup is `LARES BACKUP 1\n`; for each repository a `repository` record, one with settings, any number with commits
/// without parents, references, forgotten objects and pieces of a pack, in this order, and an `endOfRepository`; for each
/// file a `file` record and any number with pieces of its content; then an `end`. All of it is inside an encrypted stream
/// (`SealedWriter`).
struct BackupRecord: Equatable {
  enum Kind: UInt8, CaseIterable {
    /// Lines `name …`, `format …`, `head …`.
    case repository = 0x52
    /// An excerpt of `config`.
    case settings = 0x43
    /// Names of commits without parents, as bytes.
    case shallow = 0x53
    /// Lines of a name of an object in hexadecimal digits and a reference's name.
    case references = 0x4E
    /// A piece of `ForgottenObjects.bytes`.
    case forgotten = 0x46
    /// A piece of a pack.
    case pack = 0x50
    /// The number of references, and of bytes of the pack, eight bytes each.
    case endOfRepository = 0x45
    /// Lines `name …`, `mode …` in octal digits, `length …`.
    case file = 0x4C
    /// A piece of a file's content.
    case content = 0x44
    /// The number of repositories, in eight bytes; where there are files, then their number too.
    case end = 0x5A
  }

  static let magic = Array("LARES BACKUP 1\n".utf8)
  static let headerLength = 5
  /// No record has more.
  static let maximumLength = 1 << 20
  /// Writers fill records up to this.
  static let pieceLength = 64 << 10

  var kind: Kind
  var content: [UInt8]

  static func malformed(_ why: String) -> StoreError { .malformed(FormatError("backup", why)) }
}

/// Reads records. What they say is checked by those who read them.
final class BackupRecordReader {
  private let input: BufferedInput
  private var ahead: BackupRecord?

  /// - Throws: `.malformed` where the bytes do not begin as a backup.
  init(_ input: BufferedInput) throws(StoreError) {
    self.input = input
    var magic: [UInt8] = []
    guard try input.append(BackupRecord.magic.count, to: &magic), magic == BackupRecord.magic else {
      throw BackupRecord.malformed("it is of another version, or none of ours")
    }
  }

  /// The next record, which stays.
  func peek() throws(StoreError) -> BackupRecord {
    if let ahead { return ahead }
    let record = try read()
    ahead = record
    return record
  }

  func next() throws(StoreError) -> BackupRecord {
    let record = try peek()
    ahead = nil
    return record
  }

  /// The next record if it is of a kind.
  func next(_ kind: BackupRecord.Kind) throws(StoreError) -> BackupRecord? {
    guard try peek().kind == kind else { return nil }
    return try next()
  }

  private func read() throws(StoreError) -> BackupRecord {
    var header: [UInt8] = []
    guard try input.append(BackupRecord.headerLength, to: &header) else {
      throw BackupRecord.malformed("it ends before its end")
    }
    guard let kind = BackupRecord.Kind(rawValue: header[0]) else {
      throw BackupRecord.malformed(
        "a record is of a kind that this version does not know (\(header[0])); a newer version may have made it")
    }
    let length = header[1...].reduce(0) { $0 << 8 | Int($1) }
    guard length <= BackupRecord.maximumLength else { throw .tooLarge("a record of \(length) bytes in the backup") }
    var content: [UInt8] = []
    guard try input.append(length, to: &content) else { throw BackupRecord.malformed("it ends inside a record") }
    return BackupRecord(kind: kind, content: content)
  }

  /// - Throws: where bytes follow.
  func expectEnd() throws(StoreError) {
    guard ahead == nil, try input.peek(1).isEmpty else { throw BackupRecord.malformed("something follows its end") }
  }
}

/// Writes records.
final class BackupRecordWriter {
  private let sink: any ByteSink

  init(_ sink: any ByteSink) throws(StoreError) {
    self.sink = sink
    try sink.write(BackupRecord.magic)
  }

  func write(_ kind: BackupRecord.Kind, _ content: [UInt8]) throws(StoreError) {
    guard content.count <= BackupRecord.maximumLength else {
      throw .tooLarge("\(content.count) bytes for one record of a backup")
    }
    try writeHeader(kind, content.count)
    try sink.write(content)
  }

  /// Writes bytes in as many records as they need.
  func writePieces(_ kind: BackupRecord.Kind, _ bytes: UnsafeRawBufferPointer) throws(StoreError) {
    for start in stride(from: 0, to: bytes.count, by: BackupRecord.pieceLength) {
      let piece = bytes[start..<min(start + BackupRecord.pieceLength, bytes.count)]
      try writeHeader(kind, piece.count)
      try sink.write(UnsafeRawBufferPointer(rebasing: piece))
    }
  }

  func writePieces(_ kind: BackupRecord.Kind, _ bytes: [UInt8]) throws(StoreError) {
    try bytes.span.bytes.withUnsafeBytes { (bytes) throws(StoreError) in try writePieces(kind, bytes) }
  }

  private func writeHeader(_ kind: BackupRecord.Kind, _ length: Int) throws(StoreError) {
    try sink.write([kind.rawValue] + (0..<4).map { UInt8(truncatingIfNeeded: length >> (24 - 8 * $0)) })
  }
}

/// The pieces of a pack as one stream.
final class BackupPackSource: ByteSource {
  private let records: BackupRecordReader
  private var piece: ArraySlice<UInt8> = []
  private(set) var count = 0

  init(_ records: BackupRecordReader) { self.records = records }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws(StoreError) -> Int {
    while piece.isEmpty {
      guard let record = try records.next(.pack) else { return 0 }
      piece = record.content[...]
    }
    let taken = piece.prefix(buffer.count)
    buffer.copyBytes(from: taken)
    piece = piece.dropFirst(taken.count)
    count += taken.count
    return taken.count
  }
}

/// Gathers pieces of a pack into records.
final class BackupPackSink: ByteSink {
  private let records: BackupRecordWriter
  private(set) var count = 0

  init(_ records: BackupRecordWriter) { self.records = records }

  func write(_ bytes: UnsafeRawBufferPointer) throws(StoreError) {
    count += bytes.count
    try records.writePieces(.pack, bytes)
  }
}
