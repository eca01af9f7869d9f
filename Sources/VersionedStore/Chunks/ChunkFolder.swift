import GitFormat
import Glibc

/// The directory beside values in chunks that holds their trees, each under its value's name.
///
/// It is as a directory's entries ask for: a change of a directory (`adjusting`) leaves in it exactly the trees that
/// pointers beside it name, whoever wrote them. People do not see it in listings and differences.
enum ChunkFolder {
  static let name: EntryName = ".lares-chunks"

  /// The tree of a directory's folder; nil where it has none.
  static func find(in directory: ObjectID?, _ objects: some ObjectReader) throws(StoreError) -> ObjectID? {
    guard let directory, try mayHave(objects.bytes(directory, .tree)) else { return nil }
    guard let entry = try Directories.entry(name, of: directory, in: objects), entry.mode.isTree else { return nil }
    return entry.id
  }

  /// Whether a tree has an entry of the store's own, its buckets included. Far faster than to look through the entries.
  private static func mayHave(_ tree: [UInt8]) -> Bool {
    let prefix = EntryName.reservedPrefix
    return tree.withUnsafeBytes { tree in
      guard var next = tree.baseAddress else { return false }
      let end = next + tree.count
      while let dot = memchr(next, Int32(UInt8(ascii: ".")), end - next).map({ UnsafeRawPointer($0) }) {
        guard end - dot >= prefix.utf8CodeUnitCount else { return false }
        if memcmp(dot, prefix.utf8Start, prefix.utf8CodeUnitCount) == 0 { return true }
        next = dot + 1
      }
      return false
    }
  }

  /// The pointer that an entry is, if the folder beside it has the tree that it names.
  static func pointer(
    _ entry: TreeEntry?, beside folder: ObjectID?, _ objects: some ObjectReader
  ) throws(StoreError) -> ChunkPointer? {
    guard let entry, let folder else { return nil }
    guard let tree = try Directories.entry(entry.name, of: folder, in: objects), tree.mode.isTree else { return nil }
    return try pointer(entry, naming: tree.id, objects)
  }

  /// The pointer that an entry is, if it names this tree.
  static func pointer(
    _ entry: TreeEntry, naming tree: ObjectID, _ objects: some ObjectReader
  ) throws(StoreError) -> ChunkPointer? {
    guard entry.mode == .file || entry.mode == .executable else { return nil }
    guard try objects.kindAndSize(entry.id).size <= ChunkPointer.longest,
      let pointer = ChunkPointer(try objects.bytes(entry.id, .blob), objects.format), pointer.tree == tree
    else { return nil }
    return pointer
  }

  /// The entry of the folder in a directory that is about to change; nil where there is to be none.
  ///
  /// - Parameters:
  ///   - folder: what it was.
  ///   - changes: of the directory's other entries, which is `directory` before them.
  ///   - trees: what has to be in it, by name.
  static func adjusting(
    _ folder: ObjectID?, to changes: [EntryChange], of directory: ObjectID?, adding trees: [EntryName: ObjectID],
    in buffer: ObjectBuffer
  ) throws(StoreError) -> TreeEntry? {
    var new: [EntryName: TreeEntry?] = [:]
    for change in changes { new[change.name] = .some(change.new) }
    var edits = trees.map { EntryChange($0.key, from: nil, to: TreeEntry($0.key, .tree, $0.value)) }
    for old in try Directories.entries(of: folder, in: buffer) where trees[old.name] == nil {
      let entry: TreeEntry?
      if let changed = new[old.name] {
        entry = changed
      } else {
        entry = try Directories.entry(old.name, of: directory, in: buffer)
      }
      if let entry, old.mode.isTree, try pointer(entry, naming: old.id, buffer) != nil { continue }
      edits.append(EntryChange(old.name, from: old, to: nil))
    }
    let id = edits.isEmpty ? folder : try Directories.applying(edits, to: folder, in: buffer)
    return id.map { TreeEntry(name, .tree, $0) }
  }
}
