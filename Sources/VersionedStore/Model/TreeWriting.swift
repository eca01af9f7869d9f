public import GitFormat

// Changes in memory. Where a file stands on the way to a path, it makes room for a directory.
extension Tree {
  /// Puts a file at a path, in place of whatever is there. `mode` is `.file`, `.executable` or `.link`. One above 64 MiB
  /// is stored in chunks; `set(_:_:mode:)` of a staged value does that without all of it in memory.
  ///
  /// - Throws: `.badName` for a path that cannot stand in a tree; `.invalid` at the root or for a mode that is no
  ///   file's.
  public mutating func set(_ path: Path, _ bytes: [UInt8], mode: FileMode = .file) throws(StoreError) {
    guard mode.kind == .blob else { throw .invalid("a file's mode is file, executable or link") }
    try put(.contents(mode, bytes), at: path)
  }

  /// Puts an object that is in the store already at a path; a submodule's commit need not be.
  ///
  /// - Parameter chunks: of a value in chunks, whose pointer `id` is, their tree.
  /// - Throws: as `set`; `.missing` where the object is not in the store; `.invalid` where there are chunks, and the
  ///   object is no pointer to them.
  public mutating func setObject(
    _ path: Path, _ mode: FileMode, _ id: ObjectID, chunks: ObjectID? = nil
  ) throws(StoreError) {
    if mode.kind != nil, try !objects.contains(id) { throw .missing(id) }
    if let chunks {
      guard try objects.contains(chunks) else { throw .missing(chunks) }
      let entry = TreeEntry(path.last ?? EntryName([]), mode, id)
      guard let pointer = try ChunkFolder.pointer(entry, naming: chunks, objects) else {
        throw .invalid("\(id) is no pointer to the chunks \(chunks)")
      }
      return try put(.chunks(mode, pointer), at: path)
    }
    try put(mode.isTree ? .directory(Directory(stored: id, isGrafted: true)) : .object(mode, id), at: path)
  }

  /// Puts a whole tree at a path, in place of whatever is there. At the root it takes the place of everything.
  ///
  /// - Throws: as `set`; `.missing` where the tree is of another repository, and its objects are not in this one.
  public mutating func setTree(_ path: Path, _ tree: Tree) throws(StoreError) {
    var directory = tree.root
    directory.isGrafted = true
    if let id = directory.stored, try !objects.contains(id) { throw .missing(id) }
    guard !path.isRoot else {
      root = directory
      return
    }
    try put(.directory(directory), at: path)
  }

  /// Makes the file at a path executable, an ordinary file, or a link.
  ///
  /// - Throws: `.notFound` where no file is there.
  public mutating func setMode(_ path: Path, _ mode: FileMode) throws(StoreError) {
    guard mode.kind == .blob else { throw .invalid("a file's mode is file, executable or link") }
    reads?.note(path, .entry)
    let entry = try lookUp(path)
    let pointer = try pointer(path, entry)
    if pointer != nil && mode == .link { throw .invalid("\(path) is too large for a link") }
    switch entry {
    case .contents(_, let bytes): try put(.contents(mode, bytes), at: path)
    case .object(let old, let id) where old.kind == .blob:
      try put(pointer.map { .chunks(mode, $0) } ?? .object(mode, id), at: path)
    case .chunks(_, let pointer): try put(.chunks(mode, pointer), at: path)
    default: throw .notFound(path)
    }
  }

  /// Removes what is at a path, a directory with all that is in it; tells whether there was something.
  ///
  /// - Throws: `.badName` for a path deeper than `Path.maximumDepth`.
  @discardableResult
  public mutating func remove(_ path: Path) throws(StoreError) -> Bool {
    guard !path.isRoot else {
      let was = try !isEmpty()
      root = Directory(stored: nil, isGrafted: true)
      return was
    }
    try path.checkDepth()
    reads?.note(path, .entry)
    if case .nothing = try lookUp(path) { return false }
    try root.put(.nothing, at: path.names[...], in: objects)
    return true
  }

  /// This tree with a file at a path.
  public func setting(_ path: Path, _ bytes: [UInt8], mode: FileMode = .file) throws(StoreError) -> Tree {
    var tree = self
    try tree.set(path, bytes, mode: mode)
    return tree
  }

  /// This tree with another tree at a path.
  public func setting(_ path: Path, _ subtree: Tree) throws(StoreError) -> Tree {
    var tree = self
    try tree.setTree(path, subtree)
    return tree
  }

  /// This tree without what is at a path.
  public func removing(_ path: Path) throws(StoreError) -> Tree {
    var tree = self
    try tree.remove(path)
    return tree
  }

  mutating func put(_ entry: Directory.Entry, at path: Path) throws(StoreError) {
    guard !path.isRoot else { throw .invalid("the root is a directory") }
    try path.check(allowingReserved: true)
    try root.put(entry, at: path.names[...], in: objects)
  }
}

extension Directory {
  mutating func put(
    _ entry: Entry, at names: ArraySlice<EntryName>, in objects: any ObjectReader
  ) throws(StoreError) {
    let name = names[names.startIndex]
    guard names.count > 1 else {
      changes[name] = entry
      return
    }
    // Out of the dictionary while it is changed, so that it is not copied.
    var below = try child(name, in: objects)
    changes[name] = nil
    defer { changes[name] = .directory(below) }
    try below.put(entry, at: names.dropFirst(), in: objects)
  }

  /// The directory at a name, to be changed; a new one where no directory is.
  private func child(_ name: EntryName, in objects: any ObjectReader) throws(StoreError) -> Directory {
    if let entry = changes[name] { return entry.directory ?? Directory(stored: nil, isGrafted: true) }
    guard let entry = try Directories.entry(name, of: stored, in: objects) else { return Directory(stored: nil) }
    return entry.mode.isTree ? Directory(stored: entry.id) : Directory(stored: nil, isGrafted: true)
  }
}
