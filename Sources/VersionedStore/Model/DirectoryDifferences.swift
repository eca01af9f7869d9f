public import GitFormat

extension Directories {
  /// What differs between two directories, in order of name, not looking below them. Costs what differs, not what they
  /// hold, as far as their shapes agree.
  ///
  /// - Throws: as `entries(of:in:)`, of what it has to look at.
  public static func differences(
    from old: ObjectID?, to new: ObjectID?, in objects: some ObjectReader
  ) throws(StoreError) -> [EntryChange] {
    try differencesAndHidden(from: old, to: new, in: objects).changes
  }

  /// The same, and the names of which the new directory has another entry in a bucket, behind the one that counts, than
  /// the old one has: stock Git sees that one too.
  static func differencesAndHidden(
    from old: ObjectID?, to new: ObjectID?, in objects: some ObjectReader
  ) throws(StoreError) -> (changes: [EntryChange], hidden: Set<EntryName>) {
    var differ = DirectoryDiffer(objects: objects)
    try differ.compare(.init(id: old), .init(id: new), .root)
    return differ.finish()
  }
}

/// Compares two directories, bucket by bucket.
private struct DirectoryDiffer<Objects: ObjectReader> {
  let objects: Objects
  private var changes: [EntryChange] = []
  /// Entries that do not count, for there are others of their names.
  private var hidden: (old: Set<TreeEntry>, new: Set<TreeEntry>) = ([], [])

  init(objects: Objects) { self.objects = objects }

  /// One side of a comparison: a tree, and entries that count before those in it.
  struct Side {
    var id: ObjectID?
    var over: [Edit] = []
  }

  /// A side that has been read: its entries, or its sixteen buckets.
  enum Shape {
    case entries([Edit])
    case fan([Side])
  }

  mutating func compare(_ old: Side, _ new: Side, _ bucket: Bucket) throws(StoreError) {
    if old.over.isEmpty && new.over.isEmpty && old.id == new.id { return }
    if old.over.isEmpty && new.over.isEmpty, try compareFlat(old.id, new.id, bucket) { return }
    let (oldShape, newShape) = (try shape(old, bucket), try shape(new, bucket))
    hidden.old.formUnion(oldShape.hidden)
    hidden.new.formUnion(newShape.hidden)
    switch (oldShape.shape, newShape.shape) {
    case (.fan(let old), .fan(let new)):
      for number in 0..<16 { try compare(old[number], new[number], bucket.child(number)) }
    case (.fan(let old), .entries(let new)):
      let new = try spread(new, bucket)
      for number in 0..<16 { try compare(old[number], new[number], bucket.child(number)) }
    case (.entries(let old), .fan(let new)):
      let old = try spread(old, bucket)
      for number in 0..<16 { try compare(old[number], new[number], bucket.child(number)) }
    case (.entries(let old), .entries(let new)):
      try compareEntries(old, new, bucket)
    }
  }

  /// Compares two trees by their bytes; answers false, and has done nothing, where they are not both without buckets
  /// and in order.
  private mutating func compareFlat(
    _ old: ObjectID?, _ new: ObjectID?, _ bucket: Bucket
  ) throws(StoreError) -> Bool {
    let first = changes.count
    let (a, b) = (try flatBytes(old, bucket), try flatBytes(new, bucket))
    guard try FlatDiffer(format: objects.format, bucket: bucket).compare(a, b, into: &changes) else {
      changes.removeSubrange(first...)
      return false
    }
    return true
  }

  private func flatBytes(_ id: ObjectID?, _ bucket: Bucket) throws(StoreError) -> [UInt8] {
    guard let id else { return [] }
    let bytes = try objects.bytes(id, .tree)
    try bucket.checkNotEmpty(bytes.isEmpty)
    return bytes
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

  /// Changes in order of name.
  consuming func finish() -> (changes: [EntryChange], hidden: Set<EntryName>) {
    changes.sort { $0.name < $1.name }
    return (changes, Set(hidden.new.subtracting(hidden.old).map(\.name)))
  }

  private func shape(_ side: Side, _ bucket: Bucket) throws(StoreError) -> (shape: Shape, hidden: [TreeEntry]) {
    guard let id = side.id else { return (.entries(side.over), []) }
    let bytes = try flatBytes(id, bucket)
    let names = Set(side.over.map(\.name))
    func hidden(_ edits: [Edit]) -> [TreeEntry] {
      names.isEmpty ? [] : edits.compactMap { names.contains($0.name) ? $0.entry : nil }
    }
    guard let fan = try FanOut(bytes, at: bucket, objects.format) else {
      let edits = try TreeSplice.edits(of: bytes, objects.format).hashed()
      return (.entries((edits + side.over).sortedLastOfEachName()), hidden(edits))
    }
    let beside = try fan.beside.map { Edit(name: $0.name, entry: $0) }.hashed()
    let groups = (beside + side.over).sortedLastOfEachName().byBucket(at: bucket.level)
    return (.fan((0..<16).map { Side(id: fan.buckets[$0], over: groups[$0]) }), hidden(beside))
  }

  /// Entries as the buckets of a fan-out.
  private func spread(_ edits: [Edit], _ bucket: Bucket) throws(StoreError) -> [Side] {
    let edits = try edits.hashed()
    for edit in edits { try bucket.check(edit.name) }
    return edits.byBucket(at: bucket.level).map { Side(id: nil, over: $0) }
  }
}

/// Compares the bytes of two trees without buckets.
private struct FlatDiffer {
  let format: ObjectFormat
  let bucket: Bucket

  /// Appends what differs; answers false where one of the trees has buckets or is not in Git's order.
  func compare(_ old: [UInt8], _ new: [UInt8], into changes: inout [EntryChange]) throws(StoreError) -> Bool {
    let first = changes.count
    var isOrdered = true
    var (a, b) = (TreeCursor(old.span.bytes, format), TreeCursor(new.span.bytes, format))
    var (hasA, hasB) = (try a.next(), try b.next())
    if hasA && a.bucket != nil || hasB && b.bucket != nil { return false }
    // Of a bucket that no name proves to be in its place there could be any number.
    if hasA { try bucket.check(a.entryName) }
    if hasB { try bucket.check(b.entryName) }
    while hasA || hasB {
      if hasA && hasB {
        // Where both go on alike, only one has to be read.
        let end = a.start + a.rest.commonPrefix(b.rest), shift = b.start - a.start
        if a.offset <= end {
          while hasA, a.offset <= end {
            if a.bucket != nil { return false }
            hasA = try a.next()
          }
          b.move(to: (hasA ? a.start : a.offset) + shift)
          hasB = try b.next()
          continue
        }
      }
      if hasA && a.bucket != nil || hasB && b.bucket != nil { return false }
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
      guard isOrdered else { return false }
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
