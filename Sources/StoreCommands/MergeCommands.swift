import ArgumentParser
import GitFormat
import StoreSync
import VersionedStore

/// `lares store merge`.
struct MergeCommand: StoreVerb {
  static let configuration = CommandConfiguration(
    commandName: "merge", abstract: "Merge a branch or a commit into the branch.",
    discussion: """
      Files that both sides changed are merged by what they are: text by lines, JSON and TOML by keys, vCard and iCalendar \
      by properties, and .counter, .set, .register and others by their own rules; a .gitattributes file at the root says \
      more (merge=lares-json). What cannot be merged becomes a conflict: the merge is committed with ours at the path, \
      each such path is printed, and the exit status is 2. lares store conflicts and resolve go on from there.
      """)
  @OptionGroup var branch: BranchOptions
  @OptionGroup var change: ChangeOptions
  @Flag(name: .customLong("no-ff"), help: "Make a merge commit also where the branch could just move forward.")
  var noFastForward = false
  @Flag(help: "Merge histories that have no commit in common.")
  var allowUnrelated = false
  @Flag(help: "Where there are conflicts, leave the branch as it is.")
  var noConflicts = false
  @Option(help: ArgumentHelp("Merge into this directory what the other has at its root.", valueName: "path"))
  var into: PathArgument?
  @Argument(help: "What to merge.")
  var source: String

  func perform(_ output: Output) throws {
    try branch.store.change(as: change.person) { repository in
      let branch = try branch.branch(in: repository)
      let other = try Revision.commit(source, in: repository)
      var options = MergeOptions()
      options.allowsFastForward = !noFastForward
      options.allowsUnrelated = allowUnrelated
      options.commitsConflicts = !noConflicts
      options.shallow = try repository.backend.shallowCommits
      let info = change.info("Merge \(source) into \(branch.name)")
      let outcome =
        if let path = into?.path {
          try branch.merge(other.id, at: path, info, options: options)
        } else {
          try branch.merge(other.id, info, options: options)
        }
      try outcome.report(on: branch, to: output)
    }
  }
}

extension MergeOutcome {
  /// Says what became of a merge; conflicts end the command.
  func report(on branch: Branch, to output: Output) throws {
    switch self {
    case .alreadyMerged: try output.line("\(branch.name) has all of it already")
    case .fastForward(let id): try output.line("\(branch.name) moved forward to \(id)")
    case .merged(let commit): try output.line("Merged as \(commit.id)")
    case .conflicts(let commit, let paths):
      for path in paths { try output.line(Words.quoted(path)) }
      try output.flush()
      let count = paths.count == 1 ? "one conflict" : "\(paths.count) conflicts"
      throw CommandFailure(
        .conflict, "merged as \(Words.short(commit.id)) with \(count); lares store resolve PATH ends them")
    }
  }
}

/// `lares store conflicts`.
struct ConflictsCommand: StoreVerb {
  static let configuration = CommandConfiguration(
    commandName: "conflicts", abstract: "List what merges left to decide: a path a line.")
  @OptionGroup var read: ReadOptions
  @OptionGroup var list: ListOptions
  @Flag(name: .shortAndLong, help: "Say what sort of conflict it is, and why, as well.")
  var long = false

  private struct JSONConflict: Encodable {
    var conflict: MergeConflict
    enum Key: CodingKey { case kind, reason, base, ours, theirs }
    func encode(to encoder: any Encoder) throws {
      try JSONPath(conflict.path).encode(to: encoder)
      var container = encoder.container(keyedBy: Key.self)
      try container.encode(conflict.kind.rawValue, forKey: .kind)
      try container.encode(conflict.reason, forKey: .reason)
      try container.encodeIfPresent(conflict.base?.id.hex, forKey: .base)
      try container.encodeIfPresent(conflict.ours?.id.hex, forKey: .ours)
      try container.encodeIfPresent(conflict.theirs?.id.hex, forKey: .theirs)
    }
  }

  func perform(_ output: Output) throws {
    for conflict in try read.tree(in: try read.branch.store.open()).conflicts() {
      if list.json {
        try output.json(JSONConflict(conflict: conflict))
      } else {
        let words = long ? "  \(conflict.kind.rawValue): \(Words.line(conflict.reason))" : ""
        try list.entry(conflict.path.bytes, behind: words, to: output)
      }
    }
  }
}

/// `lares store resolve`.
struct ResolveCommand: StoreVerb {
  static let configuration = CommandConfiguration(
    commandName: "resolve", abstract: "End a conflict: say what the value shall be.",
    discussion: "Without a choice, the value is the argument, or what standard input has.")

  enum Choice: String, EnumerableFlag {
    case ours, theirs, base, asIs, removed

    static func help(for choice: Self) -> ArgumentHelp? {
      switch choice {
      case .ours: "What the branch had before the merge."
      case .theirs: "What the merged side had."
      case .base: "What both came from."
      case .asIs: "What is there now."
      case .removed: "Nothing."
      }
    }
  }

  @OptionGroup var branch: BranchOptions
  @OptionGroup var change: ChangeOptions
  @Flag var choice: Choice?
  @Argument(help: "Where the conflict is.")
  var path: PathArgument
  @Argument(help: "The value; without it, standard input.")
  var value: String?

  func validate() throws {
    if choice != nil, value != nil { throw ValidationError("give a value or a choice, not both") }
  }

  func perform(_ output: Output) throws {
    let path = path.path
    try branch.store.change(as: change.person) { repository in
      let branch = try branch.branch(in: repository)
      guard try !branch.tree().conflicts(at: path).isEmpty else {
        throw CommandFailure(.absent, "there is no conflict at \(path.words) on branch \(branch.name)")
      }
      let new = choice == nil ? try repository.value(value) : nil
      try branch.update(change.info("Resolve \(path.words)")) { tree throws(StoreError) in
        let mode = try tree.kind(path).flatMap { $0.kind == .blob ? $0 : nil } ?? .file
        for conflict in try tree.conflicts(at: path) {
          switch choice {
          case .ours: try tree.resolve(conflict, with: .ours)
          case .theirs: try tree.resolve(conflict, with: .theirs)
          case .base: try tree.resolve(conflict, with: .base)
          case .asIs: try tree.removeRecord(conflict)
          case .removed: try tree.resolve(conflict, with: nil as Contents?)
          case nil:
            try tree.resolve(conflict, with: nil as Contents?)
            if let new { try tree.set(conflict.path, new, mode: mode) }
          }
        }
      }
    }
  }
}

/// `lares store revert`.
struct RevertCommand: StoreVerb {
  static let configuration = CommandConfiguration(
    commandName: "revert", abstract: "Undo a commit with a new one; what has changed since stays.",
    discussion: "Where a file of that commit was changed again since, nothing is undone, and the exit status is 2.")
  @OptionGroup var branch: BranchOptions
  @OptionGroup var change: ChangeOptions
  @Option(help: ArgumentHelp("Of a merge, which parent to go back to, from 1.", valueName: "number"))
  var parent: Int?
  @Argument(help: "The commit to undo.")
  var commit: String

  func validate() throws {
    if let parent, parent < 1 { throw ValidationError("--parent is at least 1") }
  }

  func perform(_ output: Output) throws {
    try branch.store.change(as: change.person) { repository in
      let id = try Revision.commit(commit, in: repository).id
      let made = try branch.branch(in: repository).revert(
        id, parent: parent.map { $0 - 1 }, author: change.person.authorNow, message: change.message.map { $0 + "\n" })
      try output.line(made.map { "Reverted as \($0.id)" } ?? "It had been undone already; nothing has changed")
    }
  }
}
