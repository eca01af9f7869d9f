import GitFormat
import HostSystem
import TestSupport
import Testing

@Suite struct CommitObjectTests {
  private static let tree = ObjectID(hex: "4b825dc642cb6eb9a060e54bf8d69288fbee4904")!
  private static let ada = Signature(name: "Ada", email: "ada@home.arpa", time: 1_763_800_000, zone: 60)

  /// Commits as they are found in the wild, each with something of its own.
  private static let odd: [String: [UInt8]] = {
    let head = "tree \(tree)\n"
    let people = "author Ada <ada@home.arpa> 1763800000 +0100\ncommitter Bob <> 0 -0000\n"
    let texts = [
      "plain": "\(head)\(people)\nmessage\n", "no message": "\(head)\(people)\n", "no empty line": "\(head)\(people)",
      "no end of the message": "\(head)\(people)\nx", "many ends": "\(head)\(people)\n\n\n\nx\n\n",
      "merge": "\(head)parent \(tree)\nparent \(tree)\n\(people)\nx\n",
      "signed": "\(head)\(people)gpgsig -----BEGIN\n \n abc\n -----END\n\nx\n",
      "merged tag": "\(head)\(people)mergetag object \(tree)\n type commit\n tag a\n \n x\nencoding latin1\n\nx\n",
      "odd date": "\(head)author A <a> \ncommitter A <a@b> tomorrow +99999999999999999999\n\nx\n",
      "zone without a sign": "\(head)author A <a> 1 0100\ncommitter A <a@b>\n\nx\n",
      "late": "\(head)author A <a> 99999999999999999999 +0000\ncommitter A <a> -1 -0030\n\nx\n",
      "brackets": "\(head)author A <a <b> c> 1 +0000\ncommitter <> 1 +0000\n\nx\n",
      "spaces": "\(head)author   A   <a>   1   +0000  \ncommitter A<a>1\n\nx\n",
    ]
    var commits = texts.mapValues { Array($0.utf8) }
    commits["no UTF-8"] =
      Array("\(head)author ".utf8) + [0xC4, 0x64, 0xE4] + Array(" <\u{0}> 1 +0000\ncommitter ".utf8) + [0xFF]
      + Array(" <> 1 +0000\nencoding latin1\n\n".utf8) + [0xE4, 0x00, 0xFF]
    return commits
  }()

  @Test(arguments: odd.keys.sorted()) func everyByteStays(name: String) throws {
    let bytes = try #require(Self.odd[name])
    let commit = try CommitObject(bytes, .sha1)
    #expect(commit.bytes == bytes)
    #expect(try CommitObject(commit.bytes, .sha1) == commit)
  }

  @Test func changedCommitsStayOrAreRefused() {
    var random = SeededGenerator(Soak.seed(6))
    var read = 0
    for round in 0..<Soak.count(10_000, soak: 1_000_000) {
      let names = Self.odd.keys.sorted()
      guard var bytes = Self.odd[names[round % names.count]] else { continue }
      for _ in 0..<Int.random(in: 1...3, using: &random) { mutate(&bytes, &random) }
      guard let commit = try? CommitObject(bytes, .sha1) else { continue }
      read += 1
      #expect(commit.bytes == bytes)
      _ = (commit.author.name, commit.author.email, commit.committer.time, commit.committer.zone, commit.message)
    }
    #expect(read > 1_000)
  }

  @Test func whatIsMissingIsSaid() {
    let head = "tree \(Self.tree)\n"
    for (text, why) in [
      ("", "its first line names no tree"), ("tree 12\n", "its first line names no tree"),
      ("\(head)parent 12\n", "parent 1 is no identifier"), (head, "it has no author"),
      ("\(head)author A <a> 1 +0000\n", "it has no committer"), ("\(head)author A 1 +0000\n", "it has no author"),
      ("\(head)author A <a> 1 +0000\ncommitter A <a> 1 +0000\nx", "a header line has no end"),
      ("TREE \(Self.tree)\n", "its first line names no tree"),
      ("tree \(Self.tree.hex.uppercased())\n", "its first line names no tree"),
    ] {
      #expect(throws: FormatError("commit object", why)) { try CommitObject(Array(text.utf8), .sha1) }
    }
  }

