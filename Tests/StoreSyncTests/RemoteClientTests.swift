import GitFormat
import HostSystem
import TestSupport
import Testing
import VersionedStore

@testable import StoreSync

/// Our client, against stock git in a folder and against our own server.
@Suite struct RemoteClientTests {
  enum Peer: String, CaseIterable, Sendable { case stockGit, ours }

  struct Case: CustomStringConvertible, Sendable {
    var peer: Peer
    var format: ObjectFormat
    var version: ProtocolVersion
    var description: String { "\(peer), \(format.rawValue), version \(version.rawValue)" }

    static let all = Peer.allCases.flatMap { peer in
      ObjectFormat.allCases.flatMap { format in
        [ProtocolVersion.zero, .one, .two].map { Case(peer: peer, format: format, version: $0) }
      }
    }
  }

  static let who = Signature(name: "Ada", email: "ada@home.arpa", time: 1_763_900_000)

  /// A remote with a history, and what is in it.
  struct Place {
    let git: StockGit
    let repository: SampleRepository
    let commits: [ObjectID]
    let remote: Remote
    let options: RemoteOptions
    var client: RemoteClient { RemoteClient(remote, options: options) }
    let isStock: Bool

    init(_ place: Case, commits count: Int = 20) throws {
      git = try StockGit()
      repository = SampleRepository(place.format)
      commits = try repository.history(count)
      try repository.tag("v1", of: commits[count / 2])
      var options = RemoteOptions()
      options.version = place.version
      options.idleSeconds = 20
      self.options = options
      isStock = place.peer == .stockGit
      if isStock {
        remote = .path(git.path("remote"))
        try git.run("init", "-q", "--bare", "-b", "main", "--object-format=\(place.format.rawValue)", "remote")
        try update()
      } else {
        var policy = ServerPolicy.test
        policy.mayRewind = { _ in true }
        remote = .backend(repository.backend, policy)
      }
    }

    /// Brings stock git's repository up to the one in memory.
    func update() throws {
      guard isStock else { return }
      let serving = try Serving(upload: repository.backend)
      try git.run("fetch", "-q", "--prune", "fd::3", "+refs/*:refs/*", in: "remote", connection: serving.client)
    }

