import GitFormat
import VersionedStore

/// Goes over the entries of a tree object that name objects of its repository.
enum TreeScan {
  /// An entry, with where its name stands in the tree's bytes.
  struct Entry {
    var name: Range<Int>
    var kind: ObjectKind
    var id: ObjectID
  }

  /// Calls back for each entry in the tree's order; submodules are passed over.
  static func entries(
    of bytes: [UInt8], _ format: ObjectFormat, _ body: (Entry) throws(StoreError) -> Void
  ) throws(StoreError) {
    var view = TreeView(bytes.span.bytes, format)
    while try Self.advance(&view) {
      guard let kind = view.mode.kind else { continue }
      try body(Entry(name: view.nameRange, kind: kind, id: view.id))
    }
  }

  private static func advance(_ view: inout TreeView) throws(StoreError) -> Bool {
    do { return try view.advance() } catch { throw .malformed(error) }
  }
}

/// A tree that is gone through beside another one, for entries that are in both.
struct KnownTree {
  private let bytes: [UInt8]
  private var entries: [TreeScan.Entry] = []
  private var position = 0
  private var lookups = 0

  /// So many entries are compared in looking for what has moved. More would take longer than sending it.
  private static let lookupLimit = 1 << 20

  init(_ bytes: [UInt8], _ format: ObjectFormat) throws(StoreError) {
    self.bytes = bytes
    var entries: [TreeScan.Entry] = []
    entries.reserveCapacity(bytes.count / (format.length + 16))
    try TreeScan.entries(of: bytes, format) { (entry) throws(StoreError) in entries.append(entry) }
    self.entries = entries
  }

  /// The object of the same name and kind. Entries have to be asked for in Git's order.
  mutating func advance(to entry: TreeScan.Entry, of other: [UInt8]) -> ObjectID? {
    while position < entries.count {
      let order = compare(entries[position], entry, other)
      if order > 0 { return nil }
      position += 1
      if order == 0 { return entries[position - 1].id }
    }
    return nil
  }

  /// Whether an entry of another name is the object.
  mutating func hasElsewhere(_ id: ObjectID) -> Bool {
    lookups += entries.count
    return lookups <= Self.lookupLimit && entries.contains { $0.id == id }
  }

  /// As `TreeEntry.precedes`: a tree's name counts as if it ended in a slash.
  private func compare(_ entry: TreeScan.Entry, _ otherEntry: TreeScan.Entry, _ other: [UInt8]) -> Int {
    let common = min(entry.name.count, otherEntry.name.count)
    for index in 0..<common {
      let (left, right) = (bytes[entry.name.lowerBound + index], other[otherEntry.name.lowerBound + index])
      if left != right { return Int(left) - Int(right) }
    }
    func next(_ entry: TreeScan.Entry, _ bytes: [UInt8]) -> Int {
      if entry.name.count > common { return Int(bytes[entry.name.lowerBound + common]) }
      return entry.kind == .tree ? Int(UInt8(ascii: "/")) : 0
    }
    return next(entry, bytes) - next(otherEntry, other)
  }
}
