import Configuration
import GitFormat
import Glibc
public import HostSystem
public import Household
public import StoreSync
public import VersionedStore

/// What a router's backup has beside the configuration's repository, as files of a `Backup`.
public struct RouterBackup: Equatable, Sendable {
  /// When it was made.
  public var made: UnixTime
  /// Values by name.
  public var secrets: [String: String] = [:]
  /// The keys of SSH servers that the history is pushed to, as they were at the first contact.
  public var hostKeys: String?
  /// Blocklists from the configuration's folder, as the configuration names them.
  public var lists: [String: List] = [:]

  /// A file that many may have to read.
  public struct List: Equatable, Sendable {
    public var mode: UInt32
    public var bytes: [UInt8]
  }

  /// What the configuration's repository is called in a backup.
  static let repository = "config.git"
  private static let note = "lares"
  private static let secretPrefix = "secrets/"
  private static let listPrefix = "lists/"

  public init(made: UnixTime) { self.made = made }

  /// As files of a backup.
  func files() throws(StoreError) -> [BackupFile] {
    var files = [try BackupFile(Self.note, mode: 0o600, Array("made \(made)\n".utf8))]
    for (name, value) in secrets.sorted(by: { $0.key < $1.key }) {
      files.append(try BackupFile(Self.secretPrefix + name, mode: 0o600, Array(value.utf8)))
    }
    if let hostKeys { files.append(try BackupFile(KnownHosts.file, mode: 0o600, Array(hostKeys.utf8))) }
    for (name, list) in lists.sorted(by: { $0.key < $1.key }) {
      files.append(try BackupFile(Self.listPrefix + name, mode: list.mode, list.bytes))
    }
    return files
  }

  /// Whether a blocklist of this name, relative to the configuration's folder, can be in a backup.
  static func canHold(list name: String) -> Bool { Backup.isName(listPrefix + name) }

  /// - Throws: `.malformed` where the files are not those of a router's backup, or not all of them are known.
  init(_ files: [BackupFile]) throws(StoreError) {
    guard let note = files.first(where: { $0.name == Self.note }),
      let made = String(decoding: note.bytes, as: UTF8.self).split(separator: "\n").first.flatMap(Self.time)
    else { throw .invalid("this is not the backup of a router; lares store restore makes the repositories in it") }
    self.init(made: made)
    for file in files where file.name != Self.note {
      if file.name == KnownHosts.file {
        hostKeys = try Self.text(file)
      } else if file.name.hasPrefix(Self.secretPrefix) {
        let name = String(file.name.dropFirst(Self.secretPrefix.count))
        guard SecretStore.isValid(name) else { throw Self.unknown(file) }
        secrets[name] = try Self.text(file)
      } else if file.name.hasPrefix(Self.listPrefix) {
        lists[String(file.name.dropFirst(Self.listPrefix.count))] = List(mode: file.mode, bytes: file.bytes)
      } else {
        throw Self.unknown(file)
      }
    }
  }

  private static func time(_ line: Substring) -> UnixTime? {
    line.hasPrefix("made ") ? UnixTime(line.dropFirst(5)) : nil
  }

  private static func text(_ file: BackupFile) throws(StoreError) -> String {
    guard let text = String(validating: file.bytes, as: UTF8.self) else {
      throw .malformed(FormatError("backup", "\(file.name) is no text"))
    }
    return text
  }

  private static func unknown(_ file: BackupFile) -> StoreError {
    .malformed(
      FormatError("backup", "this version does not know what \(file.name) is for; a newer one may have made the backup")
    )
  }
}

/// What a router keeps: control's state folder, and the folder with lares.toml.
public struct RouterState: Sendable {
  /// Control's own state folder.
  public let folder: String
  public let configuration: String
  var store: String { "\(folder)/\(RouterBackup.repository)" }

  /// - Parameters:
  ///   - folders: of the router, running or not.
  ///   - configuration: the folder with lares.toml.
  public init(_ folders: Folders, configuration: String) {
    folder = folders.state(of: "control")
    self.configuration = configuration
  }

