import ArgumentParser
import GitFormat
import VersionedStore

/// `lares store branches`.
struct BranchesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "branches", abstract: "List, create, delete and rename branches.",
    subcommands: [
      BranchListCommand.self, BranchCreateCommand.self, BranchDeleteCommand.self, BranchRenameCommand.self,
    ],
    defaultSubcommand: BranchListCommand.self)
}

struct BranchListCommand: StoreVerb {
  static let configuration = CommandConfiguration(commandName: "list", abstract: "List branches: a name a line.")
  @OptionGroup var store: StoreOptions
  @OptionGroup var list: ListOptions
  @Flag(name: .shortAndLong, help: "Say the newest commit as well.")
  var long = false
  @Flag(help: "Those of remotes, as they were at the last fetch.")
  var remotes = false

  private struct JSONBranch: Encodable {
    var name: String
    var id: String
    /// Whether HEAD names it.
    var isMain: Bool
  }

  func perform(_ output: Output) throws {
    let repository = try store.open()
    let prefix = remotes ? "refs/remotes/" : "refs/heads/"
    let main = try repository.backend.headTarget
    for (reference, id) in try repository.backend.references(under: prefix) {
      let name = String(reference.text.dropFirst(prefix.count))
      if list.json {
        try output.json(JSONBranch(name: name, id: id.hex, isMain: reference == main))
      } else {
        let words = long ? "  \(Words.short(id))  \(Words.subject(try repository.commit(id)))" : ""
        try list.entry(Array(name.utf8), behind: words, to: output)
      }
    }
  }
}

struct BranchCreateCommand: StoreVerb {
  static let configuration = CommandConfiguration(
    commandName: "create", abstract: "Make a branch, at HEAD's branch or a commit.")
  @OptionGroup var store: StoreOptions
  @Argument(help: "Its name.")
  var name: String
  @Argument(help: "The commit it begins with.")
  var commit = "HEAD"

  func perform(_ output: Output) throws {
    try store.change(as: Person()) { repository in
      let id = try Revision.commit(commit, in: repository).id
      try creating("there is a branch \(name) already") { () throws(StoreError) in
        try repository.createBranch(name, at: id)
      }
    }
  }
}

struct BranchDeleteCommand: StoreVerb {
  static let configuration = CommandConfiguration(
    commandName: "delete", abstract: "Delete a branch. Its commits stay until they are collected.")
  @OptionGroup var store: StoreOptions
  @Flag(help: "Also where no other branch has its commits, or HEAD names it.")
  var force = false
  @Argument(help: "Its name.")
  var name: String

  func perform(_ output: Output) throws {
    try store.change(as: Person()) { repository in
      let branch = try repository.branch(name)
      let head = try branch.requireHead().id
      if !force { try refuseLoss(of: branch, at: head) }
      try repository.deleteBranch(name, at: head)
      printWarning("Deleted \(name), which was at \(head)")
    }
  }

  private func refuseLoss(of branch: Branch, at head: ObjectID) throws {
    let backend = branch.repository.backend
    guard try backend.headTarget != branch.reference else {
      throw CommandFailure(.failed, "\(name) is the branch that HEAD names; --force deletes it all the same")
    }
    let history = try branch.repository.fullHistory()
    for (other, id) in try backend.references(under: "refs/") where other != branch.reference {
      guard try backend.object(id).kind == .commit else { continue }
      if try history.isAncestor(head, of: id) { return }
    }
    throw CommandFailure(
      .failed, "no other branch has the commits of \(name); merge it first, or --force deletes it all the same")
  }
}

struct BranchRenameCommand: StoreVerb {
  static let configuration = CommandConfiguration(commandName: "rename", abstract: "Give a branch another name.")
  @OptionGroup var store: StoreOptions
  @Argument(help: "Its name now.")
  var old: String
  @Argument(help: "Its name to be.")
  var new: String

  func perform(_ output: Output) throws {
    try store.change(as: Person()) { repository in
      if try repository.branch(new).head() != nil, old != new {
        throw CommandFailure(.testFailed, "there is a branch \(new) already")
      }
      try repository.renameBranch(old, to: new)
    }
  }
}
