import GitFormat
import VersionedStore

/// Questions about what commits reach, each answered by a walk as far as it needs.
final class History {
  private let objects: any ObjectReader
  private var links: [ObjectID: CommitLinks] = [:]

  init(_ objects: any ObjectReader) { self.objects = objects }

  func link(_ id: ObjectID) throws(StoreError) -> CommitLinks {
    if let known = links[id] { return known }
    let found = try objects.commitLinks(id)
    links[id] = found
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
    for commit in commits {
      guard try reaches(commit, anyOf: targets, notBefore: oldest) else { return false }
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
        guard try objects.contains(parent) else { continue }
        queue.insert(parent, time: try link(parent).time)
      }
    }
    return false
  }
}

/// All that a set of tips reaches, found as far as it is asked for.
final class ReachableCommits {
  private let history: History
  private let objects: any ObjectReader
  private var queue = CommitQueue()
  private var reached: Set<ObjectID> = []

  init(from tips: [ObjectID], _ history: History, in objects: any ObjectReader) throws(StoreError) {
    self.history = history
    self.objects = objects
    for tip in tips where reached.insert(tip).inserted { queue.insert(tip, time: try history.link(tip).time) }
  }

  func contains(_ id: ObjectID) throws(StoreError) -> Bool {
    while !reached.contains(id) {
      guard let next = queue.popNewest() else { return false }
      for parent in try history.link(next).parents where reached.insert(parent).inserted {
        guard try objects.contains(parent) else { continue }
        queue.insert(parent, time: try history.link(parent).time)
      }
    }
    return true
  }
}
