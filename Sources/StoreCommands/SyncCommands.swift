import ArgumentParser
import GitFormat
import HostSystem
import StoreSync
import VersionedStore

/// What clone, fetch, pull and push say of addresses.
private let addressHelp = """
  A repository elsewhere is a path, an https:// address, ssh://user@host/path or user@host:path; or the name of a remote \
  in this repository's configuration, as clone leaves origin. ssh is the machine's own, or GIT_SSH_COMMAND; passwords for \
  https come from ~/.netrc.
  """

/// `lares store clone`.
struct CloneCommand: StoreVerb {
  static let configuration = CommandConfiguration(
    commandName: "clone", abstract: "Make a copy of a repository elsewhere, with its history.", discussion: addressHelp)
  @OptionGroup var reach: ReachOptions
  @Option(help: ArgumentHelp("Only so many commits of each branch.", valueName: "count"))
  var depth: Int?
  @Argument(help: "The repository.")
  var address: String
  @Argument(help: "The folder to make.")
  var folder: String

  func validate() throws {
    if let depth, depth < 1 { throw ValidationError("--depth is at least 1") }
  }

  func perform(_ output: Output) throws {
    let person = Person()
    let client = try reach.client(address, person: person)
    let remote = try client.describe()
    let kept = try ReachOptions.whole(address)
    let backend = try GitBackend.create(folder, format: remote.format, head: remote.head ?? .branch("main")!)
    let file = "\(folder)/config"
    let configuration = try File.read(file) + Array(RemoteSettings.section("origin", address: kept).utf8)
    try File.replace(file, with: configuration, durable: true)
    do {
      _ = try client.clone(into: backend, deepening: depth.map { .depth($0) }, who: person.authorNow)
    } catch {
      printWarning("Note: \(folder) is made, and empty; lares store pull -C \(folder) goes on where this failed")
      throw error
    }
    try backend.publish()
  }
}

/// `lares store fetch`.
struct FetchCommand: StoreVerb {
  static let configuration = CommandConfiguration(
    commandName: "fetch", abstract: "Bring what a repository elsewhere has; branches here stay as they are.",
    discussion: addressHelp + " Of a remote's name its branches come as NAME/BRANCH; of an address what refspecs say.")
  @OptionGroup var store: StoreOptions
  @OptionGroup var reach: ReachOptions
  @Flag(help: "Forget branches of the remote that it has no more.")
  var prune = false
  @Option(help: ArgumentHelp("Only so many commits of each branch.", valueName: "count"))
  var depth: Int?
  @Argument(help: "The repository.")
  var remote = "origin"
  @Argument(help: "What becomes what, as in git fetch: +refs/heads/*:refs/remotes/nas/*.")
  var refspecs: [String] = []

  func validate() throws {
    if let depth, depth < 1 { throw ValidationError("--depth is at least 1") }
  }

  func perform(_ output: Output) throws {
    let person = Person()
    try store.change(as: person) { repository in
      let remote = try RemoteArgument(remote, of: repository)
      var options = FetchOptions(
        try refspecs.isEmpty ? remote.refspecs() : refspecs.map { try RefSpec($0) }, who: person.authorNow)
      guard !options.refspecs.isEmpty else {
        throw CommandFailure(.failed, "say what to fetch from \(remote.name), as in refs/heads/main:refs/heads/theirs")
      }
      options.prunes = prune
      options.deepening = depth.map { .depth($0) }
      let result = try reach.client(remote.address, person: person).fetch(into: repository.backend, options)
      try report(result.changes, refused: result.refused, to: output)
    }
  }
}

/// Tells the references that changed; one that did not though it should ends the command.
func report(_ changes: [RefChange], refused: [RefName], to output: Output) throws {
  for change in changes { try output.line(change.line) }
  try output.flush()
  guard let name = refused.first else { return }
  throw CommandFailure(
    .failed, "\(name) would lose what it has, so it is left as it is; a refspec with + in front takes it all the same")
}

extension RefChange {
  /// `updated  refs/heads/main  <hash>`.
  var line: String {
    guard let new else { return "removed  \(name)" }
    return "\(old == nil ? "added" : "updated")  \(name)  \(new)"
  }
}

/// `lares store pull`.
struct PullCommand: StoreVerb {
  static let configuration = CommandConfiguration(
    commandName: "pull", abstract: "Fetch a branch from elsewhere, and merge it into the branch here.",
    discussion: addressHelp + " Conflicts are left as lares store merge leaves them.")
  @OptionGroup var branch: BranchOptions
  @OptionGroup var change: ChangeOptions
  @OptionGroup var reach: ReachOptions
  @Flag(help: "Merge histories that have no commit in common.")
  var allowUnrelated = false
  @Argument(help: "The repository.")
  var remote = "origin"
  @Argument(help: "Its branch. Default: the one of the same name.")
  var source: String?