  /// Takes the lock that whoever changes the state holds as long as it is at work.
  ///
  /// - Returns: nil where it cannot be taken for a reason that has nothing to do with others: no router stands still for it.
  /// - Throws: where another process holds it.
  static func lock(_ folder: String) throws -> FileLock? {
    do {
      return try FileLock(path: folder + "/lock")
    } catch {
      guard error.isBusyLock else { return nil }
      throw ControlError.failed("another process is at work in \(folder): control, or lares restore")
    }
  }

  // MARK: - Backing up

  /// What was backed up.
  public struct Summary: Codable, Equatable, Sendable {
    public var made: UnixTime
    /// The commit in force, and how many there are.
    public var commit: String
    public var commits: Int
    public var secrets: [String]
    public var hostKeys: Bool
    public var blocklists: [String]
    /// What is not as somebody may think, a sentence each.
    public var notes: [String] = []
  }

  /// Writes the whole state, encrypted, while the router goes on.
  ///
  /// - Parameter sink: takes the bytes in order.
  /// - Throws: where nothing has been committed, or something cannot be read. What was written then is no backup.
  public func backUp(
    passphrase: [UInt8], cost: PassphraseCost = PassphraseCost(), now: UnixTime, to sink: any ByteSink
  ) throws -> Summary {
    guard File.owner(of: store) != nil else {
      throw ControlError.failed("no router's state is in \(folder); name the right folder by --state")
    }
    let backend = try GitBackend(opening: store)
    let repository = ConfigurationStore.repository(backend)
    guard let head = try repository.branch(ConfigurationStore.mainName).head() else {
      throw ControlError.nothingCommitted
    }
    var backup = RouterBackup(made: now)
    backup.secrets = try SecretStore.readAll(folder + "/secrets")
    backup.hostKeys = try KnownHosts.read(folder)
    var notes = try addLists(to: &backup, ConfigurationTree.files(of: head.tree))
    if File.owner(of: folder + "/provisional") != nil {
      notes.append("the commit in force is provisional; the backup has it, be it confirmed later or not")
    }
    try Backup.write(
      [Backup.Item(RouterBackup.repository, backend)], files: backup.files(), passphrase: passphrase,
      salt: SystemRandomness.bytes(16), cost
    ) { (bytes) throws(StoreError) in try sink.write(bytes) }
    return Summary(
      made: now, commit: head.id.hex, commits: try Self.length(of: head, repository),
      secrets: backup.secrets.keys.sorted(),
      hostKeys: backup.hostKeys != nil, blocklists: backup.lists.keys.sorted(), notes: notes)
  }

  static func length(of head: VersionedStore.Commit, _ repository: Repository) throws -> Int {
    var count = 1
    var next = head.parents.first
    while let id = next {
      count += 1
      next = try repository.commit(id).parents.first
    }
    return count
  }

  /// Adds the blocklists that stand in the configuration's folder.
  ///
  /// - Returns: what is to be said of those that could not be added.
  private func addLists(to backup: inout RouterBackup, _ files: [String: String]) throws -> [String] {
    guard let model = try? ConfigurationText(files: files).parse() else {
      return ["the configuration in force cannot be read by this version, so its blocklists are not in the backup"]
    }
    var notes: [String] = []
    for name in model.names.blocklists where !name.hasPrefix("/") {
      do {
        guard RouterBackup.canHold(list: name) else { throw ControlError.failed("its name leads elsewhere") }
        let path = "\(configuration)/\(name)"
        backup.lists[name] = RouterBackup.List(mode: File.mode(of: path) ?? 0o640, bytes: try File.read(path))
      } catch {
        notes.append("blocklist \(name) is not in the backup: \(error)")
      }
    }
    return notes
  }
}

extension SystemError {
  /// Whether another process holds a lock.
  var isBusyLock: Bool { code == EWOULDBLOCK }
}

extension SecretStore {
  /// The values of a store that another process may be in charge of.
  static func readAll(_ folder: String) throws -> [String: String] {
    let store = SecretStore(reading: folder)
    // Between two renames of a restore there is no such folder for a moment.
    for _ in 0..<100 where File.owner(of: folder) == nil && File.owner(of: store.before) != nil {
      usleep(20_000)
    }
    var values: [String: String] = [:]
    for name in store.names { values[name] = try store.value(of: SecretName(name)) }
    return values
  }
}
