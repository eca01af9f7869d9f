public import GitFormat
import Glibc
import HostSystem
public import VersionedStore

/// How a backup is restored.
public struct RestoreOptions: Sendable {
  /// Which repositories are wanted, by name; nil: all.
  public var only: Set<String>?
  /// What has been forgotten of a repository up to now: it does not come back with an old backup.
  public var forgotten: @Sendable (_ name: String) throws(StoreError) -> ForgottenObjects? = { _ in nil }
  /// Whoever has the passphrase may restore whatever a repository can have.
  public var limits: ReceiveLimits = {
    var limits = ReceiveLimits()
    (limits.packBytes, limits.objects, limits.unpackedBytes) = (.max, Int(UInt32.max), .max)
    limits.objectBytes = PackSet.Limits().object
    return limits
  }()
  /// For reflogs.
  public var who: Signature

  public init(who: Signature) { self.who = who }
}

extension Backup {
  /// Makes a folder with the repositories of a backup, whole or not at all: they are made under another name beside it,
  /// checked (hashes, what refers to what, names), synced, and renamed.
  ///
  /// - Parameters:
  ///   - source: the encrypted bytes.
  ///   - folder: must not exist, or be empty.
  /// - Throws: `.denied` for a wrong passphrase; `.malformed` where the backup is damaged, changed or cut off; `.invalid`
  ///   where there is something in the folder. Then nothing is left behind.
  @discardableResult
  public static func restore(
    _ source: any ByteSource, passphrase: [UInt8], into folder: String, _ options: RestoreOptions
  ) throws(StoreError) -> [Entry] {
    guard File.list(folder).isEmpty else { throw .invalid("\(folder) is not empty; restore into a new folder") }
    let place = try RestorePlace(beside: folder)
    defer { place.remove() }
    let (entries, files) = try Restore(options, place.path).run(source, passphrase)
    guard options.only != nil || files.isEmpty else {
      throw .invalid("this is the backup of a whole router: restore it by lares restore, or name a repository of it")
    }
    guard !entries.isEmpty else { throw .invalid("nothing in the backup has the wanted name") }
    try place.rename(to: folder)
    return entries
  }

  /// Reads a whole backup, checks all of it, and hands it over with its repositories restored in a folder that is removed
  /// afterwards; where this process is killed, by the next that unpacks there.
  ///
  /// - Parameter path: says where that folder is: beside it, with a name that begins like it.
  /// - Throws: as `restore`, and what the body throws.
  public static func unpack<Result>(
    _ source: any ByteSource, passphrase: [UInt8], beside path: String, _ options: RestoreOptions,
    _ body: (UnpackedBackup) throws -> Result
  ) throws -> Result {
    let place = try RestorePlace(beside: path)
    defer { place.remove() }
    let (entries, files) = try Restore(options, place.path).run(source, passphrase)
    return try body(UnpackedBackup(folder: place.path, entries: entries, files: files))
  }

  /// Reads a whole backup as if it were restored, and leaves nothing.
  ///
  /// - Parameter folder: where there is room for what is in it, on a disk that may have it in plain text for a while.
  public static func verify(
    _ source: any ByteSource, passphrase: [UInt8], using folder: String, _ options: RestoreOptions
  ) throws(StoreError) -> [Entry] {
    let place = try RestorePlace(beside: folder + "/verified")
    defer { place.remove() }
    return try Restore(options, place.path).run(source, passphrase).entries
  }
}

/// One restore, into a folder that is nobody's yet.
private struct Restore {
  private let options: RestoreOptions
  private let folder: String
  private static let mostRepositories = 10_000

  init(_ options: RestoreOptions, _ folder: String) {
    self.options = options
    self.folder = folder
  }

  func run(
    _ source: any ByteSource, _ passphrase: [UInt8]
  ) throws(StoreError) -> (entries: [Backup.Entry], files: [BackupFile]) {
    let encrypted = BufferedInput(source)
    let reader = try SealedReader(passphrase: passphrase) { (count) throws(StoreError) in
      var bytes: [UInt8] = []
      _ = try encrypted.append(count, to: &bytes)
      return bytes
    }
    let records = try BackupRecordReader(BufferedInput(SealedSource(reader)))
    var names: [String] = []
    var entries: [Backup.Entry] = []
    while ![.file, .end].contains(try records.peek().kind) {
      let description = try BackupDescription(records)
      names.append(description.name)
      guard names.count <= Self.mostRepositories else { throw .tooLarge("the number of repositories in the backup") }
      try Backup.check(names)
      let pack = BackupPackSource(records)
      let isWanted = options.only?.contains(description.name) ?? true
      if isWanted { entries.append(try restore(description, pack)) } else { try Self.pass(pack) }
      try checkEnd(records, description, pack)
    }
    let files = try BackupFile.readAll(records)
    try Backup.check(names + files.map(\.name))
    guard let end = try records.next(.end),
      end.content == Backup.countsAtEnd(repositories: names.count, files: files.count)
    else { throw BackupRecord.malformed("its number of repositories or files is wrong") }
    try records.expectEnd()
    return (entries, files)
  }

