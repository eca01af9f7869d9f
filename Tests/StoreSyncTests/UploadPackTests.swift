import GitFormat
import TestSupport
import Testing
import VersionedStore

@testable import StoreSync

/// Stock git as a client of our server, over a socket.
@Suite struct UploadPackTests {
  struct Case: CustomStringConvertible, Sendable {
    var format: ObjectFormat
    var version: ProtocolVersion
    var description: String { "\(format.rawValue), version \(version.rawValue)" }

    static let all = ObjectFormat.allCases.flatMap { format in
      [ProtocolVersion.zero, .one, .two].map { Case(format: format, version: $0) }
    }
  }

  private func clone(
    _ git: StockGit, _ repository: SampleRepository, _ version: ProtocolVersion, _ options: String...,
    to name: String = "clone"
  ) throws {
    let serving = try Serving(upload: repository.backend, version: version)
    let outcome = try git.attempt(
      ["-c", "protocol.version=\(version.rawValue)", "clone"] + options + ["fd::3", name], connection: serving.client)
    #expect(serving.wait() == nil)
    try #require(outcome.isSuccess, "\(outcome.output)")
  }

  private func fetch(
    _ git: StockGit, _ repository: SampleRepository, _ version: ProtocolVersion, _ options: String...
  ) throws -> String {
    let serving = try Serving(upload: repository.backend, version: version)
    let outcome = try git.attempt(["fetch"] + options, in: "clone", connection: serving.client)
    #expect(serving.wait() == nil)
    try #require(outcome.isSuccess, "\(outcome.output)")
    return outcome.output
  }

  @Test(arguments: Case.all)
  func gitClonesAllBranchesAndTags(_ version: Case) throws {
    let repository = SampleRepository(version.format)
    let commits = try repository.history(30)
    try repository.set("refs/heads/side", commits[10])
    let tag = try repository.tag("v1", of: commits[5])
    try repository.set("refs/tags/light", commits[7])
    let git = try StockGit()
    try clone(git, repository, version.version)
    try git.fsck("clone")
    #expect(try git.run("rev-parse", "HEAD", in: "clone") == commits[29].hex)
    #expect(try git.run("symbolic-ref", "HEAD", in: "clone") == "refs/heads/main")
    #expect(try git.run("rev-parse", "refs/remotes/origin/side", in: "clone") == commits[10].hex)
    #expect(try git.run("rev-parse", "refs/tags/v1", in: "clone") == tag.hex)
    #expect(try git.run("rev-list", "--count", "--all", in: "clone") == "30")
    #expect(try git.run("rev-parse", "--show-object-format", in: "clone") == version.format.rawValue)
  }

  @Test(arguments: Case.all)
  func gitFetchesOnlyWhatItHasNot(_ version: Case) throws {
    let repository = SampleRepository(version.format)
    let first = try repository.history(10)
    let git = try StockGit()
    try clone(git, repository, version.version)
    try git.run("repack", "-ad", in: "clone")
    let next = try repository.commit(["a": "b"], parents: [first[9]], on: "refs/heads/main")
    try repository.tag("new", of: next)
    _ = try fetch(git, repository, version.version)
    #expect(try git.run("rev-parse", "origin/main", in: "clone") == next.hex)
    #expect(try git.run("tag", in: "clone") == "new")
    // Commit, tree, blob and tag.
    #expect(try git.run("count-objects", "-v", in: "clone").hasPrefix("count: 4\n"))
    try git.fsck("clone")
  }

  @Test(arguments: Case.all)
  func gitClonesAnEmptyRepository(_ version: Case) throws {
    let repository = SampleRepository(version.format)
    let git = try StockGit()
    try clone(git, repository, version.version)
    // The older versions cannot say what a branch without commits is called.
    let branch = version.version == .two ? "main" : "master"
    #expect(try git.run("symbolic-ref", "HEAD", in: "clone") == "refs/heads/\(branch)")
  }

