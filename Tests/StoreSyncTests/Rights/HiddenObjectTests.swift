import GitFormat
import TestSupport
import Testing
import VersionedStore

@testable import StoreSync

/// Somebody who may not read a branch asks for what is on it in every way that the protocol has. What is hidden is
/// answered as what is not there: each trick is tried on a repository that has the object, and on one that does not.
@Suite struct HiddenObjectTests {
  /// The same repository with and without a hidden branch.
  private struct World {
    let repository: SampleRepository
    let main: ObjectID
    /// What the hidden branch would be: a commit, its tree, and a file that is like one of main.
    let commit: ObjectID
    let tree: ObjectID
    let blob: ObjectID
    let text = SampleRepository.noise(4_000) + "secret"

    init(hasHidden: Bool, _ reference: String) throws {
      func repository() throws -> (SampleRepository, ObjectID) {
        let made = SampleRepository()
        return (made, try made.commit(["a": SampleRepository.noise(4_000)], on: "refs/heads/main"))
      }
      let (source, main) = try repository()
      self.main = main
      commit = try source.commit(["a": text], on: reference)
      tree = try source.backend.commitLinks(commit).tree
      blob = try #require(try Directories.entry("a", of: tree, in: source.backend)).id
      self.repository = hasHidden ? source : try repository().0
    }
  }

  private static let references = ["refs/heads/secret", "refs/lares/undo/1-abc/heads/main"]

  private func policy(_ world: World) -> ServerPolicy {
    let rights = Rights([
      Grant(
        who: [.principal(.person("eve"))],
        references: ["refs/heads/main", "refs/heads/new", "refs/tags/*"].map { NamePattern($0) },
        powers: [.write, .create, .rewind])
    ])
    return ServerPolicy(
      rights.access(of: .person("eve"), to: "r"), mails: ["eve@home.arpa"], of: world.repository.backend,
      now: { 1_763_900_000 })
  }

  /// What the server says to a fetch, byte for byte.
  private func fetch(_ world: World, _ lines: [String], version: ProtocolVersion = .two) throws -> String {
    let request = MemoryStream()
    let packets = PacketWriter(request)
    if version == .two {
      try packets.line("command=fetch")
      try packets.write(.delimiter)
    }
    for line in lines { try packets.line(line) }
    try packets.write(.flush)
    try packets.send()
    let answer = MemoryStream()
    let server = UploadPackServer(world.repository.backend, policy(world), version: version, isStateless: true)
    do throws(StoreError) {
      try server.answer(PacketReader(MemoryStream(request.output)), answer)
      return "\(answer.output)"
    } catch { return "\(error)" }
  }

  private func push(
    _ world: World, _ name: String, from old: ObjectID? = nil, to new: ObjectID, _ pack: [UInt8]
  ) throws -> PushReport {
    let request = MemoryStream()
    let packets = PacketWriter(request)
    try PushRequest(
      commands: [PushCommand(RefName(name)!, from: old, to: new)], capabilities: Capabilities(["report-status"])
    ).write(to: packets, world.repository.backend.format)
    try packets.send()
    let answer = MemoryStream()
    try ReceivePackServer(world.repository.backend, policy(world), version: .zero).answer(
      BufferedInput(MemoryStream(request.output + pack)), answer)
    let report = try PushReport(PacketReader(MemoryStream(answer.output)))
    #expect(report.results.allSatisfy { $0.error != nil })
    return report
  }

  private func commit(_ tree: ObjectID, _ parents: [ObjectID]) -> GitObject {
    let eve = Signature(name: "Eve", email: "eve@home.arpa", time: 1_763_900_000)
    return GitObject(.commit, CommitObject(tree: tree, parents: parents, author: eve, message: "steal\n").bytes)
  }

  /// Does one thing in both worlds.
  private func sameInBoth(
    _ reference: String, _ body: (World) throws -> String, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let with = try body(World(hasHidden: true, reference)), without = try body(World(hasHidden: false, reference))
    #expect(with == without, sourceLocation: sourceLocation)
  }

  @Test(arguments: references)
  func hiddenReferencesAreNotListed(_ reference: String) throws {
    try sameInBoth(reference) { world in
      var said = ""
      for version in [ProtocolVersion.zero, .two] {
        let answer = MemoryStream()
        let packets = PacketWriter(answer)
        try UploadPackServer(world.repository.backend, policy(world), version: version, isStateless: true)
          .advertise(to: packets)
        try ReceivePackServer(world.repository.backend, policy(world), version: .zero).advertise(to: packets)
        try packets.send()
        said += "\(answer.output)"
      }
      return said
    }
  }

  @Test(arguments: references)
  func wantsOfHiddenObjectsAreRefusedAsMissing(_ reference: String) throws {
    for version in [ProtocolVersion.zero, .two] {
      for extra in [[], ["filter blob:none"], ["filter tree:0"], ["deepen 1"]] {
        for kind in 0..<3 {
          try sameInBoth(reference) { world in
            let id = [world.commit, world.tree, world.blob][kind]
            return try fetch(world, ["want \(id)"] + extra + ["done"], version: version)
          }
        }
      }
    }
    let bogus = ["00", "ff"].map { String(repeating: $0, count: 20) }
    for other in bogus {
      try sameInBoth(reference) { try fetch($0, ["want \($0.commit)", "want \(other)", "done"]) }
      try sameInBoth(reference) { try fetch($0, ["want \($0.blob)", "want \(other)", "done"]) }
    }
  }

