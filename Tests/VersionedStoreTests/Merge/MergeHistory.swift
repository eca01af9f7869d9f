@testable import VersionedStore

/// A history of one value with branches and merges, as plain as can be: what the store's own merges are compared with.
struct MergeHistory<Value: Editable> {
  struct Commit {
    var value: Value
    var parents: [Int]
    /// All commits that this one comes from, and itself.
    var ancestors: Set<Int>
  }

  private(set) var commits: [Commit] = []
  /// Merges that found a conflict.
  private(set) var conflicts = 0

  mutating func add(_ value: Value, parents: [Int]) -> Int {
    var ancestors: Set<Int> = [commits.count]
    for parent in parents { ancestors.formUnion(commits[parent].ancestors) }
    commits.append(Commit(value: value, parents: parents, ancestors: ancestors))
    return commits.count - 1
  }

  private func lowestCommonAncestors(_ a: Int, _ b: Int) -> [Int] {
    let common = commits[a].ancestors.intersection(commits[b].ancestors)
    return common.filter { candidate in
      !common.contains { $0 != candidate && commits[$0].ancestors.contains(candidate) }
    }.sorted()
  }

  /// The commit that both are part of: one of the two where it holds the other. Where both sides changed the same thing,
  /// the greater bytes stand, whoever merges.
  mutating func merge(_ a: Int, _ b: Int) throws -> Int {
    if commits[a].ancestors.contains(b) { return a }
    if commits[b].ancestors.contains(a) { return b }
    // More than one lowest ancestor: they are merged first, and so on down.
    var bases = lowestCommonAncestors(a, b)[...]
    var base = bases.popFirst()
    while let next = bases.popFirst() { base = try merge(base!, next) }
    let old = base.map { commits[$0].value }
    let (ours, theirs) = (commits[a].value, commits[b].value)
    let merged: Value
    do throws(MergeFailure) { merged = try Value.merge(base: old, ours: ours, theirs: theirs) } catch {
      guard case .conflict = error else { throw error }
      conflicts += 1
      merged = ours.encoded.lexicographicallyPrecedes(theirs.encoded) ? theirs : ours
    }
    return add(merged, parents: [a, b])
  }
}
