import ArgumentParser
import GitFormat
import VersionedStore

/// `lares store init`.
struct InitCommand: StoreVerb {
  static let configuration = CommandConfiguration(
    commandName: "init", abstract: "Make a repository.",
    discussion: """
      The object format cannot be changed later. sha1 is what every Git host accepts; objects made to collide are \
      refused. sha256 is for repositories that no older host has to take.
      """)
  @OptionGroup var store: StoreOptions
  @Argument(help: "The folder; the same as --repository.")
  var folder: String?
  @Option(help: "How objects are named: sha1 or sha256.")
  var format: ObjectFormat = .sha1
  @Option(name: [.customShort("b"), .customLong("branch")], help: "The branch that HEAD names.")
  var branch = "main"

  func perform(_ output: Output) throws {
    guard let head = RefName.branch(branch) else {
      throw CommandFailure(.failed, "“\(branch)” cannot be the name of a branch")
    }
    let folder = folder ?? store.folder
    _ = try GitBackend.create(folder, format: format, head: head)
    printWarning("Made the repository \(folder), \(format.rawValue)")
  }
}
