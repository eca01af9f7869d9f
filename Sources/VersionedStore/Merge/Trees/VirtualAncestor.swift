import GitFormat

/// The one ancestor that a merge starts from, where two commits have several lowest ones in common: these are merged first,
/// with their own ancestors, and so on down, as Git's recursive merge does it.
///
/// What is in conflict among the ancestors stands in the result as something that no side has (`TreeMerge`), so that each
/// side counts as having changed it, and nothing is taken for decided that was not.
struct VirtualAncestor {
  private let buffer: ObjectBuffer
  private let options: MergeOptions
  /// How many ancestors may still be made up, and how deep below each other, so that no history is too tangled.
  private var budget = 64
  private static let maximumDepth = 16

  init(_ options: MergeOptions, in buffer: ObjectBuffer) {
    self.options = options
    self.buffer = buffer
  }

  /// The lowest common ancestors of two commits, in an order that does not depend on who asks.
  ///
  /// - Throws: `.limitReached` where there are more than `options` allow, or they are deeper.
  func lowest(_ ours: ObjectID, _ theirs: ObjectID) throws(StoreError) -> [ObjectID] {
    let history = History(in: buffer, shallow: options.shallow)
    let found = try history.commonAncestors(
      of: ours, and: theirs, maxDepth: options.maximumDepth, limit: options.maximumAncestors)
    switch found {
    case .found(let ids): return ids.sorted()
    case .depthReached:
      throw .limitReached("the common ancestor is more than \(options.maximumDepth) commits back")
    case .tooMany: throw .limitReached("there are more than \(options.maximumAncestors) common ancestors")
    }
  }

  /// The tree of the one ancestor; nil: the empty tree.
  mutating func tree(of ancestors: [ObjectID], depth: Int = 0) throws(StoreError) -> ObjectID? {
    var trees: [ObjectID?] = []
    for id in ancestors { trees.append(try Commit(id, in: buffer).object.tree.unlessEmpty) }
    guard let first = trees.first else { return nil }
    // The usual criss-cross: two places merged the same, at the same time.
    if trees.allSatisfy({ $0 == first }) { return first }
    var (merged, commit) = (first, ancestors[0])
    for (tree, next) in zip(trees, ancestors).dropFirst() {
      budget -= 1
      // Where it becomes too deep, they are merged as if they had nothing in common: what differs is in conflict.
      let below = budget > 0 && depth < Self.maximumDepth ? try lowest(commit, next) : []
      let base = try self.tree(of: below, depth: depth + 1)
      let result = try TreeMerge.merge(
        base: base, ours: merged, theirs: tree, policy: options.policy, isVirtual: true, in: buffer)
      merged = result.tree
      commit = try write(merged, parents: [commit, next])
    }
    return merged
  }

  /// A commit of a virtual ancestor, so that the next ones find their way from it. Nothing will point to it.
  private func write(_ tree: ObjectID?, parents: [ObjectID]) throws(StoreError) -> ObjectID {
    let who = Signature(name: "Virtual ancestor", email: "", time: 0)
    let root = try Tree(Directory(stored: tree), in: buffer).write(into: buffer)
    let commit = CommitObject(tree: root, parents: parents, author: who, message: "virtual ancestor\n")
    return try buffer.write(.commit, commit.bytes)
  }
}

extension ObjectID {
  /// nil for the tree without entries, which need not be in a store.
  var unlessEmpty: ObjectID? { self == .emptyTree(format) ? nil : self }
}
