public import GitFormat

extension Branch {
  /// Undoes a commit with a new one that names it: each file that it changed becomes what it was before. Later changes
  /// of other files stay.
  ///
  /// - Parameters:
  ///   - id: the commit; it need not be the head.
  ///   - parent: of a merge, which parent (from 0) to go back to.
  ///   - message: nil: the words that `git revert` uses.
  /// - Returns: the new commit; nil where all had been undone before.
  /// - Throws: `.conflict` with the files that have been changed since; `.invalid` for a merge without `parent`, or a
  ///   parent that it does not have.
  @discardableResult
  public func revert(
    _ id: ObjectID, parent: Int? = nil, author: Signature, message: String? = nil
  ) throws(StoreError) -> Commit? {
    let commit = try repository.commit(id)
    let before = try tree(before: commit, parent)
    let changes = try before.differences(to: commit.tree)
    let subject = commit.message.prefix { !$0.isNewline }
    let message = message ?? "Revert \"\(subject)\"\n\nThis reverts commit \(id).\n"
    return try update(CommitInfo(author: author, message: message)) { tree throws(StoreError) in
      try tree.undo(changes)
    }
  }

  /// Makes what is at a path what it was in a commit, as a new commit. Where nothing was there, nothing will be.
  ///
  /// - Returns: the new commit; nil where it was so already.
  @discardableResult
  public func restore(_ path: Path, from id: ObjectID, _ info: CommitInfo) throws(StoreError) -> Commit? {
    let old = try repository.commit(id).tree
    return try update(info) { tree throws(StoreError) in
      if path.isRoot {
        try tree.setTree(path, old)
      } else if let side = try old.side(path) {
        try tree.setObject(path, side.mode, side.id, chunks: side.chunks)
      } else {
        try tree.remove(path)
      }
    }
  }

  private func tree(before commit: Commit, _ parent: Int?) throws(StoreError) -> Tree {
    guard !commit.parents.isEmpty || parent != nil else { return repository.emptyTree }
    guard parent != nil || commit.parents.count == 1 else {
      throw .invalid("\(commit.id) is a merge; say which parent to go back to")
    }
    guard commit.parents.indices.contains(parent ?? 0) else {
      throw .invalid("\(commit.id) has no parent number \(parent ?? 0)")
    }
    return try repository.commit(commit.parents[parent ?? 0]).tree
  }
}

extension Tree {
  /// Makes each file that has changed what it was before.
  ///
  /// - Throws: `.conflict` with those that are neither as before nor as after the change; then nothing has changed.
  mutating func undo(_ changes: [TreeChange]) throws(StoreError) {
    var tree = self
    var conflicts: [Path] = []
    var restored: [(path: Path, side: TreeChange.Side)] = []
    for change in changes {
      let now = try tree.file(change.path)
      if now == change.old { continue }
      if now != change.new {
        conflicts.append(change.path)
      } else if let old = change.old {
        restored.append((change.path, old))
      } else {
        try tree.remove(change.path)
      }
    }
    for (path, side) in restored {
      // Something else may stand there by now, or on the way.
      if try tree.hasRoom(for: path) {
        try tree.setObject(path, side.mode, side.id, chunks: side.chunks)
      } else {
        conflicts.append(path)
      }
    }
    guard conflicts.isEmpty else { throw .conflict(conflicts.sorted()) }
    self = tree
  }

  /// What is at a path, if it is no directory.
  private func file(_ path: Path) throws(StoreError) -> TreeChange.Side? {
    try kind(path)?.isTree == false ? try side(path) : nil
  }

  private func hasRoom(for path: Path) throws(StoreError) -> Bool {
    if try kind(path) == .tree { return false }
    for count in 1..<max(1, path.names.count) {
      guard try kind(Path(Array(path.names.prefix(count))))?.isTree != false else { return false }
    }
    return true
  }
}
