import GitFormat
import Glibc
import HostSystem
import Synchronization
import TestSupport
import Testing

@testable import VersionedStore

/// Forgetting: what goes, what stays, and that nothing of it is left on the disk.
@Suite struct ForgetTests {
  @Test(arguments: ObjectFormat.allCases) func aPathIsGoneFromEveryByteOfTheRepository(format: ObjectFormat) throws {
    let sample = try ForgetSample(format)
    let store = sample.store
    for number in 0..<6 {
      try sample.set("notes/\(number % 2)", "note \(number)\n")
      try sample.set("people/ada/phone", "\(ForgetSample.secret) \(number)\n")
    }
    let early = try #require(try store.reference(.main))
    try sample.set("notes/0", "on a branch\n", on: "main")
    try store.publish()
    // Loose objects, a stock tag, a commit-graph, ORIG_HEAD and unreachable commits.
    try git(sample.path, "tag", "-a", "-m", "a tag", "v1", early.hex)
    try git(sample.path, "tag", "light", early.hex)
    try git(sample.path, "update-ref", "refs/lares/undo/1-abc/heads/main", early.hex)
    try git(sample.path, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/heads/main")
    try git(sample.path, "commit-graph", "write", "--reachable")
    try File.replace(sample.path + "/ORIG_HEAD", with: Array("\(early)\n".utf8), durable: false)
    try sample.set("people/ada/phone", "\(ForgetSample.secret) dropped\n", on: "topic")
    try sample.repository.deleteBranch("topic")
    try store.publish()
    let count = try git(sample.path, "rev-list", "--count", "--all")
    #expect(try !ByteSearch([ForgetSample.secret]).find(in: sample.path).isEmpty)

    let request = ForgetRequest(paths: [try ForgottenPath("people/ada/phone")])
    let expected = try store.wouldForget(request)
    #expect(try store.reference(.main) != nil && store.forgotten.isEmpty)
    let result = try store.forget(request, who: ada)

    #expect(try ByteSearch([ForgetSample.secret]).find(in: sample.path) == [])
    #expect(result.paths == ["people/ada/phone"] && result.paths == expected.paths)
    #expect(result.references == expected.references && result.references.count == 4)
    #expect(result.commits == expected.commits && result.forgottenObjects == expected.forgottenObjects)
    #expect(result.leftovers == [])
    #expect(try git(sample.path, "rev-list", "--count", "--all") == count)
    #expect(try sample.fsck() == "")
    #expect(try git(sample.path, "show", "main:notes/0") == "on a branch\n")
    #expect(try git(sample.path, "ls-tree", "-r", "--name-only", "main") == "notes/0\nnotes/1\n")
    #expect(try git(sample.path, "cat-file", "-t", "v1") == "tag\n")
    #expect(try git(sample.path, "symbolic-ref", "refs/remotes/origin/HEAD") == "refs/heads/main\n")
    #expect(try git(sample.path, "log", "--format=%s", "-n", "1", "main") == "Set notes/0\n")
    #expect(try store.forgotten.contains(early))
    #expect(!store.isForgetting)
    // Again there is nothing to do.
    #expect(try store.forget(request, who: ada).references == [])
    try sample.set("notes/after", "goes on\n")
    try store.publish()
    #expect(try sample.fsck() == "")
  }

  /// One directory at two places becomes another thing at each. Which of them is looked at first is chance.
  @Test(arguments: 0..<5) func whatADirectoryLosesAtOneOfItsPlacesIsForgotten(_ number: Int) throws {
    let sample = try ForgetSample()
    for name in ["y", "x"] { try sample.set("b/\(name)", "\(name) \(number)\n") }
    for name in ["x", "y"] { try sample.set("a/\(name)", "\(name) \(number)\n", on: "topic") }
    try sample.repository.deleteBranch("topic")
    try sample.store.publish()
    let forgotten = try GitObject(.blob, Array("x \(number)\n".utf8)).id(.sha1)
    #expect(try sample.store.contains(forgotten))
    let paths = try ["a/y", "b/x"].map { try ForgottenPath($0) }
    _ = try sample.store.forget(ForgetRequest(paths: paths), who: ada)
    #expect(try !sample.store.contains(forgotten))
    #expect(try sample.store.forgotten.contains(forgotten))
  }

  @Test func aPersonIsGoneFromSignaturesReflogsAndTrailers() throws {
    let sample = try ForgetSample()
    try sample.set("a", "1\n")
    try sample.set("a", "2\n", by: eve)
    try sample.set("b", "3\n", message: "With help\n\nCo-authored-by: Eve Example <EVE@example.net>\n")
    try sample.store.publish()
    let moved = try #require(try sample.store.reference(.main))
    try sample.store.commit(
      Batch(refs: [RefChange(RefName("refs/heads/eves")!, from: nil, to: moved, who: eve, why: "by eve@example.net")]))
    try sample.store.publish()
    let request = ForgetRequest(people: [ForgottenPerson(name: "Eve Example", email: "eve@example.net")])
    let result = try sample.store.forget(request, who: ada)
    #expect(try ByteSearch(["Eve Example", "eve@example.net", "EVE@example.net"]).find(in: sample.path) == [])
    #expect(result.commits == 2 && result.references.count == 2)
    #expect(try sample.fsck() == "")
    let log = try git(sample.path, "log", "--format=%an <%ae> %at", "main").split(separator: "\n")
    #expect(
      log.map(String.init) == [
        "Ada <ada@home.arpa> 1763800000", "Somebody <somebody@forgotten.invalid> 1763800050",
        "Ada <ada@home.arpa> 1763800000",
      ])
    #expect(
      try git(sample.path, "log", "-n", "1", "--format=%(trailers)", "main").contains("Co-authored-by: Somebody <"))
    #expect(try git(sample.path, "reflog", "show", "eves").contains("by somebody@forgotten.invalid"))
    #expect(try git(sample.path, "show", "main:a", "main:b") == "2\n3\n")
  }
}