    /// What the remote's reference names.
    func reference(_ name: String) throws -> ObjectID? {
      guard isStock else { return try repository.backend.reference(try #require(RefName(name))) }
      let outcome = try git.attempt(["rev-parse", "--verify", "-q", name], in: "remote")
      return ObjectID(hex: String(outcome.output.dropLast()))
    }
  }

  @Test(arguments: Case.all)
  func aCloneHasEverything(_ place: Case) throws {
    let remote = try Place(place)
    let description = try remote.client.describe()
    #expect(description.format == place.format)
    #expect(description.head == .branch("main"))
    let clone = MemoryBackend(format: place.format)
    _ = try remote.client.clone(into: clone, who: Self.who)
    #expect(try clone.reference(.branch("main")!) == remote.commits.last)
    #expect(try clone.reference(RefName("refs/remotes/origin/main")!) == remote.commits.last)
    #expect(try Self.count(clone) == remote.commits.count)
    #expect(try clone.reference(RefName("refs/tags/v1")!) == remote.reference("refs/tags/v1"))
    // Nothing more comes.
    let again = try remote.client.fetch(
      into: clone, FetchOptions([try RefSpec("+refs/heads/*:refs/remotes/origin/*")], who: Self.who))
    #expect(again.changes.isEmpty)
  }

  /// Commits that `refs/heads/main` reaches, all of whose objects are there.
  static func count(_ backend: MemoryBackend, _ reference: String = "refs/heads/main") throws -> Int {
    var everything = ObjectSelection(in: backend)
    everything.wants = [try #require(try backend.reference(RefName(reference)!))]
    everything.cut = try backend.shallowCommits
    try everything.run()
    for item in everything.selected { #expect(try backend.contains(item.id)) }
    return everything.selected.count { $0.kind == .commit }
  }

  @Test(arguments: Case.all)
  func aFetchBringsWhatIsNewAndItsTags(_ place: Case) throws {
    let remote = try Place(place)
    let clone = MemoryBackend(format: place.format)
    _ = try remote.client.clone(into: clone, who: Self.who)
    let next = try remote.repository.commit(["new": "file"], parents: [remote.commits.last!], on: "refs/heads/main")
    let tag = try remote.repository.tag("v2", of: next)
    try remote.repository.set("refs/heads/side", remote.commits[3])
    try remote.update()
    var fetch = FetchOptions([try RefSpec("refs/heads/*:refs/remotes/origin/*")], who: Self.who)
    let result = try remote.client.fetch(into: clone, fetch)
    #expect(
      result.changes.map(\.name.text).sorted() == [
        "refs/remotes/origin/main", "refs/remotes/origin/side", "refs/tags/v2",
      ])
    #expect(try clone.reference(RefName("refs/tags/v2")!) == tag)
    #expect(try Self.count(clone, "refs/remotes/origin/main") == 21)

    // A rewind is refused without a plus; what is gone is pruned where that is asked for.
    try remote.repository.set("refs/heads/main", remote.commits[5])
    try remote.repository.set("refs/heads/side", nil)
    try remote.update()
    let refused = try remote.client.fetch(into: clone, fetch)
    #expect(refused.refused.map(\.text) == ["refs/remotes/origin/main"])
    #expect(try clone.reference(RefName("refs/remotes/origin/side")!) == remote.commits[3])
    fetch.refspecs = [try RefSpec("+refs/heads/*:refs/remotes/origin/*")]
    fetch.prunes = true
    _ = try remote.client.fetch(into: clone, fetch)
    #expect(try clone.reference(RefName("refs/remotes/origin/main")!) == remote.commits[5])
    #expect(try clone.reference(RefName("refs/remotes/origin/side")!) == nil)
  }

  @Test func pruningLeavesWhatOnlyNamesAnotherReference() throws {
    let remote = try Place(Case(peer: .ours, format: .sha1, version: .two))
    let folder = try TemporaryFolder()
    let clone = try GitBackend.create(folder.path + "/clone.git")
    _ = try remote.client.clone(into: clone, who: Self.who)
    let head = folder.path + "/clone.git/refs/remotes/origin/HEAD"
    try File.replace(head, with: Array("ref: refs/remotes/origin/main\n".utf8), durable: false)
    var fetch = FetchOptions([try RefSpec("+refs/heads/*:refs/remotes/origin/*")], who: Self.who)
    fetch.prunes = true
    _ = try remote.client.fetch(into: clone, fetch)
    #expect(try clone.isSymbolic(RefName("refs/remotes/origin/HEAD")!))
    #expect(try clone.reference(RefName("refs/remotes/origin/main")!) == remote.commits.last)
  }

  @Test(arguments: Case.all)
  func historyIsCutDeepenedAndCompleted(_ place: Case) throws {
    let remote = try Place(place)
    let clone = MemoryBackend(format: place.format)
    var fetch = FetchOptions([try RefSpec("+refs/heads/main:refs/heads/main")], who: Self.who)
    fetch.deepening = .depth(3)
    _ = try remote.client.fetch(into: clone, fetch)
    #expect(try Self.count(clone) == 3)
    #expect(try clone.shallowCommits == [remote.commits[17]])
    fetch.deepening = .relative(4)
    _ = try remote.client.fetch(into: clone, fetch)
    #expect(try Self.count(clone) == 7)
    let time = try CommitLinks(remote.repository.backend.object(remote.commits[8]).bytes, place.format).time
    fetch.deepening = .since(time, not: [])
    _ = try remote.client.fetch(into: clone, fetch)
    #expect(try Self.count(clone) == 12)
    fetch.deepening = .depth(Int(Int32.max))
    _ = try remote.client.fetch(into: clone, fetch)
    #expect(try Self.count(clone) == 20)
    #expect(try clone.shallowCommits.isEmpty)
  }

  @Test(arguments: Case.all)
  func whatIsPushedIsThere(_ place: Case) throws {
    let remote = try Place(place)
    let clone = MemoryBackend(format: place.format)
    _ = try remote.client.clone(into: clone, who: Self.who)
    let mine = SampleRepository(over: clone)
    let next = try mine.commit(["mine": "text"], parents: [remote.commits.last!], on: "refs/heads/main")
    let main = RefName.branch("main")!
    let result = try remote.client.push(
      [PushSpec(next, to: main), PushSpec(remote.commits[2], to: .branch("old")!)], from: clone, isAtomic: true,
      who: Self.who)
    #expect(result.isSuccess, "\(result)")
    #expect(try remote.reference("refs/heads/main") == next)
    #expect(try remote.reference("refs/heads/old") == remote.commits[2])
    if remote.isStock { try remote.git.fsck("remote") }

    // Without force nothing is lost; with it, it stays here.
    let back = try remote.client.push([PushSpec(remote.commits[1], to: main)], from: clone, who: Self.who)
    #expect(!back.isSuccess)
    let stale = try remote.client.push(
      [PushSpec(remote.commits[1], to: main, isForced: true, lease: .at(remote.commits[0]))], from: clone, who: Self.who
    )
    #expect(!stale.isSuccess)
    #expect(try remote.reference("refs/heads/main") == next)
    let forced = try remote.client.push(
      [
        PushSpec(remote.commits[1], to: main, isForced: true, lease: .at(next)),
        PushSpec(nil, to: .branch("old")!, isForced: true),
      ], from: clone, who: Self.who)
    #expect(forced.isSuccess, "\(forced)")
    #expect(try remote.reference("refs/heads/main") == remote.commits[1])
    #expect(try remote.reference("refs/heads/old") == nil)
    #expect(try clone.references(under: "refs/lares/undo/").map(\.id).contains(next))
  }

  @Test(arguments: ObjectFormat.allCases)
  func aRemoteOfTheOtherFormatIsRefused(_ format: ObjectFormat) throws {
    let other: ObjectFormat = format == .sha1 ? .sha256 : .sha1
    for version in [ProtocolVersion.zero, .two] {
      let remote = try Place(Case(peer: .ours, format: format, version: version), commits: 2)
      let clone = MemoryBackend(format: other)
      #expect(throws: StoreError.otherFormat(ours: other, theirs: format)) {
        try remote.client.clone(into: clone, who: Self.who)
      }
    }
  }

  @Test func aPullMergesWhereBothSidesHaveCommits() throws {
    let remote = try Place(Case(peer: .ours, format: .sha1, version: .two))
    let clone = MemoryBackend()
    _ = try remote.client.clone(into: clone, who: Self.who)
    let main = RefName.branch("main")!
    let theirs = try remote.repository.commit(["theirs": "1"], parents: [remote.commits.last!], on: "refs/heads/main")
    let pulled = try remote.client.pull(main, into: main, of: clone, who: Self.who) { _, _ throws(StoreError) in
      throw .invalid("there is nothing to merge")
    }
    #expect(pulled == theirs)

    let next = try remote.repository.commit(["theirs": "2"], parents: [theirs], on: "refs/heads/main")
    let ours = try SampleRepository(over: clone).commit(["ours": "1"], parents: [theirs], on: "refs/heads/main")
    let merged = try remote.client.pull(main, into: main, of: clone, who: Self.who) { left, right throws(StoreError) in
      #expect((left, right) == (ours, next))
      let buffer = ObjectBuffer(over: clone)
      let tree = try clone.commitLinks(left).tree
      let commit = CommitObject(tree: tree, parents: [left, right], author: Self.who, message: "merge")
      return (try buffer.write(.commit, commit.bytes), buffer.objects)
    }
    #expect(try clone.commitLinks(merged).parents == [ours, next])
    #expect(try clone.reference(main) == merged)
  }

  @Test func aServerThatIsNotThereIsNamed() throws {
    let client = RemoteClient(.path("/nonexistent/repository"))
    let error = #expect(throws: StoreError.self) { try client.describe() }
    #expect("\(error!)".contains("/nonexistent/repository"))
  }

  @Test(arguments: [
    ("https://host/path", "https://host/path"), ("ssh://ada@nas:2222/srv/x.git", "ada@nas 2222 /srv/x.git"),
    ("ada@nas:x.git", "ada@nas - x.git"), ("nas:~/x", "nas - ~/x"), ("ssh://nas/~bob/x", "nas - ~bob/x"),
    ("ssh://[2001:db8::1]:22/x", "2001:db8::1 22 /x"), ("/srv/x", "/srv/x"), ("./x:y", "./x:y"), ("file:///x", "/x"),
  ])
  func addressesAreUnderstood(_ text: String, _ expected: String) throws {
    switch try Remote(text) {
    case .http(let url): #expect(url == expected)
    case .path(let path): #expect(path == expected)
    case .ssh(let address):
      #expect("\(address.destination) \(address.port.map { "\($0)" } ?? "-") \(address.path)" == expected)
    case .backend: Issue.record("a repository in memory")
    }
  }

  @Test(arguments: [
    "ext::sh -c x", "git://host/x", "-oProxyCommand=x:y", "ssh://-oProxyCommand=x/y", "nas:-x", "ssh://-x@nas/y",
    "ssh://nas", "ssh://nas:99999/x", "-x", "file://-x", "", "https://a b/", "ssh://nas/x\n", "fd::3",
  ])
  func addressesThatWouldBeOptionsOrCommandsAreRefused(_ text: String) {
    #expect(throws: StoreError.self) { try Remote(text) }
  }

  @Test func whatGoesToTheOtherSidesShellIsOneWord() throws {
    let address = SSHAddress(user: "ada", host: "nas", port: 22, path: "/it's; rm -rf !x")
    #expect(
      Remote.sshArguments(address, .uploadPack, RemoteOptions()) == [
        "ssh", "-o", "BatchMode=yes", "-o", "SendEnv=GIT_PROTOCOL", "-p", "22", "ada@nas",
        "git-upload-pack '/it'\\''s; rm -rf '\\!'x'",
      ])
  }
}
