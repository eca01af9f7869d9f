import GitFormat
import VersionedStore

/// What differs in one file, as `git diff` writes it and `git apply` takes it.
struct Patch: Sequence {
  private var bytes: [UInt8] = []

  init(of change: TreeChange, _ old: Tree, _ new: Tree) throws(StoreError) {
    guard let before = change.old, let after = change.new, before.mode.isSameKind(as: after.mode) else {
      // A file that became a link: one goes, the other comes.
      try append(change.path, change.old, nil, old, new)
      try append(change.path, nil, change.new, old, new)
      return
    }
    try append(change.path, before, after, old, new)
  }

  func makeIterator() -> IndexingIterator<[UInt8]> { bytes.makeIterator() }

  private mutating func append(
    _ path: Path, _ before: TreeChange.Side?, _ after: TreeChange.Side?, _ old: Tree, _ new: Tree
  ) throws(StoreError) {
    guard before != nil || after != nil else { return }
    line("diff --git \(name("a/", path)) \(name("b/", path))")
    if let before, let after, before.mode != after.mode {
      line("old mode \(octal(before.mode))")
      line("new mode \(octal(after.mode))")
    } else if before == nil, let after {
      line("new file mode \(octal(after.mode))")
    } else if after == nil, let before {
      line("deleted file mode \(octal(before.mode))")
    }
    guard before?.id != after?.id else { return }
    let zero = ObjectID.zero((before ?? after)!.id.format).hex
    let mode = before?.mode == after?.mode ? before.map { " \(octal($0.mode))" } ?? "" : ""
    line("index \(before?.id.hex ?? zero)..\(after?.id.hex ?? zero)\(mode)")
    let oldBytes = try contents(before, path, in: old), newBytes = try contents(after, path, in: new)
    guard TextMerge.isText(oldBytes), TextMerge.isText(newBytes) else {
      let names = (before == nil ? "/dev/null" : name("a/", path), after == nil ? "/dev/null" : name("b/", path))
      return line("Binary files \(names.0) and \(names.1) differ")
    }
    let hunks = LineDiff.unified(from: oldBytes, to: newBytes)
    guard !hunks.isEmpty else { return }
    // patch(1) takes what is behind a space for a time, unless there is a tab.
    let end = path.bytes.contains(UInt8(ascii: " ")) ? "\t" : ""
    line(before == nil ? "--- /dev/null" : "--- \(name("a/", path))\(end)")
    line(after == nil ? "+++ /dev/null" : "+++ \(name("b/", path))\(end)")
    bytes += hunks
  }

  private mutating func line(_ text: String) {
    bytes += text.utf8
    bytes.append(UInt8(ascii: "\n"))
  }

  private func contents(_ side: TreeChange.Side?, _ path: Path, in tree: Tree) throws(StoreError) -> [UInt8] {
    guard let side else { return [] }
    return side.mode == .commit ? Array("Subproject commit \(side.id)\n".utf8) : try tree.get(path)
  }

  /// Quoted whole, the prefix inside. What is no UTF-8 is escaped, so this is text always.
  private func name(_ prefix: String, _ path: Path) -> String {
    String(decoding: Words.quoted(Array(prefix.utf8) + path.bytes), as: UTF8.self)
  }

  private func octal(_ mode: FileMode) -> String { String(mode.rawValue, radix: 8) }
}

extension FileMode {
  fileprivate func isSameKind(as other: FileMode) -> Bool {
    self == other || [self, other].allSatisfy { $0 == .file || $0 == .executable }
  }
}
