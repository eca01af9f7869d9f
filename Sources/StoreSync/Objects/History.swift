import GitFormat
import VersionedStore

/// Questions about what commits reach, each answered by a walk as far as it needs.
final class History {
  private let objects: any ObjectReader
  /// Commits whose parents are not here.
  private let cut: Set<ObjectID>
  private var links: [ObjectID: CommitLinks] = [:]

  init(_ objects: any ObjectReader, cut: Set<ObjectID>) {
    self.objects = objects
    self.cut = cut
  }

  func link(_ id: ObjectID) throws(StoreError) -> CommitLinks {
    if let known = links[id] { return known }
    var found = try objects.commitLinks(id)
    if cut.contains(id) { found.parents = [] }
    links[id] = found
    return found
  }

  /// All commits that some reach, themselves included.
  func commits(from tips: [ObjectID]) throws(StoreError) -> Set<ObjectID> {
    var found = Set(tips)
    var stack = tips
    while let commit = stack.popLast() {
      for parent in try link(commit).parents where found.insert(parent).inserted { stack.append(parent) }
    }
    return found
  }

  /// Whether one commit is another, or comes from it.
  func descends(_ commit: ObjectID, from ancestor: ObjectID) throws(StoreError) -> Bool {
    try reaches(commit, anyOf: [ancestor], notBefore: .min)
  }

  /// Whether a reference can go from one object to another without losing anything. A tag stays what it is.
  func isForward(_ name: RefName, from old: ObjectID?, to new: ObjectID) throws(StoreError) -> Bool {
    guard let old else { return true }
    guard !name.text.hasPrefix("refs/tags/"), try objects.object(old).kind == .commit,
      try objects.object(new).kind == .commit
    else { return old == new }
    return try descends(new, from: old)
  }

  /// Whether each commit reaches one of the others. Commits older than the oldest of these are not looked at.
  func everyOne(of commits: [ObjectID], reachesOneOf targets: Set<ObjectID>) throws(StoreError) -> Bool {
    guard !targets.isEmpty else { return commits.isEmpty }
    var oldest = Int64.max
    for target in targets { oldest = min(oldest, try link(target).time) }
    var order = CommitQueue()
    for commit in commits { order.insert(commit, time: -(try link(commit).time)) }
    var targets = targets
    // The oldest first: the newer ones soon come to one that is known to reach a target.
    while let commit = order.popNewest() {
      guard try reaches(commit, anyOf: targets, notBefore: oldest) else { return false }
      targets.insert(commit)
    }
    return true
  }

  private func reaches(
    _ commit: ObjectID, anyOf targets: Set<ObjectID>, notBefore oldest: Int64
  ) throws(StoreError) -> Bool {
    var visited: Set<ObjectID> = [commit]
    var queue = CommitQueue()
    queue.insert(commit, time: try link(commit).time)
    while let id = queue.popNewest() {
      if targets.contains(id) { return true }
      let found = try link(id)
      guard found.time >= oldest else { continue }
      for parent in found.parents where visited.insert(parent).inserted {
        queue.insert(parent, time: try link(parent).time)
      }
    }
    return false
  }
}

/// All that a set of tips reaches, found as far as it is asked for.
final class ReachableCommits {
  private let history: History
  private var queue = CommitQueue()
  private var reached: Set<ObjectID> = []

  init(from tips: [ObjectID], _ history: History) throws(StoreError) {
    self.history = history
    for tip in tips where reached.insert(tip).inserted { queue.insert(tip, time: try history.link(tip).time) }
  }

  func contains(_ id: ObjectID) throws(StoreError) -> Bool {
    while !reached.contains(id) {
      guard let next = queue.popNewest() else { return false }
      for parent in try history.link(next).parents where reached.insert(parent).inserted {
        queue.insert(parent, time: try history.link(parent).time)
      }
    }
    return true
  }
}
