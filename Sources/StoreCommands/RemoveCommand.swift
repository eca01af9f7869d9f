import ArgumentParser
import VersionedStore

/// `lares store remove`.
struct RemoveCommand: StoreVerb {
  static let configuration = CommandConfiguration(
    commandName: "remove", abstract: "Remove values and directories, in one commit. Their history stays.")
  @OptionGroup var branch: BranchOptions
  @OptionGroup var change: ChangeOptions
  @Argument(help: "What to remove.")
  var paths: [PathArgument]

  func perform(_ output: Output) throws {
    try branch.store.change(as: change.person) { repository in
      for path in paths { try path.path.checkAllowed() }
      let names = paths.map(\.path.words).joined(separator: ", ")
      try branch.branch(in: repository).update(change.info("Remove \(names)")) { tree throws(StoreError) in
        for path in paths where try !tree.remove(path.path) { throw .notFound(path.path) }
      }
    }
  }
}
