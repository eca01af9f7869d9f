import GitFormat
import HostSystem
import Household
import VersionedStore

/// The configuration's history in the versioned store: a Git repository `config.git` in control's state folder.
///
/// Nothing that becomes of the repository stops the router. Beside it stands `last-good`, the newest configuration that was
/// not provisional. Where the repository is damaged or gone, it is moved aside, and a new one begins with these files;
/// where it cannot be opened just now, they are the whole history until it can.
public struct StoreHistory: ConfigurationHistory {
  let folder: String
  var store: ConfigurationStore?
  /// The mark as it stands in its file.
  private(set) var mark: Provisional?
  /// nil also while the store is closed: what the mark says of it is decided when it can be opened.
  public var provisional: Provisional? { store == nil ? nil : mark }
  /// The newest configuration that was not provisional; nil before the first.
  private(set) var lastGood: Commit?
  /// Why the store cannot be used now; nil: it can.
  public private(set) var problem: String?
  /// What happened to it that a person should know, a sentence each.
  public internal(set) var notes: [String] = []
  /// The commit of a restore that has moved the branch, while what follows from that has not all been done.
  var unfinishedRestore: String?
  let secrets: SecretStore

  private var storePath: String { folder + "/config.git" }
  private var markPath: String { folder + "/provisional" }
  private var lastGoodPath: String { folder + "/last-good" }

  /// Opens the history in control's state folder, which is made where it is missing. Always succeeds unless that folder
  /// itself cannot be used.
  public init(folder: String) throws {
    self.folder = folder
    secrets = SecretStore(reading: folder + "/secrets")
    try File.makeFolder(folder, mode: 0o700)
    try secrets.recover()
    do {
      lastGood = try File.readIfPresent(lastGoodPath).map { try JSON.decode(Commit.self, from: $0) }
    } catch {
      notes.append("the copy of the last good configuration cannot be read: \(error)")
    }
    openStore()
    readMark()
    forgetSecretsBefore()
  }

  /// A mark that cannot be read is one of a window that nobody can confirm any more: the last good files come back, if the
  /// newest are others.
  private mutating func readMark() {
    do {
      mark = try File.readIfPresent(markPath).map { try JSON.decode(Provisional.self, from: $0) }
    } catch {
      notes.append("the mark of an open window cannot be read: \(error)")
      guard let head = store?.head, head.number > 1, let lastGood, lastGood.number < head.number else { return }
      mark = Provisional(
        commit: head.number, fallback: lastGood.number, owner: head.author, deadline: 0, boot: "")
    }
  }

  // MARK: - Opening

  private mutating func openStore() {
    problem = nil
    do {
      store = try openOrReplace()
      try importFileHistory()
      if let notes = store?.recoveryNotes { self.notes += notes }
      settleRestore()
    } catch {
      store = nil
      problem = "\(error)"
    }
    notes += damagedStores()
  }

  private func openOrReplace() throws -> ConfigurationStore {
    let damage: String
    do {
      guard File.owner(of: storePath) != nil else {
        guard lastGood != nil else { return try ConfigurationStore.create(storePath) }
        return try beginAgain(because: "it was not there any more")
      }
      let store = try ConfigurationStore(opening: storePath)
      guard store.newest == 0, lastGood != nil else { return store }
      damage = "its branch main is gone"
    } catch let error as StoreError where error.isDamage {
      damage = "\(error)"
    } catch let error as FormatError {
      damage = "\(error)"
    }
    try moveAside(because: damage)
    return try beginAgain(because: damage)
  }

  /// A new store whose first commit has the last good files.
  private func beginAgain(because why: String) throws -> ConfigurationStore {
    var store = try ConfigurationStore.create(storePath)
    guard let lastGood, !lastGood.files.isEmpty else { return store }
    try store.append(
      Commit(
        number: 1, author: "lares", reason: "The last good configuration, commit \(lastGood.number) before: \(why)",
        time: Clock.wall, files: lastGood.files))
    return store
  }

  /// Keeps a damaged store under another name, with a note of what is wrong with it.
  private func moveAside(because why: String) throws {
    var aside = "\(storePath).damaged-\(Clock.wall)"
    while File.owner(of: aside) != nil { aside += "x" }
    try File.replace(aside + ".why", with: Array((why + "\n").utf8), mode: 0o600, durable: true)
    try File.move(storePath, to: aside)
  }

  /// A sentence about each store that was moved aside and is still there.
  private func damagedStores() -> [String] {
    File.list(folder).filter { $0.hasPrefix("config.git.damaged-") && !$0.hasSuffix(".why") }.map { name in
      let bytes = (try? File.read("\(folder)/\(name).why")) ?? []
      let why = String(decoding: bytes.prefix(500), as: UTF8.self).split(separator: "\n").first ?? "unknown"
      return
        "the history was damaged (\(why)) and began anew with the last good configuration; "
        + "the damaged one is kept in \(folder)/\(name): remove it when you need it no more"
    }
  }

  /// Opens the store again after a failure, whatever state it is in by now.
  mutating func reopen() {
    // Before the new one opens: it is to know that it is alone.
    store = nil
    notes = []
    openStore()
    readMark()
    forgetSecretsBefore()
  }

