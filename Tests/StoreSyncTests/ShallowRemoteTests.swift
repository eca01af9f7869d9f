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
}
