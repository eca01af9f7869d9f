import ArgumentParser
import GitFormat
import VersionedStore

/// `lares store show`.
struct ShowCommand: StoreVerb {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show a commit, and what it changed.")
  @OptionGroup var store: StoreOptions
  @Argument(help: "The commit.")
  var commit = "HEAD"

  func perform(_ output: Output) throws {
    let repository = try store.open()
    let commit = try Revision.commit(commit, in: repository)
    try commit.print(json: false, full: true, to: output)
    let isCut = try repository.backend.shallowCommits.contains(commit.id)
    let before = try isCut ? nil : commit.parents.first.map { try repository.commit($0).tree }
    let old = before ?? repository.emptyTree
    try old.forEachDifference(to: commit.tree) { (change) throws(StoreError) in
      let patch = try Patch(of: change, old, commit.tree)
      try output.inStore { try $0.write(patch) }
      return true
    }
  }
}

/// `lares store cat`.
struct CatCommand: StoreVerb {
  static let configuration = CommandConfiguration(
    commandName: "cat", abstract: "Print an object by its hash: its bytes, and nothing else.")
  @OptionGroup var store: StoreOptions
  @Flag(name: .shortAndLong, help: "Print its kind and size instead.")
  var kind = false
  @Argument(help: "The whole hash.")
  var id: String

  func perform(_ output: Output) throws {
    let repository = try store.open()
    guard let id = ObjectID(repository.format, hex: id) else {
      throw CommandFailure(
        .failed,
        "\(Words.line(id)) is no hash: of \(repository.format.rawValue) they have \(repository.format.digits) digits")
    }
    let object: GitObject
    do { object = try repository.objects.object(id) } catch StoreError.missing {
      throw CommandFailure(.absent, "object \(id) is not in this repository")
    }
    if kind { try output.line("\(object.kind) \(object.bytes.count)") } else { try output.write(value: object.bytes) }
  }
}

/// `lares store dot`.
struct DotCommand: StoreVerb {
  static let configuration = CommandConfiguration(
    commandName: "dot", abstract: "Print the history as a graph for Graphviz.",
    discussion: "lares store dot | dot -Tsvg >history.svg")
  @OptionGroup var store: StoreOptions
  @Option(help: "How many steps back from the newest commits.")
  var depth: Int?
  @Option(name: [.customShort("n", allowingJoined: true), .customLong("count")], help: "How many commits at most.")
  var count = 1_000
  @Argument(help: "Which commits to begin with. Default: all branches and snapshots.")
  var commits: [String] = []

  func validate() throws {
    if depth ?? 0 < 0 || count < 0 { throw ValidationError("--depth and --count are at least 0") }
  }

  func perform(_ output: Output) throws {
    let repository = try store.open()
    let heads =
      try commits.isEmpty ? repository.allHeads() : commits.map { try Revision.commit($0, in: repository).id }
    let graph = try repository.fullHistory().graph(from: heads, depth: depth ?? .max, limit: count)
    let shown = Set(graph.commits.map(\.id))
    var names: [(name: String, id: ObjectID)] = []
    for (prefix, _) in [("refs/heads/", ()), ("refs/tags/", ())] {
      for (reference, _) in try repository.backend.references(under: prefix) {
        guard let commit = try? Revision.commit(reference.text, in: repository), shown.contains(commit.id) else {
          continue
        }
        names.append((String(reference.text.dropFirst(prefix.count)), commit.id))
      }
    }
    try output.write(graph.dot(names: names).utf8)
  }
}
