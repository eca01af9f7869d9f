import GitFormat

/// Finds what a rewriting takes out of a history, and what of it is still needed.
struct ForgetSurvivors {
  private let objects: RewrittenObjects
  /// Trees before and after, as far as they were compared, so that each is compared once. One tree may become another at each
  /// of its places.
  private var compared: Set<[ObjectID?]> = []
  /// Objects that left a place, and where that was.
  private(set) var candidates: [ObjectID: Path] = [:]
  /// Contents among them.
  private(set) var contents: Set<ObjectID> = []
  /// Those among them that another place has.
  private(set) var survivors: [ObjectID: Path] = [:]
  private var seen: Set<ObjectID> = []

  init(_ objects: RewrittenObjects) { self.objects = objects }

  // MARK: - What left

  /// Compares a tree with what became of it.
  mutating func compare(_ old: ObjectID, _ new: ObjectID) throws(StoreError) {
    var open: [(old: ObjectID, new: ObjectID?, path: Path)] = [(old, new, .root)]
    while let (old, new, path) = open.popLast() {
      guard old != new, compared.insert([old, new]).inserted else { continue }
      if candidates[old] == nil { candidates[old] = path }
      for (entry, other) in try changed(old, new) {
        // Parts of a wide directory are no names to people.
        let below = entry.name.bucketNumber == nil ? path / entry.name : path
        if entry.mode.isTree {
          open.append((entry.id, other, below))
        } else if candidates[entry.id] == nil {
          candidates[entry.id] = below
          contents.insert(entry.id)
        }
      }
    }
  }

  /// Entries of a tree object that another has not, or otherwise, with the tree that the other has under the name.
  private func changed(_ old: ObjectID, _ new: ObjectID?) throws(StoreError) -> [(TreeEntry, ObjectID?)] {
    let (before, after) = (
      try objects.bytes(old, .tree), try new.map { new throws(StoreError) in try objects.bytes(new, .tree) } ?? []
    )
    var found: [(TreeEntry, ObjectID?)] = []
    var one = TreeCursor(before.span.bytes, objects.format)
    var other = TreeCursor(after.span.bytes, objects.format)
    var hasOther = try other.next()
    while try one.next() {
      while hasOther, other.stands(before: one) { hasOther = try other.next() }
      let isSame = hasOther && !one.stands(before: other)
      guard one.mode != .commit, !isSame || one.id != other.id else { continue }
      found.append((one.entry, isSame && other.mode.isTree ? other.id : nil))
    }
    return found
  }

  mutating func add(_ id: ObjectID) { if candidates[id] == nil { candidates[id] = .root } }

  // MARK: - What stays

  /// Walks over everything that some objects reach.
  mutating func find(from tips: some Sequence<ObjectID>, shallow: Set<ObjectID>) throws(StoreError) {
    var open = tips.filter { seen.insert($0).inserted }
    while let id = open.popLast() {
      let object = try objects.object(id)
      note(id, at: .root)
      var next: [ObjectID] = []
      do throws(FormatError) {
        switch object.kind {
        case .commit:
          let commit = try CommitObject(object.bytes, objects.format)
          next = shallow.contains(id) ? [] : commit.parents
          next.append(commit.tree)
        case .tag: next = [try TagObject(object.bytes, objects.format).object]
        case .tree, .blob: break
        }
      } catch { throw .malformed(error) }
      if object.kind == .tree { try find(below: id) }
      for id in next where seen.insert(id).inserted { open.append(id) }
    }
  }

  private mutating func find(below root: ObjectID) throws(StoreError) {
    var open: [(tree: ObjectID, path: Path)] = [(root, .root)]
    while let (tree, path) = open.popLast() {
      let bytes = try objects.bytes(tree, .tree)
      var cursor = TreeCursor(bytes.span.bytes, objects.format)
      while try cursor.next() {
        let id = cursor.id
        guard cursor.mode.isTree ? seen.insert(id).inserted : candidates[id] != nil && cursor.mode != .commit else {
          continue
        }
        let below = cursor.bucket == nil ? path / cursor.entryName : path
        note(id, at: below)
        if cursor.mode.isTree { open.append((id, below)) }
      }
    }
  }

  private mutating func note(_ id: ObjectID, at path: Path) {
    if candidates[id] != nil, survivors[id] == nil { survivors[id] = path }
  }

  /// What nothing needs any more.
  var forgotten: Set<ObjectID> { Set(candidates.keys.filter { survivors[$0] == nil }) }
}
