public import GitFormat

/// A file's bytes, and what kind of file it is: `.file`, `.executable` or `.link` (the bytes are its target).
public struct Contents: Hashable, Sendable {
  public var mode: FileMode
  public var bytes: [UInt8]

  public init(_ bytes: [UInt8], mode: FileMode = .file) {
    self.mode = mode
    self.bytes = bytes
  }
}

/// An entry of a directory as a listing tells it.
public struct ListedEntry: Hashable, Sendable {
  public var name: EntryName
  public var mode: FileMode
  /// The object; nil for what has changed in memory.
  public var id: ObjectID?
}

// All throw what the store throws when it reads (`.missing`, `.damaged`, `.malformed`, …).
extension Tree {
  /// What is at a path; nil where there is nothing. The root is a tree.
  public func kind(_ path: Path) throws(StoreError) -> FileMode? {
    reads?.note(path, .entry)
    return try lookUp(path).mode
  }

  /// The file at a path; nil where there is none, also where a directory or a submodule is there.
  ///
  /// - Throws: `.tooLarge` for a value in chunks above 1 GiB, which `value` reads in pieces.
  public func contents(_ path: Path) throws(StoreError) -> Contents? {
    reads?.note(path, .entry)
    switch try lookUp(path) {
    case .contents(let mode, let bytes): return Contents(bytes, mode: mode)
    case .chunks(let mode, let pointer): return Contents(try assemble(pointer, path), mode: mode)
    case .object(let mode, let id) where mode.kind == .blob:
      let bytes = try objects.bytes(id, .blob)
      guard let pointer = try pointer(path, mode, bytes) else { return Contents(bytes, mode: mode) }
      return Contents(try assemble(pointer, path), mode: mode)
    default: return nil
    }
  }

  /// The bytes of the file at a path; nil where there is none.
  public func find(_ path: Path) throws(StoreError) -> [UInt8]? { try contents(path)?.bytes }

  /// The bytes of the file at a path.
  ///
  /// - Throws: `.notFound` where there is none.
  public func get(_ path: Path) throws(StoreError) -> [UInt8] {
    guard let bytes = try find(path) else { throw .notFound(path) }
    return bytes
  }

  /// The entries of a directory in order of name; none where no directory is there.
  public func list(_ path: Path = .root) throws(StoreError) -> [ListedEntry] {
    reads?.note(path, .names)
    guard let directory = try lookUp(path).directory else { return [] }
    var modes: [EntryName: FileMode?] = [:]
    for (name, entry) in directory.changes {
      modes[name] = .some(try entry.isNothing(in: objects) ? nil : entry.mode)
    }
    var listed: [ListedEntry] = []
    for entry in try Directories.entries(of: directory.stored, in: objects) where modes[entry.name] == nil {
      listed.append(ListedEntry(name: entry.name, mode: entry.mode, id: entry.id))
    }
    for case (let name, let mode?) in modes { listed.append(ListedEntry(name: name, mode: mode)) }
    if !modes.isEmpty { listed.sort { $0.name < $1.name } }
    if let index = listed.firstIndex(where: { $0.name == ChunkFolder.name && $0.mode.isTree }) {
      listed.remove(at: index)
    }
    return listed
  }

  /// The directory at a path as a tree of its own; nil where there is none. Of the root: this tree.
  public func subtree(_ path: Path) throws(StoreError) -> Tree? {
    reads?.note(path, .all)
    guard let directory = try lookUp(path).directory else { return nil }
    return Tree(directory, in: objects)
  }

  /// The object at a path as a directory would name it; nil where there is nothing. Says of what has changed in memory
  /// which object it will be.
  public func entry(_ path: Path) throws(StoreError) -> (mode: FileMode, id: ObjectID)? {
    reads?.note(path, .all)
    guard let name = path.last else { return (.tree, try id()) }
    return try lookUp(path).write(as: name, into: ObjectBuffer(over: objects)).map { ($0.mode, $0.id) }
  }

  func lookUp(_ path: Path) throws(StoreError) -> Directory.Entry {
    var here = root
    for (depth, name) in path.names.enumerated() {
      guard let entry = here.changes[name] else {
        return try objects.lookUp(path.names[depth...], in: here.stored).map { .object($0.mode, $0.id) } ?? .nothing
      }
      guard depth < path.names.count - 1 else {
        return try entry.isNothing(in: objects) ? .nothing : entry
      }
      guard let next = entry.directory else { return .nothing }
      here = next
    }
    return .directory(here)
  }
}

extension ObjectReader {
  /// The entry at the end of a way through stored directories; nil where it ends before.
  func lookUp(_ names: ArraySlice<EntryName>, in directory: ObjectID?) throws(StoreError) -> TreeEntry? {
    var directory = directory
    var found: TreeEntry?
    for (index, name) in zip(names.indices, names) {
      guard let id = directory, let entry = try Directories.entry(name, of: id, in: self) else { return nil }
      guard index < names.endIndex - 1 else {
        found = entry
        break
      }
      guard entry.mode.isTree else { return nil }
      directory = entry.id
    }
    return found
  }
}

extension Directory.Entry {
  /// As the directory would have it; nil for nothing.
  var mode: FileMode? {
    switch self {
    case .nothing: nil
    case .object(let mode, _), .contents(let mode, _), .chunks(let mode, _): mode
    case .directory: .tree
    }
  }

  /// What to read or change below; nil where there is no directory.
  var directory: Directory? {
    switch self {
    case .directory(let directory): directory
    case .object(.tree, let id): Directory(stored: id, isGrafted: true)
    default: nil
    }
  }

  /// Whether nothing will be here: also a directory from which all has been removed.
  func isNothing(in objects: any ObjectReader) throws(StoreError) -> Bool {
    switch self {
    case .nothing: return true
    case .object, .contents, .chunks: return false
    case .directory(let directory):
      if directory.changes.isEmpty { return directory.stored == nil }
      for entry in directory.changes.values where try !entry.isNothing(in: objects) { return false }
      return try directory.write(into: ObjectBuffer(over: objects)) == nil
    }
  }
}
