public import GitFormat

/// What cutting a history did.
public struct HistoryCut: Equatable, Sendable {
  /// The oldest commits that are left; their parents are not here any more.
  public var boundary: [ObjectID]
  public var collected: CollectResult
}

extension GitBackend {
  /// Takes the old part of a branch's history away, and leaves the rest as `git clone --depth` would: no commit changes
  /// its name. Other references that reach the old part through the boundary lose it too; those that reach it otherwise
  /// keep what they reach.
  ///
  /// Entries of reflogs that name what no reference reaches go as well. Only for one who asked for it: what is taken away
  /// is gone.
  ///
  /// - Parameters:
  ///   - depth: commits stay that are so near to the newest, which is at depth 1; at least 1.
  ///   - options: the grace time says what of the old part goes now, and what at a later collection.
  /// - Returns: nil where no commit is deeper.
  /// - Throws: `.noBranch`, `.invalid`; as `collect`.
  @discardableResult
  public func cutHistory(
    of branch: RefName, keeping depth: Int, _ options: CollectOptions
  ) throws(StoreError) -> HistoryCut? {
    guard depth >= 1 else { throw .invalid("a branch keeps one commit at least; delete it instead") }
    guard let head = try reference(branch) else { throw .noBranch(branch.branchName ?? branch.text) }
    let boundary = try boundary(at: depth, from: head)
    guard !boundary.isEmpty else { return nil }
    try publish()
    try adopt(nil, refs: [], shallow: ShallowChange(added: boundary))
    var options = options
    var expiry = options.reflogs ?? ReflogExpiry()
    // Whatever their age.
    expiry.unreachableSeconds = .min
    options.reflogs = expiry
    return HistoryCut(boundary: boundary, collected: try collect(options))
  }

  /// The commits at a depth that have a parent which is deeper.
  func boundary(at depth: Int, from head: ObjectID) throws(StoreError) -> [ObjectID] {
    let shallow = try shallowCommits
    var known: Set<ObjectID> = [head]
    var level = [head]
    for _ in 1..<depth {
      var next: [ObjectID] = []
      for id in level where !shallow.contains(id) {
        for parent in try parents(of: id) where known.insert(parent).inserted { next.append(parent) }
      }
      level = next
    }
    var boundary: [ObjectID] = []
    for id in level where !shallow.contains(id) {
      if try parents(of: id).contains(where: { !known.contains($0) }) { boundary.append(id) }
    }
    return boundary
  }

  private func parents(of id: ObjectID) throws(StoreError) -> [ObjectID] {
    let bytes = try bytes(id, .commit)
    do { return try CommitObject(bytes, format).parents } catch { throw .malformed(error) }
  }
}
