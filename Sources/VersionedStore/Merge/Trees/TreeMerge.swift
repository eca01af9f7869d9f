public import GitFormat

/// What a merge of trees gives.
public struct TreeMergeResult: Sendable {
  /// The merged tree, with what is in conflict recorded in it; nil: nothing is left.
  public var tree: ObjectID?
  /// What this merge could not decide, in order of path. Records that the sides brought along are not among them.
  public var conflicts: [MergeConflict]
}

/// The three-way merge of trees. What is equal on two sides is never read; renames are not looked for.
///
/// Where both sides changed one place and no merge function makes one of it, ours stays at the path, and the conflict is
/// recorded under `.lares-conflicts`.
public struct TreeMerge {
  private let policy: MergePolicy
  private let buffer: ObjectBuffer
  /// Where the trees that are merged stand in the whole.
  private let place: Path
  /// For an ancestor that is made up of several: what is in conflict is replaced by something that no side can have.
  private let isVirtual: Bool
  private var conflicts: [MergeConflict] = []
  /// How many directories may still be merged: a tree from outside may name one directory again and again.
  private var budget = 1_000_000

  private init(_ policy: MergePolicy, _ place: Path, isVirtual: Bool, _ buffer: ObjectBuffer) {
    self.policy = policy
    self.place = place
    self.isVirtual = isVirtual
    self.buffer = buffer
  }

  /// Merges two trees that came from one. nil is the empty tree.
  ///
  /// - Parameters:
  ///   - isVirtual: the result is to be the ancestor of another merge: conflicts are not recorded; in their place stands
  ///     what neither side has, so that the other merge finds them again.
  ///   - buffer: reads all three trees; new objects are written into it.
  /// - Throws: what the reader throws; `.tooLarge` where directories nest deeper than `Path.maximumDepth`, or more than a
  ///   million are changed on both sides.
  public static func merge(
    base: ObjectID?, ours: ObjectID?, theirs: ObjectID?, policy: MergePolicy = .standard, isVirtual: Bool = false,
    in buffer: ObjectBuffer
  ) throws(StoreError) -> TreeMergeResult {
    if ours == theirs || base == theirs { return TreeMergeResult(tree: ours, conflicts: []) }
    if base == ours { return TreeMergeResult(tree: theirs, conflicts: []) }
    var merge = TreeMerge(policy, .root, isVirtual: isVirtual, buffer)
    let mine = try merge.records(of: ours)
    let records = ConflictRecords.merge(
      base: try merge.records(of: base), ours: mine, theirs: try merge.records(of: theirs))
    let tree = try merge.directory(base, ours, theirs, at: .root)
    return try merge.result(tree, mine, records)
  }

  /// Merges another tree into the directory at a path: a subtree merge. `base` and `theirs` are directories as the other
  /// history has them, `ours` is the whole of our tree. Records of conflicts stay at its root.
  ///
  /// - Throws: as the merge of whole trees; `.badName`.
  public static func merge(
    base: ObjectID?, ours: ObjectID?, theirs: ObjectID?, at path: Path, policy: MergePolicy = .standard,
    in buffer: ObjectBuffer
  ) throws(StoreError) -> TreeMergeResult {
    guard let name = path.last else {
      return try merge(base: base, ours: ours, theirs: theirs, policy: policy, in: buffer)
    }
    try path.check(allowingReserved: false)
    var merge = TreeMerge(policy, path, isVirtual: false, buffer)
    let mine = try merge.records(of: ours)
    let records = ConflictRecords.merge(
      base: try merge.records(of: base, below: path), ours: mine, theirs: try merge.records(of: theirs, below: path))
    func entry(_ id: ObjectID?) -> TreeEntry? { id.map { TreeEntry(name, .tree, $0) } }
    var whole = Tree(Directory(stored: ours), in: buffer)
    let side = try whole.side(path)
    let old = side.map { TreeEntry(name, $0.mode, $0.id) }
    let merged: TreeEntry?
    switch try merge.entry(name, entry(base), old, entry(theirs), at: path) {
    case .entry(let found): merged = found == entry(theirs) ? entry(try merge.withoutRecords(theirs)) : found
    case .directory(let base, let ours, let theirs): merged = entry(try merge.directory(base, ours, theirs, at: path))
    }
    for index in merge.conflicts.indices where merge.conflicts[index].path == path {
      merge.conflicts[index].ours = side
    }
    if let merged, merged != old { try whole.setObject(path, merged.mode, merged.id) }
    if merged == nil { try whole.remove(path) }
    return try merge.result(try whole.write(into: buffer).unlessEmpty, mine, records)
  }

