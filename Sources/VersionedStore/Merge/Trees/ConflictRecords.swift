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
  /// Records that are read from a tree, which may come from anywhere.
  private static let maximumCount = 100_000

  /// Records by path; those of one path in order of their hashes.
  private(set) var records: [Path: Set<MergeConflict>] = [:]

  init() {}

  var all: [MergeConflict] {
    records.sorted { $0.key < $1.key }.flatMap { entry in
      entry.value.sorted { Self.order($0).lexicographicallyPrecedes(Self.order($1)) }
    }
  }

  mutating func insert(_ conflict: MergeConflict) { records[conflict.path, default: []].insert(conflict) }
  mutating func remove(_ conflict: MergeConflict) {
    records[conflict.path]?.remove(conflict)
    if records[conflict.path]?.isEmpty == true { records[conflict.path] = nil }
  }

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
  init(root: ObjectID?, below path: Path = .root, in objects: some ObjectReader) throws(StoreError) {
    guard let entry = try Directories.entry(Self.folder, of: root, in: objects), entry.mode.isTree else { return }
    var directories = [(entry.id, path)]
    while let (directory, path) = directories.popLast() {
      guard path.names.count <= Path.maximumDepth, records.count < Self.maximumCount else {
        throw .tooLarge("the records of conflicts, at \(path)")
      }
      let entries = try Directories.entries(of: directory, in: objects)
      let isRecord = entries.contains { $0.name == Self.note && !$0.mode.isTree }
      if isRecord { insert(try Self.record(entries, at: path, in: objects)) }
      for entry in entries where entry.mode.isTree {
        if isRecord, MergeConflict.Choice(rawValue: entry.name.text) != nil { continue }
        if entry.name.bytes.starts(with: Self.alsoPrefix) {
          let entries = try Directories.entries(of: entry.id, in: objects)
          insert(try Self.record(entries, at: path, in: objects))
        } else {
          directories.append((entry.id, path / Self.unescaped(entry.name)))
        }
      }
    }
  }

  private static func record(
    _ entries: [TreeEntry], at path: Path, in objects: some ObjectReader
  ) throws(StoreError) -> MergeConflict {
    func side(_ choice: MergeConflict.Choice) -> MergeConflict.Side? {
      entries.first { $0.name == EntryName(choice.rawValue) }.map { MergeConflict.Side($0.mode, $0.id) }
    }
    var (kind, reason) = (MergeConflict.Kind.contents, "")
    if let note = entries.first(where: { $0.name == Self.note }), note.mode.kind == .blob {
      let lines = String(decoding: try objects.bytes(note.id, .blob).prefix(4_096), as: UTF8.self).split(
        separator: "\n")
      kind = lines.first.flatMap { MergeConflict.Kind(rawValue: String($0)) } ?? .contents
      reason = lines.dropFirst().first.map(String.init) ?? ""
    }
    return MergeConflict(path, kind, reason, base: side(.base), ours: side(.ours), theirs: side(.theirs))
  }

  private static func unescaped(_ name: EntryName) -> EntryName {
    guard name.bytes.starts(with: ".lares-".utf8) else { return name }
    let rest = EntryName(Array(name.bytes.dropFirst(7)))
    return MergeConflict.Choice(rawValue: rest.text) == nil ? name : rest
  }
}

// Writing.
extension ConflictRecords {
  /// The tree of `.lares-conflicts`; nil where there is no record.
  func write(into buffer: ObjectBuffer) throws(StoreError) -> ObjectID? {
    var folder = Tree.empty(in: buffer)
    for conflicts in records.values {
      let ordered = conflicts.sorted { Self.order($0).lexicographicallyPrecedes(Self.order($1)) }
      for (index, conflict) in ordered.enumerated() {
        let entries = try Self.entries(conflict, in: buffer)
        let place = Path(conflict.path.names.map(Self.escaped))
        if index == 0 {
          for entry in entries { try folder.setObject(place / entry.name, entry.mode, entry.id) }
        } else {
          let changes = entries.map { EntryChange($0.name, from: nil, to: $0) }
          guard let record = try Directories.applying(changes, to: nil, in: buffer) else { continue }
          let name = EntryName(Self.alsoPrefix + Array(record.hex.utf8.prefix(16)))
          try folder.setObject(place / name, .tree, record)
        }
      }
    }
    return records.isEmpty ? nil : try folder.write(into: buffer)
  }

  /// What is in the directory of one record.
  private static func entries(_ conflict: MergeConflict, in buffer: ObjectBuffer) throws(StoreError) -> [TreeEntry] {
    var entries = [TreeEntry(note, .file, try buffer.write(.blob, noteText(conflict)))]
    for choice in MergeConflict.Choice.allCases {
      guard let side = conflict.side(choice) else { continue }
      entries.append(TreeEntry(EntryName(choice.rawValue), side.mode, side.id))
    }
    return entries
  }

  /// The kind, the reason, and which sides have nothing.
  private static func noteText(_ conflict: MergeConflict) -> [UInt8] {
    var lines = [conflict.kind.rawValue, conflict.reason]
    for choice in MergeConflict.Choice.allCases where conflict.side(choice) == nil {
      lines.append("\(choice.rawValue): nothing is there")
    }
    return Array((lines.joined(separator: "\n") + "\n").utf8)
  }

  private static func escaped(_ name: EntryName) -> EntryName {
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

extension ConflictRecords {
  /// The files and directories in which a tree holds the record of a conflict; none where it has no such record.
  static func places(of conflict: MergeConflict, in tree: Tree) throws(StoreError) -> [Path] {
    let directory = conflict.path.names.reduce(Path([folder])) { $0 / escaped($1) }
    let buffer = ObjectBuffer(over: tree.objects)
    guard let entry = try Tree(try tree.write(into: buffer), in: buffer).entry(directory), entry.mode.isTree else {
      return []
    }
    let entries = try Directories.entries(of: entry.id, in: buffer)
    if entries.contains(where: { $0.name == note }), try record(entries, at: conflict.path, in: buffer) == conflict {
      let names = [note] + MergeConflict.Choice.allCases.map { EntryName($0.rawValue) }
      return names.filter { name in entries.contains { $0.name == name } }.map { directory / $0 }
    }
    for entry in entries where entry.mode.isTree && entry.name.bytes.starts(with: alsoPrefix) {
      let below = try Directories.entries(of: entry.id, in: buffer)
      if try record(below, at: conflict.path, in: buffer) == conflict { return [directory / entry.name] }
    }
    return []
  }
}
