import GitFormat

/// Makes trees without what is to be forgotten. A tree at a place that says the same of it is looked at once.
struct TreeRewriter {
  private struct Key: Hashable {
    var tree: ObjectID
    /// The matcher's; nil where no path says anything of what is below.
    var state: Int?
  }

  private static let maximumDepth = 4_096

  private let objects: RewrittenObjects
  private var matcher: PathMatcher
  /// Contents that are dropped wherever they stand.
  private let drops: ForgottenObjects
  /// What trees become; nil: nothing is left.
  private var results: [Key: ObjectID?] = [:]
  /// Whether something that is dropped stands in or below a tree object.
  private var reaching: [ObjectID: Bool] = [:]
  /// Where entries were removed.
  private(set) var removed: Set<Path> = []

  init(_ objects: RewrittenObjects, _ patterns: [ForgottenPath], dropping drops: ForgottenObjects) {
    self.objects = objects
    self.drops = drops
    matcher = PathMatcher(patterns)
  }

  /// The tree of a commit without what is forgotten; the empty tree where nothing is left.
  mutating func rewrite(root: ObjectID) throws(StoreError) -> ObjectID {
    if let new = try rewrite(Key(tree: root, state: PathMatcher.start), at: .root) { return new }
    return try objects.write(.tree, [])
  }

  private mutating func rewrite(_ key: Key, at path: Path) throws(StoreError) -> ObjectID? {
    if let known = results[key] { return known }
    guard path.names.count < Self.maximumDepth else { throw .tooLarge("the depth of tree \(key.tree)") }
    if key.state == nil, try !reaches(key.tree, depth: 0) { return key.tree }
    var changes: [EntryChange] = []
    for entry in try entries(of: key) {
      let new = try rewrite(entry, in: key.state, at: path)
      if new != entry { changes.append(EntryChange(entry.name, from: entry, to: new)) }
    }
    var result: ObjectID? = key.tree
    if !changes.isEmpty {
      let buffer = ObjectBuffer(over: objects)
      result = try Directories.applying(changes, to: key.tree, in: buffer)
      for new in buffer.objects { try objects.add(new) }
    }
    results[key] = .some(result)
    return result
  }

  /// The entries that may have to go or to change.
  private func entries(of key: Key) throws(StoreError) -> [TreeEntry] {
    guard drops.isEmpty, let state = key.state, let names = matcher.names(state) else {
      return try Directories.entries(of: key.tree, in: objects)
    }
    var entries: [TreeEntry] = []
    for name in names {
      if let entry = try Directories.entry(name, of: key.tree, in: objects) { entries.append(entry) }
    }
    return entries
  }

  private mutating func rewrite(_ entry: TreeEntry, in state: Int?, at path: Path) throws(StoreError) -> TreeEntry? {
    var below: Int?
    switch state.map({ matcher.outcome(entry.name, in: $0) }) ?? .keep {
    case .remove:
      // A value's chunks go with its path.
      if path.last != ChunkFolder.name { removed.insert(path / entry.name) }
      return nil
    case .descend(let next): below = next
    case .keep: break
    }
    guard entry.mode.isTree else {
      guard entry.mode != .commit, drops.contains(entry.id) else { return entry }
      removed.insert(path / entry.name)
      return nil
    }
    guard below != nil || !drops.isEmpty else { return entry }
    let new = try rewrite(Key(tree: entry.id, state: below), at: path / entry.name)
    return new.map { TreeEntry(entry.name, entry.mode, $0) }
  }

  private mutating func reaches(_ tree: ObjectID, depth: Int) throws(StoreError) -> Bool {
    guard !drops.isEmpty else { return false }
    if let known = reaching[tree] { return known }
    guard depth < Self.maximumDepth else { throw .tooLarge("the depth of tree \(tree)") }
    var found = false
    for entry in try objects.links(ofTree: tree) {
      if entry.mode.isTree ? try reaches(entry.id, depth: depth + 1) : drops.contains(entry.id) {
        found = true
        break
      }
    }
    reaching[tree] = found
    return found
  }
}

extension ObjectReader {
  /// The entries of a tree object that are objects of this repository, buckets as they stand.
  func links(ofTree id: ObjectID) throws(StoreError) -> [TreeEntry] {
    let bytes = try bytes(id, .tree)
    do throws(FormatError) {
      var entries: [TreeEntry] = []
      var view = TreeView(bytes.span.bytes, format)
      while try view.advance() { if view.mode != .commit { entries.append(view.entry) } }
      return entries
    } catch { throw .malformed(error) }
  }
}
