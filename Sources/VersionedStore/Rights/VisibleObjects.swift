public import GitFormat

/// The objects that somebody may know of: what the references reach that the person sees. All others are missing here,
/// whether they are in the repository or not.
///
/// What an object that was read names is known without a search; another object is looked for through all the history
/// that is seen, the newest first. What was seen once stays known as long as this lives.
public final class VisibleObjects: ObjectReader {
  private struct State {
    var known: Set<ObjectID> = []
    /// Those of the known objects whose own references are not known yet.
    var unread: Set<ObjectID> = []
    /// Commits and tags in the order in which they were found; those before `next` have been read.
    var commits: [ObjectID] = []
    var next = 0
    /// Unread trees, and some that have been read meanwhile.
    var trees: [ObjectID] = []
    var shallow: Set<ObjectID> = []
  }

  private let base: any Backend
  private let mayRead: @Sendable (RefName) -> Bool
  private let state = Guarded(State())

  /// - Parameter mayRead: whether the person sees a reference.
  public init(of base: any Backend, _ mayRead: @escaping @Sendable (RefName) -> Bool) {
    self.base = base
    self.mayRead = mayRead
  }

  public var format: ObjectFormat { base.format }

  public func contains(_ id: ObjectID) throws(StoreError) -> Bool {
    if state.withLock({ $0.known.contains(id) }) { return try base.contains(id) }
    guard try base.contains(id) else { return false }
    return try state.withLock { (state) throws(StoreError) in try find(id, &state) }
  }

  public func object(_ id: ObjectID) throws(StoreError) -> GitObject {
    guard try contains(id) else { throw .missing(id) }
    let object = try base.object(id)
    try state.withLock { (state) throws(StoreError) in
      if state.unread.remove(id) != nil { try read(object, id, &state) }
    }
    return object
  }

  public func kindAndSize(_ id: ObjectID) throws(StoreError) -> (kind: ObjectKind, size: Int) {
    guard try contains(id) else { throw .missing(id) }
    return try base.kindAndSize(id)
  }

  /// Takes note of objects that the person has made, of which everything is known that they reach.
  func learn(_ ids: [ObjectID]) { state.withLock { $0.known.formUnion(ids) } }

  /// Walks on from what is known until it comes to an object, or to the end.
  private func find(_ id: ObjectID, _ state: inout State) throws(StoreError) -> Bool {
    let shallow = try base.shallowCommits
    if shallow != state.shallow { state = State(shallow: shallow) }
    for (name, tip) in try base.references(under: "refs/") where mayRead(name) { add(tip, to: \.commits, &state) }
    let isBelowCommits = state.known.contains(id) ? false : try [.tree, .blob].contains(base.object(id).kind)
    while !state.known.contains(id) {
      if isBelowCommits, let tree = state.trees.popLast() {
        try read(tree, &state)
      } else if state.next < state.commits.count {
        state.next += 1
        try read(state.commits[state.next - 1], &state)
      } else {
        return false
      }
    }
    return true
  }

  private func read(_ id: ObjectID, _ state: inout State) throws(StoreError) {
    guard state.unread.remove(id) != nil else { return }
    do throws(StoreError) {
      try read(base.object(id), id, &state)
    } catch .missing {
      // Of a damaged history the rest is seen.
    }
  }

  private func read(_ object: GitObject, _ id: ObjectID, _ state: inout State) throws(StoreError) {
    let isCut = state.shallow.contains(id)
    try object.forEachLink(format) { (link) throws(StoreError) in
      switch link {
      case .parent(let id): if !isCut { add(id, to: \.commits, &state) }
      case .tagged(let id): add(id, to: \.commits, &state)
      case .tree(let id): add(id, to: \.trees, &state)
      case .blob(let id): state.known.insert(id)
      }
    }
  }

  private func add(_ id: ObjectID, to stack: WritableKeyPath<State, [ObjectID]>, _ state: inout State) {
    guard state.known.insert(id).inserted else { return }
    state.unread.insert(id)
    state[keyPath: stack].append(id)
  }
}

/// One object's mention of another that belongs to the same repository.
enum ObjectLink {
  case parent(ObjectID)
  case tree(ObjectID)
  case blob(ObjectID)
  case tagged(ObjectID)

  var id: ObjectID {
    switch self {
    case .parent(let id), .tree(let id), .blob(let id), .tagged(let id): id
    }
  }
}

extension GitObject {
  /// Calls with each object that this one names. Submodules are not of this repository.
  func forEachLink(_ format: ObjectFormat, _ body: (ObjectLink) throws(StoreError) -> Void) throws(StoreError) {
    switch kind {
    case .blob: break
    case .tree:
      var cursor = TreeCursor(bytes.span.bytes, format)
      while try cursor.next() {
        guard let kind = cursor.mode.kind else { continue }
        try body(kind == .tree ? .tree(cursor.id) : .blob(cursor.id))
      }
    case .commit:
      let commit: CommitObject
      do { commit = try CommitObject(bytes, format) } catch { throw .malformed(error) }
      for parent in commit.parents { try body(.parent(parent)) }
      try body(.tree(commit.tree))
    case .tag: try body(.tagged(tagged(format)))
    }
  }
}
