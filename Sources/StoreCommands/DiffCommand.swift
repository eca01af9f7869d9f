import ArgumentParser
import GitFormat
import StoreSync
import VersionedStore

/// `lares store diff`.
struct DiffCommand: StoreVerb {
  static let configuration = CommandConfiguration(
    commandName: "diff", abstract: "Tell what differs between two commits.",
    discussion: """
      A line has A, D or M (added, removed, changed) and a path; --patch shows the lines of text that differ, as a patch \
      that git apply takes. Commits are named by branch, snapshot, hash, or main~2. Without any, it is what the newest \
      commit changed; with one, the way from there to the branch.

      With --exit-code the exit status is that of diff(1): 0 they are the same, 1 they differ, 2 trouble.
      """)
  @OptionGroup var branch: BranchOptions
  @OptionGroup var list: ListOptions
  @Option(help: ArgumentHelp("Only what is at or below this.", valueName: "path"))
  var path = PathArgument(.root)
  @Flag(name: .shortAndLong, help: "Show the lines that differ.")
  var patch = false
  @Flag(help: "Say by the exit status whether something differs.")
  var exitCode = false
  @Flag(name: .shortAndLong, help: "Print nothing, with --exit-code.")
  var quiet = false
  @Argument(help: "The older side.")
  var from: String?
  @Argument(help: "The newer side.")
  var to: String?

  func validate() throws {
    if patch, list.json || list.null { throw ValidationError("--patch goes neither with --json nor with --null") }
    if quiet, !exitCode { throw ValidationError("--quiet needs --exit-code") }
  }

  func exitCode(for status: ExitStatus) -> Int32 { exitCode ? Self.trouble : status.rawValue }
  private static let trouble: Int32 = 2

  func perform(_ output: Output) throws {
    let repository = try branch.store.open()
    let (old, new) = try sides(in: repository)
    var isSame = true
    try old.forEachDifference(to: new, below: path.path) { (change) throws(StoreError) in
      isSame = false
      if !quiet { try output.inStore { try print(change, old, new, to: $0) } }
      return !quiet
    }
    try output.flush()
    if exitCode, !isSame { throw ExitCode(1) }
  }

  private func sides(in repository: Repository) throws -> (Tree, Tree) {
    if let from, let to {
      return (try Revision.commit(from, in: repository).tree, try Revision.commit(to, in: repository).tree)
    }
    let head = try branch.branch(in: repository).requireHead()
    if let from { return (try Revision.commit(from, in: repository).tree, head.tree) }
    let shallow = try repository.backend.shallowCommits
    guard let parent = head.parents.first, !shallow.contains(head.id) else { return (repository.emptyTree, head.tree) }
    return (try repository.commit(parent).tree, head.tree)
  }

  private struct JSONChange: Encodable {
    struct Side: Encodable {
      var mode: String
      var id: String

      init(_ side: TreeChange.Side) { (mode, id) = (side.mode.word, side.id.hex) }
    }
    var change: TreeChange

    enum Key: CodingKey { case kind, old, new }
    func encode(to encoder: any Encoder) throws {
      try JSONPath(change.path).encode(to: encoder)
      var container = encoder.container(keyedBy: Key.self)
      try container.encode(change.kind.word, forKey: .kind)
      try container.encodeIfPresent(change.old.map(Side.init), forKey: .old)
      try container.encodeIfPresent(change.new.map(Side.init), forKey: .new)
    }
  }

  private func print(_ change: TreeChange, _ old: Tree, _ new: Tree, to output: Output) throws {
    if patch {
      try output.write(Patch(of: change, old, new))
    } else if list.json {
      try output.json(JSONChange(change: change))
    } else {
      let letter = change.kind == .added ? "A" : change.kind == .removed ? "D" : "M"
      try list.entry(change.path.bytes, before: "\(letter)\(list.null ? "\0" : "  ")", to: output)
    }
  }
}
