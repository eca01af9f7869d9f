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
///
/// A directory of at most 1,024 names is one tree object, as in Git. One of more is a fan-out: a tree of up to 16
/// buckets, `.lares-0` to `.lares-f`, where a name stands in the bucket that the first four bits of its SHA-256 say. A
/// bucket with more than 1,024 names is a fan-out by the next four bits, and so on. So the shape says what the set of
/// names is, and nothing of its history.
///
/// Other shapes are read too, since stock Git may make them: entries beside the buckets, which count before what a
/// bucket says of their name, and fan-outs that are too small. A change gives every tree that it touches its proper
/// shape.
public enum Directories {
  /// So many names stand in one tree at most.
  static let flatLimit = 1_024

  /// All entries in order of name (by bytes). nil is the empty directory.
  ///
  /// - Throws: `.malformed` for trees that are none, or none of ours: a name twice in one tree, or in a bucket that is
  ///   not its own.
  public static func entries(of id: ObjectID?, in objects: some ObjectReader) throws(StoreError) -> [TreeEntry] {
    guard let id else { return [] }
    var collector = EntryCollector(objects: objects)
    try collector.collect(id, .root)
    return try collector.finish()
  }

  /// The entry with a name; nil where there is none. Reads one tree a level of the fan-out.
  public static func entry(
    _ name: EntryName, of id: ObjectID?, in objects: some ObjectReader
  ) throws(StoreError) -> TreeEntry? {
    guard name.bucketNumber == nil else { return try bucketLookalike(name, of: id, in: objects) }
    var next = id.map { (id: $0, bucket: Bucket.root) }
    var hash: NameHash?
    while let (id, bucket) = next {
      let bytes = try objects.bytes(id, .tree)
      var found: (id: ObjectID, bucket: Bucket)?
      var cursor = TreeCursor(bytes.span.bytes, objects.format)
      cursor.skip(to: name.bytes.span.bytes)
      while try cursor.next() {
        if cursor.name.isEqual(name.bytes.span.bytes) { return cursor.entry(named: name) }
        if let number = cursor.bucket {
          if hash == nil { hash = try NameHash(name) }
          let child = try bucket.child(number)
          if let hash, child.holds(hash) { found = (cursor.id, child) }
        }
      }
      next = found
    }
    return nil
  }

  /// A file may be called as a bucket is, though no directory may; it is looked up the long way.
  private static func bucketLookalike(
    _ name: EntryName, of id: ObjectID?, in objects: some ObjectReader
  ) throws(StoreError) -> TreeEntry? {
    try entries(of: id, in: objects).first { $0.name == name }
  }

  /// The directory with changes made, written into the buffer; nil where nothing is left in it. `old` is not looked at.
  /// Of several changes of one name the last counts.
  ///
  /// - Throws: `.badName` for a new directory that is called as a bucket is.
  public static func applying(
    _ changes: [EntryChange], to id: ObjectID?, in objects: ObjectBuffer
  ) throws(StoreError) -> ObjectID? {
    for change in changes where change.new?.mode.isTree == true && change.name.bucketNumber != nil {
      throw .badName(Path([change.name]), EntryName.bucketProblem)
    }
    var edits: [Edit] = []
    edits.reserveCapacity(changes.count)
    for change in changes { edits.append(Edit(name: change.name, entry: change.new)) }
    return try DirectoryEditor(objects: objects).apply(edits.sortedLastOfEachName(), to: id, .root).id
  }

  /// The directory in its proper shape in all its parts, whoever wrote it; nil where nothing is in it. Reads all of it.
  public static func canonical(_ id: ObjectID?, in objects: ObjectBuffer) throws(StoreError) -> ObjectID? {
    let edits = try entries(of: id, in: objects).map { Edit(name: $0.name, entry: $0) }
    return try DirectoryEditor(objects: objects).apply(edits, to: nil, .root).id
  }
}