  func perform(_ output: Output) throws {
    try branch.store.change(as: change.person) { repository in
      let branch = try branch.branch(in: repository)
      let remote = try RemoteArgument(remote, of: repository)
      let source = source ?? branch.name
      guard let reference = RefName.branch(source) else {
        throw CommandFailure(.failed, "“\(Words.line(source))” cannot be the name of a branch")
      }
      var options = FetchOptions(try remote.refspecs(), who: change.person.authorNow)
      if !options.refspecs.contains(where: { $0.matches(reference) }) {
        options.refspecs.append(try RefSpec(reference.text))
        options.followsTags = remote.settings != nil
      }
      let result = try reach.client(remote.address, person: change.person).fetch(into: repository.backend, options)
      guard let theirs = result.remote.first(where: { $0.name == reference })?.id else {
        throw CommandFailure(.absent, "\(remote.name) has no branch \(source)")
      }
      var merging = MergeOptions()
      merging.allowsUnrelated = allowUnrelated
      merging.shallow = try repository.backend.shallowCommits
      let outcome = try branch.merge(
        theirs, change.info("Merge \(source) of \(remote.address) into \(branch.name)"), options: merging)
      try outcome.report(on: branch, to: output)
    }
  }
}

/// `lares store push`.
struct PushCommand: StoreVerb {
  static let configuration = CommandConfiguration(
    commandName: "push", abstract: "Bring branches and snapshots to a repository elsewhere.", discussion: addressHelp)
  @OptionGroup var branch: BranchOptions
  @OptionGroup var reach: ReachOptions
  @Flag(help: "Also where the other side's branch loses commits; what it had stays here under refs/lares/undo.")
  var force = false
  @Flag(help: "All or nothing.")
  var atomic = false
  @Flag(help: "All branches.")
  var all = false
  @Flag(help: "All snapshots.")
  var snapshots = false
  @Argument(help: "The repository.")
  var remote = "origin"
  @Argument(
    help: "Branches and snapshots: NAME, NAME:NAME-THERE, or with --force :NAME-THERE to delete. Default: the branch.")
  var names: [String] = []

  func perform(_ output: Output) throws {
    let person = Person()
    try branch.store.change(as: person) { repository in
      let remote = try RemoteArgument(remote, of: repository)
      let specs = try specs(in: repository)
      guard !specs.isEmpty else { throw CommandFailure(.failed, "there is nothing to push") }
      let result = try reach.client(remote.address, person: person).push(
        specs, from: repository.backend, isAtomic: atomic, who: person.authorNow)
      for spec in specs where result.outcomes[spec.destination] == .some(nil) {
        try output.line("\(spec.destination)  \(spec.source?.hex ?? "removed")")
        if remote.settings != nil { try note(spec, at: remote.name, in: repository) }
      }
      try output.flush()
      for (name, reason) in result.outcomes.sorted(by: { $0.key < $1.key }) {
        if let reason { throw CommandFailure(.failed, "\(remote.name) did not take \(name): \(Words.line(reason))") }
      }
    }
  }

  private func specs(in repository: Repository) throws -> [PushSpec] {
    var specs = try names.map { try spec($0, in: repository) }
    for (isWanted, prefix) in [(all, "refs/heads/"), (snapshots, "refs/tags/")] where isWanted {
      for (name, id) in try repository.backend.references(under: prefix) {
        specs.append(PushSpec(id, to: name, isForced: force))
      }
    }
    if specs.isEmpty, !all, !snapshots {
      let branch = try branch.branch(in: repository)
      specs = [PushSpec(try branch.requireHead().id, to: branch.reference, isForced: force)]
    }
    return specs
  }

  private func spec(_ text: String, in repository: Repository) throws -> PushSpec {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    let source = parts[0].isEmpty ? nil : try Self.reference(parts[0], in: repository)
    let there = parts.count == 2 ? parts[1] : source?.name.text ?? ""
    let isWhole = there.hasPrefix("refs/")
    let folder = source?.name.text.hasPrefix("refs/tags/") == true ? "refs/tags/" : "refs/heads/"
    guard let destination = RefName(isWhole ? there : folder + there), source != nil || parts.count == 2 else {
      throw CommandFailure(.failed, "\(Words.line(text)) does not say what to push; NAME or NAME:NAME-THERE does")
    }
    return PushSpec(source?.id, to: destination, isForced: force)
  }

  /// A branch or snapshot of this repository.
  private static func reference(_ text: String, in repository: Repository) throws -> (name: RefName, id: ObjectID) {
    for prefix in ["refs/heads/", "refs/tags/", ""] {
      if let name = RefName(prefix + text), let id = try repository.backend.reference(name) { return (name, id) }
    }
    throw CommandFailure(.absent, "there is no branch or snapshot \(Words.line(text)) here")
  }

  /// Notes where the remote's branch is now, as a fetch would.
  private func note(_ spec: PushSpec, at remote: String, in repository: Repository) throws {
    guard let branch = spec.destination.branchName, let name = RefName("refs/remotes/\(remote)/\(branch)") else {
      return
    }
    let old = try repository.backend.reference(name)
    guard old != spec.source else { return }
    let change = RefChange(name, from: old, to: spec.source, who: repository.signature(), why: "push")
    try repository.store(Batch(refs: [change]))
  }
}
