public import GitFormat

extension Directories {
  /// What differs between two directories, in order of name, not looking below them. Costs what differs, not what they hold,
  /// as far as their shapes agree.
  ///
  /// - Throws: as `entries(of:in:)`, of what it has to look at.
  public static func differences(
    from old: ObjectID?, to new: ObjectID?, in objects: some ObjectReader
  ) throws(StoreError) -> [EntryChange] {
    var differ = DirectoryDiffer(objects: objects)
    try differ.compare(.init(id: old), .init(id: new), .root)
    return differ.finish()
  }
}

/// Compares two directories, bucket by bucket.
private struct DirectoryDiffer<Objects: ObjectReader> {
  let objects: Objects
  private var changes: [EntryChange] = []

  init(objects: Objects) { self.objects = objects }

  /// One side of a comparison: a tree, and entries that count before those in it.
  struct Side {
    var id: ObjectID?
    var over: [Edit] = []
  }

  /// A side that has been read: its bytes if that is all, its entries, or its sixteen buckets.
  enum Shape {
    case flat([UInt8])
    case entries([Edit])
    case fan([Side])
  }

  mutating func compare(_ old: Side, _ new: Side, _ bucket: Bucket) throws(StoreError) {
    if old.over.isEmpty && new.over.isEmpty && old.id == new.id { return }
    switch (try shape(old, bucket), try shape(new, bucket)) {
    case (.flat(let old), .flat(let new)):
      if try FlatDiffer(format: objects.format, bucket: bucket).compare(old, new, into: &changes) { return }
      try compareEntries(edits(.flat(old)), edits(.flat(new)), bucket)
    case (.fan(let old), .fan(let new)):
      for number in 0..<16 { try compare(old[number], new[number], bucket.child(number)) }
    case (.fan(let old), let new):
      let new = try spread(new, bucket)
      for number in 0..<16 { try compare(old[number], new[number], bucket.child(number)) }
    case (let old, .fan(let new)):
      let old = try spread(old, bucket)
      for number in 0..<16 { try compare(old[number], new[number], bucket.child(number)) }
    case (let old, let new):
      try compareEntries(edits(old), edits(new), bucket)
    }
  }

  private mutating func compareEntries(_ old: [Edit], _ new: [Edit], _ bucket: Bucket) throws(StoreError) {
    var (a, b) = (old[...], new[...])
    while let name = [a.first?.name, b.first?.name].compactMap(\.self).min() {
      let left = a.first?.name == name ? a.popFirst()?.entry : nil
      let right = b.first?.name == name ? b.popFirst()?.entry : nil
      guard left != right else { continue }
      try bucket.check(name)
      changes.append(EntryChange(name, from: left, to: right))
    }
  }

  /// In order of name.
  consuming func finish() -> [EntryChange] {
    changes.sort { $0.name < $1.name }
    return changes
  }

  private func shape(_ side: Side, _ bucket: Bucket) throws(StoreError) -> Shape {
    guard let id = side.id else { return side.over.isEmpty ? .flat([]) : .entries(side.over) }
    let bytes = try objects.bytes(id, .tree)
    guard let fan = try FanOut(bytes, at: bucket, objects.format) else {
      try bucket.checkNotEmpty(bytes.isEmpty)
      guard !side.over.isEmpty else { return .flat(bytes) }
      return .entries((try edits(.flat(bytes)) + side.over).sortedLastOfEachName())
    }
    var over = try fan.beside.map { Edit(name: $0.name, entry: $0) }.hashed()
    over = (over + side.over).sortedLastOfEachName()
    let groups = over.byBucket(at: bucket.level)
    return .fan((0..<16).map { Side(id: fan.buckets[$0], over: groups[$0]) })
  }

  private func edits(_ shape: Shape) throws(StoreError) -> [Edit] {
    switch shape {
    case .flat(let bytes): try TreeSplice.edits(of: bytes, objects.format).hashed()
    case .entries(let edits): edits
    case .fan: []
    }
  }

  /// The entries of what is no fan-out as the buckets of one.
  private func spread(_ shape: Shape, _ bucket: Bucket) throws(StoreError) -> [Side] {
    let edits = try edits(shape).hashed()
    for edit in edits { try bucket.check(edit.name) }
    return edits.byBucket(at: bucket.level).map { Side(id: nil, over: $0) }
  }
}

/// Compares the bytes of two trees without buckets.
private struct FlatDiffer {
  let format: ObjectFormat
  let bucket: Bucket

  /// Appends what differs; appends nothing and answers false where one of the trees is not in Git's order.
  func compare(_ old: [UInt8], _ new: [UInt8], into changes: inout [EntryChange]) throws(StoreError) -> Bool {
    let first = changes.count
    var isOrdered = true
    var (a, b) = (TreeCursor(old.span.bytes, format), TreeCursor(new.span.bytes, format))
    var (hasA, hasB) = (try a.next(), try b.next())
    // Of a bucket that no name proves to be in its place there could be any number.
    if hasA { try bucket.check(a.entryName) }
    if hasB { try bucket.check(b.entryName) }
    while hasA || hasB {
      let order = !hasA ? 1 : !hasB ? -1 : a.stands(before: b) ? -1 : b.stands(before: a) ? 1 : 0
      if order == 0 {
        if a.mode != b.mode || a.id != b.id {
          changes.append(EntryChange(a.entryName, from: a.entry, to: b.entry))
        }
      } else if order < 0 {
        changes.append(EntryChange(a.entryName, from: a.entry, to: nil))
      } else {
        changes.append(EntryChange(b.entryName, from: nil, to: b.entry))
      }
      if order <= 0 { hasA = try a.advance(&isOrdered) }
      if order >= 0 { hasB = try b.advance(&isOrdered) }
      guard isOrdered else {
        changes.removeSubrange(first...)
        return false
      }
    }
    try settle(&changes, from: first)
    return true
  }

  /// Joins what is gone and what is new under one name: a file and a directory stand at different places of a tree.
  private func settle(_ changes: inout [EntryChange], from first: Int) throws(StoreError) {
    guard changes.count - first > 0 else { return }
    var found = Array(changes[first...])
    changes.removeSubrange(first...)
    found.sort { $0.name < $1.name }
    for change in found {
      try bucket.check(change.name)
      guard let last = changes.last, changes.count > first, last.name == change.name else {
        changes.append(change)
        continue
      }
      guard last.old == nil || change.old == nil, last.new == nil || change.new == nil else {
        throw .malformed(FormatError("directory", "two of its entries are named \(change.name)"))
      }
      let joined = EntryChange(change.name, from: last.old ?? change.old, to: last.new ?? change.new)
      changes.removeLast()
      if joined.old != joined.new { changes.append(joined) }
    }
  }
}

extension TreeCursor {
  /// Goes to the next entry, and tells where it does not come after this one in Git's order.
  @_lifetime(self: copy self)
  fileprivate mutating func advance(_ isOrdered: inout Bool) throws(StoreError) -> Bool {
    let previous = self
    guard try next() else { return false }
    isOrdered = isOrdered && previous.stands(before: self)
    return true
  }
}
