import ArgumentParser
import GitFormat
import StoreSync
import VersionedStore

/// `lares store log`.
struct LogCommand: StoreVerb {
  static let configuration = CommandConfiguration(
    commandName: "log", abstract: "Tell the history, newest first: a commit a line.",
    discussion: "A line has the beginning of the commit's hash, when, who, and the subject of the message.")
  @OptionGroup var read: ReadOptions
  @Flag(help: "Print one JSON object a line.")
  var json = false
  @Flag(help: "Print whole hashes and whole messages.")
  var full = false
  @Flag(help: "The commits of all branches and snapshots.")
  var all = false
  @Option(
    name: [.customShort("n", allowingJoined: true), .customLong("count")], help: "How many commits to tell at most.")
  var count: Int?
  @Option(help: ArgumentHelp("Nothing that is in the history of this.", valueName: "commit"))
  var excluding: [String] = []
  @Argument(help: "Only commits that changed what is here.")
  var path: PathArgument?

  func validate() throws {
    if let count, count < 0 { throw ValidationError("--count is at least 0") }
  }

  func perform(_ output: Output) throws {
    let repository = try read.branch.store.open()
    let heads = all ? try repository.allHeads() : try read.commit(in: repository).map { [$0.id] } ?? []
    let options = LogOptions(
      limit: count ?? .max, path: path?.path,
      excluding: try excluding.map { try Revision.commit($0, in: repository).id })
    try repository.fullHistory().forEachCommit(from: heads, options) { (commit) throws(StoreError) in
      try output.inStore { try commit.print(json: json, full: full, to: $0) }
      return true
    }
  }
}

/// `lares store last-modified`.
struct LastModifiedCommand: StoreVerb {
  static let configuration = CommandConfiguration(
    commandName: "last-modified", abstract: "Tell which commit changed a value or directory last.")
  @OptionGroup var read: ReadOptions
  @Flag(help: "Print one JSON object a line.")
  var json = false
  @Option(
    name: [.customShort("n", allowingJoined: true), .customLong("count")], help: "How many commits to tell at most.")
  var count = 1
  @Argument(help: "The value or directory.")
  var path: PathArgument

  func validate() throws {
    if count < 1 { throw ValidationError("--count is at least 1") }
  }

  func perform(_ output: Output) throws {
    let repository = try read.branch.store.open()
    guard let head = try read.commit(in: repository) else { throw StoreError.notFound(path.path) }
    let commits = try repository.fullHistory().lastModified(path.path, from: head.id, count: count)
    if commits.isEmpty { throw StoreError.notFound(path.path) }
    for commit in commits { try commit.print(json: json, full: false, to: output) }
  }
}

extension Commit {
  /// A line; or, in full, hash, people and message as `git log` has them.
  func print(json: Bool, full: Bool, to output: Output) throws {
    if json { return try output.json(JSONCommit(self)) }
    guard full else {
      return try output.line(
        "\(Words.short(id))  \(Words.time(author))  \(Words.line(author.name))  \(Words.subject(self))")
    }
    try output.line("commit \(id)")
    for parent in parents where parents.count > 1 { try output.line("Parent: \(parent)") }
    try output.line("Author: \(Words.line(author.name)) <\(Words.line(author.email))>")
    try output.line("Date:   \(Words.time(author))\n")
    for line in message.split(separator: "\n", omittingEmptySubsequences: false) {
      try output.line(line.isEmpty ? "" : "    \(Words.line(line))")
    }
    if !message.hasSuffix("\n") { try output.line("") }
  }
}