/// What forgetting does to odd and large histories.
@Suite struct ForgetDetailTests {
  @Test func whatAnotherPathHasToStaysAndIsNamed() throws {
    let sample = try ForgetSample()
    try sample.set("a/phone", "shared\n")
    try sample.set("b/copy", "shared\n")
    try sample.set("a/only", "mine\n")
    let result = try sample.store.forget(ForgetRequest(paths: [try ForgottenPath("a")]), who: ada)
    #expect(result.survivors.map(\.kept) == ["b/copy"] && result.survivors.map(\.forgotten) == ["a/phone"])
    #expect(try git(sample.path, "show", "main:b/copy") == "shared\n")
    #expect(try sample.store.forgotten.contains(result.survivors[0].id) == false)
    #expect(try sample.fsck() == "")
  }

  @Test(arguments: ObjectFormat.allCases) func wideDirectoriesAndPatterns(format: ObjectFormat) throws {
    let sample = try ForgetSample(format)
    let branch = try sample.repository.mainBranch()
    try branch.update(CommitInfo(author: ada, message: "many\n")) { tree throws(StoreError) in
      for number in 0..<1_100 { try tree.set(Path("wide/\(number)"), Array("value \(number)".utf8)) }
      for number in 0..<5 { try tree.set(Path("people/p\(number)/photo.raw"), Array("raw \(number)".utf8)) }
      try tree.set("people/p1/notes", Array("stays".utf8))
    }
    try sample.set("wide/77", "another value\n")
    // 1,101 names less 100 fit into one tree again: its shape is that of a directory that was never wide.
    let request = ForgetRequest(paths: [
      try ForgottenPath(pattern: "wide/9??"), try ForgottenPath(pattern: "people/*/*.raw"),
    ])
    let result = try sample.store.forget(request, who: ada)
    #expect(result.paths.count == 105 && result.commits == 2)
    #expect(try sample.fsck() == "")
    let tree = try branch.tree()
    #expect(try tree.find("wide/77") == Array("another value\n".utf8) && tree.find("wide/901") == nil)
    #expect(try git(sample.path, "ls-tree", "main:people").contains("p1"))
    let other = Repository(MemoryBackend(format: format), identity: sample.repository.identity) { 0 }
    try other.mainBranch().update(CommitInfo(author: ada, message: "few\n")) { tree throws(StoreError) in
      for number in 0..<1_100 where !(900...999).contains(number) {
        try tree.set(Path("wide/\(number)"), Array((number == 77 ? "another value\n" : "value \(number)").utf8))
      }
      try tree.set("people/p1/notes", Array("stays".utf8))
    }
    #expect(try branch.requireHead().object.tree == other.mainBranch().requireHead().object.tree)
  }

  /// Chunks and records of conflicts go with the values that they belong to, not by their own names.
  @Test func wildcardsAreForNamesOfValues() throws {
    func matches(_ pattern: String, _ name: EntryName) throws -> Bool {
      try #require(ForgottenPath(pattern: pattern).parts.first).matches(name)
    }
    for pattern in ["*", ".*", "*s", ".[l]ares-chunks", "?lares-4"] {
      for name in [ChunkFolder.name, ConflictRecords.folder, ".lares-4", ".lares"] {
        #expect(try !matches(pattern, name), "\(pattern) and \(name)")
      }
    }
    #expect(try matches(".*", ".profile") && matches("*s", "films"))
    #expect(try matches("b*", ".lares-base") && !matches("b*", ".lares-ours") && !matches(".l*", ".lares-base"))
  }