  /// A tree from elsewhere without its records, which come to stand at our root.
  private func withoutRecords(_ tree: ObjectID?) throws(StoreError) -> ObjectID? {
    let old = try Directories.entry(ConflictRecords.folder, of: tree, in: buffer)
    guard old != nil else { return tree }
    return try Directories.applying([EntryChange(ConflictRecords.folder, from: old, to: nil)], to: tree, in: buffer)
  }

  private func records(of root: ObjectID?, below path: Path = .root) throws(StoreError) -> ConflictRecords {
    try ConflictRecords(Tree(Directory(stored: root), in: buffer), below: path)
  }

  /// The result, whose tree holds our records so far, with all records in it.
  private func result(
    _ tree: ObjectID?, _ ours: ConflictRecords, _ records: ConflictRecords
  ) throws(StoreError) -> TreeMergeResult {
    var records = records
    for conflict in conflicts { records.insert(conflict) }
    var whole = Tree(Directory(stored: tree), in: buffer)
    try records.replace(ours, in: &whole, buffer)
    return TreeMergeResult(
      tree: try whole.write(into: buffer).unlessEmpty, conflicts: conflicts.sorted { $0.path < $1.path })
  }
}

// Directories and their entries.
extension TreeMerge {
  /// A directory whose merge is under way. A stack of these in place of a recursion: trees from outside may be deep.
  private struct Level {
    let path: Path
    let ours: ObjectID?
    let chunks: MergedChunks?
    /// What both sides changed, in reverse order.
    var both: [(base: TreeEntry?, ours: TreeEntry?, theirs: TreeEntry?, name: EntryName)] = []
    var changes: [EntryChange] = []
  }

  /// How an entry is merged.
  private enum Outcome {
    case entry(TreeEntry?)
    case directory(base: ObjectID?, ours: ObjectID?, theirs: ObjectID?)
  }

  private mutating func directory(
    _ base: ObjectID?, _ ours: ObjectID?, _ theirs: ObjectID?, at path: Path
  ) throws(StoreError) -> ObjectID? {
    var levels = [try level(base, ours, theirs, at: path)]
    while true {
      let top = levels.count - 1
      guard let (old, mine, yours, name) = levels[top].both.popLast() else {
        try levels[top].chunks?.adjust(&levels[top].changes, of: levels[top].ours, in: buffer)
        let merged = try Directories.applying(levels[top].changes, to: levels[top].ours, in: buffer)
        let path = levels.removeLast().path
        guard top > 0, let name = path.last else { return merged }
        Self.add(merged.map { TreeEntry(name, .tree, $0) }, as: name, to: &levels[top - 1])
        continue
      }
      let known = conflicts.count
      let outcome = try entry(name, old, mine, yours, at: levels[top].path / name)
      for index in known..<conflicts.count { try levels[top].chunks?.complete(&conflicts[index], in: buffer) }
      switch outcome {
      case .entry(let merged): Self.add(merged, as: name, to: &levels[top])
      case .directory(let base, let ours, let theirs):
        levels.append(try level(base, ours, theirs, at: levels[top].path / name))
      }
    }
  }

