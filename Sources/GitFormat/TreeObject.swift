import Glibc

/// What an entry of a tree is. Raw values are the modes that Git writes.
public enum FileMode: UInt32, Sendable, CaseIterable {
  case tree = 0o040000
  case file = 0o100644
  case executable = 0o100755
  case link = 0o120000
  /// A commit of another repository (a submodule), which is not in this one.
  case commit = 0o160000

  /// Old writers' 100664 is a file.
  init?(number: UInt32) { self.init(rawValue: number == 0o100664 ? 0o100644 : number) }

  /// Without leading zeros, as a tree has it.
  var octal: StaticString {
    switch self {
    case .tree: "40000"
    case .file: "100644"
    case .executable: "100755"
    case .link: "120000"
    case .commit: "160000"
    }
  }

  public var isTree: Bool { self == .tree }
  /// The kind of the object that it names; nil for a submodule, whose commit is elsewhere.
  public var kind: ObjectKind? {
    switch self {
    case .tree: .tree
    case .file, .executable, .link: .blob
    case .commit: nil
    }
  }
}

/// One entry of a tree.
public struct TreeEntry: Hashable, Sendable {
  public var name: EntryName
  public var mode: FileMode
  public var id: ObjectID

  public init(_ name: EntryName, _ mode: FileMode, _ id: ObjectID) {
    self.name = name
    self.mode = mode
    self.id = id
  }

  /// Git's order of entries: by bytes, where a tree's name counts as if it ended in a slash (base_name_compare).
  public static func precedes(_ left: TreeEntry, _ right: TreeEntry) -> Bool {
    left.name.bytes.withUnsafeBytes { a in
      right.name.bytes.withUnsafeBytes { b in order(a, left.mode.isTree, b, right.mode.isTree) < 0 }
    }
  }

  static func order(
    _ left: UnsafeRawBufferPointer, _ leftIsTree: Bool, _ right: UnsafeRawBufferPointer, _ rightIsTree: Bool
  ) -> Int {
    let common = min(left.count, right.count)
    if let a = left.baseAddress, let b = right.baseAddress {
      let order = memcmp(a, b, common)
      if order != 0 { return Int(order) }
    }
    func next(_ name: UnsafeRawBufferPointer, _ isTree: Bool) -> Int {
      name.count > common ? Int(name[common]) : isTree ? Int(UInt8(ascii: "/")) : 0
    }
    return next(left, leftIsTree) - next(right, rightIsTree)
  }
}

/// The bytes of a tree object: `<mode> <name>\0<hash>` for each entry.
public enum TreeObject {
  /// Reads all entries, in the object's order.
  ///
  /// - Throws: where an entry is cut off, its mode is unknown, or its name is empty or has a slash.
  public static func parse(_ bytes: [UInt8], _ format: ObjectFormat) throws(FormatError) -> [TreeEntry] {
    var entries: [TreeEntry] = []
    entries.reserveCapacity(bytes.count / (format.length + 16))
    var view = TreeView(bytes.span.bytes, format)
    while try view.advance() { entries.append(view.entry) }
    return entries
  }

  /// The entry with a name, found without reading the others into memory; nil where there is none.
  ///
  /// - Throws: where what is before its place is damaged.
  public static func find(
    _ name: EntryName, in bytes: [UInt8], _ format: ObjectFormat
  ) throws(FormatError) -> TreeEntry? {
    var view = TreeView(bytes.span.bytes, format)
    return try view.find(name)
  }

  /// The bytes of a tree with these entries, which are put in Git's order where they are not. Names have to differ.
  public static func serialize(_ entries: [TreeEntry]) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(entries.reduce(0) { $0 + $1.name.bytes.count + 8 + $1.id.format.length })
    let isSorted = zip(entries, entries.dropFirst()).allSatisfy(TreeEntry.precedes)
    for entry in isSorted ? entries : sorted(entries) {
      bytes.append(entry.mode.octal)
      bytes.append(UInt8(ascii: " "))
      bytes.append(contentsOf: entry.name.bytes)
      bytes.append(0)
      entry.id.append(to: &bytes)
    }
    return bytes
  }

  /// In Git's order. Most names differ in the eight bytes after what all begin with, which are compared as numbers.
  private static func sorted(_ entries: [TreeEntry]) -> [TreeEntry] {
    var common = entries.first?.name.bytes[...] ?? []
    for entry in entries where !entry.name.bytes.starts(with: common) {
      common = common.prefix(zip(common, entry.name.bytes).prefix { $0 == $1 }.count)
    }
    func key(_ entry: TreeEntry) -> UInt64 {
      let rest = entry.name.bytes[common.count...]
      var key: UInt64 = 0
      for byte in rest.prefix(8) { key = key << 8 | UInt64(byte) }
      guard rest.count < 8 else { return key }
      return (key << 8 | (entry.mode.isTree ? UInt64(UInt8(ascii: "/")) : 0)) << UInt64(8 * (7 - rest.count))
    }
    let keys = entries.indices.map { (key: key(entries[$0]), index: $0) }
    return keys.sorted { left, right in
      left.key != right.key ? left.key < right.key : TreeEntry.precedes(entries[left.index], entries[right.index])
    }.map { entries[$0.index] }
  }
}
