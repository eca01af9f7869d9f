import Configuration
import GitFormat
import Glibc
public import HostSystem
public import Household
public import StoreSync
import VersionedStore

/// A router's backup that has been read whole and found sound.
public struct RestorableBackup {
  public let contents: RouterBackup
  /// The restored repository, in a folder that soon goes again.
  let repository: String
  /// The commit that main names in it, and its files.
  let commit: ObjectID
  public let files: [String: String]

  init(_ unpacked: UnpackedBackup) throws {
    contents = try RouterBackup(unpacked.files)
    guard unpacked.entries.map(\.name) == [RouterBackup.repository] else {
      throw ControlError.failed("the backup has not the one repository that a router's has")
    }
    repository = "\(unpacked.folder)/\(RouterBackup.repository)"
    let store = try ConfigurationStore.repository(GitBackend(opening: repository))
    guard let head = try store.branch(ConfigurationStore.mainName).head() else { throw ControlError.nothingCommitted }
    commit = head.id
    files = try ConfigurationTree.files(of: head.tree)
  }

  /// What this version makes of the configuration.
  ///
  /// - Throws: its mistakes, with file, line and column.
  public func checked(_ furtherCheck: (HouseholdModel) throws -> Void) throws -> HouseholdModel {
    guard files[ConfigurationText.mainFile] != nil else {
      throw ControlError.failed("the commit in the backup has no \(ConfigurationText.mainFile)")
    }
    let model = try ConfigurationText(files: files).parse()
    try furtherCheck(model)
    return model
  }

  /// What is in it.
  public func summary() throws -> RouterState.Summary {
    let store = try ConfigurationStore.repository(GitBackend(opening: repository))
    return RouterState.Summary(
      made: contents.made, commit: commit.hex, commits: try RouterState.length(of: store.commit(commit), store),
      secrets: contents.secrets.keys.sorted(), hostKeys: contents.hostKeys != nil,
      blocklists: contents.lists.keys.sorted())
  }

  /// Why the commit is made, for the history.
  public var reason: String { "Restore commit \(commit.hex.prefix(12)) of a backup" }
}

/// How a restore is wanted.
public struct RestoreWishes: Sendable {
  /// Seconds until it reverts unless confirmed; 0: it stays; nil: the default.
  public var window: Int?
  /// Whether uncommitted changes in lares.toml may be lost.
  public var discard: Bool
  /// Who wants it.
  public var author: String

  public init(window: Int?, discard: Bool, author: String) {
    (self.window, self.discard, self.author) = (window, discard, author)
  }
}

extension RouterState {
  /// Reads a whole backup, checks all of it, and hands it over. Secrets are in memory only; the configuration's history is
  /// for a while in a folder that only this user can read.
  ///
  /// - Parameter folder: where there is room for that; nil: in control's state folder.
  public func unpack<Result>(
    _ source: any ByteSource, passphrase: [UInt8], in folder: String? = nil,
    _ body: (RestorableBackup) throws -> Result
  ) throws -> Result {
    var options = RestoreOptions(who: Signature(person: "lares"))
    let (store, here) = (store, File.owner(of: store) != nil)
    // What has been forgotten here does not come back with an old backup.
    options.forgotten = { (_) throws(StoreError) in
      // A store that cannot be opened is moved aside, or refuses all else.
      guard here, let backend = try? GitBackend(opening: store) else { return nil }
      return try backend.forgotten
    }
    return try Backup.unpack(
      source, passphrase: passphrase, beside: (folder ?? self.folder) + "/restored", options
    ) { try body(RestorableBackup($0)) }
  }

  /// Takes the lock of whoever changes the state; nil: control runs, and has it.
  public func lockIfNobodyRuns() throws -> FileLock? {
    do {
      return try FileLock(path: folder + "/lock")
    } catch {
      guard error.isBusyLock else { throw error }
      return nil
    }
  }

  // MARK: - Into a running router

  /// Has the running control put a backup in force.
  public func restore(_ backup: RestorableBackup, _ wishes: RestoreWishes, by control: ControlClient) throws
    -> ChangeReport
  {
    let size = backup.contents.secrets.values.reduce(0) { $0 + $1.utf8.count }
    guard size + (backup.contents.hostKeys?.utf8.count ?? 0) <= Self.mostSecretBytes else {
      throw ControlError.failed(
        "the secrets have \(size) bytes, too many for a running Lares: stop it and restore then")
    }
    let store = try GitBackend(opening: store)
    let who = Signature(person: wishes.author)
    let incoming = try bring(backup, into: store, who)
    defer { drop(incoming, of: backup, from: store) }
    let request = RestoreRequest(
      commit: backup.commit.hex, secrets: backup.contents.secrets, hostKeys: backup.contents.hostKeys,
      reason: backup.reason, window: wishes.window, discard: wishes.discard)
    let report: ChangeReport = try withLists(of: backup) {
      // Control is to know who it really is.
      try Privileges.acting(as: getuid()) { try control.send("POST", "/v1/restore", request) }
    }
    try bringOthers(of: backup, into: store, who)
    return report
  }

  /// What one call of the API takes, in JSON.
  private static let mostSecretBytes = 400 << 10

