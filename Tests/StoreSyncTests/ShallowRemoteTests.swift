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

  /// Random ends of random histories, fetched by one from another and by a third from that one: whatever is asked for, all
  /// that a reference reaches up to where the history ends is there.
  @Test(arguments: Soak.seeds(16...26, soak: 4_000), [0, 5, 1_000] as [Int64])
  func whatHasBeenFetchedIsWhole(_ seed: UInt64, _ clock: Int64) throws {
    var random = SeededGenerator(seed)
    let (source, commits) = try ObjectSelectionTests.history(25, clock: clock, &random)
    let sample = SampleRepository(over: source)
    let places = [source, MemoryBackend(), MemoryBackend()]
    for step in 0..<12 {
      for name in ["main", "side", "other"] where step == 0 || Int.random(in: 0..<3, using: &random) == 0 {
        let commit =
          step == 0 ? commits[Int.random(in: 0...12, using: &random)] : commits.randomElement(using: &random)!
        try sample.set("refs/heads/\(name)", commit)
      }
      let from = Int.random(in: 0..<min(step + 1, 2), using: &random)
      let (server, client) = (places[from], places[from + 1])
      var options = RemoteOptions()
      options.version = [ProtocolVersion.zero, .one, .two].randomElement(using: &random)!
      let names = ["main", "side", "other", "*"].shuffled(using: &random).prefix(Int.random(in: 1...2, using: &random))
      let specs = try names.map { try RefSpec("+refs/heads/\($0):refs/heads/\($0)") }
      var fetch = FetchOptions(specs, who: Self.who)
      switch Int.random(in: 0..<8, using: &random) {
      case 0...1: fetch.deepening = .depth(Int.random(in: 1...6, using: &random))
      case 2...3: fetch.deepening = .relative(Int.random(in: 1...4, using: &random))
      case 4: fetch.deepening = .since(Int64.random(in: 0...clock, using: &random), not: [])
      case 5: fetch.deepening = .since(nil, not: ["side"])
      default: break
      }
      do throws(StoreError) {
        _ = try RemoteClient(.backend(server, .test), options: options).fetch(into: client, fetch)
      } catch {
        // Some of what is asked for cannot be.
        let words = ["no commit is left", "there is no reference"]
        #expect(
          words.contains { "\(error)".contains($0) },
          "step \(step), from \(from), \(options.version), \(names), \(fetch.deepening as Any): \(error)")
      }
      try Self.checkWhole(client, "step \(step), \(options.version), \(from), \(fetch)")
    }
  }

  private static func checkWhole(_ backend: MemoryBackend, _ what: String) throws {
    let ends = try backend.shallowCommits
    var seen: Set<ObjectID> = []
    var open = try backend.references(under: "refs/").map(\.id)
    while let id = open.popLast() {
      guard seen.insert(id).inserted else { continue }
      guard try backend.contains(id) else {
        Issue.record("\(id) is missing after \(what)")
        return
      }
      switch try backend.object(id).kind {
      case .commit:
        let commit = try backend.commitLinks(id)
        open += [commit.tree] + (ends.contains(id) ? [] : commit.parents)
      case .tree: open += try backend.links(ofTree: id).map(\.id)
      case .blob, .tag: break
      }
    }
  }
}
