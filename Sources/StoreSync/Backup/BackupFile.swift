public import VersionedStore

/// A file in a backup, beside the repositories: what the household has outside of them, secrets among it. It is small
/// enough for memory, so that a secret stands on no disk before it is where it belongs.
public struct BackupFile: Equatable, Sendable {
  /// What it is called in the backup: names between slashes, none of which begins with a dot.
  public var name: String
  /// Who may read and write it, as chmod(2) takes it: at most 0o777.
  public var mode: UInt32
  public var bytes: [UInt8]

  /// - Throws: `.invalid` where the name or the mode cannot be, `.tooLarge` for the bytes.
  public init(_ name: String, mode: UInt32, _ bytes: [UInt8]) throws(StoreError) {
    guard Backup.isName(name) else {
      throw .invalid("a file in a backup cannot be called “\(Text.readable(name.utf8))”")
    }
    guard mode <= 0o777 else { throw .invalid("\(name) cannot have the mode \(String(mode, radix: 8))") }
    guard bytes.count <= Self.mostBytes else { throw .tooLarge("\(name), of \(bytes.count) bytes, for a backup") }
    (self.name, self.mode, self.bytes) = (name, mode, bytes)
  }

  /// So many bytes one file may have, and all of a backup together.
  static let mostBytes = 64 << 20
  static let mostBytesOfAll = 256 << 20
  static let mostFiles = 10_000

  // MARK: - Records

  func write(to records: BackupRecordWriter) throws(StoreError) {
    let lines = "name \(name)\nmode \(String(mode, radix: 8))\nlength \(bytes.count)\n"
    try records.write(.file, Array(lines.utf8))
    try records.writePieces(.content, bytes)
  }

  /// Reads a file.
  ///
  /// - Parameter room: so many bytes it may have.
  init(_ records: BackupRecordReader, room: Int) throws(StoreError) {
    guard let record = try records.next(.file) else { throw BackupRecord.malformed("a file was expected") }
    let lines = String(decoding: record.content, as: UTF8.self).split(
      separator: "\n", omittingEmptySubsequences: false)
    func value(_ number: Int, _ key: String) -> String? {
      guard lines.count == 4, lines[3].isEmpty, lines[number].hasPrefix(key + " ") else { return nil }
      return String(lines[number].dropFirst(key.utf8.count + 1))
    }
    guard let name = value(0, "name"), let mode = value(1, "mode").flatMap({ UInt32($0, radix: 8) }),
      let length = value(2, "length").flatMap({ Int($0) }), length >= 0
    else { throw BackupRecord.malformed("a file has no name, mode or length that can be") }
    guard length <= room else { throw .tooLarge("the files in the backup") }
    var bytes: [UInt8] = []
    while let piece = try records.next(.content) {
      guard piece.content.count <= length - bytes.count else {
        throw BackupRecord.malformed("a file is longer than it says")
      }
      bytes += piece.content
    }
    guard bytes.count == length else { throw BackupRecord.malformed("a file is shorter than it says") }
    try self.init(name, mode: mode, bytes)
  }

  /// Reads all files that come now.
  static func readAll(_ records: BackupRecordReader) throws(StoreError) -> [BackupFile] {
    var files: [BackupFile] = []
    var room = mostBytesOfAll
    while try records.peek().kind == .file {
      guard files.count < mostFiles else { throw .tooLarge("the number of files in the backup") }
      let file = try BackupFile(records, room: room)
      room -= file.bytes.count
      files.append(file)
    }
    return files
  }
}

/// A backup that has been read whole and found sound, with its repositories in a folder that soon goes again.
public struct UnpackedBackup: Sendable {
  /// Holds the repositories under their names.
  public let folder: String
  public let entries: [Backup.Entry]
  public let files: [BackupFile]
}
