public import GitFormat

/// One name's way from an entry to another, within one directory.
public struct EntryChange: Equatable, Sendable {
  public var name: EntryName
  /// nil: there was none.
  public var old: TreeEntry?
  /// nil: there is none any more.
  public var new: TreeEntry?

  public init(_ name: EntryName, from old: TreeEntry?, to new: TreeEntry?) {
    self.name = name
    self.old = old
    self.new = new
  }
}

/// Directories as people see them, whatever shape their trees have on disk.
public enum Directories {
  /// All entries in order of name (by bytes). nil is the empty directory.
  public static func entries(of id: ObjectID?, in objects: some ObjectReader) throws(StoreError) -> [TreeEntry] {
    guard let id else { return [] }
    let bytes = try objects.bytes(id, .tree)
    do { return try TreeObject.parse(bytes, objects.format).sorted { $0.name < $1.name } } catch {
      throw .malformed(error)
    }
  }

  /// The entry with a name; nil where there is none.
  public static func entry(
    _ name: EntryName, of id: ObjectID?, in objects: some ObjectReader
  ) throws(StoreError) -> TreeEntry? {
    try entries(of: id, in: objects).first { $0.name == name }
  }

  /// What differs between two directories, in order of name, not looking below them. Costs what differs, not what they hold.
  public static func differences(
    from old: ObjectID?, to new: ObjectID?, in objects: some ObjectReader
  ) throws(StoreError) -> [EntryChange] {
    guard old != new else { return [] }
    var byName: [EntryName: EntryChange] = [:]
    for entry in try entries(of: old, in: objects) {
      byName[entry.name] = EntryChange(entry.name, from: entry, to: nil)
    }
    for entry in try entries(of: new, in: objects) {
      if byName[entry.name]?.old == entry {
        byName[entry.name] = nil
      } else {
        byName[entry.name, default: EntryChange(entry.name, from: nil, to: nil)].new = entry
      }
    }
    return byName.values.sorted { $0.name < $1.name }
  }

  /// The directory with changes made, written into the buffer; nil where nothing is left in it. `old` is not looked at.
  public static func applying(
    _ changes: [EntryChange], to id: ObjectID?, in objects: ObjectBuffer
  ) throws(StoreError) -> ObjectID? {
    var byName: [EntryName: TreeEntry] = [:]
    for entry in try entries(of: id, in: objects) { byName[entry.name] = entry }
    for change in changes { byName[change.name] = change.new }
    guard !byName.isEmpty else { return nil }
    return try objects.write(.tree, TreeObject.serialize(Array(byName.values)))
  }
}