  private static func add(_ merged: TreeEntry?, as name: EntryName, to level: inout Level) {
    // What the directory had there is replaced, whatever it was.
    level.changes.append(EntryChange(name, from: nil, to: merged))
  }

  /// A directory with what only they changed, before what both changed is looked at.
  private mutating func level(
    _ base: ObjectID?, _ ours: ObjectID?, _ theirs: ObjectID?, at path: Path
  ) throws(StoreError) -> Level {
    budget -= 1
    guard path.names.count <= Path.maximumDepth, budget > 0 else {
      throw .tooLarge("directories that both sides changed nest too deep, or are too many, at \(path.parent)")
    }
    let chunks = try MergedChunks(base: base, ours: ours, theirs: theirs, in: buffer)
    var level = Level(path: path, ours: ours, chunks: chunks)
    var mine = try Directories.differences(from: base, to: ours, in: buffer)[...]
    for change in try Directories.differences(from: base, to: theirs, in: buffer)
    where (path != place || change.name != ConflictRecords.folder) && (chunks == nil || change.name != ChunkFolder.name)
    {
      while let first = mine.first, first.name < change.name { mine.removeFirst() }
      if let own = mine.first, own.name == change.name {
        level.both.append((change.old, own.new, change.new, change.name))
      } else {
        level.changes.append(change)
      }
    }
    level.both.reverse()
    return level
  }

  private mutating func entry(
    _ name: EntryName, _ base: TreeEntry?, _ ours: TreeEntry?, _ theirs: TreeEntry?, at path: Path
  ) throws(StoreError) -> Outcome {
    if ours == theirs || base == theirs { return .entry(ours) }
    if base == ours { return .entry(theirs) }
    let old = base?.mode.isTree == true ? base?.id : nil
    guard let ours, let theirs else {
      // What was there is gone on both sides, and one put something else there: that stays.
      guard let kept = ours ?? theirs, kept.mode.isTree == base?.mode.isTree else { return .entry(ours ?? theirs) }
      if kept.mode.isTree { return .directory(base: old, ours: ours?.id, theirs: theirs?.id) }
      let reason = ours == nil ? "we removed it, they changed it" : "we changed it, they removed it"
      return .entry(try conflict(name, .removed, reason, base, ours, theirs, at: path))
    }
    switch (ours.mode.isTree, theirs.mode.isTree) {
    case (true, true): return .directory(base: old, ours: ours.id, theirs: theirs.id)
    case (false, false): return .entry(try file(name, base, ours, theirs, at: path))
    default:
      let reason = ours.mode.isTree ? "a directory here, a file there" : "a file here, a directory there"
      return .entry(try conflict(name, .fileAndDirectory, reason, base, ours, theirs, at: path))
    }
  }
}

// Files, links and submodules.
extension TreeMerge {
  private mutating func file(
    _ name: EntryName, _ base: TreeEntry?, _ ours: TreeEntry, _ theirs: TreeEntry, at path: Path
  ) throws(StoreError) -> TreeEntry? {
    let old = base?.mode.isTree == true ? nil : base
    let mode: FileMode
    do throws(MergeFailure) {
      mode = try MergeFunction<FileMode>.idempotent(base: old?.mode, ours: ours.mode, theirs: theirs.mode)
    } catch {
      let reason = "it is \(Self.noun(ours.mode)) here and \(Self.noun(theirs.mode)) there"
      return try conflict(name, .mode, reason, old, ours, theirs, at: path)
    }
    if ours.id == theirs.id || old?.id == theirs.id { return TreeEntry(name, mode, ours.id) }
    if old?.id == ours.id { return TreeEntry(name, mode, theirs.id) }
    let kind: MergeConflict.Kind = old == nil ? .added : .contents
    guard Self.isFile(ours), Self.isFile(theirs) else {
      let reason = "both sides \(old == nil ? "added" : "changed") \(Self.noun(ours.mode))"
      return try conflict(name, kind, reason, old, ours, theirs, at: path)
    }
    return try contents(name, mode, kind, old, ours, theirs, at: path)
  }

