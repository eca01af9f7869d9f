import GitFormat
import Glibc
import HostSystem
import TestSupport
import Testing
import VersionedStore

@testable import StoreSync

/// Bundles of ours that git reads, and of git's that we read.
@Suite struct BundleTests {
  private func write(
    _ names: [String], of repository: SampleRepository, excluding: [ObjectID] = [], version: Int = 2, to path: String
  ) throws {
    let file = try Descriptor(opening: path, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
    try Bundle.write(
      names.map { try #require(RefName($0)) }, of: repository.backend, excluding: excluding, version: version,
      to: DescriptorStream(reading: file.number, writing: file.number))
  }

  private func read<Result>(_ path: String, _ body: (any ByteSource) throws -> Result) throws -> Result {
    let file = try Descriptor(opening: path, O_RDONLY)
    return try body(DescriptorStream(reading: file.number, writing: file.number))
  }

  @Test(arguments: [(ObjectFormat.sha1, 2), (.sha1, 3), (.sha256, 3)])
  func gitReadsOurs(_ format: ObjectFormat, _ version: Int) throws {
    let repository = SampleRepository(format)
    let commits = try repository.history(20)
    let tag = try repository.tag("v1", of: commits[10])
    let git = try StockGit()
    try write(["HEAD", "refs/heads/main", "refs/tags/v1"], of: repository, version: version, to: git.path("all"))
    try git.run("init", "-q", "-b", "main", "--object-format=\(format.rawValue)", "clone")
    try git.run("bundle", "verify", "-q", "../all", in: "clone")
    try git.run("pull", "-q", "../all", "main", in: "clone")
    try git.run("fetch", "-q", "../all", "refs/tags/*:refs/tags/*", in: "clone")
    #expect(try git.run("rev-parse", "HEAD", "v1", in: "clone") == "\(commits[19])\n\(tag)")
    try git.fsck("clone")

    let next = try repository.commit(["new": "file"], parents: [commits[19]], on: "refs/heads/main")
    try write(["refs/heads/main"], of: repository, excluding: [commits[19]], version: version, to: git.path("new"))
    #expect(try git.run("bundle", "verify", "../new", in: "clone").contains("\(commits[19])"))
    try git.run("pull", "-q", "../new", "main", in: "clone")
    #expect(try git.run("rev-parse", "HEAD", in: "clone") == next.hex)
    try git.fsck("clone")
  }

  @Test(arguments: ObjectFormat.allCases)
  func weReadGits(_ format: ObjectFormat) throws {
    let repository = SampleRepository(format)
    let commits = try repository.history(20)
    let git = try StockGit()
    let serving = try Serving(upload: repository.backend)
    try git.run("clone", "-q", "fd::3", "work", connection: serving.client)
    try git.run("bundle", "create", "-q", "../all", "HEAD", "main", in: "work")
    try git.run("branch", "old", "HEAD~5", in: "work")
    try git.run("bundle", "create", "-q", "../old", "old", in: "work")
    try git.run("bundle", "create", "-q", "../new", "old..main", in: "work")

    let backend = MemoryBackend(format: format)
    let all = [try RefSpec("refs/heads/*:refs/heads/*")]
    let header = try read(git.path("new")) { try Bundle.header(of: $0) }
    #expect(header.prerequisites.map(\.id) == [commits[14]])
    #expect(throws: StoreError.self) { try read(git.path("new")) { try Bundle.verify($0, for: backend) } }
    try read(git.path("old")) { _ = try Bundle.fetch($0, into: backend, all, who: RemoteClientTests.who) }
    #expect(try backend.reference(.branch("old")!) == commits[14])
    _ = try read(git.path("new")) { try Bundle.verify($0, for: backend) }
    let changes = try read(git.path("new")) { try Bundle.fetch($0, into: backend, all, who: RemoteClientTests.who) }
    #expect(changes.map(\.name.text) == ["refs/heads/main"])
    #expect(try RemoteClientTests.count(backend) == 20)
    let whole = MemoryBackend(format: format)
    try read(git.path("all")) { _ = try Bundle.fetch($0, into: whole, all, who: RemoteClientTests.who) }
    #expect(try RemoteClientTests.count(whole) == 20)
  }

  @Test func aBranchIsNotRewoundByABundle() throws {
    let repository = SampleRepository()
    let commits = try repository.history(5)
    let stream = MemoryStream()
    try repository.set("refs/heads/main", commits[1])
    try Bundle.write([.branch("main")!], of: repository.backend, to: stream)
    try repository.set("refs/heads/main", commits[4])
    func fetch(_ refspec: String) throws -> [RefChange] {
      try Bundle.fetch(
        MemoryStream(stream.output), into: repository.backend, [try RefSpec(refspec)], who: RemoteClientTests.who)
    }
    #expect(try fetch("refs/heads/main:refs/heads/main").isEmpty)
    #expect(try repository.backend.reference(.branch("main")!) == commits[4])
    #expect(try fetch("+refs/heads/main:refs/heads/main").count == 1)
    #expect(try repository.backend.reference(.branch("main")!) == commits[1])
  }

  @Test func whatLeavesNothingToWriteIsRefused() throws {
    let repository = SampleRepository()
    let commits = try repository.history(2)
    #expect(throws: StoreError.self) {
      try Bundle.write([.branch("main")!], of: repository.backend, excluding: [commits[1]], to: MemoryStream())
    }
    #expect(throws: StoreError.noBranch("refs/heads/none")) {
      try Bundle.write([.branch("none")!], of: repository.backend, to: MemoryStream())
    }
  }

  @Test(arguments: [
    "# v1 git bundle\n\n", "# v2 git bundle\n@object-format=sha1\n\n", "# v3 git bundle\n@filter=blob:none\n\n",
    "# v3 git bundle\n@object-format=md5\n\n", "# v2 git bundle\n-12 x\n\n", "# v2 git bundle", "# v2 git bundle\nxyz",
    "# v2 git bundle\n0123456789012345678901234567890123456789 ../x\n\n",
  ])
  func whatIsNoBundleIsRefused(_ text: String) {
    #expect(throws: StoreError.self) { try Bundle.header(of: MemoryStream(Array(text.utf8))) }
  }
}
