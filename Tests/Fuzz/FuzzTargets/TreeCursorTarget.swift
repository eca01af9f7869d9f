#if DEBUG || FUZZING
  import GitFormat

  @testable import VersionedStore

  extension FuzzTarget {
    /// Trees as the store walks them: the same entries as GitFormat reads, or refused as there; whoever skips to a name
    /// comes to the first entry that has it.
    static let treeCursor = FuzzTarget("tree-cursor") { bytes in
      for format in ObjectFormat.allCases {
        let entries = try? TreeObject.parse(bytes, format)
        let walked = try? walk(bytes, format)
        try promise(walked == entries, "\(walked as Any), and not \(entries as Any)")
        // Also what is not whole must not lead anywhere else.
        for name in ["a", "name", "a longer name"] + (entries ?? []).prefix(50).map(\.name) {
          let found = try? find(name, bytes, format)
          guard let entries else { continue }
          try promise(found == .some(entries.first { $0.name == name }), "\(found as Any) for \(name)")
        }
      }
    }

    private static func walk(_ bytes: [UInt8], _ format: ObjectFormat) throws(StoreError) -> [TreeEntry] {
      var cursor = TreeCursor(bytes.span.bytes, format)
      var entries: [TreeEntry] = []
      while try cursor.next() { entries.append(cursor.entry) }
      return entries
    }

    private static func find(
      _ name: EntryName, _ bytes: [UInt8], _ format: ObjectFormat
    ) throws(StoreError) -> TreeEntry? {
      var cursor = TreeCursor(bytes.span.bytes, format)
      cursor.skip(to: name.bytes.span.bytes)
      while try cursor.next() {
        if cursor.name.isEqual(name.bytes.span.bytes) { return cursor.entry }
      }
      return nil
    }
  }
#endif
