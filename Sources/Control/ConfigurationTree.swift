import Configuration
import GitFormat
import VersionedStore

/// The configuration's files in a tree of the store: lares.toml and what it includes, as they are named. Other files
/// (notes, a licence) may stand beside them and are nobody's business here.
enum ConfigurationTree {
  /// Bytes of one file at most, far more than anybody writes by hand.
  static let fileLimit = 256 << 10

  /// The files of a tree; none where it has no lares.toml. A missing included file is the parser's to report, at the line
  /// that names it.
  ///
  /// - Throws: `ConfigurationErrors` for bytes that are no text, `ControlError.invalidConfiguration` for what is no
  ///   ordinary file or too large, `StoreError`.
  static func files(of tree: Tree) throws -> [String: String] {
    guard let main = try text(ConfigurationText.mainFile, in: tree) else { return [:] }
    var files = [ConfigurationText.mainFile: main]
    for name in ConfigurationText.includedFiles(of: main) { files[name] = try text(name, in: tree) }
    return files
  }

  private static func text(_ name: String, in tree: Tree) throws -> String? {
    guard let contents = try tree.contents(Path(name)) else { return nil }
    guard contents.mode != .link else {
      throw ControlError.invalidConfiguration(["\(name):1:1: a symbolic link cannot be part of the configuration"])
    }
    guard contents.bytes.count <= fileLimit else {
      throw ControlError.invalidConfiguration([
        "\(name):1:1: the file has \(contents.bytes.count) bytes; \(fileLimit) are the most that are read"
      ])
    }
    return try ConfigurationText.text(of: contents.bytes, file: name)
  }

  /// The tree with the files of a configuration in place of those of another; all else in it stays.
  static func replacing(
    _ old: [String: String], with new: [String: String], in tree: Tree
  ) throws(StoreError) -> Tree {
    var tree = tree
    for (name, text) in new where old[name] != text { try tree.set(Path(name), Array(text.utf8)) }
    for name in old.keys where new[name] == nil { try tree.remove(Path(name)) }
    return tree
  }
}
