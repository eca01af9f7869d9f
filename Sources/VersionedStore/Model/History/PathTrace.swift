import GitFormat

/// The trees on the way to a path in a commit's tree, and what is at its end. Equal trees on the way make equal ends, so
/// that of another commit's trees just those are read that differ.
struct PathTrace {
  /// What each name of the path leads to; shorter than the path where there is no such name.
  private var way: [TreeEntry] = []
  private let root: ObjectID

  init(
    _ path: Path, in root: ObjectID, near other: PathTrace?, _ objects: any ObjectReader
  ) throws(StoreError) {
    self.root = root
    guard other?.root != root else {
      way = other?.way ?? []
      return
    }
    guard root != .emptyTree(root.format) else { return }
    var directory = root
    for (depth, name) in path.names.enumerated() {
      guard let entry = try Directories.entry(name, of: directory, in: objects) else { return }
      way.append(entry)
      if let other, depth < other.way.count, other.way[depth] == entry {
        way = other.way
        return
      }
      guard entry.mode.isTree else { return }
      directory = entry.id
    }
  }

  /// What is at the path; nil where there is nothing.
  func end(of path: Path) -> TreeChange.Side? {
    guard let last = path.isRoot ? TreeEntry(EntryName([]), .tree, root) : way.last,
      path.isRoot || way.count == path.names.count
    else { return nil }
    if path.isRoot && root == .emptyTree(root.format) { return nil }
    return TreeChange.Side(last.mode, last.id)
  }
}
