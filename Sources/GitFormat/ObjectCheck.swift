/// Strict checks of objects from outside: what `git fsck --strict` and `receive.fsckObjects` refuse (Git's
/// Documentation/fsck-msgids) in an object by itself, and limits.
///
/// Stricter than Git 2.39 in what it only warns of or newer versions refuse: modes that Git does not write, links named
/// `.gitattributes`, long names, spaces before a date, identifiers in capital letters. What other objects have to be, and what is
/// in a `.gitmodules` file, is not looked at.
public enum ObjectCheck {
  /// What is accepted at most.
  public struct Limits: Sendable {
    /// Bytes of one name in a tree, as in Git.
    public var nameLength = 4_096
    /// Entries of one tree.
    public var entries = 2_000_000
    /// Bytes of the header lines of a commit or a tag, signatures and merged tags included.
    public var headers = 1 << 20
    /// Bytes of the message of a commit or a tag.
    public var message = 16 << 20
    public var parents = 4_096

    public init() {}
  }

  /// - Throws: where the object breaks a rule or a limit.
  public static func check(
    _ object: GitObject, _ format: ObjectFormat, limits: Limits = Limits()
  ) throws(FormatError) {
    try object.bytes.span.bytes.withUnsafeBytes { bytes throws(FormatError) in
      try check(object.kind, bytes, format, limits: limits)
    }
  }

  /// As above, of the object's bytes. A blob has no rules.
  public static func check(
    _ kind: ObjectKind, _ bytes: UnsafeRawBufferPointer, _ format: ObjectFormat, limits: Limits = Limits()
  ) throws(FormatError) {
    switch kind {
    case .blob: return
    case .tree: try checkTree(bytes, format, limits)
    case .commit: try checkCommit(bytes, format, limits)
    case .tag: try checkTag(bytes, format, limits)
    }
  }

  private static func checkTree(
    _ bytes: UnsafeRawBufferPointer, _ format: ObjectFormat, _ limits: Limits
  ) throws(FormatError) {
    var view = TreeView(bytes.bytes, format)
    var order = TreeOrder(bytes)
    var count = 0
    while try view.advance() {
      count += 1
      let name = UnsafeRawBufferPointer(rebasing: bytes[view.nameRange])
      func refuse(_ why: String) -> FormatError {
        // Quoted, for a name may have what a terminal obeys.
        FormatError(
          "tree object", "entry \(String(decoding: name.prefix(256), as: UTF8.self).debugDescription): \(why)")
      }
      guard count <= limits.entries else {
        throw FormatError("tree object", "it has more than \(limits.entries) entries")
      }
      if let problem = EntryName.problem(inAny: name, limit: limits.nameLength) { throw refuse(problem) }
      let mode = bytes[view.modeRange]
      guard mode.first != UInt8(ascii: "0") else { throw refuse("its mode begins with a zero") }
      guard mode.elementsEqual("100664".utf8) == false else { throw refuse("its mode is one that Git writes no more") }
      guard !view.id.isZero else { throw refuse("it names no object") }
      if view.mode == .link, DotGit.modules.matches(name) || DotGit.attributes.matches(name) {
        throw refuse("Git would read another file through the link")
      }
      switch order.add(view.nameRange, isTree: view.mode.isTree) {
      case .inOrder: break
      case .outOfOrder: throw refuse("it is not at its place")
      case .duplicate: throw refuse("the name is there twice")
      }
    }
  }
}

/// Whether entries are in Git's order, each name once. A file and a directory of one name may have others between them.
private struct TreeOrder {
  enum Place { case inOrder, outOfOrder, duplicate }

  private let bytes: UnsafeRawBufferPointer
  private var last: (name: Range<Int>, isTree: Bool)?
  /// Files with whose names all later ones may still begin: each begins with the one before it.
  private var open: [Range<Int>] = []

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  mutating func add(_ range: Range<Int>, isTree: Bool) -> Place {
    let name = UnsafeRawBufferPointer(rebasing: bytes[range])
    defer { last = (range, isTree) }
    if let last {
      let before = UnsafeRawBufferPointer(rebasing: bytes[last.name])
      if before.compared(to: name) == 0 { return .duplicate }
      guard TreeEntry.order(before, last.isTree, name, isTree) < 0 else { return .outOfOrder }
    }
    while let file = open.last, !bytes[range].starts(with: bytes[file]) { open.removeLast() }
    if isTree { return open.last?.count == range.count ? .duplicate : .inOrder }
    open.append(range)
    return .inOrder
  }
}
