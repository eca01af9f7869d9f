import ArgumentParser
import GitFormat
import VersionedStore

/// `lares store get`.
struct GetCommand: StoreVerb {
  static let configuration = CommandConfiguration(
    commandName: "get", abstract: "Print a value: its bytes, and nothing else.")
  @OptionGroup var read: ReadOptions
  @Argument(help: "Where the value stands, such as people/ada/phone.")
  var path: PathArgument

  func perform(_ output: Output) throws {
    let path = path.path
    let tree = try read.tree(in: try read.branch.store.open())
    guard let value = try tree.value(path) else {
      guard let kind = try tree.kind(path) else { throw StoreError.notFound(path) }
      throw CommandFailure(
        .absent,
        kind.isTree
          ? "\(path.words) is a directory; lares store list shows what is in it"
          : "\(path.words) is a submodule, which has no value")
    }
    if try !tree.conflicts(at: path).isEmpty {
      printWarning("Note: both sides of a merge changed \(path.words), and this is ours; lares store resolve ends that")
    }
    try value.forEachPiece { bytes throws(StoreError) in try output.write(value: bytes) }
  }
}
