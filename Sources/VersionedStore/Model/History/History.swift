public import GitFormat

/// Questions about what came from what. Walks are loops, not recursion, and read each commit once.
///
/// No answer rests on the dates of commits, which may be wrong; they only make the walks short.
public struct History: Sendable {
  let objects: any ObjectReader
  /// Commits whose parents are not here; a walk ends at them.
  public let shallow: Set<ObjectID>

  public init(in objects: any ObjectReader, shallow: Set<ObjectID> = []) {
    self.objects = objects
    self.shallow = shallow
  }

  func graph() -> CommitGraph { CommitGraph(objects, shallow: shallow) }
}

extension Repository {
  /// The history of this repository, where some commits' parents may not be here.
  public func history(shallow: Set<ObjectID> = []) -> History { History(in: objects, shallow: shallow) }
}

/// The commits that two others have both come from, without those that one of these has come from.
public enum CommonAncestors: Equatable, Sendable {
  /// All of them, latest first; none where the histories have nothing in common.
  case found([ObjectID])
  /// The walk came to its depth before all was known.
  case depthReached
  /// There are more than was asked for.
  case tooMany
}

extension History {
  /// The lowest common ancestors of two commits: all of them (there are several after criss-cross merges).
  ///
  /// - Parameters:
  ///   - maxDepth: how many steps to go down from the two.
  ///   - limit: how many answers are of use.
  public func commonAncestors(
    of a: ObjectID, and b: ObjectID, maxDepth: Int = .max, limit: Int = .max
  ) throws(StoreError) -> CommonAncestors {
    var painting = Painting(graph())
    try painting.paint(left: [a], right: [b], maxDepth: maxDepth)
    if painting.isCut { return .depthReached }
    let meetings = painting.meetings
    return meetings.count > limit ? .tooMany : .found(meetings.map { painting.graph.nodes[$0].id })
  }

  /// Whether one commit is the other, or has the other in its history.
  public func isAncestor(_ ancestor: ObjectID, of commit: ObjectID) throws(StoreError) -> Bool {
    if ancestor == commit { return true }
    var painting = Painting(graph())
    try painting.paint(left: [commit], right: [ancestor])
    return painting[painting.graph.number(ancestor)].contains(.left)
  }

  /// How many commits are in the history of one and not of the other, each way.
  public func divergence(
    _ ours: ObjectID, from theirs: ObjectID
  ) throws(StoreError) -> (ahead: Int, behind: Int) {
    var painting = Painting(graph())
    try painting.paint(left: [ours], right: [theirs])
    return (painting.numbers(.left).count, painting.numbers(.right).count)
  }
}

/// What became of a branch that was to go forward.
public enum FastForward: Equatable, Sendable {
  case moved
  /// It has that commit in its history already.
  case upToDate
  /// It has commits of its own, and needs a merge.
  case diverged
}

extension Branch {
  /// Moves the branch to a commit that has come from its head.
  ///
  /// - Throws: `.refChanged` where somebody else moves it at the same time.
  public func fastForward(to id: ObjectID, shallow: Set<ObjectID> = []) throws(StoreError) -> FastForward {
    guard let head = try head() else {
      try testAndSet(head: nil, to: id, why: "fast-forward")
      return .moved
    }
    let history = repository.history(shallow: shallow)
    if try history.isAncestor(id, of: head.id) { return .upToDate }
    guard try history.isAncestor(head.id, of: id) else { return .diverged }
    try testAndSet(head: head.id, to: id, why: "fast-forward")
    return .moved
  }
}