  @Test(arguments: references)
  func havesOfHiddenObjectsAreNotAcknowledged(_ reference: String) throws {
    try sameInBoth(reference) { world in
      try [world.commit, world.tree, world.blob].map { try fetch(world, ["want \(world.main)", "have \($0)"]) }
        .joined()
    }
    try sameInBoth(reference) { try fetch($0, ["want \($0.main)", "shallow \($0.commit)", "deepen 5", "done"]) }
    try sameInBoth(reference) { try fetch($0, ["want-ref \(reference)", "want \($0.main)", "done"]) }
    try sameInBoth(reference) { try fetch($0, ["want \($0.main)", "deepen-not \(reference)", "done"]) }
  }

  @Test(arguments: references)
  func aPushThatNamesHiddenObjectsIsRefusedAsIncomplete(_ reference: String) throws {
    let new = "refs/heads/new"
    func say(_ report: PushReport) -> String { "\(report)" }
    // The reference itself, without a pack and with an empty one.
    for name in [new, "refs/tags/t"] {
      for kind in 0..<3 {
        try sameInBoth(reference) { world in
          let id = [world.commit, world.tree, world.blob][kind]
          return say(try push(world, name, to: id, try ReceivePackTests.pack([], .sha1)))
        }
      }
    }
    // As a parent, as the tree, in a tree, as what a tag is of.
    try sameInBoth(reference) { world in
      let main = try world.repository.backend.commitLinks(world.main)
      let child = commit(main.tree, [world.main, world.commit])
      return say(try push(world, new, to: child.id(.sha1), ReceivePackTests.pack([child], .sha1)))
    }
    try sameInBoth(reference) { world in
      let taker = commit(world.tree, [world.main])
      return say(try push(world, new, to: taker.id(.sha1), ReceivePackTests.pack([taker], .sha1)))
    }
    try sameInBoth(reference) { world in
      let tree = GitObject(.tree, TreeObject.serialize([TreeEntry("mine", .file, world.blob)]))
      let taker = commit(try tree.id(.sha1), [world.main])
      return say(try push(world, new, to: taker.id(.sha1), ReceivePackTests.pack([tree, taker], .sha1)))
    }
    try sameInBoth(reference) { world in
      let tag = GitObject(
        .tag, Array("object \(world.commit)\ntype commit\ntag t\ntagger Eve <eve@home.arpa> 1 +0000\n\nx\n".utf8))
      return say(try push(world, "refs/tags/t", to: tag.id(.sha1), ReceivePackTests.pack([tag], .sha1)))
    }
    // A rewind of main to it, and from it.
    try sameInBoth(reference) {
      say(try push($0, "refs/heads/main", from: $0.main, to: $0.commit, ReceivePackTests.pack([], .sha1)))
    }
    try sameInBoth(reference) { say(try push($0, reference, from: $0.commit, to: $0.main, [])) }
  }

  @Test(arguments: references)
  func aDeltaOfAHiddenObjectIsADeltaOfNothing(_ reference: String) throws {
    try sameInBoth(reference) { world in
      let text = Array(world.text.utf8)
      // Copies all of its base: whoever may read the result has the base.
      let result = text + Array("!".utf8)
      let delta = try #require(Delta.Index(text).delta(to: result, limit: result.count))
      var maker = PackMaker(.sha1)
      maker.append(.delta(base: world.blob), delta)
      let blob = try ObjectID.of(.blob, result, .sha1)
      let tree = GitObject(.tree, TreeObject.serialize([TreeEntry("mine", .file, blob)]))
      let taker = commit(try tree.id(.sha1), [world.main])
      for object in [tree, taker] { maker.append(.object(object.kind), object.bytes) }
      let report = try push(world, "refs/heads/new", to: taker.id(.sha1), maker.finish())
      #expect(report.unpackError?.contains("neither in it nor here") == true)
      return "\(report)"
    }
  }

  @Test(arguments: references)
  func bundlesGiveNothingAway(_ reference: String) throws {
    let access = Rights([
      Grant(
        who: [.everybody], references: [NamePattern("refs/heads/main"), NamePattern("refs/heads/new")],
        powers: [.create, .write])
    ]).access(of: .service("x"), to: "r")
    let name = try #require(RefName(reference))
    // Somebody else's bundle that builds on the hidden commit, with deltas of what is in it.
    let other = try World(hasHidden: true, reference).repository
    let hidden = try #require(try other.backend.reference(name))
    try other.commit(["a": SampleRepository.noise(4_000) + "secret, and more"], parents: [hidden], on: "refs/heads/new")
    let bundle = MemoryStream()
    try Bundle.write([.branch("new")!], of: other.backend, excluding: [hidden], to: bundle)
    func refusal(_ body: () throws -> Void) throws -> String {
      do { try body() } catch { return "\(error)" }
      Issue.record("it was given away")
      return "done"
    }
    try sameInBoth(reference) { world in
      let guarded = GuardedBackend(world.repository.backend, access)
      let spec = try RefSpec("refs/heads/new:refs/heads/new")
      let written = try refusal { try Bundle.write([name], of: guarded, to: MemoryStream()) }
      let excluding = try refusal {
        try Bundle.write([.branch("main")!], of: guarded, excluding: [world.commit], to: MemoryStream())
      }
      let fetched = try refusal {
        try Bundle.fetch(MemoryStream(bundle.output), into: guarded, [spec], who: world.repository.signature)
      }
      return "\(written)\n\(excluding)\n\(fetched)"
    }
  }
}
