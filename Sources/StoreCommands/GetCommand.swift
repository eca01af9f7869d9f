import ArgumentParser
import GitFormat
import VersionedStore

/// `lares store get`.
struct GetCommand: StoreVerb {
  static let configuration = CommandConfiguration(
    commandName: "get", abstract: "Print a value: its bytes, and nothing else.")
  @OptionGroup var branch: BranchOptions
  @Argument(help: "Where the value stands, such as people/ada/phone.")
  var path: PathArgument

  func perform(_ output: Output) throws {
    let repository = try branch.store.open()
    let tree = try branch.branch(in: repository).requireHead().tree
    guard let contents = try tree.contents(path.path) else {
      guard let kind = try tree.kind(path.path) else { throw StoreError.notFound(path.path) }
      throw CommandFailure(
        .absent,
        kind.isTree
          ? "\(path.path) is a directory: lares store list shows it" : "\(path.path) is a submodule, not a value")
    }
    try output.write(contents.bytes)
  }
}
