public import GitFormat

/// A file (or link, or submodule) that differs between two trees.
public struct TreeChange: Hashable, Sendable {
  /// One side of a change: what is there.
  public struct Side: Hashable, Sendable {
    public var mode: FileMode
    public var id: ObjectID

    public init(_ mode: FileMode, _ id: ObjectID) {
      self.mode = mode
      self.id = id
    }
  }

  public enum Kind: Sendable { case added, removed, changed }

  public var path: Path
  /// nil: there was no file.
  public var old: Side?
  /// nil: there is no file any more.
  public var new: Side?

  public init(_ path: Path, from old: Side?, to new: Side?) {
    self.path = path
    self.old = old
    self.new = new
  }

  public var kind: Kind { old == nil ? .added : new == nil ? .removed : .changed }
}

extension Tree {
  /// The files that differ from this tree to another of the same repository, in order of path.
  ///
  /// Costs what differs: directories that are equal are not read.
  ///
  /// - Parameter limit: how many directories and files that differ to look at.
  /// - Throws: `.limitReached` where more differ; `.tooLarge` where directories nest deeper than `Path.maximumDepth`.
  public func differences(to other: Tree, limit: Int = 10_000_000) throws(StoreError) -> [TreeChange] {
    try differences(to: other, below: .root, limit: limit)
  }

  /// Calls with each file that differs, in order of path, until the closure says no.
  ///
  /// - Throws: as `differences(to:limit:)`.
  public func forEachDifference(
    to other: Tree, limit: Int = 10_000_000, _ body: (TreeChange) throws(StoreError) -> Bool
  ) throws(StoreError) {
    try forEachDifference(to: other, below: .root, limit: limit, body)
  }

  /// The files at or below a path that differ.
  ///
  /// - Throws: as `differences(to:limit:)`.
  public func differences(
    to other: Tree, below path: Path, limit: Int = 10_000_000
  ) throws(StoreError) -> [TreeChange] {
    var changes: [TreeChange] = []
    try forEachDifference(to: other, below: path, limit: limit) { change in
      changes.append(change)
      return true
    }
    return changes
  }

  /// Calls with each file at or below a path, in order of path, until the closure says no.
  ///
  /// - Throws: as `differences(to:limit:)`.
  public func forEachFile(
    below path: Path = .root, limit: Int = 10_000_000,
    _ body: (_ path: Path, _ file: TreeChange.Side) throws(StoreError) -> Bool
  ) throws(StoreError) {
    try Tree.empty(in: objects).forEachDifference(to: self, below: path, limit: limit) { change throws(StoreError) in
      try change.new.map { file throws(StoreError) in try body(change.path, file) } ?? true
    }
  }

  /// Calls with each file at or below a path that differs, in order of path, until the closure says no.
  ///
  /// - Throws: as `differences(to:limit:)`.
  public func forEachDifference(
    to other: Tree, below path: Path, limit: Int = 10_000_000, _ body: (TreeChange) throws(StoreError) -> Bool
  ) throws(StoreError) {
    reads?.note(path, .all)
    other.reads?.note(path, .all)
    let buffer = ObjectBuffer(over: objects)
    let old = try lookUp(path).write(as: path.last ?? EntryName([]), into: buffer)
    let new = try other.lookUp(path).write(as: path.last ?? EntryName([]), into: buffer)
    var walk = DifferenceWalk(objects: buffer, limit: limit)
    try walk.begin(path, old, new)
    while let change = try walk.next() {
      guard try body(change) else { return }
    }
  }
}

/// A walk through two trees at once, depth first, along what differs.
private struct DifferenceWalk {
  let objects: ObjectBuffer
  var limit: Int
  /// Directories entered and not yet done: where they are, and their differences, last first.
  private var open: [(path: Path, changes: [EntryChange])] = []

  init(objects: ObjectBuffer, limit: Int) {
    self.objects = objects
    self.limit = limit
  }

  /// Takes what is at a path in both trees.
  mutating func begin(_ path: Path, _ old: TreeEntry?, _ new: TreeEntry?) throws(StoreError) {
    guard old != new else { return }
    if path.isRoot {
      try enter(path, Directory(stored: old?.id).stored, Directory(stored: new?.id).stored)
    } else {
      let name = path.last ?? EntryName([])
      open.append((path.parent, [EntryChange(name, from: old, to: new)]))
    }
  }

  private mutating func enter(_ path: Path, _ old: ObjectID?, _ new: ObjectID?) throws(StoreError) {
    guard old != new else { return }
    guard open.count < Path.maximumDepth else {
      throw .tooLarge("directories nest deeper than \(Path.maximumDepth) at \(Path(Array(path.names.prefix(8))))…")
    }
    try spend()
    open.append((path, try Directories.differences(from: old, to: new, in: objects).reversed()))
  }

  /// The next file that differs. A directory that takes a file's place is the file's end and the beginnings of what is
  /// in it.
  mutating func next() throws(StoreError) -> TreeChange? {
    while let last = open.indices.last {
      let path = open[last].path
      guard let change = open[last].changes.popLast() else {
        open.removeLast()
        continue
      }
      let here = path / change.name
      let oldTree = change.old.flatMap { $0.mode.isTree ? $0.id : nil }
      let newTree = change.new.flatMap { $0.mode.isTree ? $0.id : nil }
      if oldTree != nil || newTree != nil { try enter(here, oldTree, newTree) }
      let old = oldTree == nil ? change.old.map { TreeChange.Side($0.mode, $0.id) } : nil
      let new = newTree == nil ? change.new.map { TreeChange.Side($0.mode, $0.id) } : nil
      guard old != nil || new != nil else { continue }
      try spend()
      return TreeChange(here, from: old, to: new)
    }
    return nil
  }

  private mutating func spend() throws(StoreError) {
    guard limit > 0 else { throw .limitReached("more differs between two trees than was to be looked at") }
    limit -= 1
  }
}
