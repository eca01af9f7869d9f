/// What an entry of a tree is. Raw values are the modes that Git writes.
public enum FileMode: UInt32, Sendable, CaseIterable {
  case tree = 0o040000
  case file = 0o100644
  case executable = 0o100755
  case link = 0o120000
  /// A commit of another repository (a submodule), which is not in this one.
  case commit = 0o160000

  /// Reads the octal digits of a tree; old writers' 100664 is a file.
  init?(octal: some Collection<UInt8>) {
    var value: UInt32 = 0
    guard (1...6).contains(octal.count) else { return nil }
    for digit in octal {
      guard (UInt8(ascii: "0")...UInt8(ascii: "7")).contains(digit) else { return nil }
      value = value << 3 | UInt32(digit - UInt8(ascii: "0"))
    }
    self.init(rawValue: value == 0o100664 ? 0o100644 : value)
  }

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
    let (a, b) = (left.name.bytes, right.name.bytes)
    let common = min(a.count, b.count)
    for index in 0..<common where a[index] != b[index] { return a[index] < b[index] }
    func next(_ entry: TreeEntry) -> UInt8 {
      entry.name.bytes.count > common ? entry.name.bytes[common] : entry.mode.isTree ? UInt8(ascii: "/") : 0
    }
    return next(left) < next(right)
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
    var rest = bytes[...]
    while !rest.isEmpty {
      guard let space = rest.prefix(7).firstIndex(of: UInt8(ascii: " ")),
        let mode = FileMode(octal: rest[rest.startIndex..<space])
      else { throw FormatError("tree object", "the mode at byte \(rest.startIndex) is unknown") }
      guard let end = rest[(space + 1)...].firstIndex(of: 0), end > space + 1 else {
        throw FormatError("tree object", "the name at byte \(space + 1) is empty or has no end")
      }
      let name = rest[(space + 1)..<end]
      guard !name.contains(UInt8(ascii: "/")) else {
        throw FormatError("tree object", "the name at byte \(space + 1) has a slash")
      }
      let after = end + 1 + format.length
      guard after <= rest.endIndex else {
        throw FormatError("tree object", "it ends inside the entry at byte \(space + 1)")
      }
      let id = bytes.withUnsafeBytes {
        ObjectID(format, UnsafeRawBufferPointer(rebasing: $0[(end + 1)..<after]).bytes)
      }
      entries.append(TreeEntry(EntryName(Array(name)), mode, id))
      rest = rest[after...]
    }
    return entries
  }

  /// The bytes of a tree with these entries, which are put in Git's order. Names have to differ.
  public static func serialize(_ entries: [TreeEntry]) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(entries.reduce(0) { $0 + $1.name.bytes.count + 40 })
    for entry in entries.sorted(by: TreeEntry.precedes) {
      entry.mode.octal.withUTF8Buffer { bytes.append(contentsOf: $0) }
      bytes.append(UInt8(ascii: " "))
      bytes.append(contentsOf: entry.name.bytes)
      bytes.append(0)
      entry.id.append(to: &bytes)
    }
    return bytes
  }
}