  /// Stores the backup's history under a name that nobody sees.
  private func bring(_ backup: RestorableBackup, into store: GitBackend, _ who: Signature) throws -> RefName {
    let name = "\(ConfigurationStore.incomingPrefix)\(backup.commit.hex)-\(ProcessIdentity.current)"
    guard let incoming = RefName(name) else { throw ControlError.failed("\(name) is no name of a reference") }
    try fetch([RefSpec("+\(ConfigurationStore.main):\(incoming)")], of: backup, into: store, who)
    return incoming
  }

  /// Adds the other branches and tags of a backup that are not here, once it is in force.
  private func bringOthers(of backup: RestorableBackup, into store: GitBackend, _ who: Signature) throws {
    do {
      let here = try store.references(under: "refs/").map(\.name)
      let there = try GitBackend(opening: backup.repository).references(under: "refs/").map(\.name)
      let new = there.filter { name in
        !name.text.hasPrefix("refs/lares/") && !here.contains { $0 == name || $0.excludes(name) }
      }
      guard !new.isEmpty else { return }
      try fetch(new.map { name in try RefSpec("\(name):\(name)") }, of: backup, into: store, who)
    } catch {
      throw ControlError.failed("the configuration is restored, and other branches and tags are not: \(error)")
    }
  }

  private func fetch(_ specs: [RefSpec], of backup: RestorableBackup, into store: GitBackend, _ who: Signature) throws {
    let source = try GitBackend(opening: backup.repository)
    var options = FetchOptions(specs, who: who)
    options.followsTags = false
    let remote = Remote.backend(source, ServerPolicy(person: who, now: { Clock.wall }))
    _ = try RemoteClient(remote).fetch(into: store, options)
    let forgotten = try source.forgotten
    if try store.reference(ConfigurationStore.main) == nil, !forgotten.isEmpty { try store.remember(forgotten) }
  }

  /// One that stays is dropped when control starts.
  private func drop(_ incoming: RefName, of backup: RestorableBackup, from store: GitBackend) {
    let who = Signature(person: "lares")
    let change = RefChange(incoming, from: backup.commit, to: nil, who: who, why: "restore is decided")
    try? store.commit(Batch(refs: [change]))
  }

  /// Runs what puts a backup in force with its blocklists in place, which go again if it fails. A file that is there and is
  /// another stays; the backup's is put beside it.
  private func withLists<Result>(of backup: RestorableBackup, _ body: () throws -> Result) throws -> Result {
    guard let model = try? ConfigurationText(files: backup.files).parse() else { return try body() }
    var made: [String] = []
    do {
      for name in Set(model.names.blocklists) where backup.files[name] == nil && RouterBackup.canHold(list: name) {
        guard let list = backup.contents.lists[name] else { continue }
        var path = "\(configuration)/\(name)"
        let present = try File.readIfPresent(path)
        if present == list.bytes { continue }
        if present != nil { path += Self.besideSuffix }
        if File.owner(of: path) == nil { made.append(path) }
        try File.makeFolder(File.folderName(of: path))
        try File.replace(path, with: list.bytes, mode: list.mode, durable: true)
      }
      return try body()
    } catch {
      for path in made { try? File.remove(path) }
      throw error
    }
  }

  /// Behind the name of what comes from a backup, or was there before it, and is not to be lost.
  public static let besideSuffix = ".restored"

  // MARK: - Where nothing runs

  /// Puts a backup in place of what is there, for a router that does not run: whole, or not at all.
  ///
  /// - Parameter lock: from `lockIfNobodyRuns`.
  public func restore(
    _ backup: RestorableBackup, _ wishes: RestoreWishes, holding lock: FileLock,
    _ furtherCheck: (HouseholdModel) throws -> Void
  ) throws -> ChangeReport {
    defer { withExtendedLifetime(lock) {} }
    _ = try backup.checked(furtherCheck)
    var (change, _) = try ChangeControl.resume(
      StoreHistory(folder: folder), boot: Clock.bootIdentifier, now: Clock.now, wall: Clock.wall)
    let candidate = CandidateFiles(folder: configuration)
    try change.finishRestore(candidate)
    try keepEdits(candidate, head: change.head(), discard: wishes.discard, backup)
    let store = try GitBackend(opening: change.history.published())
    let who = Signature(person: wishes.author)
    let incoming = try bring(backup, into: store, who)
    defer { drop(incoming, of: backup, from: store) }
    try KnownHosts.add(backup.contents.hostKeys, to: folder)
    let commit = try withLists(of: backup) {
      try change.restore(
        backup.commit.hex, secrets: backup.contents.secrets, author: wishes.author, reason: backup.reason,
        window: nil, now: Clock.now)
    }
    try change.finishRestore(candidate)
    try bringOthers(of: backup, into: store, who)
    if let head = try change.head() { try change.history.keepLastGood(head) }
    return ChangeReport(commit: commit.number, id: commit.id, changes: [], confirmWithin: nil)
  }

  /// Edits that were never committed are not lost without a word. Where nothing was ever committed, lares.toml is kept
  /// beside.
  private func keepEdits(
    _ candidate: CandidateFiles, head: Commit?, discard: Bool, _ backup: RestorableBackup
  ) throws {
    guard !discard, let edited = try? candidate.read(), edited != backup.files else { return }
    guard let head else {
      let path = "\(configuration)/\(ConfigurationText.mainFile)"
      return try File.replace(path + ".before-restore", with: File.read(path), durable: true)
    }
    guard edited == head.files else { throw ControlError.candidateDiffers }
  }
}
