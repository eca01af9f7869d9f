import ArgumentParser
import GitFormat
import HostSystem
import VersionedStore

/// `lares store snapshot`.
struct SnapshotCommand: StoreVerb {
  static let configuration = CommandConfiguration(
    commandName: "snapshot", abstract: "Give the newest commit a name for good, or list such names.",
    discussion: """
      A snapshot is an annotated tag of Git. It says who made it, when and why, and does not move. Without a name it is \
      called by the time. The name is printed.
      """)
  @OptionGroup var branch: BranchOptions
  @OptionGroup var change: ChangeOptions
  @OptionGroup var listing: ListOptions
  @Flag(name: .shortAndLong, help: "List snapshots: a name a line.")
  var list = false
  @Option(help: ArgumentHelp("Name this commit instead of the newest.", valueName: "commit"))
  var at: String?
  @Argument(help: "Its name.")
  var name: String?

  func validate() throws {
    if list, name != nil || at != nil { throw ValidationError("--list takes neither a name nor a commit") }
  }

  private struct JSONSnapshot: Encodable {
    var name: String
    var commit: String
  }

  func perform(_ output: Output) throws {
    if list { return try printAll(of: try branch.store.open(), to: output) }
    let name = try branch.store.change(as: change.person) { repository in try make(in: repository) }
    try output.line(name)
  }

  private func make(in repository: Repository) throws -> String {
    let commit =
      try at.map { try Revision.commit($0, in: repository) } ?? branch.branch(in: repository).requireHead()
    let name = name ?? Words.stamp(Clock.wall)
    guard let reference = RefName("refs/tags/\(name)"), !name.hasPrefix("-") else {
      throw CommandFailure(.failed, "“\(Words.line(name))” cannot be the name of a snapshot")
    }
    let who = change.person.authorNow
    let message = change.message ?? "Snapshot \(name)"
    let buffer = ObjectBuffer(over: repository.objects)
    let tag = TagObject(object: commit.id, kind: .commit, name: name, tagger: who, message: message + "\n")
    let id = try buffer.write(.tag, tag.bytes)
    let change = RefChange(reference, from: nil, to: id, who: who, why: "snapshot")
    try creating("there is a snapshot \(name) already, and snapshots do not move") { () throws(StoreError) in
      try repository.store(Batch(objects: buffer.objects, refs: [change]))
    }
    return name
  }

  private func printAll(of repository: Repository, to output: Output) throws {
    for (reference, _) in try repository.backend.references(under: "refs/tags/") {
      let name = String(reference.text.dropFirst(10))
      if listing.json {
        let commit = try Revision.commit(reference.text, in: repository)
        try output.json(JSONSnapshot(name: name, commit: commit.id.hex))
      } else {
        try listing.entry(Array(name.utf8), to: output)
      }
    }
  }
}
