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
