import GitFormat
import TestSupport
import Testing
import VersionedStore

@testable import StoreSync

/// Stock git pushing to our server, over a socket.
@Suite struct ReceivePackTests {
  /// A repository of git's with a history, and an empty one of ours.
  private struct Pair {
    let git: StockGit
    let backend: MemoryBackend

    init(_ format: ObjectFormat) throws {
      git = try StockGit()
      backend = MemoryBackend(format: format)
      try git.run("init", "-q", "-b", "main", "--object-format=\(format.rawValue)", "work")
    }

    @discardableResult
    func commit(_ name: String, _ text: String) throws -> ObjectID {
      try git.write(text, to: "work/\(name)")
      try git.run("add", ".", in: "work")
      try git.run("commit", "-qm", "change \(name)", in: "work")
      return try #require(ObjectID(hex: try git.run("rev-parse", "HEAD", in: "work")))
    }

    @discardableResult
    func push(_ arguments: String..., policy: ServerPolicy = .test) throws -> StockGit.Outcome {
      let serving = try Serving(receive: backend, policy)
      let outcome = try git.attempt(["push", "fd::3"] + arguments, in: "work", connection: serving.client)
      #expect(serving.wait() == nil)
      return outcome
    }

    func reference(_ name: String) throws -> ObjectID? { try backend.reference(try #require(RefName(name))) }

    /// What our server gives, as git sees it.
    func cloneAndCheck() throws {
      let serving = try Serving(upload: backend)
      try git.run("clone", "-q", "--mirror", "fd::3", "check", connection: serving.client)
      try git.fsck("check")
    }
  }

  private static func lines(_ count: Int, _ seed: UInt64) -> String {
    var random = SeededGenerator(seed)
    return SampleRepository.text(count, &random)
  }

  @Test(arguments: ObjectFormat.allCases)
  func branchesAndTagsArePushed(_ format: ObjectFormat) throws {
    let pair = try Pair(format)
    let text = Self.lines(500, 1)
    let first = try pair.commit("a", text)
    try pair.git.run("tag", "-am", "first", "v1", in: "work")
    #expect(try pair.push("main", "v1").isSuccess)
    #expect(try pair.reference("refs/heads/main") == first)
    #expect(try pair.backend.peel(try #require(try pair.reference("refs/tags/v1"))).target == first)

    // The second push is a thin pack: its only blob is a delta of one that we have.
    let second = try pair.commit("a", text + "one more line\n")
    #expect(try pair.push("main").isSuccess)
    #expect(try pair.reference("refs/heads/main") == second)
    try pair.cloneAndCheck()
  }

  @Test func aBranchWithoutNewObjectsIsPushed() throws {
    let pair = try Pair(.sha1)
    let first = try pair.commit("a", "1")
    try pair.push("main")
    #expect(try pair.push("main:refs/heads/other").isSuccess)
    #expect(try pair.reference("refs/heads/other") == first)
  }

  @Test func rewindsAreRefusedUnlessAllowedAndThenLeaveAnUndoReference() throws {
    let pair = try Pair(.sha1)
    try pair.commit("a", "1")
    let second = try pair.commit("a", "2")
    try pair.push("main")
    try pair.git.run("reset", "-q", "--hard", "HEAD~1", in: "work")
    let other = try pair.commit("a", "3")
    let refused = try pair.push("--force", "main")
    #expect(!refused.isSuccess)
    #expect(refused.output.contains("non-fast-forward"))
    #expect(try pair.reference("refs/heads/main") == second)

    var policy = ServerPolicy.test
    policy.mayRewind = { _ in true }
    #expect(try pair.push("--force", "main", policy: policy).isSuccess)
    #expect(try pair.reference("refs/heads/main") == other)
    #expect(try pair.backend.references(under: "refs/lares/undo/").map(\.id) == [second])

    try pair.push("main:refs/heads/gone")
    #expect(try !pair.push("--delete", "gone").isSuccess)
    #expect(try pair.push("--delete", "gone", policy: policy).isSuccess)
    #expect(try pair.reference("refs/heads/gone") == nil)
    #expect(try pair.backend.references(under: "refs/lares/undo/").count == 2)
    #expect(try !pair.push("--delete", "main", policy: policy).isSuccess)
  }

  @Test func anAtomicPushChangesAllOrNothing() throws {
    let pair = try Pair(.sha1)
    let first = try pair.commit("a", "1")
    try pair.push("main", "main:refs/heads/frozen")
    let second = try pair.commit("a", "2")
    var policy = ServerPolicy.test
    policy.mayWrite = { $0.text != "refs/heads/frozen" }
    let atomic = try pair.push("--atomic", "main", "main:refs/heads/frozen", policy: policy)
    #expect(!atomic.isSuccess)
    #expect(try pair.reference("refs/heads/main") == first)
    let each = try pair.push("main", "main:refs/heads/frozen", policy: policy)
    #expect(!each.isSuccess)
    #expect(each.output.contains("you may not change refs/heads/frozen"))
    #expect(try pair.reference("refs/heads/main") == second)
    #expect(try pair.reference("refs/heads/frozen") == first)
  }

  @Test func aPushIsLookedAtAndItsErrorsAreShownToThePusher() throws {
    let pair = try Pair(.sha1)
    try pair.commit("lares.toml", "nonsense")
    var policy = ServerPolicy.test
    policy.check = { (push) throws(StoreError) in
      guard push.options == ["confirm=30"], push.changes.count == 1, let new = push.changes[0].new else { return [:] }
      let tree = try push.objects.commitLinks(new).tree
      guard let entry = try Directories.entry("lares.toml", of: tree, in: push.objects) else {
        return [:]
      }
      guard try push.objects.bytes(entry.id, .blob) == Array("nonsense".utf8) else { return [:] }
      return [push.changes[0].name: PushRefusal("lares.toml is not valid", details: ["lares.toml:1:1: expected a key"])]
    }
    let refused = try pair.push("-o", "confirm=30", "main", policy: policy)
    #expect(!refused.isSuccess)
    #expect(refused.output.contains("remote: lares.toml:1:1: expected a key"))
    #expect(refused.output.contains("! [remote rejected] main -> main (lares.toml is not valid)"))
    #expect(try pair.reference("refs/heads/main") == nil)
    try pair.commit("lares.toml", "good = 1")
    #expect(try pair.push("-o", "confirm=30", "main", policy: policy).isSuccess)
  }

  @Test func aPackWithoutAllObjectsIsRefused() throws {
    let pair = try Pair(.sha1)
    let commit = try pair.commit("a", "1")
    let tree = try #require(ObjectID(hex: try pair.git.run("rev-parse", "HEAD^{tree}", in: "work")))
    let objects = try [commit, tree].map { try pair.git.object($0, in: "work") }
    let report = try push(Self.pack(objects, .sha1), commit, to: pair.backend)
    #expect(report.results.first?.error?.contains("is not in this repository") == true)
    #expect(try pair.backend.references(under: "").isEmpty)
    #expect(try !pair.backend.contains(commit))
  }

  @Test func whatOnlyAHiddenReferenceNamesCannotBeReachedByPushing() throws {
    let repository = SampleRepository()
    try repository.commit(["a": "1"], on: "refs/heads/main")
    let hidden = try repository.commit(["a": "secret"], on: "refs/lares/undo/x")
    let report = try push(Self.pack([], .sha1), hidden, to: repository.backend)
    #expect(report.results.first?.error?.contains("is not in this repository") == true)
    #expect(try repository.backend.reference(.branch("new")!) == nil)
  }

  @Test(arguments: ["unfinished", "wrong sum", "too many objects", "too large", "deep"])
  func aBadPackIsRefusedAndNothingChanges(_ fault: String) throws {
    let repository = SampleRepository()
    let main = try repository.commit(["a": "1"], on: "refs/heads/main")
    var policy = ServerPolicy.test
    var pack = try Self.pack([GitObject(.blob, Array("some bytes".utf8))], .sha1)
    switch fault {
    case "unfinished": pack.removeLast(25)
    case "wrong sum": pack[pack.count - 1] ^= 1
    case "too many objects": policy.limits.objects = 0
    case "too large": policy.limits.objectBytes = 5
    default:
      policy.limits.deltaDepth = 3
      pack = try Self.chain(10)
    }
    let report = try push(pack, main, to: repository.backend, policy)
    #expect(report.unpackError != nil)
    #expect(try repository.backend.reference(.branch("new")!) == nil)
  }

  /// A push of `refs/heads/new` by hand.
  private func push(
    _ pack: [UInt8], _ new: ObjectID, to backend: MemoryBackend, _ policy: ServerPolicy = .test
  ) throws -> PushReport {
    let request = MemoryStream()
    let packets = PacketWriter(request)
    try PushRequest(
      commands: [PushCommand(.branch("new")!, from: nil, to: new)], capabilities: Capabilities(["report-status"])
    ).write(to: packets, backend.format)
    try packets.send()
    let answer = MemoryStream()
    try ReceivePackServer(backend, policy, version: .zero).answer(
      BufferedInput(MemoryStream(request.output + pack)), answer)
    return try PushReport(PacketReader(MemoryStream(answer.output)))
  }

  static func pack(_ objects: [GitObject], _ format: ObjectFormat) throws -> [UInt8] {
    var maker = PackMaker(format)
    for object in objects { maker.append(.object(object.kind), object.bytes) }
    return try maker.finish()
  }

  /// A blob and deltas, each of the one before.
  static func chain(_ count: Int) throws -> [UInt8] {
    var maker = PackMaker()
    var bytes = Array("a blob that grows by a byte in each delta of it".utf8)
    var offset = maker.offset
    maker.append(.object(.blob), bytes)
    for _ in 0..<count {
      let next = bytes + [UInt8(ascii: "!")]
      let delta = try #require(Delta.Index(bytes).delta(to: next, limit: 1_000))
      let start = maker.offset
      maker.append(.offsetDelta(distance: start - offset), delta)
      (bytes, offset) = (next, start)
    }
    return try maker.finish()
  }
}
