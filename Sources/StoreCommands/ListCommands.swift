import ArgumentParser
import GitFormat
import HostSystem
import StoreSync
import VersionedStore

/// `lares store list`.
struct ListCommand: StoreVerb {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List a directory: a name a line, with a slash behind directories.")
  @OptionGroup var read: ReadOptions
  @OptionGroup var list: ListOptions
  @Flag(name: .shortAndLong, help: "All files below it, by their whole paths.")
  var recursive = false
  @Flag(name: .shortAndLong, help: "Say mode and hash as well.")
  var long = false
  @Argument(help: "The directory.")
  var path = PathArgument(.root)

  func perform(_ output: Output) throws {
    let path = path.path
    let tree = try read.tree(in: try read.branch.store.open())
    guard let kind = try tree.kind(path) else { throw StoreError.notFound(path) }
    if recursive {
      try tree.forEachFile(below: path) { (path, file) throws(StoreError) in
        try output.inStore { try entry(path, path.bytes, file.mode, file.id, to: $0) }
        return true
      }
    } else if kind.isTree {
      for item in try tree.list(path) {
        try entry(path / item.name, item.name.bytes, item.mode, item.id, to: output)
      }
    } else {
      try entry(path, path.bytes, kind, try tree.entry(path)?.id, to: output)
    }
  }

  private func entry(_ path: Path, _ name: [UInt8], _ mode: FileMode, _ id: ObjectID?, to output: Output) throws {
    if list.json {
      try output.json(JSONEntry(path, mode, id))
    } else {
      let before = long ? "\(mode.word.padded(10))  \(id?.hex ?? "")  " : ""
      try list.entry(name + (mode.isTree ? [UInt8(ascii: "/")] : []), before: before, to: output)
    }
  }
}

/// `lares store tree`.
struct TreeCommand: StoreVerb {
  static let configuration = CommandConfiguration(
    commandName: "tree", abstract: "Draw a directory and what is below it.")
  @OptionGroup var read: ReadOptions
  @Option(name: .shortAndLong, help: ArgumentHelp("How many levels to draw.", valueName: "levels"))
  var depth: Int?
  @Argument(help: "The directory.")
  var path = PathArgument(.root)

  func validate() throws {
    if let depth, depth < 1 { throw ValidationError("--depth is at least 1") }
  }

  func perform(_ output: Output) throws {
    let tree = try read.tree(in: try read.branch.store.open())
    guard let kind = try tree.kind(path.path) else { throw StoreError.notFound(path.path) }
    try output.line(path.path.isRoot ? "." : Words.quoted(path.path))
    if kind.isTree { try draw(try tree.subtree(path.path) ?? tree, indent: "", level: 1, output) }
  }

  private func draw(_ tree: Tree, indent: String, level: Int, _ output: Output) throws {
    let entries = try tree.list()
    for (index, entry) in entries.enumerated() {
      let isLast = index == entries.count - 1
      let name = String(decoding: Words.quoted(entry.name.bytes), as: UTF8.self)
      try output.line("\(indent)\(isLast ? "└─ " : "├─ ")\(name)\(entry.mode.isTree ? "/" : "")")
      if entry.mode.isTree, level < min(depth ?? .max, Path.maximumDepth),
        let below = try tree.subtree(Path([entry.name]))
      {
        try draw(below, indent: indent + (isLast ? "   " : "│  "), level: level + 1, output)
      }
    }
  }
}

extension String {
  func padded(_ length: Int) -> String { self + String(repeating: " ", count: max(0, length - count)) }
}

extension Output {
  /// Runs what prints where only the store's errors may be thrown.
  func inStore(_ body: (Output) throws -> Void) throws(StoreError) {
    do { try body(self) } catch let error as StoreError { throw error } catch let error as SystemError {
      throw .system(error)
    } catch { throw .invalid("\(error)") }
  }
}
