import GitFormat

/// What a transaction has looked at, so that it can be told whether somebody else's change would have shown it
/// something else.
final class ReadLog: Sendable {
  /// How much of what is at a path was looked at, least first.
  enum Extent: Int, Sendable {
    /// What is there; of a directory only that it is one.
    case entry
    /// The names in a directory and their kinds.
    case names
    /// All that is there and below.
    case all
  }

  private let extents = Guarded<[Path: Extent]>([:])

  func note(_ path: Path, _ extent: Extent) {
    extents.withLock { extents in
      if let known = extents[path], known.rawValue >= extent.rawValue { return }
      extents[path] = extent
    }
  }

  /// The paths that would have been read otherwise in another tree. Both trees are as stored; nil is the empty one.
  func differences(
    from old: ObjectID?, to new: ObjectID?, in objects: any ObjectReader
  ) throws(StoreError) -> [Path] {
    var changed: [Path] = []
    for (path, extent) in extents.withLock({ $0 })
    where try !Self.readsTheSame(path, extent, in: old, and: new, objects) {
      changed.append(path)
    }
    return changed
  }

  private static func readsTheSame(
    _ path: Path, _ extent: Extent, in old: ObjectID?, and new: ObjectID?, _ objects: any ObjectReader
  ) throws(StoreError) -> Bool {
    var (a, b) = (old, new)
    if !path.isRoot {
      let one = try objects.lookUp(path.names[...], in: old), other = try objects.lookUp(path.names[...], in: new)
      guard one?.mode == other?.mode else { return false }
      (a, b) = (one?.id, other?.id)
      if one?.mode.isTree != true { return a == b }
    }
    switch extent {
    case .entry: return true
    case .all: return a == b
    case .names:
      let changes = try Directories.differences(from: a, to: b, in: objects)
      return changes.allSatisfy { $0.old?.mode == $0.new?.mode }
    }
  }
}

extension Directory {
  /// The places that this directory changes and that differ between `old`, which it was made from, and `new`. Where the
  /// other side has done the same there is nothing to complain of.
  func overlaps(
    at path: Path, from old: ObjectID?, to new: ObjectID?, in objects: any ObjectReader, found: inout [Path]
  ) throws(StoreError) {
    guard old != new else { return }
    if isGrafted {
      if try write(into: ObjectBuffer(over: objects)) != new { found.append(path) }
      return
    }
    for (name, entry) in changes {
      let before = try Directories.entry(name, of: old, in: objects)
      let after = try Directories.entry(name, of: new, in: objects)
      guard before != after else { continue }
      if case .directory(let below) = entry, !below.isGrafted, after?.mode.isTree != false {
        try below.overlaps(at: path / name, from: before?.id, to: after?.id, in: objects, found: &found)
      } else if try entry.write(as: name, into: ObjectBuffer(over: objects)) != after {
        found.append(path / name)
      }
    }
  }

  /// The same changes of another stored directory.
  func rebased(onto stored: ObjectID?, in objects: any ObjectReader) throws(StoreError) -> Directory {
    guard !isGrafted, self.stored != stored else { return self }
    var directory = self
    directory.stored = stored
    for case (let name, .directory(let below)) in changes where !below.isGrafted {
      let entry = try Directories.entry(name, of: stored, in: objects)
      directory.changes[name] = .directory(
        try below.rebased(onto: entry?.mode.isTree == true ? entry?.id : nil, in: objects))
    }
    return directory
  }
}
