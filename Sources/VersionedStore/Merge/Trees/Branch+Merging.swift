public import GitFormat

/// How commits are merged.
public struct MergeOptions: Sendable {
  public var policy: MergePolicy
  /// Whether a `.gitattributes` file at the root of our tree adds rules to the policy.
  public var readsAttributes = true
  /// Whether a branch without commits of its own just moves; else there is always a merge commit.
  public var allowsFastForward = true
  /// Whether histories that have nothing in common may be merged.
  public var allowsUnrelated = false
  /// Whether what is in conflict is committed, with records for people to resolve; else it ends the merge.
  public var commitsConflicts = true
  /// How far back common ancestors are looked for, in commits.
  public var maximumDepth = Int.max
  /// How many lowest common ancestors there may be.
  public var maximumAncestors = 64
  /// Commits whose parents are not here.
  public var shallow: Set<ObjectID> = []

  public init(policy: MergePolicy = .standard) { self.policy = policy }
}

/// What a merge did to a branch.
public enum MergeOutcome: Hashable, Sendable {
  /// The branch has all of it already.
  case alreadyMerged
  /// The branch had nothing of its own, and is now at the other's commit.
  case fastForward(ObjectID)
  case merged(Commit)
  /// Merged, with conflicts at these paths recorded in the commit's tree.
  case conflicts(Commit, [Path])
}

extension Branch {
  /// Merges another branch's newest commit.
  ///
  /// - Throws: `.noBranch` where the other has no commit; else as the merge of a commit.
  @discardableResult
  public func merge(
    _ other: Branch, _ info: CommitInfo, options: MergeOptions = MergeOptions()
  ) throws(StoreError) -> MergeOutcome {
    try merge(try other.requireHead().id, info, options: options)
  }

  /// Merges a commit of this repository into the branch.
  ///
  /// - Parameter retries: how often to try again when the branch changes meanwhile.
  /// - Throws: `.invalid` where the histories have nothing in common and may not be merged; `.conflict` where both sides
  ///   changed the same and conflicts are not to be committed; `.limitReached`; `.tooManyRetries`.
  @discardableResult
  public func merge(
    _ other: ObjectID, _ info: CommitInfo, options: MergeOptions = MergeOptions(), retries: Int = 32
  ) throws(StoreError) -> MergeOutcome {
    try merge(other, info, options, retries) { (base, ours, theirs, policy, buffer) throws(StoreError) in
      try TreeMerge.merge(base: base, ours: ours, theirs: theirs, policy: policy, in: buffer)
    }
  }

  /// Merges a commit of another history, which has at its root what this branch has at a path: a subtree merge. The first
  /// time the histories have nothing in common, which the options have to allow.
  ///
  /// - Throws: `.badName`; else as the merge of a commit.
  @discardableResult
  public func merge(
    _ other: ObjectID, at path: Path, _ info: CommitInfo, options: MergeOptions = MergeOptions(), retries: Int = 32
  ) throws(StoreError) -> MergeOutcome {
    var options = options
    // The other's tree stands elsewhere in ours.
    options.allowsFastForward = options.allowsFastForward && path.isRoot
    return try merge(other, info, options, retries) { (base, ours, theirs, policy, buffer) throws(StoreError) in
      try TreeMerge.merge(base: base, ours: ours, theirs: theirs, at: path, policy: policy, in: buffer)
    }
  }

  private typealias Merge = (
    _ base: ObjectID?, _ ours: ObjectID?, _ theirs: ObjectID?, MergePolicy, ObjectBuffer
  ) throws(StoreError) -> TreeMergeResult

  private func merge(
    _ other: ObjectID, _ info: CommitInfo, _ options: MergeOptions, _ retries: Int, _ merge: Merge
  ) throws(StoreError) -> MergeOutcome {
    for _ in 0...max(0, retries) {
      do throws(StoreError) { return try mergeOnce(other, info, options, merge) } catch .refChanged { continue }
    }
    throw .tooManyRetries(retries)
  }