  @Test(arguments: Case.all)
  func aShallowCloneIsDeepenedAndCompleted(_ version: Case) throws {
    let repository = SampleRepository(version.format)
    let commits = try repository.history(12)
    let git = try StockGit()
    try clone(git, repository, version.version, "--depth=3")
    func count() throws -> String { try git.run("rev-list", "--count", "HEAD", in: "clone") }
    #expect(try count() == "3")
    try git.fsck("clone")
    _ = try fetch(git, repository, version.version, "--depth=5")
    #expect(try count() == "5")
    _ = try fetch(git, repository, version.version, "--deepen=2")
    #expect(try count() == "7")
    try git.fsck("clone")
    let next = try repository.commit(["a": "b"], parents: [commits[11]], on: "refs/heads/main")
    _ = try fetch(git, repository, version.version)
    #expect(try git.run("rev-list", "--count", "origin/main", in: "clone") == "8")
    _ = try fetch(git, repository, version.version, "--unshallow")
    #expect(try git.run("rev-list", "--count", next.hex, in: "clone") == "13")
    #expect(try git.run("rev-parse", "--is-shallow-repository", in: "clone") == "false")
    try git.fsck("clone")
  }

  @Test(arguments: [ProtocolVersion.zero, .two])
  func historyEndsAtATimeOrAtAReference(_ version: ProtocolVersion) throws {
    let repository = SampleRepository()
    let commits = try repository.history(12)
    let git = try StockGit()
    let time = try CommitLinks(repository.backend.object(commits[8]).bytes, .sha1).time
    try clone(git, repository, version, "--shallow-since=\(time)")
    #expect(try git.run("rev-list", "--count", "HEAD", in: "clone") == "4")
    try repository.set("refs/heads/old", commits[6])
    try clone(git, repository, version, "--single-branch", "--shallow-exclude=old", to: "other")
    #expect(try git.run("rev-list", "--count", "HEAD", in: "other") == "5")
    try git.fsck("other")
  }

  @Test(arguments: [("blob:none", 0), ("blob:limit=3k", 1), ("tree:0", 0)])
  func aPartialCloneLeavesOut(_ filter: String, _ blobs: Int) throws {
    let repository = SampleRepository()
    let big = String(repeating: "x", count: 3_072)
    try repository.commit(["small": "s", "folder/big": big], on: "refs/heads/main")
    let git = try StockGit()
    try clone(git, repository, .two, "--bare", "--filter=\(filter)")
    let kinds = try git.run(
      "cat-file", "--batch-check=%(objecttype)", "--batch-all-objects", in: "clone"
    ).split(separator: "\n")
    #expect(kinds.count { $0 == "blob" } == blobs)
    #expect(kinds.count { $0 == "tree" } == (filter == "tree:0" ? 0 : 2))
    #expect(kinds.count { $0 == "commit" } == 1)
  }

  @Test func objectsThatOnlyHiddenReferencesNameAreNotSent() throws {
    let repository = SampleRepository()
    let visible = try repository.commit(["a": "1"], on: "refs/heads/main")
    let hidden = try repository.commit(["a": "2"], parents: [visible], on: "refs/lares/undo/x")
    let git = try StockGit()
    try git.run("init", "-q", "clone")
    for version in [ProtocolVersion.zero, .two] {
      let serving = try Serving(upload: repository.backend, version: version)
      let outcome = try git.attempt(["fetch", "fd::3", hidden.hex], in: "clone", connection: serving.client)
      #expect(!outcome.isSuccess)
      _ = serving.wait()
      let list = try Serving(upload: repository.backend, version: version)
      #expect(
        try git.run("ls-remote", "fd::3", in: "clone", connection: list.client)
          == "\(visible)\tHEAD\n\(visible)\trefs/heads/main")
    }
  }

  @Test func aCommitInVisibleHistoryMayBeFetchedByItsName() throws {
    let repository = SampleRepository()
    let commits = try repository.history(5)
    let git = try StockGit()
    try git.run("init", "-q", "clone")
    _ = try fetch(git, repository, .two, "fd::3", "\(commits[2].hex):refs/heads/old")
    #expect(try git.run("rev-list", "--count", "old", in: "clone") == "3")
  }
}
