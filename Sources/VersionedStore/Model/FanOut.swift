import GitFormat

/// The first 64 bits of the SHA-256 of a name: where it stands in a fan-out.
struct NameHash: Equatable {
  let bits: UInt64

  init(_ name: EntryName) throws(StoreError) {
    var hasher = ObjectHasher(.sha256)
    hasher.update(name.bytes)
    do { bits = try hasher.finish().prefix64 } catch { throw .malformed(error) }
  }

  /// The number of the bucket, 0 to 15, in a fan-out of a level, 0 to 15.
  func number(at level: Int) -> Int { Int(truncatingIfNeeded: bits >> UInt64(60 - 4 * level)) & 15 }
}

/// A place in a fan-out: the whole directory, or one of its buckets at some level.
struct Bucket {
  /// How many fan-outs it is below.
  let level: Int
  /// The numbers of the buckets on the way, four bits each, the last one lowest.
  private let numbers: UInt64

  static let root = Bucket(level: 0, numbers: 0)
  /// Names that agree in 64 bits of their hashes stay together.
  static let deepest = 16

  /// - Throws: `.malformed` below the deepest level.
  func child(_ number: Int) throws(StoreError) -> Bucket {
    guard level < Self.deepest else { throw fanOutError("it has more than \(Self.deepest) levels") }
    return Bucket(level: level + 1, numbers: numbers << 4 | UInt64(number))
  }

  func holds(_ hash: NameHash) -> Bool { level == 0 || hash.bits >> UInt64(64 - 4 * level) == numbers }

  /// - Throws: `.malformed` where the name has no place here. So two ways never lead to one tree of entries, and a fan-out that
  ///   says it is endless is found out at its second leaf.
  func check(_ name: EntryName) throws(StoreError) {
    guard level > 0, try !holds(NameHash(name)) else { return }
    throw fanOutError("\(name) is in the bucket of other names")
  }

  /// Buckets without entries are not written, and could hide any number of others.
  func checkNotEmpty(_ isEmpty: Bool) throws(StoreError) {
    if isEmpty && level > 0 { throw fanOutError("a bucket is empty") }
  }

  private init(level: Int, numbers: UInt64) {
    self.level = level
    self.numbers = numbers
  }
}

func fanOutError(_ why: String) -> StoreError { .malformed(FormatError("wide directory", why)) }

/// A fan-out as its tree says it is.
struct FanOut {
  /// Sixteen.
  var buckets: [ObjectID?] = Array(repeating: nil, count: 16)
  /// What stands beside the buckets.
  var beside: [TreeEntry] = []

  init() {}

  /// nil where the tree has no buckets.
  init?(_ bytes: [UInt8], at bucket: Bucket, _ format: ObjectFormat) throws(StoreError) {
    var found = false
    var cursor = TreeCursor(bytes.span.bytes, format)
    while try cursor.next() {
      guard let number = cursor.bucket else { continue }
      guard buckets[number] == nil else { throw fanOutError("it has two buckets with one name") }
      buckets[number] = cursor.id
      found = true
    }
    guard found else { return nil }
    guard bucket.level < Bucket.deepest else { throw fanOutError("it has more than \(Bucket.deepest) levels") }
    var again = TreeCursor(bytes.span.bytes, format)
    while try again.next() {
      guard again.bucket == nil else { continue }
      try bucket.check(again.entryName)
      beside.append(again.entry)
    }
  }

  var bytes: [UInt8] {
    TreeObject.serialize(
      buckets.enumerated().compactMap { number, id in id.map { TreeEntry(Self.names[number], .tree, $0) } })
  }

  static let names: [EntryName] = "0123456789abcdef".map { EntryName(".lares-\($0)") }
}

/// Gathers the entries of a directory from all its trees.
struct EntryCollector<Objects: ObjectReader> {
  let objects: Objects
  private var entries: [TreeEntry] = []
  /// Names of entries beside buckets, which count before those in buckets.
  private var beside: Set<EntryName> = []

  init(objects: Objects) { self.objects = objects }

  mutating func collect(_ id: ObjectID, _ bucket: Bucket) throws(StoreError) {
    let bytes = try objects.bytes(id, .tree)
    guard try !collectFlat(bytes, bucket) else { return }
    guard let fan = try FanOut(bytes, at: bucket, objects.format) else { return }
    for entry in fan.beside where !beside.contains(entry.name) {
      beside.insert(entry.name)
      entries.append(entry)
    }
    for (number, id) in fan.buckets.enumerated() {
      if let id { try collect(id, bucket.child(number)) }
    }
  }

  /// In order of name.
  consuming func finish() throws(StoreError) -> [TreeEntry] {
    entries.sort { $0.name < $1.name }
    for (one, next) in zip(entries, entries.dropFirst()) where one.name == next.name {
      throw .malformed(FormatError("directory", "two of its entries are named \(one.name)"))
    }
    return entries
  }

  /// Takes the entries of a tree without buckets; false, with none taken, where there are buckets.
  private mutating func collectFlat(_ bytes: [UInt8], _ bucket: Bucket) throws(StoreError) -> Bool {
    let before = entries.count
    var cursor = TreeCursor(bytes.span.bytes, objects.format)
    while try cursor.next() {
      guard cursor.bucket == nil else {
        entries.removeSubrange(before...)
        return false
      }
      let entry = cursor.entry
      guard beside.isEmpty || !beside.contains(entry.name) else { continue }
      if bucket.level > 0 { try bucket.check(entry.name) }
      entries.append(entry)
    }
    try bucket.checkNotEmpty(bytes.isEmpty)
    return true
  }
}

extension ObjectReader {
  /// How many names are in a directory or bucket; no more than a little over `limit` are counted.
  func countNames(in id: ObjectID, _ bucket: Bucket, limit: Int) throws(StoreError) -> Int {
    let bytes = try bytes(id, .tree)
    var count = 0
    var cursor = TreeCursor(bytes.span.bytes, format)
    while count <= limit, try cursor.next() {
      guard let number = cursor.bucket else {
        if count == 0 { try bucket.check(cursor.entryName) }
        count += 1
        continue
      }
      count += try countNames(in: cursor.id, bucket.child(number), limit: limit - count)
    }
    try bucket.checkNotEmpty(count == 0)
    return count
  }
}
