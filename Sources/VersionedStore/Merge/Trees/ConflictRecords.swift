import GitFormat

/// How conflicts stand in a tree, so that every Git client can look at them: `.lares-conflicts/<path>/` with `base`, `ours`
/// and `theirs` as far as there are any, and a note `.lares-conflict` that says what happened.
///
/// Names of the path that are one of those three are written `.lares-base` and so on. A second conflict of one path is in a
/// directory beside the three, `.lares-also-` and the beginning of its own hash.
struct ConflictRecords {
  static let folder: EntryName = ".lares-conflicts"
  private static let note: EntryName = ".lares-conflict"
  private static let alsoPrefix = Array(".lares-also-".utf8)
  /// Directories that are read: a tree from outside may name one directory again and again.
  private static let maximumCount = 100_000

  private(set) var records: [Path: Set<MergeConflict>] = [:]

  init() {}

  var all: [MergeConflict] { records.sorted { $0.key < $1.key }.flatMap { Self.ordered($0.value) } }

  private static func ordered(_ conflicts: Set<MergeConflict>) -> [MergeConflict] {
    conflicts.count < 2 ? Array(conflicts) : conflicts.sorted { order($0).lexicographicallyPrecedes(order($1)) }
  }

  mutating func insert(_ conflict: MergeConflict) { records[conflict.path, default: []].insert(conflict) }

  /// A record's bytes, to put records of one path in order.
  private static func order(_ conflict: MergeConflict) -> [UInt8] {
    var bytes = noteText(conflict)
    for side in [conflict.base, conflict.ours, conflict.theirs] {
      bytes += side.map { Array("\($0.mode.rawValue) \($0.id)\n".utf8) } ?? Array("-\n".utf8)
    }
    return bytes
  }
}

// Reading.
extension ConflictRecords {
  /// The records of a tree, with paths below `path`.
  ///
  /// - Throws: `.tooLarge` where there are more than 100,000 directories of them; what the store throws when it reads.
  init(_ tree: Tree, below path: Path = .root) throws(StoreError) {
    guard let folder = try tree.subtree(Path([Self.folder])) else { return }
    var directories = [(folder, path)]
    var count = 0
    while let (directory, path) = directories.popLast() {
      count += 1
      guard path.names.count <= Path.maximumDepth, count <= Self.maximumCount else {
        throw .tooLarge("the records of conflicts, at \(path)")
      }
      let entries = try directory.list()
      let isRecord = entries.contains { $0.name == Self.note && !$0.mode.isTree }
      if isRecord { insert(try Self.record(directory, at: path)) }
      for entry in entries where !isRecord || MergeConflict.Choice(rawValue: entry.name.text) == nil {
        guard let below = try directory.subtree(Path([entry.name])) else { continue }
        if entry.name.bytes.starts(with: Self.alsoPrefix) {
          insert(try Self.record(below, at: path))
        } else {
          directories.append((below, path / (Self.unescaped(entry.name) ?? entry.name)))
        }
      }
    }
  }

  /// The files and directories in which a tree holds the record of a conflict; none where it has no such record.
  static func places(of conflict: MergeConflict, in tree: Tree) throws(StoreError) -> [Path] {
    let place = place(of: conflict.path)
    guard let directory = try tree.subtree(place) else { return [] }
    let entries = try directory.list()
    if entries.contains(where: { $0.name == note }), try record(directory, at: conflict.path) == conflict {
      let names = [note] + MergeConflict.Choice.allCases.map { EntryName($0.rawValue) }
      return names.filter { name in entries.contains { $0.name == name } }.map { place / $0 }
    }
    for entry in entries where entry.name.bytes.starts(with: alsoPrefix) {
      guard let below = try directory.subtree(Path([entry.name])) else { continue }
      if try record(below, at: conflict.path) == conflict { return [place / entry.name] }
    }
    return []
  }

  /// What a record's directory says.
  private static func record(_ directory: Tree, at path: Path) throws(StoreError) -> MergeConflict {
    func side(_ choice: MergeConflict.Choice) throws(StoreError) -> MergeConflict.Side? {
      try directory.side(Path([EntryName(choice.rawValue)]))
    }
    let note = try directory.find(Path([note])) ?? []
    let lines = String(decoding: note.prefix(4_096), as: UTF8.self).split(separator: "\n")
    let kind = lines.first.flatMap { MergeConflict.Kind(rawValue: String($0)) } ?? .contents
    return MergeConflict(
      path, kind, lines.dropFirst().first.map(String.init) ?? "", base: try side(.base), ours: try side(.ours),
      theirs: try side(.theirs))
  }

  /// The name that a directory of records stands for; nil where it is a reserved name and stands for none.
  static func unescaped(_ name: EntryName) -> EntryName? {
    guard name.bytes.starts(with: ".lares".utf8) else { return name }
    let rest = EntryName(Array(name.bytes.dropFirst(7)))
    return escaped(rest) == name && rest != name ? rest : nil
  }
}

// Writing.
extension ConflictRecords {
  /// Makes a tree that holds `old` hold these. What else is in the folder stays.
  func replace(_ old: ConflictRecords, in tree: inout Tree, _ buffer: ObjectBuffer) throws(StoreError) {
    for path in Set(old.records.keys).union(records.keys).sorted() where old.records[path] != records[path] {
      for conflict in old.records[path] ?? [] {
        for place in try Self.places(of: conflict, in: tree) { try tree.remove(place) }
      }
      let place = Self.place(of: path)
      for (index, conflict) in Self.ordered(records[path] ?? []).enumerated() {
        if index == 0 {
          try Self.write(conflict, at: place, in: &tree)
        } else {
          var record = Tree.empty(in: buffer)
          try Self.write(conflict, at: .root, in: &record)
          let id = try record.write(into: buffer)
          let name = EntryName(Self.alsoPrefix + Array(id.hex.utf8.prefix(16)))
          try tree.setObject(place / name, .tree, id)
        }
      }
    }
  }

  /// Puts what is in the directory of one record into a tree.
  private static func write(_ conflict: MergeConflict, at place: Path, in tree: inout Tree) throws(StoreError) {
    try tree.set(place / note, noteText(conflict))
    for choice in MergeConflict.Choice.allCases {
      guard let side = conflict.side(choice) else { continue }
      try tree.setObject(place / EntryName(choice.rawValue), side.mode, side.id, chunks: side.chunks)
    }
  }

  /// The kind, the reason, and which sides have nothing.
  private static func noteText(_ conflict: MergeConflict) -> [UInt8] {
    var lines = [conflict.kind.rawValue, conflict.reason]
    for choice in MergeConflict.Choice.allCases where conflict.side(choice) == nil {
      lines.append("\(choice.rawValue): nothing is there")
    }
    return Array((lines.joined(separator: "\n") + "\n").utf8)
  }

  /// The directory for the records of a path, and of what is below it.
  static func place(of path: Path) -> Path { path.names.reduce(Path([folder])) { $0 / escaped($1) } }

  static func escaped(_ name: EntryName) -> EntryName {
    MergeConflict.Choice(rawValue: name.text) == nil ? name : EntryName(".lares-" + name.text)
  }
}

extension ConflictRecords {
  /// Records of both sides, without those that a side resolved.
  static func merge(base: Self, ours: Self, theirs: Self) -> Self {
    let (old, mine, yours) = (Set(base.all), Set(ours.all), Set(theirs.all))
    var merged = Self()
    for conflict in mine.union(yours)
    where (mine.contains(conflict) && yours.contains(conflict)) || !old.contains(conflict) {
      merged.insert(conflict)
    }
    return merged
  }
}
