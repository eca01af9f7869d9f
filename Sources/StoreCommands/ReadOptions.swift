import ArgumentParser
import GitFormat
import VersionedStore

/// Which state of which repository is read.
struct ReadOptions: ParsableArguments {
  @OptionGroup var branch: BranchOptions
  @Option(
    help: ArgumentHelp(
      "Read a commit instead of a branch: a snapshot, a hash, main~2.", valueName: "commit"))
  var at: String?

  func validate() throws {
    if at != nil, branch.name != nil { throw ValidationError("--at and --branch exclude each other") }
  }

  /// The commit; nil where HEAD's branch has none yet.
  ///
  /// - Throws: where a branch or commit that was named is not there.
  func commit(in repository: Repository) throws -> Commit? {
    if let at { return try Revision.commit(at, in: repository) }
    let branch = try branch.branch(in: repository)
    return self.branch.name == nil ? try branch.head() : try branch.requireHead()
  }

  func tree(in repository: Repository) throws -> Tree { try commit(in: repository)?.tree ?? repository.emptyTree }
}
