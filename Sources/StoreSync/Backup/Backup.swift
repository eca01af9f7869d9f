public import GitFormat
import HostSystem
public import VersionedStore

/// Several repositories, and files beside them, in one encrypted file.
///
/// It has each repository's object format, HEAD, references (with those under `refs/lares/`, so that what a forced push
/// replaced can still be brought back), the settings that name remotes and people, where its history ends, what it has
/// forgotten, and all objects that the references reach. It has no reflogs, no hooks, and nothing that is unreachable.
///
/// The plain text is a sequence of `BackupRecord`s inside a `SealedWriter`'s stream: nothing of it can be read, changed, cut
/// off or put elsewhere without the passphrase. Its length tells roughly how much there is.
public enum Backup {
  /// A repository and what it is called in the backup: names between slashes, none of which begins with a dot.
  public struct Item: Sendable {
    public var name: String
    public var backend: GitBackend

    public init(_ name: String, _ backend: GitBackend) {
      self.name = name
      self.backend = backend
    }
  }

  /// What is in a backup, of one repository.
  public struct Entry: Equatable, Sendable {
    public var name: String
    public var format: ObjectFormat
    public var references: Int
    public var objects: Int
    /// Bytes of its objects in the backup.
    public var packBytes: Int
    /// Commits that a restore made anew, for what has been forgotten since.
    public var rewritten = 0
  }

  /// Writes a backup of what the repositories have now, each as of one moment, while others go on changing them.
  ///
  /// - Parameters:
  ///   - files: what else is in it, in memory.
  ///   - sink: takes the encrypted bytes in order. Only a few pieces of 64 KiB are in memory at a time.
  ///   - salt: 16 random bytes, never the same for two backups.
  /// - Throws: `.invalid` for names that cannot be, or stand in each other's way; `.missing` where an object is damaged or
  ///   was taken away meanwhile; what the sink throws. What was written then is no backup, and cannot be taken for one.
  @discardableResult
  public static func write(
    _ items: [Item], files: [BackupFile] = [], passphrase: [UInt8], salt: [UInt8],
    _ cost: PassphraseCost = PassphraseCost(), to sink: @escaping PackSink
  ) throws(StoreError) -> [Entry] {
    try check(items.map(\.name) + files.map(\.name))
    let sealed = SealedSink(try SealedWriter(passphrase: passphrase, salt: salt, cost, sink: sink))
    let records = try BackupRecordWriter(sealed)
    var entries: [Entry] = []
    for item in items { entries.append(try write(item, to: records)) }
    for file in files { try file.write(to: records) }
    try records.write(.end, countsAtEnd(repositories: items.count, files: files.count))
    try sealed.finish()
    return entries
  }

  /// The content of the last record. Without files it is what it was before there were any.
  static func countsAtEnd(repositories: Int, files: Int) -> [UInt8] {
    var counts: [UInt8] = []
    counts.appendNumber(UInt64(repositories))
    if files > 0 { counts.appendNumber(UInt64(files)) }
    return counts
  }

  /// Whether a repository or a file may be called so: nothing that leads elsewhere, is hidden, or cannot be read on a
  /// terminal.
  public static func isName(_ name: String) -> Bool {
    let parts = name.split(separator: "/", omittingEmptySubsequences: false)
    return name.utf8.count <= 1_024 && parts.count <= 16
      && parts.allSatisfy { part in
        !part.isEmpty && part.utf8.count <= 200 && part.utf8.first != UInt8(ascii: ".")
          && part.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "\\") }
      }
  }

  /// - Throws: `.invalid` where a name cannot be, or one is twice, or within another.
  static func check(_ names: [String]) throws(StoreError) {
    var known: Set<String> = []
    for name in names {
      guard isName(name) else {
        throw .invalid("nothing in a backup can be called “\(Text.readable(name.utf8))”")
      }
      guard known.insert(name).inserted else { throw .invalid("\(name) is in the backup twice") }
    }
    for name in names {
      for slash in name.indices where name[slash] == "/" && known.contains(String(name[..<slash])) {
        throw .invalid("\(name) is within \(name[..<slash])")
      }
    }
  }

  private static func write(_ item: Item, to records: BackupRecordWriter) throws(StoreError) -> Entry {
    let backend = item.backend
    var description = BackupDescription(name: item.name, format: backend.format, head: try backend.headTarget)
    description.settings = BackupSettings.excerpt(of: try settings(of: backend))
    (description.references, description.shallow) = try snapshot(backend)
    description.forgotten = try backend.forgotten
    try description.write(to: records)
    var selection = ObjectSelection(in: backend)
    selection.wants = Set(description.references.map(\.id)).sorted()
    selection.cut = description.shallow
    try selection.run()
    let sink = BackupPackSink(records)
    if !selection.selected.isEmpty {
      try selection.writePack(to: sink, from: backend, PackOptions()) { _ throws(StoreError) in }
    }
    var counts: [UInt8] = []
    counts.appendNumber(UInt64(description.references.count))
    counts.appendNumber(UInt64(sink.count))
    try records.write(.endOfRepository, counts)
    return Entry(
      name: item.name, format: backend.format, references: description.references.count,
      objects: selection.selected.count, packBytes: sink.count)
  }

  private static func settings(of backend: GitBackend) throws(StoreError) -> String {
    do throws(SystemError) {
      return String(decoding: try File.read(backend.folder + "/config"), as: UTF8.self)
    } catch { throw .system(error) }
  }

  /// All references as they are at one moment: as they were found twice in a row.
  private static func snapshot(
    _ backend: GitBackend
  ) throws(StoreError) -> (references: [(name: RefName, id: ObjectID)], shallow: Set<ObjectID>) {
    func references() throws(StoreError) -> [(name: RefName, id: ObjectID)] {
      var found: [(name: RefName, id: ObjectID)] = []
      for reference in try backend.references(under: "refs/") where try !backend.isSymbolic(reference.name) {
        found.append(reference)
      }
      return found
    }
    var last = try references()
    for _ in 0..<mostLooks {
      let (shallow, now) = (try backend.shallowCommits, try references())
      if now.elementsEqual(last, by: ==) { return (now, shallow) }
      last = now
    }
    throw .tooManyRetries(mostLooks)
  }

  private static let mostLooks = 10_000
}

/// Encrypts what is written.
private final class SealedSink: ByteSink {
  private let writer: SealedWriter

  init(_ writer: SealedWriter) { self.writer = writer }

  func write(_ bytes: UnsafeRawBufferPointer) throws(StoreError) { try writer.write(bytes) }
  func finish() throws(StoreError) { try writer.finish() }
}

/// Decrypts as it is read.
final class SealedSource: ByteSource {
  private let reader: SealedReader
  private var chunk: ArraySlice<UInt8> = []

  init(_ reader: SealedReader) { self.reader = reader }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws(StoreError) -> Int {
    while chunk.isEmpty {
      guard let next = try reader.next() else { return 0 }
      chunk = next[...]
    }
    let taken = chunk.prefix(buffer.count)
    buffer.copyBytes(from: taken)
    chunk = chunk.dropFirst(taken.count)
    return taken.count
  }
}
