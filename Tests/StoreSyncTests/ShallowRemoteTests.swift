import GitFormat
import HostSystem
import TestSupport
import Testing

@testable import StoreSync
@testable import VersionedStore

/// Ends of histories that others tell of.
@Suite struct ShallowRemoteTests {
  typealias Case = RemoteClientTests.Case
  private static let who = RemoteClientTests.who
  private static let main = RefName.branch("main")!

  /// Somebody with a part of our history commits, and we fetch that: our own history stays whole.
  @Test(arguments: Case.all)
  func theEndOfAnothersHistoryIsNotTheEndOfOurs(_ place: Case) throws {
    let ours = SampleRepository(place.format)
    try ours.history(20)
    let part = MemoryBackend(format: place.format)
    let source = RemoteClient(.backend(ours.backend, .test))
    _ = try source.clone(into: part, deepening: .depth(3), who: Self.who)
    #expect(try part.shallowCommits.count == 1)
    let head = try #require(try part.reference(Self.main))
    let next = try SampleRepository(over: part).commit(["new": "file"], parents: [head], on: "refs/heads/main")

    var options = RemoteOptions()
    options.version = place.version
    var remote = Remote.backend(part, .test)
    let git = try StockGit()
    if place.peer == .stockGit {
      let serving = try Serving(upload: part)
      try git.run("clone", "-q", "--bare", "fd::3", "part", connection: serving.client)
      remote = .path(git.path("part"))
    }
    let client = RemoteClient(remote, options: options)
    let fetch = FetchOptions([try RefSpec("refs/heads/main:refs/heads/main")], who: Self.who)
    _ = try client.fetch(into: ours.backend, fetch)
    #expect(try ours.backend.reference(Self.main) == next)
    #expect(try ours.backend.shallowCommits.isEmpty)
    #expect(try RemoteClientTests.count(ours.backend) == 21)

    // Who has nothing of it knows where it ends.
    let other = MemoryBackend(format: place.format)
    _ = try client.fetch(into: other, fetch)
    #expect(try other.shallowCommits == part.shallowCommits)
    #expect(try RemoteClientTests.count(other) == 4)
  }

  /// What a server writes that answers a fetch by version 2 with these lines of `shallow-info`, and an empty pack.
  private static func answers(_ main: ObjectID, _ shallowInfo: [String]) throws -> [UInt8] {
    let stream = MemoryStream()
    let packets = PacketWriter(stream)
    for (lines, end) in [
      (["version 2", "ls-refs", "fetch=shallow", "object-format=sha1"], .flush), (["\(main) refs/heads/main"], .flush),
      (["acknowledgments", "ready"], .delimiter), (["shallow-info"] + shallowInfo, .delimiter), (["packfile"], nil),
    ] as [([String], Packet?)] {
      for line in lines { try packets.line(line) }
      if let end { try packets.write(end) }
    }
    try packets.write(.data([1] + PackMaker().finish()))
    try packets.write(.flush)
    try packets.send()
    return stream.output
  }

  /// A server says that the history goes on, and sends nothing of it.
  @Test(arguments: [true, false]) func aHistoryThatIsSaidToGoOnHasToBeThere(_ leadsThere: Bool) throws {
    let source = SampleRepository()
    try source.history(10)
    let part = MemoryBackend()
    _ = try RemoteClient(.backend(source.backend, .test)).clone(into: part, deepening: .depth(3), who: Self.who)
    let end = try #require(try part.shallowCommits.first)
    // What is fetched need not be what leads to that end.
    let other = try SampleRepository(over: part).commit(["other": "file"], on: "refs/heads/other")
    let wanted = leadsThere ? try #require(try part.reference(Self.main)) : other
    let folder = try TemporaryFolder()
    try File.replace(folder.path + "/answers", with: try Self.answers(wanted, ["unshallow \(end)"]), durable: false)
    var options = RemoteOptions()
    options.gitCommand = ["sh", "-c", "cat '\(folder.path)/answers'; cat > /dev/null", "git"]
    var fetch = FetchOptions([try RefSpec("refs/heads/main:refs/remotes/other/main")], who: Self.who)
    fetch.deepening = .depth(100)
    #expect(throws: StoreError.self) { try RemoteClient(.path("/"), options: options).fetch(into: part, fetch) }
    #expect(try part.shallowCommits == [end])
    #expect(try part.reference(RefName("refs/remotes/other/main")!) == nil)
  }

  /// An object may be here and what it names not: from a pack that had more than was asked for.
  @Test(arguments: Case.all) func aCommitThatIsHereWithoutItsTreeIsFetched(_ place: Case) throws {
    let remote = try RemoteClientTests.Place(place)
    let head = try #require(remote.commits.last)
    let clone = MemoryBackend(format: place.format)
    let commit = try remote.repository.backend.object(head)
    try clone.commit(Batch(objects: [NewObject(id: head, object: commit)]))
    var fetch = FetchOptions([try RefSpec("refs/heads/main:refs/heads/main")], who: Self.who)
    fetch.followsTags = false
    _ = try remote.client.fetch(into: clone, fetch)
    #expect(try RemoteClientTests.count(clone) == remote.commits.count)
  }

  @Test func aBundleOnAHistoryThatIsNotAllThereIsRefused() throws {
    let repository = SampleRepository()
    let first = try repository.commit(["old": "file"])
    let base = try repository.commit(["old": "file"], parents: [first])
    try repository.commit(["new": "file"], parents: [base], on: "refs/heads/main")
    let stream = MemoryStream()
    try Bundle.write([Self.main], of: repository.backend, excluding: [base], to: stream)
    let backend = MemoryBackend()
    var batch = Batch()
    for id in [base, try repository.backend.commitLinks(base).tree] {
      batch.objects.append(NewObject(id: id, object: try repository.backend.object(id)))
    }
    try backend.commit(batch)
    let all = [try RefSpec("refs/heads/*:refs/heads/*")]
    #expect(throws: StoreError.missing(first)) {
      try Bundle.fetch(MemoryStream(stream.output), into: backend, all, who: Self.who)
    }
    #expect(try backend.reference(Self.main) == nil)
  }
}
