import GitFormat
import HostSystem
import VersionedStore

/// A restored history that is to come into the line of commits, with all that is decided of it but the branch itself.
struct PreparedRestore {
  /// What main is to name, and the commit with its number and files.
  let tip: ObjectID
  let commit: Commit
  /// The commits that main gets, in order: those of the backup where they go on from the head; else one that merges it.
  let added: [(commit: Commit, id: ObjectID)]
  let objects: [NewObject]
}

extension ConfigurationStore {
  /// Prepares to put the configuration of a commit in force that a backup brought, with its history.
  ///
  /// Where that history goes on from the head, as on a router that has none, main goes on along it, and the numbers of its
  /// commits are what they were. Otherwise a new commit has the head as its first parent and the restored one as another,
  /// so that nothing of either history is lost.
  ///
  /// - Parameter restored: a commit that is in the store already.
  func prepareRestore(of restored: ObjectID, author: String, reason: String) throws -> PreparedRestore {
    let line = try lineAfterHead(to: restored)
    if let line, !line.isEmpty {
      var commits = try line.enumerated().map { try read($1, number: newest + 1 + $0).commit }
      commits[commits.count - 1] = try commit(restored, number: newest + commits.count)
      return PreparedRestore(
        tip: restored, commit: commits[commits.count - 1], added: Array(zip(commits, line)), objects: [])
    }
    let tree = try repository.commit(restored).tree
    let buffer = ObjectBuffer(over: repository.objects)
    let author = Signature(person: author)
    let isThere = numbers[restored] != nil
    let made = try repository.makeCommit(
      of: tree.write(into: buffer), parents: ids.suffix(1) + (isThere ? [] : [restored]),
      CommitInfo(author: author, message: CommitMessage(reason: reason).text), in: buffer)
    let commit = Commit(
      number: newest + 1, id: made.id.hex, author: author.name, reason: reason, time: author.time,
      files: try ConfigurationTree.files(of: tree))
    return PreparedRestore(tip: made.id, commit: commit, added: [(commit, made.id)], objects: buffer.objects)
  }

  /// The commits from the one after the head to this one; nil where it does not go on from the head.
  private func lineAfterHead(to tip: ObjectID) throws -> [ObjectID]? {
    var line: [ObjectID] = []
    var seen: Set<ObjectID> = []
    var next: ObjectID? = tip
    while let id = next, id != ids.last {
      guard numbers[id] == nil, seen.insert(id).inserted else { return nil }
      line.append(id)
      next = try repository.commit(id).parents.first
    }
    return next == ids.last ? line.reversed() : nil
  }

  /// Moves main, durably.
  mutating func restore(_ prepared: PreparedRestore, by owner: String) throws {
    let who = Signature(person: owner)
    let change = RefChange(Self.main, from: ids.last, to: prepared.tip, who: who, why: "restore")
    try repository.store(Batch(objects: prepared.objects, refs: [change]))
    for (commit, id) in prepared.added { take(commit, id) }
  }
}