  @Test func emptyCommitsMergesSignaturesAndMentionsKeepTheirShape() throws {
    let sample = try ForgetSample()
    try sample.set("a", "1\n")
    let base = try #require(try sample.store.reference(.main))
    try sample.set("secret", "\(ForgetSample.secret)\n")
    let middle = try #require(try sample.store.reference(.main))
    // A signed merge that says what it undoes.
    let buffer = ObjectBuffer(over: sample.store)
    let merge = CommitObject(
      tree: try CommitObject(sample.store.bytes(middle, .commit), .sha1).tree, parents: [middle, base], author: ada,
      extraHeaders: Array("gpgsig -----BEGIN PGP SIGNATURE-----\n \n abc\n -----END PGP SIGNATURE-----".utf8),
      message: "Revert\n\nThis reverts commit \(middle).\n")
    let id = try buffer.write(.commit, merge.bytes)
    let text =
      "object \(id)\ntype commit\ntag signed\ntagger Ada <ada@home.arpa> 1763800000 +0000\n\nsigned\n"
      + "-----BEGIN PGP SIGNATURE-----\n\nabc\n-----END PGP SIGNATURE-----\n"
    let tag = try buffer.write(.tag, Array(text.utf8))
    try sample.store.commit(
      Batch(
        objects: buffer.objects,
        refs: [
          RefChange(.main, from: middle, to: id, who: ada, why: "merge"),
          RefChange(RefName("refs/tags/signed")!, from: nil, to: tag, who: ada, why: "tag"),
        ]))
    let result = try sample.store.forget(ForgetRequest(paths: [try ForgottenPath("secret")]), who: ada)
    #expect(Set(result.unsigned) == [id, tag] && result.commits == 2 && result.tags == 1)
    let head = try #require(try sample.store.reference(.main))
    let commit = try CommitObject(sample.store.bytes(head, .commit), .sha1)
    #expect(commit.parents.count == 2 && commit.parents[1] == base && commit.extraHeaders == [])
    #expect(commit.message == "Revert\n\nThis reverts commit \(commit.parents[0]).\n")
    #expect(try git(sample.path, "cat-file", "tag", "signed").hasSuffix("\n\nsigned\n"))
    #expect(try sample.fsck() == "")
  }

  @Test func conflictsAboutAForgottenPathGoToo() throws {
    let sample = try ForgetSample()
    let main = try sample.repository.mainBranch()
    try sample.set("base/phone", "1\n")
    let topic = try sample.repository.createBranch("topic", at: try main.requireHead().id)
    try sample.set("base/phone", "\(ForgetSample.secret) 2\n")
    try sample.set("base/phone", "\(ForgetSample.secret) 3\n", on: "topic")
    guard case .conflicts = try main.merge(topic, CommitInfo(author: ada, message: "join\n")) else {
      Issue.record("no conflict")
      return
    }
    try sample.store.publish()
    #expect(try git(sample.path, "ls-tree", "-r", "--name-only", "main").contains(".lares-conflicts/.lares-base/phone"))
    try sample.store.forget(ForgetRequest(paths: [try ForgottenPath("base/phone")]), who: ada)
    #expect(try ByteSearch([ForgetSample.secret]).find(in: sample.path) == [])
    #expect(try git(sample.path, "ls-tree", "-r", "--name-only", "main") == "")
    #expect(try sample.fsck() == "")
  }

  @Test func theChunksOfALargeValueGoWithIt() throws {
    let sample = try ForgetSample()
    let repository = Repository(
      sample.store, identity: Identity(name: "Lares", email: "lares@home.arpa"), chunks: .test
    ) { 1_763_800_100 }
    let branch = try repository.mainBranch()
    let secret = randomBytes(20_000) + Array(ForgetSample.secret.utf8) + randomBytes(20_000, 2)
    for (path, bytes) in [("films/secret", secret), ("films/other", randomBytes(30_000, 3)), ("films/secret", [1])] {
      try branch.set(Path(path), bytes, CommitInfo(author: ada, message: "Set \(path)\n"))
    }
    try sample.store.publish()
    #expect(try !ByteSearch([ForgetSample.secret]).find(in: sample.path).isEmpty)
    let result = try sample.store.forget(ForgetRequest(paths: [try ForgottenPath("films/secret")]), who: ada)
    #expect(result.paths == ["films/secret"])
    #expect(try ByteSearch([ForgetSample.secret]).find(in: sample.path) == [])
    #expect(try branch.get("films/other") == randomBytes(30_000, 3))
    #expect(try sample.fsck() == "")
  }