  /// Takes over the commits of the time before the store: one JSON file each, in `history`.
  private mutating func importFileHistory() throws {
    let old = folder + "/history"
    let files = File.list(old).filter { $0.hasSuffix(".json") }
    guard !files.isEmpty, let done = store?.newest, done < files.count else { return }
    var isWhole = true
    for file in files.dropFirst(done) {
      do {
        var commit = try JSON.decode(Commit.self, from: File.read("\(old)/\(file)"))
        commit.number = newest + 1
        try store?.append(commit)
      } catch let error as StoreError {
        throw error
      } catch {
        isWhole = false
        notes.append("\(old)/\(file) cannot be read, and its commit is not in the history any more: \(error)")
      }
    }
    // Without gaps the numbers are the same, and the mark means what it meant.
    if isWhole, let mark = try File.readIfPresent(old + "/provisional") {
      try File.replace(markPath, with: mark, mode: 0o600, durable: true)
    }
    try File.move(old, to: old + ".imported")
  }

  // MARK: - ConfigurationHistory

  public var newest: Int { store?.newest ?? lastGood?.number ?? 0 }

  public func commit(_ number: Int) throws -> Commit {
    guard number >= 1, number <= newest else { throw ControlError.noSuchCommit(number, newest: newest) }
    if let store { return try store.commit(number) }
    guard let lastGood, lastGood.number == number else { throw closed }
    return lastGood
  }

  public mutating func append(_ commit: Commit) throws {
    try requireStore()
    try store?.append(commit)
  }

  public mutating func adopt(_ commits: [Commit], by owner: String) throws {
    try requireStore()
    try store?.adopt(commits, by: owner)
  }

  public mutating func setProvisional(_ provisional: Provisional?) throws {
    if let provisional {
      // What comes back when it is reverted is what is in use now.
      try secrets.forgetBefore()
      try File.replace(markPath, with: JSON.encode(provisional), mode: 0o600, durable: true)
    } else {
      // While the mark is there: whoever is cut off here does it again.
      if let mark, mark.commit != newest { try secrets.putBack() }
      try File.remove(markPath)
      try File.syncFolder(of: markPath)
    }
    mark = provisional
    forgetSecretsBefore()
  }

  /// Refuses to write into files that have been removed under our hands: what is written there is gone with them.
  func requireStore() throws {
    guard store != nil else { throw closed }
    for name in ["HEAD", "objects/pack", "refs/heads", "lares/journal"] {
      guard File.owner(of: "\(storePath)/\(name)") == nil else { continue }
      throw StoreError.damaged(file: storePath, "\(name) is not there any more")
    }
  }

  var closed: ControlError { .historyClosed(problem ?? "it is not open") }

  // MARK: - Beyond the protocol

  /// Keeps a configuration that is in force for good beside the store, durably.
  mutating func keepLastGood(_ commit: Commit) throws {
    guard lastGood != commit else { return }
    try File.replace(lastGoodPath, with: JSON.encode(commit), mode: 0o600, durable: true)
    lastGood = commit
  }

  /// All commits without their files, newest first.
  func summaries() throws -> [CommitSummary] {
    guard let store else { return lastGood.map { [CommitSummary($0)] } ?? [] }
    return try (1...max(1, newest)).reversed().prefix(newest).map { try store.summary($0) }
  }

  /// The number of the commit that a person means: its number, or the beginning of its name (four digits at least).
  func number(of revision: String) throws -> Int {
    if revision.utf8.count < 7, let number = Int(revision) {
      guard number >= 1, number <= newest else { throw ControlError.noSuchCommit(number, newest: newest) }
      return number
    }
    let isName = revision.utf8.count >= 4 && revision.utf8.allSatisfy { Character(Unicode.Scalar($0)).isHexDigit }
    guard isName, let number = try store?.number(ofCommit: revision) else {
      throw ControlError.noSuchRevision(revision)
    }
    return number
  }

  /// The files at a number, a name's beginning, or any branch or tag of the store.
  func files(at revision: String) throws -> [String: String] {
    do {
      return try commit(number(of: revision)).files
    } catch ControlError.noSuchRevision {
      guard let files = try store?.files(at: revision) else { throw ControlError.noSuchRevision(revision) }
      return files
    }
  }

  /// The commits that a push would add, in order; the last with its files.
  func commits(upTo id: String) throws -> [Commit] {
    guard let store else { throw closed }
    return try store.commits(upTo: id)
  }

  /// What to do next in the search for the commit that broke something: by numbers.
  func step(of search: BisectSearch) throws -> BisectStep {
    guard let store else { throw closed }
    let bad = try number(of: search.bad)
    let good = try number(of: search.good)
    guard good < bad else {
      throw ControlError.badRequest(
        "commit \(good) is not before commit \(bad), so nothing between them can have broken it")
    }
    var bisection = try store.bisection(bad: bad, good: good)
    for id in search.skipped {
      if let id = ObjectID(hex: id) { try bisection.mark(id, .skip) }
    }
    switch bisection.step {
    case .test(let id, let left): return .test(store.number(of: id) ?? bad, left: left)
    case .found(let id): return .found(store.number(of: id) ?? bad)
    case .undecided(let ids): return .undecided(ids.compactMap(store.number))
    }
  }

  /// Where stock Git and our own sessions find the repository; they see all commits from now on.
  func published() throws -> String {
    guard let store else { throw closed }
    try store.publish()
    return storePath
  }
}