  private func mergeOnce(
    _ other: ObjectID, _ info: CommitInfo, _ options: MergeOptions, _ merge: Merge
  ) throws(StoreError) -> MergeOutcome {
    let theirs = try repository.commit(other)
    guard let ours = try head() else {
      guard options.allowsFastForward else { throw .noBranch(name) }
      return try move(to: other, from: nil)
    }
    let buffer = ObjectBuffer(over: repository.objects)
    var options = options
    if options.readsAttributes, let bytes = try ours.tree.find(".gitattributes") {
      options.policy = options.policy.adding(attributes: bytes)
    }
    var ancestor = VirtualAncestor(options, in: buffer)
    let ancestors = try ancestor.lowest(ours.id, other)
    if ancestors == [other] { return .alreadyMerged }
    if ancestors == [ours.id], options.allowsFastForward { return try move(to: other, from: ours.id) }
    guard !ancestors.isEmpty || options.allowsUnrelated else {
      throw .invalid("\(name) and \(other) have no commit in common; allow it to merge unrelated histories")
    }
    let base = try ancestor.tree(of: ancestors)
    let result = try merge(base, ours.object.tree.unlessEmpty, theirs.object.tree.unlessEmpty, options.policy, buffer)
    let paths = result.conflicts.map(\.path)
    guard paths.isEmpty || options.commitsConflicts else { throw .conflict(paths) }
    let commit = try store(result.tree, parents: [ours.id, other], info, buffer)
    return paths.isEmpty ? .merged(commit) : .conflicts(commit, paths)
  }

  private func move(to other: ObjectID, from head: ObjectID?) throws(StoreError) -> MergeOutcome {
    try testAndSet(head: head, to: other, why: "merge \(other): Fast-forward")
    return .fastForward(other)
  }

  private func store(
    _ tree: ObjectID?, parents: [ObjectID], _ info: CommitInfo, _ buffer: ObjectBuffer
  ) throws(StoreError) -> Commit {
    let root = try Tree(Directory(stored: tree), in: buffer).write(into: buffer)
    let commit = try repository.makeCommit(of: root, parents: parents, info, in: buffer)
    let change = RefChange(
      reference, from: parents.first, to: commit.id, who: commit.committer, why: "merge \(parents.last ?? commit.id)")
    try repository.store(Batch(objects: buffer.objects, refs: [change]))
    return commit
  }
}

extension UpdateStrategy {
  /// A transaction's changes and those that others made meanwhile are merged by a policy; `.conflict` with the paths where
  /// that cannot be.
  public static func merging(_ policy: MergePolicy = .standard) -> UpdateStrategy {
    .merge { (base, ours, theirs) throws(StoreError) in
      let buffer = ObjectBuffer(over: theirs.objects)
      let trees = [
        try base.write(into: buffer), try ours.write(into: buffer), try theirs.write(into: buffer),
      ].map(\.unlessEmpty)
      let result = try TreeMerge.merge(base: trees[0], ours: trees[1], theirs: trees[2], policy: policy, in: buffer)
      guard result.conflicts.isEmpty else { throw .conflict(result.conflicts.map(\.path)) }
      return try theirs.taking(result.tree, from: buffer)
    }
  }
}

extension Tree {
  /// This tree changed to be what a buffer's tree is, with the contents in memory: the buffer's objects may never be stored.
  fileprivate func taking(_ id: ObjectID?, from buffer: ObjectBuffer) throws(StoreError) -> Tree {
    let now = Tree(Directory(stored: try write(into: buffer)), in: buffer)
    var tree = self
    for change in try now.differences(to: Tree(Directory(stored: id), in: buffer)) {
      switch change.new {
      case nil: try tree.remove(change.path)
      case let side? where side.mode.kind == .blob:
        try tree.set(change.path, side, of: now)
      case let side?: try tree.setObject(change.path, side.mode, side.id)
      }
    }
    return tree
  }
}
