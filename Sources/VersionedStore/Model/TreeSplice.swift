import GitFormat

/// Changes the bytes of one tree object, entry by entry in one pass, where most stay as they are.
enum TreeSplice {
  enum Outcome {
    /// The tree has buckets.
    case fanOut
    /// The new bytes, and how many entries there were before and are after.
    case spliced([UInt8], before: Int, after: Int)
  }

  /// - Parameter edits: in order of name, each name once.
  static func apply(_ edits: [Edit], to bytes: [UInt8], _ format: ObjectFormat) throws(StoreError) -> Outcome {
    // As a tree is ordered, where a directory comes after names that begin with its own.
    let insertions = edits.compactMap(\.entry).sorted(by: TreeEntry.precedes)
    var output: [UInt8] = []
    output.reserveCapacity(bytes.count + insertions.reduce(0) { $0 + $1.name.bytes.count + 40 })
    var (before, after, inserted, copied) = (0, insertions.count, 0, 0)
    var previous = TreeCursor(bytes.span.bytes, format)
    var cursor = TreeCursor(bytes.span.bytes, format)
    while try cursor.next() {
      if cursor.bucket != nil { return .fanOut }
      guard !cursor.hasOddMode, before == 0 || previous.stands(before: cursor) else {
        return try rebuild(edits, bytes, format)
      }
      before += 1
      while inserted < insertions.count, cursor.follows(insertions[inserted]) {
        output.append(contentsOf: bytes[copied..<cursor.start])
        copied = cursor.start
        insertions[inserted].append(to: &output)
        inserted += 1
      }
      if edits.names(cursor.name) {
        output.append(contentsOf: bytes[copied..<cursor.start])
        copied = cursor.offset
      } else {
        after += 1
      }
      previous = cursor
    }
    output.append(contentsOf: bytes[copied...])
    for entry in insertions[inserted...] { entry.append(to: &output) }
    return .spliced(output, before: before, after: after)
  }

  /// A tree whose entries are not in Git's order, or not written as Git writes them now, is made anew.
  private static func rebuild(
    _ edits: [Edit], _ bytes: [UInt8], _ format: ObjectFormat
  ) throws(StoreError) -> Outcome {
    var entries: [EntryName: TreeEntry] = [:]
    var before = 0
    var cursor = TreeCursor(bytes.span.bytes, format)
    while try cursor.next() {
      if cursor.bucket != nil { return .fanOut }
      before += 1
      guard entries.updateValue(cursor.entry, forKey: cursor.entryName) == nil else {
        throw .malformed(FormatError("directory", "two of its entries are named \(cursor.entryName)"))
      }
    }
    for edit in edits { entries[edit.name] = edit.entry }
    return .spliced(TreeObject.serialize(Array(entries.values)), before: before, after: entries.count)
  }

  /// The entries of a tree, in order of name.
  ///
  /// - Throws: also where a name stands twice.
  static func edits(of bytes: [UInt8], _ format: ObjectFormat) throws(StoreError) -> [Edit] {
    var edits: [Edit] = []
    var cursor = TreeCursor(bytes.span.bytes, format)
    while try cursor.next() { edits.append(Edit(name: cursor.entryName, entry: cursor.entry)) }
    let sorted = edits.sortedLastOfEachName()
    guard sorted.count == edits.count else {
      throw .malformed(FormatError("directory", "two of its entries have one name"))
    }
    return sorted
  }
}

extension TreeCursor {
  /// Whether this entry stands before the one that another cursor is at.
  func stands(before other: borrowing TreeCursor) -> Bool {
    name.precedes(isTree: mode.isTree, other.name, isTree: other.mode.isTree)
  }

  /// Whether an entry stands before this one.
  func follows(_ entry: TreeEntry) -> Bool {
    let bytes = entry.name.bytes
    return bytes.span.bytes.precedes(isTree: entry.mode.isTree, name, isTree: mode.isTree)
  }
}

extension [Edit] {
  /// Whether an edit is of this name. They have to be in order of name.
  func names(_ name: RawSpan) -> Bool {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      let bytes = self[middle].name.bytes
      let order = bytes.span.bytes.compare(name)
      if order == 0 { return true }
      if order < 0 { low = middle + 1 } else { high = middle }
    }
    return false
  }
}

extension TreeEntry {
  /// Appends the entry as a tree has it.
  func append(to bytes: inout [UInt8]) {
    for shift in stride(from: mode.isTree ? 12 : 15, through: 0, by: -3) {
      bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: mode.rawValue >> UInt32(shift) & 7))
    }
    bytes.append(UInt8(ascii: " "))
    bytes.append(contentsOf: name.bytes)
    bytes.append(0)
    id.append(to: &bytes)
  }
}
