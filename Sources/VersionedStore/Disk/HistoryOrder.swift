import GitFormat

/// Puts objects of which only the names are known in the order that packs are made in: newest first, each tree and blob
/// where the newest commit has it, with the hash of its path there.
///
/// Only what is among the given objects is looked at, each once: merging small packs costs what they hold, not what the
/// repository does.
struct HistoryOrder<Source: PackSource> {
  private let source: Source
  /// What has not been put in order yet.
  private var rest: Set<ObjectID>
  private var items: [PackItem] = []

  /// The objects in order.
  ///
  /// - Parameter ids: without order, as packs and folders list them.
  static func items(of ids: [ObjectID], from source: Source) throws(StoreError) -> [PackItem] {
    var order = HistoryOrder(ids, source)
    return try order.run(ids)
  }

  private init(_ ids: [ObjectID], _ source: Source) {
    self.source = source
    rest = Set(ids)
    items.reserveCapacity(ids.count)
  }

  private mutating func run(_ ids: [ObjectID]) throws(StoreError) -> [PackItem] {
    var commits: [CommitLinks] = []
    var trees: [ObjectID] = []
    for id in ids where rest.contains(id) {
      switch try source.kindAndSize(id)?.kind {
      case .commit: if let links = try links(of: id) { commits.append(links) }
      case .tree: trees.append(id)
      case .blob, .tag: break
      case nil: throw .missing(id)
      }
    }
    let history = Self.childrenFirst(commits)
    for commit in history { take(commit.id, nil) }
    for commit in history { try takeTree(commit.tree, at: .root) }
    // Trees of commits that are elsewhere. A folder comes after what is above it, whichever of them the list has first.
    for id in trees { try takeTree(id, at: nil) }
    for id in ids { take(id, nil) }
    return items
  }

  /// Appends an item, if it is one that has not come yet.
  @discardableResult
  private mutating func take(_ id: ObjectID, _ path: PathHash?) -> Bool {
    guard rest.remove(id) != nil else { return false }
    items.append(PackItem(id, path: path))
    return true
  }

  // MARK: - Commits

  private struct CommitLinks {
    let id: ObjectID
    let tree: ObjectID
    let parents: [ObjectID]
  }

  /// nil where it breaks the format's rules: then it is an object like others.
  private func links(of id: ObjectID) throws(StoreError) -> CommitLinks? {
    guard let object = try source.object(id) else { throw .missing(id) }
    guard let commit = try? CommitObject(object.bytes, source.format) else { return nil }
    return CommitLinks(id: id, tree: commit.tree, parents: commit.parents)
  }

  /// Each commit after all that have it as a parent, lines of history together.
  private static func childrenFirst(_ commits: [CommitLinks]) -> [CommitLinks] {
    let numbers = Dictionary(commits.enumerated().map { ($1.id, $0) }) { first, _ in first }
    var children = Array(repeating: 0, count: commits.count)
    for commit in commits { for parent in commit.parents { if let number = numbers[parent] { children[number] += 1 } } }
    var ready = Array(commits.indices.filter { children[$0] == 0 }.reversed())
    var ordered: [CommitLinks] = []
    while let number = ready.popLast() {
      ordered.append(commits[number])
      for parent in commits[number].parents.reversed() {
        guard let number = numbers[parent] else { continue }
        children[number] -= 1
        if children[number] == 0 { ready.append(number) }
      }
    }
    return ordered
  }

  // MARK: - Trees

  /// Takes a tree and what is below it.
  private mutating func takeTree(_ id: ObjectID, at path: PathHash?) throws(StoreError) {
    var open: [(id: ObjectID, path: PathHash?)] = [(id, path)]
    while let (id, path) = open.popLast() {
      guard take(id, path), let object = try source.object(id), object.kind == .tree else { continue }
      let start = open.count
      Self.forEachEntry(of: object.bytes, source.format) { name, isTree, id in
        let entryPath = (path ?? .root).appending(name)
        if isTree { open.append((id, entryPath)) } else { take(id, entryPath) }
      }
      open[start...].reverse()
    }
  }

  /// Calls with the entries of a tree, as far as its bytes can be read.
  private static func forEachEntry(
    of tree: [UInt8], _ format: ObjectFormat, _ body: (ArraySlice<UInt8>, _ isTree: Bool, ObjectID) -> Void
  ) {
    var view = TreeView(tree.span.bytes, format)
    while (try? view.advance()) == true { body(tree[view.nameRange], view.mode.isTree, view.id) }
  }
}
