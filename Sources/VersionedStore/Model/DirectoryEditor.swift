import GitFormat

/// What shall stand at a name.
struct Edit {
  var name: EntryName
  /// nil: nothing.
  var entry: TreeEntry?
  /// Known once a fan-out needs it.
  var hash: NameHash?
}

extension [Edit] {
  /// In order of name, with the last of those that have one name.
  func sortedLastOfEachName() -> [Edit] {
    guard count > 1 else { return self }
    var sorted: [Edit] = []
    sorted.reserveCapacity(count)
    // The standard library's sort keeps the order of equal elements.
    for edit in self.sorted(by: { $0.name < $1.name }) {
      if sorted.last?.name == edit.name { sorted.removeLast() }
      sorted.append(edit)
    }
    return sorted
  }

  func hashed() throws(StoreError) -> [Edit] {
    guard let first, first.hash == nil else { return self }
    var edits = self
    for index in edits.indices { edits[index].hash = try NameHash(edits[index].name) }
    return edits
  }

  /// Sixteen lists, by the bucket of a fan-out at a level. All have to be hashed.
  func byBucket(at level: Int) -> [[Edit]] {
    var groups = [[Edit]](repeating: [], count: 16)
    for edit in self {
      if let hash = edit.hash { groups[hash.number(at: level)].append(edit) }
    }
    return groups
  }
}

/// Makes changed trees of a directory, in their proper shape.
struct DirectoryEditor {
  let objects: ObjectBuffer

  /// What became of a directory or bucket.
  struct Result {
    /// nil: nothing is left.
    var id: ObjectID?
    /// How many names there are more than before.
    var growth: Int
    /// How many names there are; nil: more than fit into one tree.
    var names: Int?
  }

  /// - Parameter edits: in order of name, each name once.
  func apply(_ edits: [Edit], to id: ObjectID?, _ bucket: Bucket) throws(StoreError) -> Result {
    guard let id else { return try build(edits.filter { $0.entry != nil }, bucket) }
    let bytes = try objects.bytes(id, .tree)
    switch try TreeSplice.apply(edits, to: bytes, objects.format) {
    case .fanOut:
      guard let fan = try FanOut(bytes, at: bucket, objects.format) else {
        return Result(id: id, growth: 0, names: nil)
      }
      return try apply(edits, to: fan, bucket)
    case .spliced(let new, let before, let after):
      if after > Directories.flatLimit && bucket.level < Bucket.deepest {
        var result = try build(try TreeSplice.edits(of: new, objects.format), bucket)
        result.growth = after - before
        return result
      }
      guard after > 0 else { return Result(id: nil, growth: -before, names: 0) }
      let changed = new == bytes ? id : try objects.write(.tree, new)
      return Result(id: changed, growth: after - before, names: after)
    }
  }

  private func apply(_ edits: [Edit], to fan: FanOut, _ bucket: Bucket) throws(StoreError) -> Result {
    var fan = fan
    var edits = try edits.hashed()
    if !fan.beside.isEmpty {
      // What stands beside the buckets goes into them, unless it is changed now.
      let beside = try fan.beside.map { Edit(name: $0.name, entry: $0) }.sortedLastOfEachName().hashed()
      edits = (beside + edits).sortedLastOfEachName()
    }
    var growth = 0
    var touched: [Int?] = Array(repeating: nil, count: 16)
    var isWide = false
    for (number, group) in edits.byBucket(at: bucket.level).enumerated() where !group.isEmpty {
      let result = try apply(group, to: fan.buckets[number], bucket.child(number))
      fan.buckets[number] = result.id
      growth += result.growth
      touched[number] = result.names
      isWide = isWide || result.names == nil
    }
    if !isWide, growth < 0 || mayBeSmall(touched), try !staysWide(fan, touched, bucket) {
      return try flatten(fan, bucket, growth)
    }
    return Result(id: try objects.write(.tree, fan.bytes), growth: growth, names: nil)
  }

  /// Whether buckets that were looked at are so small that the whole may have to be one tree. One of sixteen that hold more than
  /// 1,024 names together seldom holds fewer than half of its share.
  private func mayBeSmall(_ touched: [Int?]) -> Bool {
    touched.contains { names in names.map { $0 < Directories.flatLimit / 8 } ?? false }
  }

  /// Whether a fan-out has more names than fit into one tree. Counts only until that is clear.
  private func staysWide(_ fan: FanOut, _ touched: [Int?], _ bucket: Bucket) throws(StoreError) -> Bool {
    var count = touched.reduce(0) { $0 + ($1 ?? 0) }
    for (number, id) in fan.buckets.enumerated() where touched[number] == nil {
      guard count <= Directories.flatLimit else { break }
      guard let id else { continue }
      count += try objects.countNames(in: id, bucket.child(number), limit: Directories.flatLimit - count)
    }
    return count > Directories.flatLimit
  }

  /// One tree of what is in all buckets.
  private func flatten(_ fan: FanOut, _ bucket: Bucket, _ growth: Int) throws(StoreError) -> Result {
    var collector = EntryCollector(objects: objects)
    for (number, id) in fan.buckets.enumerated() {
      if let id { try collector.collect(id, bucket.child(number)) }
    }
    let entries = try collector.finish()
    guard !entries.isEmpty else { return Result(id: nil, growth: growth, names: 0) }
    return Result(
      id: try objects.write(.tree, TreeObject.serialize(entries)), growth: growth, names: entries.count)
  }

  /// A new directory or bucket with these entries.
  private func build(_ edits: [Edit], _ bucket: Bucket) throws(StoreError) -> Result {
    guard edits.count > Directories.flatLimit, bucket.level < Bucket.deepest else {
      let entries = edits.compactMap(\.entry)
      let id = entries.isEmpty ? nil : try objects.write(.tree, TreeObject.serialize(entries))
      return Result(id: id, growth: entries.count, names: entries.count)
    }
    var fan = FanOut()
    for (number, group) in try edits.hashed().byBucket(at: bucket.level).enumerated() where !group.isEmpty {
      fan.buckets[number] = try build(group, bucket.child(number)).id
    }
    return Result(id: try objects.write(.tree, fan.bytes), growth: edits.count, names: nil)
  }
}
