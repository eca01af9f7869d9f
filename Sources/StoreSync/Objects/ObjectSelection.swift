import GitFormat
import VersionedStore

/// An object that a pack is going to have.
struct SelectedObject {
  var id: ObjectID
  var kind: ObjectKind
  /// Where it was found; nil for commits and tags.
  var path: PathHash?
}

/// What a pack shall have: everything that the wanted objects reach, less what the other side has.
///
/// The answer is complete, and may have a little more than is needed where clocks of commits were wrong. Memory is a
/// few dozen bytes for each object, and one object's bytes at a time.
struct ObjectSelection {
  /// Objects that are wanted: commits, tags, trees or blobs.
  var wants: [ObjectID] = []
  /// Commits and tags that the other side has with everything below them; all of them are in `objects`.
  var haves: [ObjectID] = []
  /// Commits whose parents are not followed: the other side's history ends there, or ours.
  var cut: Set<ObjectID> = []
  var filter: ObjectFilter?

  private let objects: any ObjectReader
  private var links: [ObjectID: CommitLinks] = [:]
  private var isUninteresting: [ObjectID: Bool] = [:]
  private var seen: Set<ObjectID> = []
  /// Commits and tags first, newest first; then trees and blobs, the oldest first.
  private(set) var selected: [SelectedObject] = []
  /// What stood before, on the other side, where trees and blobs are selected.
  private var replaced: [PackItem] = []
  private let onProgress: (Int) throws(StoreError) -> Void

  /// Trees in trees are followed so deep.
  static let maximumDepth = 4_096

  /// - Parameter onProgress: called now and then with the number of objects found so far.
  init(
    in objects: any ObjectReader, onProgress: @escaping (Int) throws(StoreError) -> Void = { _ throws(StoreError) in }
  ) {
    self.objects = objects
    self.onProgress = onProgress
  }

  /// Commits that were selected.
  var selectedCommits: some Sequence<ObjectID> { selected.lazy.filter { $0.kind == .commit }.map(\.id) }

  /// Whether an object was selected.
  func contains(_ id: ObjectID) -> Bool { seen.contains(id) }

  /// Objects that the other side has and that much of what is selected is like.
  var outside: [PackItem] { replaced.filter { !seen.contains($0.id) } }

  /// Finds the objects.
  mutating func run() throws(StoreError) {
    var roots: [ObjectID] = []
    var wantedCommits: [ObjectID] = []
    for want in wants {
      let (target, kind, tags) = try objects.peel(want)
      for tag in tags { try select(tag, .tag) }
      if kind == .commit { wantedCommits.append(target) } else { roots.append(target) }
    }
    var knownCommits: [ObjectID] = []
    for have in haves {
      let (target, kind, _) = try objects.peel(have)
      if kind == .commit { knownCommits.append(target) }
    }
    let commits = try paint(wantedCommits, except: knownCommits)
    for commit in commits { try select(commit, .commit) }
    for root in roots { try selectRoot(root) }
    for commit in try parentsFirst(commits) { try selectTree(of: commit) }
    seen.formUnion(commits)
  }

  /// Adds a chain of tags to what was found.
  mutating func addTag(_ id: ObjectID) throws(StoreError) {
    for tag in try objects.peel(id).tags { try select(tag, .tag) }
  }

  private mutating func select(_ id: ObjectID, _ kind: ObjectKind, at path: PathHash? = nil) throws(StoreError) {
    if kind != .commit, !seen.insert(id).inserted { return }
    selected.append(SelectedObject(id: id, kind: kind, path: path))
    if selected.count % 4_096 == 0 { try onProgress(selected.count) }
  }

  // MARK: Commits

  private mutating func link(_ id: ObjectID) throws(StoreError) -> CommitLinks {
    if let known = links[id] { return known }
    var found = try objects.commitLinks(id)
    if cut.contains(id) { found.parents = [] }
    links[id] = found
    return found
  }

  /// The commits that the wanted reach and the known do not, newest first.
  private mutating func paint(
    _ wanted: [ObjectID], except known: [ObjectID]
  ) throws(StoreError) -> [ObjectID] {
    var queue = CommitQueue()
    var interestingInQueue = 0
    for id in known where isUninteresting.updateValue(true, forKey: id) == nil {
      queue.insert(id, time: try link(id).time)
    }
    for id in wanted where isUninteresting[id] == nil {
      isUninteresting[id] = false
      interestingInQueue += 1
      queue.insert(id, time: try link(id).time)
    }
    var order: [ObjectID] = []
    // A commit that turns out to be known after all is in the queue twice; it was counted once.
    var waiting = Set(wanted.filter { isUninteresting[$0] == false })
    while interestingInQueue > 0, let id = queue.popNewest() {
      let known = isUninteresting[id] == true
      if waiting.remove(id) != nil {
        interestingInQueue -= 1
        if !known { order.append(id) }
      }
      for parent in try link(id).parents {
        switch isUninteresting[parent] {
        case nil:
          isUninteresting[parent] = known
          if !known {
            interestingInQueue += 1
            waiting.insert(parent)
          }
        case false? where known: isUninteresting[parent] = true
        default: continue
        }
        queue.insert(parent, time: try link(parent).time)
      }
    }
    return order.filter { isUninteresting[$0] == false }
  }

