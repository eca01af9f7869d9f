public import Wire

/// What the blocklists say of a name.
public enum BlockMatch: Sendable, Equatable {
  /// Nothing.
  case none
  /// An exception of a list, or the household itself, lets it through.
  case allowed
  /// Blocked by the list of this number: an index into `BlockList.lists`.
  case blocked(list: Int)
}

/// All blocklists of the household, joined into one immutable table of about nine bytes a name.
///
/// A name that is allowed, by the household's `allowed` or by an exception in any list, is never blocked.
public final class BlockList: Sendable {
  /// Names of the lists in the order of the configuration. `BlockMatch.blocked` counts from 0; numbers from `maximumLists - 1` on share one.
  public let lists: [String]
  private let table: SuffixTable

  /// Lists told apart in answers. The last number stands for all lists from there on.
  public static let maximumLists = 16

  init(lists: [String], table: SuffixTable) {
    self.lists = lists
    self.table = table
  }

  /// A list that blocks nothing.
  public static func empty(key: NameHashKey) -> BlockList {
    BlockList(lists: [], table: SuffixTableBuilder(key: key).build())
  }

  /// Different names in the table, exceptions included.
  public var count: Int { table.count }
  /// Memory of the table in bytes.
  public var byteCount: Int { table.byteCount }
  /// Unowned access for the hit path.
  public var view: View { View(table: table.view) }

  /// What the lists say of a name in lower case on the wire. Allocates nothing.
  public func match(_ name: UnsafeRawBufferPointer) -> BlockMatch { view.match(name) }

  /// Whether a list has the name itself, in lower case on the wire, and not only one above it.
  func lists(_ name: UnsafeRawBufferPointer) -> Bool { view.lists(name) }

  /// The list that blocks, in words for Extended DNS Errors (RFC 8914) and logs.
  public func name(ofList list: Int) -> String {
    if list == Self.maximumLists - 1, lists.count > Self.maximumLists { return "one of the later blocklists" }
    return lists.indices.contains(list) ? lists[list] : "a blocklist"
  }

  /// The table without ownership: copying it touches no reference count. Valid as long as somebody keeps the `BlockList`.
  public struct View: Sendable {
    let table: SuffixTable.View

    /// What the lists say of a name in lower case on the wire. Allocates nothing.
    public func match(_ name: UnsafeRawBufferPointer) -> BlockMatch {
      var marks: SuffixMark = []
      var list: UInt8 = 0
      forEachSuffix(of: name, key: table.key) { hash, offset in
        guard let entry = table.find(hash) else { return true }
        let relevant: SuffixMark = offset == 0 ? [.blockName, .allowName] : [.blockBelow, .allowBelow]
        let found = entry.marks.intersection(relevant)
        if !found.isDisjoint(with: .block), marks.isDisjoint(with: .block) { list = entry.list }
        marks.formUnion(found)
        return true
      }
      if !marks.isDisjoint(with: .allow) { return .allowed }
      return marks.isDisjoint(with: .block) ? .none : .blocked(list: Int(list))
    }

    /// Whether the table has the name itself, in lower case on the wire.
    func lists(_ name: UnsafeRawBufferPointer) -> Bool {
      var found = false
      forEachSuffix(of: name, key: table.key) { hash, offset in
        if offset == 0 { found = table.find(hash) != nil }
        return true
      }
      return found
    }
  }
}

extension BlockList {
  /// What the lists say of a name.
  public func match(_ name: DomainName) -> BlockMatch { name.canonical.wire.withUnsafeBytes { match($0) } }
}