  @Test func partsAreRead() throws {
    let commit = try CommitObject(try #require(Self.odd["merged tag"]), .sha1)
    #expect(commit.tree == Self.tree && commit.parents.isEmpty && commit.message == "x\n")
    #expect(commit.author == Self.ada)
    #expect(commit.author.name == "Ada" && commit.author.email == "ada@home.arpa")
    #expect(commit.author.time == 1_763_800_000 && commit.author.zone == 60)
    #expect(commit.committer.name == "Bob" && commit.committer.email == "" && commit.committer.time == 0)
    #expect(commit.extraHeaders.starts(with: Array("mergetag object".utf8)))
    let odd = try CommitObject(try #require(Self.odd["odd date"]), .sha1)
    #expect(odd.author.time == 0 && odd.committer.time == 0 && odd.committer.zone == 0)
    let late = try CommitObject(try #require(Self.odd["late"]), .sha1)
    #expect(late.committer.time == -1 && late.committer.zone == -30)
  }

  @Test(arguments: [
    ("Ada", "ada@home.arpa", Int64(1), 60, "Ada <ada@home.arpa> 1 +0100"), ("", "", 0, 0, " <> 0 +0000"),
    (" A <B>\n ", "<x>\0", -5, -90, "A B <x> 0 -0130"), ("Ä", "ä", .max, .max, "Ä <ä> 9223372036854775807 +9959"),
    ("A", "a", 5, .min, "A <a> 5 -9959"), ("A", "a", 5, -5, "A <a> 5 -0005"),
  ]) func signaturesAreWrittenAsGitReadsThem(name: String, email: String, time: Int64, zone: Int, line: String) throws {
    let signature = Signature(name: name, email: email, time: time, zone: zone)
    #expect(signature.description == line)
    let commit = CommitObject(tree: Self.tree, parents: [], author: signature, message: "x")
    #expect(throws: Never.self) { try ObjectCheck.check(GitObject(.commit, commit.bytes), .sha1) }
    #expect(try CommitObject(commit.bytes, .sha1) == commit)
  }

  @Test(arguments: ObjectFormat.allCases) func stockGitReadsOurs(format: ObjectFormat) throws {
    let git = try StockFsck(format)
    let tree = GitObject(.tree, [])
    let treeID = try tree.id(format)
    var commit = CommitObject(tree: treeID, parents: [], author: Self.ada, message: "first\n\nwhy\n")
    let first = GitObject(.commit, commit.bytes)
    commit.parents = [try first.id(format)]
    commit.extraHeaders = Array("encoding UTF-8".utf8)
    let second = GitObject(.commit, commit.bytes)
    let tag = TagObject(
      object: try second.id(format), kind: .commit, name: "v1", tagger: Self.ada, message: "a release\n")
    let tagged = GitObject(.tag, tag.bytes)
    let objects = [tree, first, second, tagged]
    try git.add(Dictionary(uniqueKeysWithValues: objects.map { (try $0.id(format), $0) }))
    #expect(try git.run("tag", "v1", try tagged.id(format).hex).isSuccess)
    #expect(try git.run("fsck", "--strict", "--no-dangling").isSuccess)
    let log = try git.run("log", "--format=%an <%ae> %ad %s %b", "--date=raw", "v1").output
    #expect(log.split(separator: "\n").allSatisfy { $0.hasPrefix("Ada <ada@home.arpa> 1763800000 +0100 first why") })
    #expect(log.split(separator: "\n").count == 2)
  }

  @Test func tagsKeepEveryByte() throws {
    var random = SeededGenerator(Soak.seed(7))
    let head = "object \(Self.tree)\ntype tree\ntag v1\n"
    let tags = [
      "\(head)tagger Ada <ada@home.arpa> 1 +0000\n\nx\n-----BEGIN PGP SIGNATURE-----\n", "\(head)\nx", head,
      "\(head)extra x\n y\n\n",
    ].map { Array($0.utf8) }
    for bytes in tags { #expect(try TagObject(bytes, .sha1).bytes == bytes) }
    let tag = try TagObject(tags[0], .sha1)
    #expect(tag.name == "v1" && tag.kind == .tree && tag.tagger?.name == "Ada" && tag.message.hasPrefix("x\n"))
    var read = 0
    for round in 0..<Soak.count(5_000, soak: 500_000) {
      var bytes = tags[round % tags.count]
      for _ in 0..<Int.random(in: 1...3, using: &random) { mutate(&bytes, &random) }
      guard let tag = try? TagObject(bytes, .sha1) else { continue }
      read += 1
      #expect(tag.bytes == bytes)
    }
    #expect(read > 500)
  }
}
