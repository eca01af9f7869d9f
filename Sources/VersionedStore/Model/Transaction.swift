public import GitFormat

/// What a transaction does when somebody else has changed the branch since its snapshot.
public enum UpdateStrategy: Sendable {
  /// Its changes are made on top of whatever is there now.
  case set
  /// Its changes are made on top of what is there now if the other change touched nothing that it has read or written;
  /// else it ends with `.conflict`.
  case testAndSet
  /// The function makes one tree of three: the snapshot, the transaction's, and what is there now.
  case merge(@Sendable (_ base: Tree, _ ours: Tree, _ theirs: Tree) throws(StoreError) -> Tree)
}

extension Branch {
  /// Changes the branch in one commit: all of it or nothing, made from one snapshot.
  ///
  /// The closure runs once, on a snapshot. The commit is made if nobody was faster; else by the strategy, again and
  /// again. Where nothing changes, there is no commit, unless `allowEmpty`.
  ///
  /// - Parameters:
  ///   - info: who and why.
  ///   - retries: how often to try again when the branch changes under the transaction.
  ///   - change: reads and changes the tree. What it throws ends the transaction without a trace.
  /// - Returns: the commit; nil where nothing has changed.
  /// - Throws: `.conflict` with the paths that somebody else changed too; `.tooManyRetries`; what `change` and the back
  ///   end throw.
  @discardableResult
  public func update(
    _ info: CommitInfo, strategy: UpdateStrategy = .testAndSet, retries: Int = 32, allowEmpty: Bool = false,
    _ change: (inout Tree) throws(StoreError) -> Void
  ) throws(StoreError) -> Commit? {
    var made = Transaction(try head(), strategy, in: repository.objects)
    try change(&made.tree)
    let writer = repository.writer(reference)
    for _ in 0...max(0, retries) {
      // From the snapshot again: a commit that came between may have failed to be stored.
      var transaction = made
      if made.mergesByFunction { try transaction.rebase(onto: try writer.head()) }
      do throws(StoreError) {
        return try writer.commit(seeing: transaction.base) { head throws(StoreError) in
          try transaction.commit(on: head, info, allowEmpty: allowEmpty, for: self)
        }
      } catch .refChanged { continue }
    }
    throw .tooManyRetries(retries)
  }

  /// Sets a file.
  ///
  /// - Returns: the commit; nil where the file was so already.
  /// - Throws: `.badName` also for reserved names; else as `update`.
  @discardableResult
  public func set(
    _ path: Path, _ bytes: [UInt8], mode: FileMode = .file, _ info: CommitInfo
  ) throws(StoreError) -> Commit? {
    try path.check(allowingReserved: false)
    return try update(info) { tree throws(StoreError) in try tree.set(path, bytes, mode: mode) }
  }

  /// Removes a file or a directory.
  ///
  /// - Returns: the commit; nil where nothing was there.
  @discardableResult
  public func remove(_ path: Path, _ info: CommitInfo) throws(StoreError) -> Commit? {
    try path.check(allowingReserved: false)
    return try update(info) { tree throws(StoreError) in try tree.remove(path) }
  }

  /// Sets a directory and all that is in it; at the root, everything.
  ///
  /// - Returns: the commit; nil where it was so already.
  @discardableResult
  public func setTree(_ path: Path, _ tree: Tree, _ info: CommitInfo) throws(StoreError) -> Commit? {
    try path.check(allowingReserved: false)
    return try update(info) { root throws(StoreError) in try root.setTree(path, tree) }
  }

  /// Sets or removes a file if it is as expected; nil stands for no file.
  ///
  /// - Returns: the commit; nil where the file was to become what it was.
  /// - Throws: `.testFailed` where the file is not as expected; else as `update`.
  @discardableResult
  public func testAndSet(
    _ path: Path, test: [UInt8]?, set new: [UInt8]?, retries: Int = 32, _ info: CommitInfo
  ) throws(StoreError) -> Commit? {
    try path.check(allowingReserved: false)
    return try updateAnew(info, retries: retries) { tree throws(StoreError) in
      let found = try tree.contents(path)
      guard found?.bytes == test else { throw .testFailed(path) }
      if let new { try tree.set(path, new, mode: found?.mode ?? .file) } else { try tree.remove(path) }
    }
  }

  /// Changes the branch as `update` does. Where somebody else has changed what the closure read, it runs again, on what is
  /// there then.
  ///
  /// - Returns: as `update`.
  /// - Throws: `.tooManyRetries`; what `change` and the back end throw.
  @discardableResult
  public func updateAnew(
    _ info: CommitInfo, retries: Int = 32, _ change: (inout Tree) throws(StoreError) -> Void
  ) throws(StoreError) -> Commit? {
    for _ in 0...max(0, retries) {
      do throws(StoreError) { return try update(info, retries: retries, change) } catch .conflict { continue }
    }
    throw .tooManyRetries(retries)
  }
}

/// A change under way: what it was made from, and what it makes of it.
struct Transaction {
  private(set) var base: Commit?
  var tree: Tree
  private let reads = ReadLog()
  private let strategy: UpdateStrategy
  private let objects: any ObjectReader

  init(_ base: Commit?, _ strategy: UpdateStrategy, in objects: any ObjectReader) {
    self.base = base
    self.strategy = strategy
    self.objects = objects
    tree = Tree(Directory(stored: base?.object.tree), in: objects, reads: reads)
  }

  /// Whether rebasing runs a function of the caller's, who may do there what it likes.
  var mergesByFunction: Bool {
    if case .merge = strategy { return true }
    return false
  }

  /// The commit to make on a head, with its objects; nil where nothing changes.
  mutating func commit(
    on head: Commit?, _ info: CommitInfo, allowEmpty: Bool, for branch: Branch
  ) throws(StoreError) -> (commit: Commit, objects: [NewObject])? {
    if head?.id != base?.id {
      guard !mergesByFunction else {
        throw .refChanged(branch.reference, expected: base?.id, found: head?.id)
      }
      try rebase(onto: head)
    }
    let buffer = ObjectBuffer(over: objects)
    let root = try tree.write(into: buffer)
    if !allowEmpty && root == base?.object.tree ?? .emptyTree(objects.format) { return nil }
    let parents = base.map { [$0.id] } ?? []
    return (try branch.repository.makeCommit(of: root, parents: parents, info, in: buffer), buffer.objects)
  }

  /// Makes the same changes of what somebody else has made of the base.
  ///
  /// - Throws: `.conflict`; what the strategy's function throws.
  mutating func rebase(onto head: Commit?) throws(StoreError) {
    guard head?.id != base?.id else { return }
    let old = Directory(stored: base?.object.tree).stored, new = Directory(stored: head?.object.tree).stored
    switch strategy {
    case .set: break
    case .testAndSet:
      var paths = try reads.differences(from: old, to: new, in: objects)
      try tree.root.overlaps(at: .root, from: old, to: new, in: objects, found: &paths)
      guard paths.isEmpty else { throw .conflict(Set(paths).sorted()) }
    case .merge(let merge):
      tree = try merge(Tree(Directory(stored: old), in: objects), tree, Tree(Directory(stored: new), in: objects))
      tree.root.isGrafted = true
    }
    tree.root = try tree.root.rebased(onto: new, in: objects)
    base = head
  }
}
