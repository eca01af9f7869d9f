import GitFormat
import VersionedStore

/// What a backup says of a repository before its objects come.
struct BackupDescription {
  /// Where it is put, below the folder of a restore: names between slashes.
  var name: String
  var format: ObjectFormat
  var head: RefName
  var settings = ""
  var shallow: Set<ObjectID> = []
  var references: [(name: RefName, id: ObjectID)] = []
  var forgotten: ForgottenObjects

  private static let mostReferences = 1_000_000
  private static let mostForgottenBytes = 1 << 30

  init(name: String, format: ObjectFormat, head: RefName) {
    self.name = name
    self.format = format
    self.head = head
    forgotten = ForgottenObjects(format)
  }

  // MARK: - Writing

  func write(to records: BackupRecordWriter) throws(StoreError) {
    try records.write(.repository, Array("name \(name)\nformat \(format.rawValue)\nhead \(head)\n".utf8))
    if !settings.isEmpty { try records.write(.settings, Array(settings.utf8)) }
    var bytes: [UInt8] = []
    for id in shallow.sorted() { id.append(to: &bytes) }
    for start in stride(from: 0, to: bytes.count, by: 1_024 * format.length) {
      try records.write(.shallow, Array(bytes[start..<min(start + 1_024 * format.length, bytes.count)]))
    }
    var lines: [UInt8] = []
    for (name, id) in references {
      id.appendHex(to: &lines)
      lines += " \(name)\n".utf8
      guard lines.count >= BackupRecord.pieceLength else { continue }
      try records.write(.references, lines)
      lines = []
    }
    if !lines.isEmpty { try records.write(.references, lines) }
    if !forgotten.isEmpty { try records.writePieces(.forgotten, forgotten.bytes) }
  }

  // MARK: - Reading

  /// Reads what stands before the pack.
  init(_ records: BackupRecordReader) throws(StoreError) {
    guard let record = try records.next(.repository) else { throw BackupRecord.malformed("a repository was expected") }
    let lines = String(decoding: record.content, as: UTF8.self).split(
      separator: "\n", omittingEmptySubsequences: false)
    func value(_ number: Int, _ key: String) -> String? {
      guard lines.count == 4, lines[number].hasPrefix(key + " ") else { return nil }
      return String(lines[number].dropFirst(key.utf8.count + 1))
    }
    guard let name = value(0, "name"), Backup.isName(name), let format = value(1, "format").flatMap(ObjectFormat.init),
      let head = value(2, "head").flatMap(RefName.init), head != .head
    else { throw BackupRecord.malformed("a repository has no name, format or head that can be") }
    self.init(name: name, format: format, head: head)
    if let record = try records.next(.settings) {
      settings = BackupSettings.excerpt(of: String(decoding: record.content, as: UTF8.self))
    }
    try readShallow(records)
    try readReferences(records)
    try readForgotten(records)
  }

  private mutating func readShallow(_ records: BackupRecordReader) throws(StoreError) {
    while let record = try records.next(.shallow) {
      guard record.content.count % format.length == 0, shallow.count < Self.mostReferences else {
        throw BackupRecord.malformed("the list of commits without parents is cut off or too long")
      }
      for start in stride(from: 0, to: record.content.count, by: format.length) {
        shallow.insert(ObjectID(format, Array(record.content[start..<start + format.length])))
      }
    }
  }

  private mutating func readReferences(_ records: BackupRecordReader) throws(StoreError) {
    var names: Set<RefName> = []
    while let record = try records.next(.references) {
      for line in record.content.split(separator: UInt8(ascii: "\n")) {
        guard line.count > format.digits + 1, let id = ObjectID(format, hex: line.prefix(format.digits)),
          line[line.startIndex + format.digits] == UInt8(ascii: " "),
          let name = RefName(String(decoding: line.dropFirst(format.digits + 1), as: UTF8.self)), name != .head,
          names.insert(name).inserted
        else { throw BackupRecord.malformed("a reference of \(self.name) has no name or object, or is there twice") }
        references.append((name, id))
      }
      guard references.count <= Self.mostReferences else { throw .tooLarge("the number of references in the backup") }
    }
  }

  private mutating func readForgotten(_ records: BackupRecordReader) throws(StoreError) {
    var bytes: [UInt8] = []
    while let record = try records.next(.forgotten) {
      bytes += record.content
      guard bytes.count <= Self.mostForgottenBytes else { throw .tooLarge("the list of forgotten objects") }
    }
    guard !bytes.isEmpty else { return }
    do { forgotten = try ForgottenObjects(bytes, format) } catch { throw .malformed(error) }
  }
}

/// The part of a repository's settings that is worth keeping, and that cannot make anybody's Git run a program.
enum BackupSettings {
  private static let keys: [String: Set<String>] = [
    "remote": ["url", "pushurl", "fetch", "push", "tagopt"], "branch": ["remote", "merge", "rebase", "description"],
    "user": ["name", "email"], "receive": ["denynonfastforwards", "denydeletes"], "gc": ["pruneexpire"],
  ]

  /// Lines of sections and keys that are known, as they are; others, comments and values over several lines are left out.
  static func excerpt(of text: String) -> String {
    var lines: [Substring] = []
    var section: (header: Substring, keys: Set<String>, isWritten: Bool)?
    for line in text.split(separator: "\n") {
      let words = line.drop { $0 == " " || $0 == "\t" }
      guard words.utf8.allSatisfy({ $0 >= 0x20 || $0 == 0x09 }), !words.hasSuffix("\\") else { continue }
      if words.hasPrefix("[") {
        let name = words.dropFirst().prefix { $0.isLetter }.lowercased()
        section = words.hasSuffix("]") ? keys[name].map { (words, $0, false) } : nil
      } else if let equals = words.firstIndex(of: "="), let known = section,
        known.keys.contains(words[..<equals].filter { $0 != " " && $0 != "\t" }.lowercased())
      {
        if !known.isWritten { lines.append(known.header) }
        section?.isWritten = true
        lines.append("\t" + words)
      }
    }
    return lines.map { $0 + "\n" }.joined()
  }
}
