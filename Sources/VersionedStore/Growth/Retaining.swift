public import GitFormat

/// What of a repository is kept as it grows old.
public struct RetentionPlan: Equatable, Sendable {
  /// Snapshots are the references that begin so.
  public var snapshots = "refs/tags/"
  /// Which snapshots stay; nil: all.
  public var rules: RetentionRules?
  /// The branch whose history is cut; nil: none.
  public var branch: RefName?
  /// So many commits stay on every way back from the newest.
  public var depth: Int?
  /// Commits stay that are not older than this, in seconds.
  public var seconds: Int64?

  public init() {}
}

/// What retention took away, or would.
public struct RetentionResult: Equatable, Sendable {
  public struct Snapshot: Equatable, Sendable {
    public var name: RefName
    public var id: ObjectID
    /// When it was made, in seconds since 1970.
    public var time: Int64
  }

  public var keptSnapshots: [Snapshot] = []
  public var droppedSnapshots: [Snapshot] = []
  /// How the branch's history was cut; nil where nothing of it was old enough, or something else needs it.
  public var cut: HistoryCut?
  /// The commits that the history would end at.
  public var boundary: [ObjectID] = []
  /// Other branches for whose sake the history was not cut: they reach the old part through the same commits.
  public var neededBy: [RefName] = []
}

extension GitBackend {
  /// Deletes snapshots that no rule wants, and cuts the old part of a branch's history off, unless another branch needs
  /// it. What only they reached goes with a collection. A snapshot that stays keeps its files, and of its history what
  /// the branch keeps.
  ///
  /// - Parameters:
  ///   - options: of the collection that cutting a history ends with; its `now` is the time that ages count from.
  ///   - isTrial: only tells what would go.
  /// - Throws: `.invalid` for a plan that says nothing, or rules that keep nothing; `.noBranch`; `.refChanged` where
  ///   somebody moved a snapshot meanwhile, and then none is deleted.
  public func retain(
    _ plan: RetentionPlan, _ options: CollectOptions, who: Signature, isTrial: Bool = false
  ) throws(StoreError) -> RetentionResult {
    guard plan.rules != nil || plan.branch != nil else { throw .invalid("nothing was said of what to keep") }
    guard plan.rules?.isEmpty != true else { throw .invalid("rules that keep nothing are not obeyed") }
    guard !plan.snapshots.hasPrefix("refs/heads/"), plan.snapshots.hasPrefix("refs/") else {
      throw .invalid("snapshots are references other than branches")
    }
    var result = RetentionResult()
    if let rules = plan.rules { try choose(rules, under: plan.snapshots, &result) }
    if !isTrial, !result.droppedSnapshots.isEmpty {
      try commit(
        Batch(
          refs: result.droppedSnapshots.map {
            RefChange($0.name, from: $0.id, to: nil, who: who, why: "retention: deleted")
          }))
      try publish()
    }
    if let branch = plan.branch { try cut(branch, plan, options, isTrial, &result) }
    return result
  }

  // MARK: - Snapshots

  private func choose(
    _ rules: RetentionRules, under prefix: String, _ result: inout RetentionResult
  ) throws(StoreError) {
    var snapshots: [RetentionResult.Snapshot] = []
    for (name, id) in try references(under: prefix) {
      // What is no snapshot of a commit stays.
      guard let time = try time(of: id) else { continue }
      snapshots.append(.init(name: name, id: id, time: time))
    }
    let kept = rules.kept(snapshots.map(\.time))
    for (index, snapshot) in snapshots.enumerated() {
      if kept.contains(index) {
        result.keptSnapshots.append(snapshot)
      } else {
        result.droppedSnapshots.append(snapshot)
      }
    }
  }

  /// When a tag was made, or the commit that it names; nil for what leads to no commit.
  private func time(of id: ObjectID) throws(StoreError) -> Int64? {
    var (next, tagged): (ObjectID, Int64?) = (id, nil)
    for _ in 0..<64 {
      let object = try object(next)
      do throws(FormatError) {
        switch object.kind {
        case .commit:
          if let tagged { return tagged }
          return try CommitObject(object.bytes, format).committer.time
        case .tag:
          let tag = try TagObject(object.bytes, format)
          tagged = tagged ?? tag.tagger?.time
          next = tag.object
        case .tree, .blob: return nil
        }
      } catch { throw .malformed(error) }
    }
    return nil
  }

  // MARK: - History

  private func cut(
    _ branch: RefName, _ plan: RetentionPlan, _ options: CollectOptions, _ isTrial: Bool,
    _ result: inout RetentionResult
  ) throws(StoreError) {
    guard plan.depth != nil || plan.seconds != nil else {
      throw .invalid("how much of \(branch) is kept was not said: a number of commits, or an age")
    }
    guard let head = try reference(branch) else { throw .noBranch(branch.branchName ?? branch.text) }
    // Either is enough for a commit to stay.
    var depth = max(1, plan.depth ?? 1)
    if let seconds = plan.seconds { depth = max(depth, try deepest(from: head, since: options.now - seconds)) }
    result.boundary = try boundary(at: depth, from: head)
    guard !result.boundary.isEmpty else { return }
    for (name, id) in try references(under: "refs/heads/") where name != branch {
      if try reaches(id, result.boundary) { result.neededBy.append(name) }
    }
    guard !isTrial, result.neededBy.isEmpty else { return }
    result.cut = try cutHistory(of: branch, keeping: depth, options)
  }

  /// The deepest commit that is not older than a time.
  private func deepest(from head: ObjectID, since time: Int64) throws(StoreError) -> Int {
    let shallow = try shallowCommits
    var known: Set<ObjectID> = [head]
    var level = [head]
    var (depth, deepest) = (0, 1)
    while !level.isEmpty {
      depth += 1
      var next: [ObjectID] = []
      for id in level {
        let bytes = try bytes(id, .commit)
        let commit: CommitObject
        do { commit = try CommitObject(bytes, format) } catch { throw .malformed(error) }
        if commit.committer.time >= time { deepest = depth }
        guard !shallow.contains(id) else { continue }
        for parent in commit.parents where known.insert(parent).inserted { next.append(parent) }
      }
      level = next
    }
    return deepest
  }

  /// Whether something leads to one of some commits, and on to what is before it.
  private func reaches(_ id: ObjectID, _ boundary: [ObjectID]) throws(StoreError) -> Bool {
    let (shallow, ends) = (try shallowCommits, Set(boundary))
    var known: Set<ObjectID> = [id]
    var open = [id]
    while let next = open.popLast() {
      if ends.contains(next) { return true }
      let object = try object(next)
      var links: [ObjectID] = []
      do throws(FormatError) {
        switch object.kind {
        case .commit: links = shallow.contains(next) ? [] : try CommitObject(object.bytes, format).parents
        case .tag: links = [try TagObject(object.bytes, format).object]
        case .tree, .blob: break
        }
      } catch { throw .malformed(error) }
      for link in links where known.insert(link).inserted { open.append(link) }
    }
    return false
  }
}
