import GitFormat
import HostSystem
import VersionedStore
import Wire

/// A restore changes the branch, the secrets and lares.toml, all or nothing: what decides is whether the branch has moved.
///
/// The secrets are laid ready, then a mark is written that names the commit to come, then the branch is moved. Whoever finds
/// the mark at a start does what is left where the branch has that commit, and takes away what was laid ready where it has
/// not. A restore that is provisional keeps the secrets from before until it is confirmed, and gets them back with the files.
extension StoreHistory {
  private struct RestoreMark: Codable { var commit: String }
  private var restoreMarkPath: String { folder + "/restoring" }

  func prepareRestore(of commit: String, author: String, reason: String) throws -> PreparedRestore {
    guard let store else { throw closed }
    guard let id = ObjectID(hex: commit) else { throw ControlError.noSuchRevision(commit) }
    return try store.prepareRestore(of: id, author: author, reason: reason)
  }

  /// Moves main and takes the secrets into use. `finishRestore` has to follow when lares.toml is written.
  mutating func restore(_ prepared: PreparedRestore, secrets values: [String: String], by owner: String) throws {
    try requireStore()
    do {
      try secrets.stage(values)
      let mark = RestoreMark(commit: prepared.tip.hex)
      try File.replace(restoreMarkPath, with: JSON.encode(mark), mode: 0o600, durable: true)
      try store?.restore(prepared, by: owner)
    } catch {
      // Where the store does not know itself whether the branch has moved, opening it again decides.
      if (error as? StoreError)?.needsReopening != true { try? dropRestore() }
      throw error
    }
    takeSecrets(of: prepared.tip)
  }

  /// The branch has moved: what cannot be done now is done at the next start.
  private mutating func takeSecrets(of commit: ObjectID) {
    unfinishedRestore = commit.hex
    do {
      try secrets.takeStaged()
    } catch {
      notes.append("the restored secrets could not be taken into use yet: \(error)")
    }
  }

  /// Ends a restore of which everything is done.
  mutating func finishRestore() throws {
    guard !secrets.hasStaged else { return }
    try File.remove(restoreMarkPath)
    try File.syncFolder(of: restoreMarkPath)
    unfinishedRestore = nil
    forgetSecretsBefore()
  }

  /// Looks at a start whether a restore was cut off, and how far it had come.
  mutating func settleRestore() {
    unfinishedRestore = nil
    do {
      let mark = try File.readIfPresent(restoreMarkPath).flatMap { try? JSON.decode(RestoreMark.self, from: $0) }
      guard let id = mark.flatMap({ ObjectID(hex: $0.commit) }), store?.numbers[id] != nil else {
        return try dropRestore()
      }
      takeSecrets(of: id)
    } catch {
      notes.append("what a restore left that was cut off cannot be removed: \(error)")
    }
  }

  private func dropRestore() throws {
    try secrets.forgetStaged()
    try File.remove(restoreMarkPath)
  }

  /// The secrets from before a restore are kept only while it is provisional.
  mutating func forgetSecretsBefore() {
    guard mark == nil, store != nil, unfinishedRestore == nil else { return }
    do {
      try secrets.forgetBefore()
    } catch {
      notes.append("the secrets from before a restore cannot be removed: \(error)")
    }
  }
}

extension ChangeControl where History == StoreHistory {
  /// Puts the checked configuration of a restored commit in force, with its history and secrets.
  ///
  /// - Parameters:
  ///   - commit: is in the store already.
  ///   - secrets: their values by name; others stay as they are.
  ///   - window: seconds until all of it reverts by itself; nil: it stays.
  mutating func restore(
    _ commit: String, secrets: [String: String], author: String, reason: String, window: Int?, now: Instant
  ) throws -> Commit {
    try requireNoWindow(now: now)
    try Self.check(window)
    let head = try head()
    let prepared = try history.prepareRestore(of: commit, author: author, reason: reason)
    try put(prepared.commit, in: window, owner: author, after: head, now: now) { history in
      try history.restore(prepared, secrets: secrets, by: author)
    }
    return prepared.commit
  }

  /// Does what follows from a restore whose commit is in the history: lares.toml becomes what is in force, unless something
  /// else is so by now.
  mutating func finishRestore(_ candidate: CandidateFiles) throws {
    guard let commit = history.unfinishedRestore else { return }
    if let head = try head(), head.id == commit {
      try candidate.write(head.files, before: (try? candidate.read()) ?? [:])
    }
    try history.finishRestore()
  }
}
