import CHostSystem
import Glibc
public import Household

/// The one writer of a kind of facts: keeps them in memory and in files, and announces each change to readers.
public final class FactWriter<Value: Codable & Sendable & Equatable> {
  public let kind: FactKind<Value>
  /// All facts of the kind by key.
  public private(set) var values: [String: Value]
  /// What was found wrong with the files at the start, in words; nil where they were whole.
  public private(set) var recoveryNote: String?

  private let files: FactFiles
  private var sequence: UInt64
  private var tail: Descriptor
  private var tailBytes: Int
  private var snapshotBytes: Int
  /// Whether the tail may have lost its name to a new one: then nothing is appended before all is written anew.
  private var isTailLost = false
  private var announcer: FactAnnouncer?

  /// Opens or makes the kind's folder, and takes up what was there before.
  ///
  /// - Parameters:
  ///   - folders: where the process keeps state and run-time files.
  ///   - loop: serves readers' connections; nil: changes are written but not announced.
  public init(_ kind: FactKind<Value>, in folders: Folders, loop: EventLoop?) throws(SystemError) {
    self.kind = kind
    files = FactFiles(folder: folders.facts(kind))
    try File.makeFolder(files.folder, mode: 0o750)
    let contents = try files.read(Value.self)
    values = contents.values
    sequence = contents.sequence
    recoveryNote =
      contents.isWhole ? nil : "\(files.folder): the last write was cut short; everything before it was recovered"
    tail = try Descriptor(opening: files.tail, O_WRONLY | O_CREAT | O_APPEND, mode: 0o640)
    tailBytes = contents.validTailBytes
    snapshotBytes = 0
    do {
      try compact()
    } catch {
      // Without room the old files do, but for a record at their end that was cut.
      guard error.code == ENOSPC || error.code == EDQUOT, ftruncate(tail.number, off_t(tailBytes)) == 0 else {
        throw error
      }
      recoveryNote = "\(files.folder): no room to write it anew; what was there is in force (\(error))"
    }
    if let loop { announcer = try FactAnnouncer(path: files.socket, loop: loop) }
  }

  /// Sets (a value) or removes (nil) several facts as one write. When it returns, a durable kind is on stable storage.
  ///
  /// Of several changes of one fact the last counts, and values equal to the present ones are left out. On an error nothing
  /// has changed.
  ///
  /// - Returns: how many facts changed.
  @discardableResult
  public func apply(_ changes: [(key: String, value: Value?)]) throws(SystemError) -> Int {
    var next = sequence
    var bytes: [UInt8] = []
    let effective = Self.last(changes).filter { values[$0.key] != $0.value }
    for change in effective {
      next += 1
      let entry = FactFiles.Entry(sequence: next, key: change.key, value: change.value)
      guard let line = try? FactFiles.line(entry) else {
        throw SystemError("encoding fact \(change.key) of kind \(kind.name)", code: EINVAL)
      }
      bytes += line
    }
    guard !bytes.isEmpty else { return 0 }
    try append(bytes)
    sequence = next
    for change in effective { values[change.key] = change.value }
    if tailBytes > max(65_536, 4 * snapshotBytes) { try? compact() }
    announcer?.announce()
    return effective.count
  }

  /// The last change of each fact.
  private static func last(_ changes: [(key: String, value: Value?)]) -> [(key: String, value: Value?)] {
    guard changes.count > 1 else { return changes }
    var seen: Set<String> = []
    return changes.reversed().filter { seen.insert($0.key).inserted }.reversed()
  }

  public func set(_ key: String, _ value: Value) throws(SystemError) { try apply([(key, value)]) }
  public func remove(_ key: String) throws(SystemError) { try apply([(key, nil)]) }

  /// Makes `wanted` the whole collection.
  @discardableResult
  public func replaceAll(with wanted: [String: Value]) throws(SystemError) -> Int {
    let gone = values.keys.filter { wanted[$0] == nil }.sorted()
    let changed = wanted.filter { values[$0.key] != $0.value }.sorted { $0.key < $1.key }
    return try apply(gone.map { ($0, nil) } + changed.map { ($0.key, $0.value) })
  }

  /// Makes `wanted` the whole collection, and writes all of it anew, also where it is what was there: when this returns,
  /// the storage is known to take writes again.
  public func rewriteAll(with wanted: [String: Value]) throws(SystemError) {
    let before = values
    values = wanted
    // Never lowered again: the snapshot may have been replaced before an error.
    sequence += 1
    do {
      try compact()
    } catch {
      values = before
      throw error
    }
    announcer?.announce()
  }

  private func append(_ bytes: [UInt8]) throws(SystemError) {
    if isTailLost { try compact() }
    do {
      try tail.writeAll(bytes, to: files.tail)
      if kind.isDurable { try systemCall("syncing \(files.tail)") { fdatasync(tail.number) } }
      tailBytes += bytes.count
    } catch {
      // A record that was refused must not be found at the next start.
      ftruncate(tail.number, off_t(tailBytes))
      throw error
    }
  }

  /// Writes everything into a new snapshot and starts an empty tail.
  private func compact() throws(SystemError) {
    do {
      try rewrite()
      isTailLost = false
    } catch {
      isTailLost = File.identifier(of: files.tail) != tail.identifier
      throw error
    }
  }

  private func rewrite() throws(SystemError) {
    guard var bytes = try? FactFiles.line(FactFiles.Header(sequence: sequence)) else {
      throw SystemError("encoding the snapshot of \(kind.name)", code: EINVAL)
    }
    let header = bytes
    for (key, value) in values {
      guard let line = try? FactFiles.line(FactFiles.Entry(sequence: 0, key: key, value: value)) else {
        throw SystemError("encoding fact \(key) of kind \(kind.name)", code: EINVAL)
      }
      bytes += line
    }
    try File.replace(files.snapshot, with: bytes, durable: kind.isDurable)
    try File.replace(files.tail, with: header, durable: kind.isDurable)
    tail = try Descriptor(opening: files.tail, O_WRONLY | O_APPEND)
    tailBytes = header.count
    snapshotBytes = bytes.count
  }
}

/// Tells connected readers that there is something new: one byte for any number of changes.
final class FactAnnouncer {
  private let listener: StreamListener
  private var readers: [StreamSocket] = []

  init(path: String, loop: EventLoop) throws(SystemError) {
    listener = try StreamListener(path: path, kind: .sequencedPackets, mode: 0o660, loop: loop)
    listener.onConnection = { [unowned self] stream in
      readers.append(stream)
      // A change between the reader's connect and this accept was announced to nobody.
      _ = stream.write([1])
      stream.onReadable = { [weak self, weak stream] in
        guard let stream, case .closed = stream.read(limit: 16) else { return }
        stream.close()
        self?.readers.removeAll { $0 === stream }
      }
    }
  }

  func announce() {
    for reader in readers { _ = reader.write([1]) }
  }
}