  /// The same commits, each behind its parents, whatever clocks say: what a tree shares with the tree of a parent is passed
  /// over, so that one has to be selected before.
  private mutating func parentsFirst(_ commits: [ObjectID]) throws(StoreError) -> [ObjectID] {
    var waiting = Set(commits)
    var order: [ObjectID] = []
    order.reserveCapacity(commits.count)
    // Newest first, as commits are mostly: then the next one seldom has a parent that waits.
    var open = commits
    while let commit = open.last {
      let parents = waiting.contains(commit) ? try link(commit).parents.filter { waiting.contains($0) } : []
      if parents.isEmpty {
        open.removeLast()
        if waiting.remove(commit) != nil { order.append(commit) }
      } else {
        open += parents
      }
    }
    return order
  }

  // MARK: Trees

  private struct Step {
    var tree: ObjectID
    /// Trees at the same place in parent commits, of which the other side gets or has everything.
    var known: [ObjectID]
    var depth: Int
    var path: PathHash
  }

  private mutating func selectTree(of commit: ObjectID) throws(StoreError) {
    let own = try link(commit)
    var known: [ObjectID] = []
    for parent in own.parents { known.append(try link(parent).tree) }
    try selectBelow(own.tree, known: known)
  }

  /// A tree or blob that was asked for by name is sent whatever the filter says.
  private mutating func selectRoot(_ id: ObjectID) throws(StoreError) {
    let kind = try objects.object(id).kind
    if kind == .blob { return try select(id, .blob) }
    if case .treeDepth = filter { return try select(id, .tree) }
    try selectBelow(id, known: [])
  }

  private mutating func selectBelow(_ root: ObjectID, known: [ObjectID]) throws(StoreError) {
    var stack = [Step(tree: root, known: known, depth: 0, path: .root)]
    while let step = stack.popLast() {
      if case .treeDepth(let limit) = filter, step.depth >= limit { continue }
      guard step.depth < Self.maximumDepth else { throw .tooLarge("the depth of tree \(root)") }
      guard !seen.contains(step.tree), !step.known.contains(step.tree) else { continue }
      try select(step.tree, .tree, at: step.path)
      if let old = step.known.first { replaced.append(PackItem(old, path: step.path)) }
      try expand(step, onto: &stack)
    }
  }

  private mutating func expand(_ step: Step, onto stack: inout [Step]) throws(StoreError) {
    var known: [KnownTree] = []
    for tree in step.known { known.append(try KnownTree(objects.bytes(tree, .tree), objects.format)) }
    let bytes = try objects.bytes(step.tree, .tree)
    var below: [Step] = []
    try TreeScan.entries(of: bytes, objects.format) { (entry) throws(StoreError) in
      var before: [ObjectID] = []
      for index in known.indices {
        if let old = known[index].advance(to: entry, of: bytes) { before.append(old) }
      }
      guard !before.contains(entry.id), !seen.contains(entry.id) else { return }
      for index in known.indices where known[index].hasElsewhere(entry.id) { return }
      let path = step.path.appending(bytes[entry.name])
      if entry.kind == .tree {
        below.append(Step(tree: entry.id, known: before, depth: step.depth + 1, path: path))
      } else if try admits(blob: entry.id, depth: step.depth + 1) {
        try select(entry.id, .blob, at: path)
        if let old = before.first { replaced.append(PackItem(old, path: path)) }
      }
    }
    stack.append(contentsOf: below.reversed())
  }

  private func admits(blob: ObjectID, depth: Int) throws(StoreError) -> Bool {
    switch filter {
    case nil: true
    case .noBlobs: false
    case .blobLimit(let limit): try objects.bytes(blob, .blob).count < limit
    case .treeDepth(let limit): depth < limit
    }
  }
}

extension ObjectSelection {
  /// Looks whether everything is there that some objects reach.
  ///
  /// - Parameters:
  ///   - known: commits and tags below which everything is there, without a look.
  ///   - cut: commits whose parents need not be there.
  /// - Throws: `.missing` with the first that is not.
  static func checkComplete(
    _ wants: [ObjectID], known: [ObjectID], cut: Set<ObjectID>, in objects: any ObjectReader
  ) throws(StoreError) {
    var closure = ObjectSelection(in: objects)
    closure.wants = wants
    closure.haves = known
    closure.cut = cut
    try closure.run()
    for item in closure.selected {
      guard try objects.contains(item.id) else { throw .missing(item.id) }
    }
  }
}