  private mutating func contents(
    _ name: EntryName, _ mode: FileMode, _ kind: MergeConflict.Kind, _ base: TreeEntry?, _ ours: TreeEntry,
    _ theirs: TreeEntry, at path: Path
  ) throws(StoreError) -> TreeEntry? {
    let (mine, yours) = (try buffer.bytes(ours.id, .blob), try buffer.bytes(theirs.id, .blob))
    let buffer = buffer
    let old = LazyBase { () throws(MergeFailure) -> [UInt8]? in
      guard let base, Self.isFile(base) else { return nil }
      do throws(StoreError) { return try buffer.bytes(base.id, .blob) } catch { throw .store(error) }
    }
    let isInChunks = ChunkPointer(mine) != nil || ChunkPointer(yours) != nil
    do throws(MergeFailure) {
      guard !isInChunks else { throw .conflict("both sides changed it, and it is stored in chunks") }
      guard max(mine.count, yours.count) <= policy.maximumSize else {
        throw .conflict("both sides changed it, and it is too large to merge")
      }
      let merged = try policy.merge(for: path)(base: old, ours: mine, theirs: yours)
      return TreeEntry(name, mode, try Self.write(merged, buffer))
    } catch {
      let reason: String
      switch error {
      case .store(let error): throw error
      case .conflict(let why): reason = why
      }
      if isVirtual, !isInChunks, TextMerge.isText(mine), TextMerge.isText(yours) {
        // As Git has it: no side has the markers, and what is around them still merges by lines.
        let text = TextMerge(base: try Self.value(of: old), ours: mine, theirs: yours)
        return TreeEntry(name, mode, try buffer.write(.blob, text.marked(labels: ("", nil, ""), size: 9)))
      }
      return try conflict(name, kind, reason, base, ours, theirs, at: path)
    }
  }

  private static func value(of base: LazyBase<[UInt8]>) throws(StoreError) -> [UInt8] {
    do throws(MergeFailure) { return try base.value() ?? [] } catch {
      if case .store(let error) = error { throw error }
      return []
    }
  }

  private static func write(_ bytes: [UInt8], _ buffer: ObjectBuffer) throws(MergeFailure) -> ObjectID {
    do throws(StoreError) { return try buffer.write(.blob, bytes) } catch { throw .store(error) }
  }

  /// Notes a conflict, and tells what stands at its place: ours, or in a virtual ancestor what no side can have.
  private mutating func conflict(
    _ name: EntryName, _ kind: MergeConflict.Kind, _ reason: String, _ base: TreeEntry?, _ ours: TreeEntry?,
    _ theirs: TreeEntry?, at path: Path
  ) throws(StoreError) -> TreeEntry? {
    guard !isVirtual else {
      // No side has this, so that whoever decided differently is asked again. No type can read it.
      let sides = [ours, theirs].map { $0.map { "\($0.mode) \($0.id)" } ?? "nothing" }.sorted()
      let text = "The common ancestors of a merge differ here:\n\(sides.joined(separator: "\n"))\n\0"
      return TreeEntry(name, .file, try buffer.write(.blob, Array(text.utf8)))
    }
    func side(_ entry: TreeEntry?) -> MergeConflict.Side? { entry.map { MergeConflict.Side($0.mode, $0.id) } }
    conflicts.append(MergeConflict(path, kind, reason, base: side(base), ours: side(ours), theirs: side(theirs)))
    return ours
  }

  private static func isFile(_ entry: TreeEntry) -> Bool { entry.mode == .file || entry.mode == .executable }

  private static func noun(_ mode: FileMode) -> String {
    switch mode {
    case .tree: "a directory"
    case .file: "a file"
    case .executable: "an executable file"
    case .link: "a link"
    case .commit: "a submodule"
    }
  }
}
