public import GitFormat

/// A file (or link, or submodule) that differs between two trees.
public struct TreeChange: Hashable, Sendable {
  /// One side of a change: what is there.
  public struct Side: Hashable, Sendable {
    public var mode: FileMode
    /// Of a value in chunks, its pointer.
    public var id: ObjectID
    /// Of a value in chunks, their tree.
    public var chunks: ObjectID?

    public init(_ mode: FileMode, _ id: ObjectID, chunks: ObjectID? = nil) {
      self.mode = mode
      self.id = id
      self.chunks = chunks
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
    let name = path.last ?? EntryName([])
    let old = try lookUp(path).write(as: name, into: buffer)
    let new = try other.lookUp(path).write(as: name, into: buffer)
    var walk = DifferenceWalk(objects: buffer, limit: limit)
    if path.isRoot {
      try walk.begin(old, new)
    } else {
      let folders = (try chunkFolder(of: path.parent, buffer), try other.chunkFolder(of: path.parent, buffer))
      walk.begin(path, EntryChange(name, from: old, to: new), folders)
    }
    while let change = try walk.next() {
      guard try body(change) else { return }
    }
  }
}

extension Tree {
  /// The tree of the folder of chunks in a directory, as it will be written.
  fileprivate func chunkFolder(of path: Path, _ buffer: ObjectBuffer) throws(StoreError) -> ObjectID? {
    guard let directory = try lookUp(path).directory else { return nil }
    return try ChunkFolder.find(in: try directory.write(into: buffer), buffer)
  }
}

/// A walk through two trees at once, depth first, along what differs.
private struct DifferenceWalk {
  /// A directory entered and not yet done.
  private struct Level {
    let path: Path
    /// Last first.
    var changes: [EntryChange]
    /// Its folders of chunks.
    let folders: (old: ObjectID?, new: ObjectID?)
  }

  let objects: ObjectBuffer
  var limit: Int
  private var open: [Level] = []

  init(objects: ObjectBuffer, limit: Int) {
    self.objects = objects
    self.limit = limit
  }

  /// Takes the roots of both trees.
  mutating func begin(_ old: TreeEntry?, _ new: TreeEntry?) throws(StoreError) {
    try enter(.root, Directory(stored: old?.id).stored, Directory(stored: new?.id).stored)
  }

  /// Takes what is at a path in both trees.
  mutating func begin(_ path: Path, _ change: EntryChange, _ folders: (ObjectID?, ObjectID?)) {
    open.append(Level(path: path.parent, changes: [change], folders: folders))
  }

  private mutating func enter(_ path: Path, _ old: ObjectID?, _ new: ObjectID?) throws(StoreError) {
    guard old != new else { return }
    guard open.count < Path.maximumDepth else {
      throw .tooLarge("directories nest deeper than \(Path.maximumDepth) at \(Path(Array(path.names.prefix(8))))…")
    }
    try spend()
    let folders = (try ChunkFolder.find(in: old, objects), try ChunkFolder.find(in: new, objects))
    var changes = try Directories.differences(from: old, to: new, in: objects)
    if folders != (nil, nil) {
      changes.removeAll { $0.name == ChunkFolder.name && $0.old?.mode.isTree != false && $0.new?.mode.isTree != false }
      try addMoved(folders, old, &changes)
    }
    changes.reverse()
    open.append(Level(path: path, changes: changes, folders: folders))
  }

  /// Adds entries that are the same on both sides, and whose chunks are not.
  private func addMoved(
    _ folders: (old: ObjectID?, new: ObjectID?), _ directory: ObjectID?, _ changes: inout [EntryChange]
  ) throws(StoreError) {
    let known = Set(changes.map(\.name))
    let moved = try Directories.differences(from: folders.old, to: folders.new, in: objects)
    for name in moved.map(\.name) where !known.contains(name) {
      guard let entry = try Directories.entry(name, of: directory, in: objects) else { continue }
      changes.append(EntryChange(name, from: entry, to: entry))
    }
    if changes.count > known.count { changes.sort { $0.name < $1.name } }
  }

  /// The next file that differs. A directory that takes a file's place is the file's end and the beginnings of what is
  /// in it.
  mutating func next() throws(StoreError) -> TreeChange? {
    while let last = open.indices.last {
      let (path, folders) = (open[last].path, open[last].folders)
      guard let change = open[last].changes.popLast() else {
        open.removeLast()
        continue
      }
      let here = path / change.name
      let oldTree = change.old.flatMap { $0.mode.isTree ? $0.id : nil }
      let newTree = change.new.flatMap { $0.mode.isTree ? $0.id : nil }
      if oldTree != nil || newTree != nil { try enter(here, oldTree, newTree) }
      let old = oldTree == nil ? try side(change.old, folders.old) : nil
      let new = newTree == nil ? try side(change.new, folders.new) : nil
      guard old != new else { continue }
      try spend()
      return TreeChange(here, from: old, to: new)
    }
    return nil
  }

  private func side(_ entry: TreeEntry?, _ folder: ObjectID?) throws(StoreError) -> TreeChange.Side? {
    let pointer = try ChunkFolder.pointer(entry, beside: folder, objects)
    return entry.map { TreeChange.Side($0.mode, $0.id, chunks: pointer?.tree) }
  }

  private mutating func spend() throws(StoreError) {
    guard limit > 0 else { throw .limitReached("more differs between two trees than was to be looked at") }
    limit -= 1
  }
}