  @Test func othersThatKeepObjectsAreNamedBeforeAnythingChanges() throws {
    let sample = try ForgetSample()
    try sample.set("secret", "\(ForgetSample.secret)\n")
    try sample.store.publish()
    let head = try sample.store.reference(.main)
    let pack = try #require(File.list(sample.path + "/objects/pack").first { $0.hasSuffix(".pack") })
    let keep = sample.path + "/objects/pack/" + pack.dropLast(4) + "keep"
    try File.replace(keep, with: [], durable: false)
    #expect(throws: StoreError.self) {
      try sample.store.forget(ForgetRequest(paths: [try ForgottenPath("secret")]), who: ada)
    }
    #expect(try sample.store.reference(.main) == head && !sample.store.isForgetting && sample.store.forgotten.isEmpty)
    try File.remove(keep)
    try sample.store.forget(ForgetRequest(paths: [try ForgottenPath("secret")]), who: ada)
    #expect(try ByteSearch([ForgetSample.secret]).find(in: sample.path) == [])
    #expect(throws: StoreError.self) { try ForgottenPath("/") }
    #expect(throws: StoreError.self) { try ForgottenPath(pattern: "a/**") }
    #expect(throws: StoreError.self) { try sample.store.forget(ForgetRequest(), who: ada) }
  }

  @Test func aShallowHistoryKeepsItsEnd() throws {
    let sample = try ForgetSample()
    for number in 0..<5 { try sample.set("secret", "\(ForgetSample.secret) \(number)\n") }
    try sample.set("other", "stays\n")
    var options = CollectOptions(now: Clock.wallMilliseconds / 1_000)
    options.graceSeconds = 0
    try sample.store.cutHistory(of: .main, keeping: 3, options)
    try sample.store.forget(ForgetRequest(paths: [try ForgottenPath("secret")]), who: ada)
    #expect(try git(sample.path, "rev-list", "--count", "main") == "3\n")
    #expect(try ByteSearch([ForgetSample.secret]).find(in: sample.path) == [])
    #expect(try sample.fsck() == "")
  }

  @Test func writersGoOnMeanwhile() throws {
    let sample = try ForgetSample()
    for number in 0..<40 { try sample.set(number % 2 == 0 ? "secret" : "a", "\(ForgetSample.secret) \(number)\n") }
    let path = sample.path
    let count = Soak.count(60, soak: 2_000)
    let last = LastNumber()
    try withThread {
      guard let store = try? GitBackend(opening: path) else { return }
      for number in 0..<count {
        if (try? commit(store, "written", "\(number)\n")) != nil { last.number.store(number, ordering: .releasing) }
      }
    } whileRunning: {
      for _ in 0..<3 {
        try sample.store.forget(ForgetRequest(paths: [try ForgottenPath("secret")]), who: ada)
        usleep(30_000)
      }
    }
    // What was acknowledged is there.
    #expect(last.number.load(ordering: .acquiring) >= 0)
    #expect(try git(path, "show", "main:written") == "\(last.number.load(ordering: .acquiring))\n")
    #expect(try git(path, "log", "--all", "--oneline", "--", "secret") == "")
    #expect(try sample.fsck() == "")
  }

  @Test func theListIsReadAsWrittenAndDamageIsFound() throws {
    var generator = SeededGenerator(4)
    for format in ObjectFormat.allCases {
      let ids = Set(
        (0..<9).map { _ in
          ObjectID(format, (0..<32).map { _ in UInt8.random(in: 0...255, using: &generator) })
        })
      let people = PeopleFilter.digests(of: ForgottenPerson(name: "Eve", email: "eve@example.net"))
      let list = ForgottenObjects(format, ids: ids, people: people)
      let bytes = list.bytes
      #expect(try ForgottenObjects(bytes, format) == list)
      #expect(ids.allSatisfy(list.contains) && !list.contains(.zero(format)))
      for index in bytes.indices {
        var changed = bytes
        changed[index] ^= 4
        #expect(throws: FormatError.self) { try ForgottenObjects(changed, format) }
        #expect(throws: FormatError.self) { try ForgottenObjects(Array(bytes[..<index]), format) }
      }
    }
  }
}

private final class LastNumber: Sendable { let number = Atomic<Int>(-1) }
