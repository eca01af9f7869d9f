import GitFormat
import HostSystem
import TestSupport
import Testing
import VersionedStore

@testable import StoreSync

/// A repository on disk behind what stands for `ssh`, in both directions.
@Suite struct SSHTests {
  /// The folder of this build's executables.
  private static var products: String {
    File.folderName(of: CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0])
  }

  private static func variables(_ others: [String: String] = [:]) -> [String: String] {
    ["GIT_SSH_COMMAND": "\(products)/store-server", "GIT_SSH_VARIANT": "ssh"].merging(others) { $1 }
  }

  @Test(arguments: UploadPackTests.Case.all)
  func gitClonesFetchesAndPushesARepositoryOnDisk(_ place: UploadPackTests.Case) throws {
    let git = try StockGit()
    let backend = try GitBackend.create(git.path("store.git"), format: place.format)
    let variables = Self.variables()
    let version = "protocol.version=\(place.version.rawValue)"
    let address = "ssh://nas\(git.path("store.git"))"
    try git.run("init", "-q", "-b", "main", "--object-format=\(place.format.rawValue)", "work")
    for number in 0..<5 {
      try git.write(SampleRepository.noise(5_000) + "\(number)", to: "work/file\(number % 2)")
      try git.run("add", ".", in: "work")
      try git.run("commit", "-qm", "change \(number)", in: "work")
      try git.run("-c", version, "push", "-q", address, "main", in: "work", variables: variables)
    }
    try git.run("fsck", "--strict", in: "store.git")
    #expect(try git.run("rev-parse", "main", in: "store.git") == git.run("rev-parse", "main", in: "work"))
    #expect(try backend.reference(.branch("main")!)?.hex == git.run("rev-parse", "main", in: "work"))
    try git.run("-c", version, "clone", "-q", address, "clone", variables: variables)
    try git.fsck("clone")
    #expect(try git.run("rev-list", "--count", "HEAD", in: "clone") == "5")
    try git.run("-c", version, "clone", "-q", "--depth=2", address, "shallow", variables: variables)
    #expect(try git.run("rev-list", "--count", "HEAD", in: "shallow") == "2")
    // What stock git has packed goes over as it is.
    try git.run("gc", "-q", in: "store.git")
    try git.run("-c", version, "clone", "-q", "--mirror", address, "packed", variables: variables)
    try git.fsck("packed")
  }

  @Test func aForcedPushLeavesWhatWasThere() throws {
    let git = try StockGit()
    let backend = try GitBackend.create(git.path("store.git"))
    let address = "ssh://nas\(git.path("store.git"))"
    try git.run("init", "-q", "-b", "main", "work")
    try git.run("commit", "-q", "--allow-empty", "-m", "first", in: "work")
    try git.run("push", "-q", address, "main", in: "work", variables: Self.variables())
    let first = try backend.reference(.branch("main")!)
    try git.run("commit", "-q", "--amend", "--allow-empty", "-m", "other", in: "work")
    let refused = try git.attempt(["push", "-f", address, "main"], in: "work", variables: Self.variables())
    #expect(!refused.isSuccess)
    try git.run("push", "-qf", address, "main", in: "work", variables: Self.variables(["STORE_SERVER_REWIND": "1"]))
    #expect(try backend.references(under: "refs/lares/undo/").map(\.id) == [first])
    try git.run("fsck", "--strict", in: "store.git")
  }

  @Test func whenOneReferenceIsChangedMeanwhileTheOthersAreStillPushed() throws {
    let git = try StockGit()
    let backend = try GitBackend.create(git.path("store.git"))
    try git.run("init", "-q", "-b", "main", "work")
    try git.run("commit", "-q", "--allow-empty", "-m", "first", in: "work")
    var policy = ServerPolicy.test
    func push(_ references: String...) throws -> StockGit.Outcome {
      let serving = try Serving(receive: backend, policy)
      return try git.attempt(["push", "fd::3"] + references, in: "work", connection: serving.client)
    }
    #expect(try push("main", "main:refs/heads/side").isSuccess)
    let first = try #require(try backend.reference(.branch("main")!))
    try git.run("commit", "-q", "--allow-empty", "-m", "second", in: "work")
    policy.check = { (_) throws(StoreError) in
      // Somebody is faster, after the push has been compared with what is there.
      let side = RefName.branch("side")!
      try backend.commit(Batch(refs: [RefChange(side, from: first, to: nil, who: RemoteClientTests.who, why: "test")]))
      return [:]
    }
    let outcome = try push("main", "main:refs/heads/side")
    #expect(!outcome.isSuccess)
    #expect(try backend.reference(.branch("main")!)?.hex == git.run("rev-parse", "main", in: "work"))
    #expect(try backend.reference(.branch("side")!) == nil)
    try git.run("fsck", "--strict", in: "store.git")
  }

  /// A program in the place of `ssh` that does what the other side's shell would.
  private static func shell(_ git: StockGit) throws -> RemoteOptions {
    try git.write("#!/bin/sh\nwhile [ $# -gt 1 ]; do shift; done\nexec sh -c \"$1\"\n", to: "ssh")
    var options = RemoteOptions()
    options.sshCommand = ["sh", git.path("ssh")]
    return options
  }

  @Test(arguments: [ProtocolVersion.zero, .two])
  func ourClientReachesStockGit(_ version: ProtocolVersion) throws {
    let git = try StockGit()
    var options = try Self.shell(git)
    options.version = version
    let repository = SampleRepository()
    let commits = try repository.history(10)
    // The path has everything that a shell might understand.
    let folder = "it's $(odd) & \"so\" !on"
    try git.run("init", "-q", "--bare", "-b", "main", folder)
    let remote = Remote.ssh(SSHAddress(host: "nas", path: git.path(folder)))
    let client = RemoteClient(remote, options: options)
    let pushed = try client.push(
      [PushSpec(commits[9], to: .branch("main")!)], from: repository.backend, who: RemoteClientTests.who)
    #expect(pushed.isSuccess, "\(pushed)")
    try git.fsck(folder)
    let clone = try GitBackend.create(git.path("clone.git"))
    _ = try client.clone(into: clone, who: RemoteClientTests.who)
    try clone.publish()
    try git.run("fsck", "--strict", in: "clone.git")
    #expect(try git.run("rev-parse", "main", in: "clone.git") == commits[9].hex)
  }

  @Test func whatSSHComplainsOfIsTold() throws {
    var options = RemoteOptions()
    options.sshCommand = ["sh", "-c", "echo 'Host key verification failed.' >&2; exit 255", "ssh"]
    let client = RemoteClient(.ssh(SSHAddress(host: "nas", path: "/x")), options: options)
    #expect(throws: StoreError.remote("Host key verification failed.")) { try client.describe() }
  }

  /// What the server has in memory while it gives so many mebibytes away does not grow with them.
  @Test func memoryIsBoundedWhileALargeRepositoryIsCloned() throws {
    let git = try StockGit()
    let variables = Self.variables([
      "STORE_SERVER_SYNTHETIC": "\(Soak.count(4, soak: 1_024))", "STORE_SERVER_PEAK": git.path("peak"),
    ])
    try git.run("clone", "-q", "--bare", "ssh://nas/nowhere", "clone", variables: variables)
    let peak = try #require(Int(String(decoding: File.read(git.path("peak")), as: UTF8.self)))
    print("memory of the server: \(peak >> 10) MiB")
    #expect(peak < 200 << 10)
  }
}