  private static func pass(_ pack: BackupPackSource) throws(StoreError) {
    let input = BufferedInput(pack)
    while try input.withBuffered({ (bytes) throws(StoreError) in bytes.count }) {}
  }

  private func checkEnd(
    _ records: BackupRecordReader, _ description: BackupDescription, _ pack: BackupPackSource
  ) throws(StoreError) {
    guard let end = try records.next(.endOfRepository), end.content.count == 16,
      Array(end.content[..<8]).number == UInt64(description.references.count),
      Array(end.content[8...]).number == UInt64(pack.count)
    else { throw BackupRecord.malformed("the records of \(description.name) are out of order, or some are missing") }
  }

  // MARK: - One repository

  private func restore(
    _ description: BackupDescription, _ source: BackupPackSource
  ) throws(StoreError) -> Backup.Entry {
    let path = "\(folder)/\(description.name)"
    do throws(SystemError) { try File.makeFolder(File.folderName(of: path)) } catch { throw .system(error) }
    let backend = try GitBackend.create(path, format: description.format, head: description.head)
    let count = try fill(backend, description, source)
    // After its objects: what it has though it was forgotten was added again.
    if !description.forgotten.isEmpty { try backend.remember(description.forgotten) }
    let rewritten = try forget(in: backend, description)
    try backend.publish()
    try add(description.settings, to: path + "/config")
    return Backup.Entry(
      name: description.name, format: description.format, references: description.references.count, objects: count,
      packBytes: source.count, rewritten: rewritten)
  }

  /// - Returns: the number of objects.
  private func fill(
    _ backend: GitBackend, _ description: BackupDescription, _ source: BackupPackSource
  ) throws(StoreError) -> Int {
    let pack = try receive(source, backend)
    try check(description, pack.map { Quarantine(pack: $0, base: backend) } ?? backend)
    let changes = description.references.map {
      RefChange($0.name, from: nil, to: $0.id, who: options.who, why: "restore")
    }
    try backend.adopt(pack, refs: changes, shallow: ShallowChange(added: description.shallow.sorted()))
    return pack?.count ?? 0
  }

  private func receive(_ source: BackupPackSource, _ backend: GitBackend) throws(StoreError) -> ReceivedPack? {
    let input = BufferedInput(source)
    guard try !input.peek(1).isEmpty else { return nil }
    let pack = try PackReceiver(for: backend, limits: options.limits).receive(from: input)
    guard try input.peek(1).isEmpty else { throw BackupRecord.malformed("something follows a pack") }
    return pack
  }

  private func check(_ description: BackupDescription, _ objects: any ObjectReader) throws(StoreError) {
    try ObjectSelection.checkComplete(
      description.references.map(\.id), known: [], cut: description.shallow, in: objects)
    for (name, id) in description.references where name.branchName != nil {
      let kind = try objects.object(id).kind
      guard kind == .commit else { throw .wrongKind(id, found: kind, expected: .commit) }
    }
  }

  /// Takes out what has been forgotten since the backup was made.
  private func forget(in backend: GitBackend, _ description: BackupDescription) throws(StoreError) -> Int {
    guard let current = try options.forgotten(description.name), !current.isEmpty else { return 0 }
    let new = try current.subtracting(description.forgotten)
    guard !new.isEmpty else { return 0 }
    return try backend.forget(ForgetRequest(objects: new), who: options.who).commits
  }

  private func add(_ settings: String, to path: String) throws(StoreError) {
    guard !settings.isEmpty else { return }
    do throws(SystemError) {
      try File.replace(path, with: try File.read(path) + Array(settings.utf8), durable: true)
    } catch { throw .system(error) }
  }
}

extension [UInt8] {
  /// Eight bytes as a number; nil where there are not eight.
  fileprivate var number: UInt64? { count == 8 ? reduce(0) { $0 << 8 | UInt64($1) } : nil }

  mutating func appendNumber(_ value: UInt64) { Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) } }
}
