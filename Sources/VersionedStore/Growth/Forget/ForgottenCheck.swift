public import GitFormat

extension GitBackend {
  public func refuseForgotten(_ pack: ReceivedPack?, tips: [ObjectID]) throws(StoreError) {
    let list = try forgotten
    guard !list.ids.isEmpty, pack != nil || !tips.isEmpty else { return }
    // What other processes removed is not taken for there.
    _ = packs.openPacks()
    try ForgottenCheck(self, list, pack).run(tips)
  }
}

/// Looks through what was sent for what is not to come back.
private struct ForgottenCheck {
  private let backend: GitBackend
  private let list: ForgottenObjects
  private let pack: ReceivedPack?
  /// As long as old objects are still being removed, that they are here says nothing.
  private let isForgetting: Bool

  /// So many directories are looked at to tell where something stands.
  private static let mostSteps = 100_000

  init(_ backend: GitBackend, _ list: ForgottenObjects, _ pack: ReceivedPack?) {
    self.backend = backend
    self.list = list
    self.pack = pack
    isForgetting = backend.isForgetting
  }

  /// What is here again was added again.
  private func isRefused(_ id: ObjectID) throws(StoreError) -> Bool {
    guard list.contains(id) else { return false }
    return isForgetting || !backend.holds(id)
  }

  func run(_ tips: [ObjectID]) throws(StoreError) {
    for tip in tips where try isRefused(tip) { throw .forgotten(tip, "commit \(tip)") }
    guard let pack else { return }
    let ids = pack.ids
    var refused: [ObjectID] = []
    for id in ids where try isRefused(id) { refused.append(id) }
    // A commit says more than a file, and a file more than the directories that it is in.
    for kind in [ObjectKind.commit, .tag, .blob, .tree] {
      for id in refused where try pack.kind(id) == kind { throw .forgotten(id, try place(of: id, pack)) }
    }
    for id in ids where try pack.kind(id) != .blob {
      for link in try links(of: pack.object(id)) where try isRefused(link) {
        throw .forgotten(link, try place(of: link, pack))
      }
    }
  }

  private func links(of object: GitObject) throws(StoreError) -> [ObjectID] {
    do throws(FormatError) {
      switch object.kind {
      case .blob: return []
      case .tag: return [try TagObject(object.bytes, backend.format).object]
      case .commit:
        let commit = try CommitObject(object.bytes, backend.format)
        return commit.parents + [commit.tree]
      case .tree:
        var ids: [ObjectID] = []
        var view = TreeView(object.bytes.span.bytes, backend.format)
        while try view.advance() { if view.mode != .commit { ids.append(view.id) } }
        return ids
      }
    } catch { throw .malformed(error) }
  }

  // MARK: - Words for people

  /// Where in what was sent an object stands.
  private func place(of id: ObjectID, _ pack: ReceivedPack) throws(StoreError) -> String {
    if try pack.kind(id) == .commit { return "commit \(id)" }
    var steps = 0
    for commit in pack.ids where try pack.kind(commit) == .commit {
      let object: CommitObject
      do { object = try CommitObject(try pack.bytes(commit, .commit), backend.format) } catch { continue }
      if object.parents.contains(id) { return "commit \(id), on which commit \(commit) builds," }
      if object.tree == id { return "the directory of commit \(commit)" }
      if let path = try find(id, below: object.tree, pack, &steps) { return "\(path) in commit \(commit)" }
    }
    return "object \(id)"
  }

  /// Looks in directories that were sent.
  private func find(
    _ id: ObjectID, below tree: ObjectID, _ pack: ReceivedPack, _ steps: inout Int
  ) throws(StoreError) -> Path? {
    var open: [(tree: ObjectID, path: Path)] = [(tree, .root)]
    while let (tree, path) = open.popLast(), steps < Self.mostSteps {
      steps += 1
      guard try pack.contains(tree) else { continue }
      for entry in try pack.links(ofTree: tree) {
        let below = entry.name.bucketNumber == nil ? path / entry.name : path
        if entry.id == id { return below }
        if entry.mode.isTree { open.append((entry.id, below)) }
      }
    }
    return nil
  }
}
