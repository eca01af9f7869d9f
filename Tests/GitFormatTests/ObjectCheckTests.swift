import TestSupport
import Testing

@testable import GitFormat

@Suite struct ObjectCheckTests {
  private static let blob = ObjectID(hex: "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391")!
  private static let person = "Ada <ada@home.arpa> 1763800000 +0100"

  /// A tree of raw modes and names.
  private static func tree(_ entries: [(String, [UInt8])], _ id: ObjectID = blob) -> GitObject {
    GitObject(.tree, entries.flatMap { Array("\($0.0) ".utf8) + $0.1 + [0] + id.bytes })
  }

  private static func tree(_ entries: (String, String)...) -> GitObject {
    tree(entries.map { ($0.0, Array($0.1.utf8)) })
  }

  private static func commit(_ text: String) -> GitObject { GitObject(.commit, Array(text.utf8)) }

  private static let bad: [(String, GitObject)] = {
    let head = "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n"
    func author(_ line: String) -> GitObject { commit("\(head)author \(line)\ncommitter \(person)\n\nx\n") }
    func tag(_ text: String) -> GitObject { GitObject(.tag, Array(text.utf8)) }
    return [
      ("two names", tree(("100644", "a"), ("100644", "a"))),
      ("file and directory", tree(("100644", "a"), ("40000", "a"))),
      ("with one between", tree(("100644", "a"), ("100644", "a.b"), ("40000", "a"))),
      (
        "with several between",
        tree(("100644", "a"), ("100644", "a!"), ("40000", "a!b"), ("100644", "a-"), ("40000", "a"))
      ),
      ("unsorted", tree(("100644", "b"), ("100644", "a"))),
      ("directory before what begins like it", tree(("40000", "a"), ("100644", "a.b"))),
      ("zero padded", tree(("040000", "a"))), ("empty name", tree(("100644", ""))), ("slash", tree(("100644", "a/b"))),
      ("no object", tree([("100644", [97])], .zero(.sha1))),
      ("cut off", GitObject(.tree, Array(tree(("100644", "a")).bytes.dropLast()))),
      ("module link", tree(("120000", ".gitmodules"))), ("module link on NTFS", tree(("120000", "GITMOD~1 ."))),
      ("hashed module link on NTFS", tree(("120000", "gi7eb~10"))),
      ("behind a backslash", tree(("120000", "a\\.gitmodules:b"))),
      ("module link on HFS+", tree(("120000", ".git\u{200c}modules"))),
      ("no tree", commit("author \(person)\ncommitter \(person)\n\n")),
      ("bad tree", commit("tree 4b82\nauthor \(person)\n\n")),
      ("bad parent", commit("\(head)parent 12\nauthor \(person)\ncommitter \(person)\n\n")),
      ("no author", commit("\(head)committer \(person)\n\n")), ("no committer", commit("\(head)author \(person)\n\n")),
      ("order", commit("\(head)committer \(person)\nauthor \(person)\n\n")),
      ("two authors", commit("\(head)author \(person)\nauthor \(person)\ncommitter \(person)\n\n")),
      ("zero in the headers", commit("\(head)author \(person)\ncommitter \(person)\nx \0\n\n")),
      ("zero in the message", commit("\(head)author \(person)\ncommitter \(person)\n\nx\0\n")),
      ("headers without an end", commit("\(head)author \(person)\ncommitter \(person)")),
      ("no name", author("<a@b> 1 +0000")), ("no space", author("A<a@b> 1 +0000")), ("no address", author("A 1 +0000")),
      ("no end of the address", author("A <a@b 1 +0000")), ("bracket in the name", author("A> <a@b> 1 +0000")),
      ("two open", author("A <<a@b> 1 +0000")), ("no space before the date", author("A <a@b>1 +0000")),
      ("no date", author("A <a@b> +0000")), ("date with zero", author("A <a@b> 01 +0000")),
      ("negative date", author("A <a@b> -1 +0000")), ("overflow", author("A <a@b> 18446744073709551615 +0000")),
      ("overflow by one", author("A <a@b> 9223372036854775808 +0000")), ("no zone", author("A <a@b> 1")),
      ("short zone", author("A <a@b> 1 +100")), ("zone without a sign", author("A <a@b> 1 00100")),
      ("long zone", author("A <a@b> 1 +01000")), ("two dates", author("A <a@b> 1 2 +0000")),
      ("tag of nothing", tag("type commit\ntag a\n\n")), ("tag without type", tag("object \(blob)\ntag a\n\n")),
      ("tag of unknown type", tag("object \(blob)\ntype block\ntag a\n\n")),
      ("tag without name", tag("object \(blob)\ntype blob\ntagger \(person)\n\n")),
      ("tagger without name", tag("object \(blob)\ntype blob\ntag a\ntagger <a@b> 1 +0000\n\n")),
      ("tag with a zero", tag("object \(blob)\ntype blob\ntag a\0\n\n")),
    ] + dotGits.map { ($0, tree(("40000", $0))) }
  }()

  private static let dotGits = [
    ".", "..", ".git", ".GIT", ".gIt", ".git ", ".git.", ".git . .", "git~1", "GIT~1", "Git~1.", ".git:a",
    ".git::$INDEX_ALLOCATION",
    "git~1:x", ".git\\config", "a\\.git", "a\\.git\\b", "a\\git~1", ".g\u{200c}it", ".git\u{feff}", "\u{202e}.git",
    ".\u{206a}GI\u{200f}T",
  ]

  private static let good: [(String, GitObject)] = {
    let head = "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n"
    return [
      ("empty", tree()),
      ("all modes", tree(("40000", "a"), ("100644", "b"), ("100755", "c"), ("120000", "d"), ("160000", "e"))),
      ("directory sorts with a slash", tree(("100644", "a.b"), ("40000", "a"), ("100644", "a0"))),
      (
        "names like .git",
        tree(
          [".gi", ".gitx", "git", "git~2", ".git~1", "x.git", ".gıt"].sorted {
            $0.utf8.lexicographicallyPrecedes($1.utf8)
          }.map { ("100644", Array($0.utf8)) })
      ),
      ("no UTF-8", tree([("100644", [0xC0, 0x80]), ("100644", [0xFF])])),
      ("control characters", tree(("100644", "a\nb"))),
      (".gitmodules as a directory", tree(("40000", ".gitmodules"))),
      ("long", tree(("100644", String(repeating: "x", count: 4_096)))),
      ("no message", commit("\(head)author \(person)\ncommitter \(person)\n")),
      ("empty message", commit("\(head)author \(person)\ncommitter \(person)\n\n")),
      ("more headers", commit("\(head)author \(person)\ncommitter \(person)\nencoding latin1\ngpgsig a\n b\n\nx")),
      ("spaces for a name", commit("\(head)author  <> 0 -0000\ncommitter \(person)\n\n")),
      ("tag without tagger", GitObject(.tag, Array("object \(blob)\ntype blob\ntag a\n\n".utf8))),
      ("tag", GitObject(.tag, Array("object \(blob)\ntype blob\ntag a\ntagger \(person)\n\nx\n".utf8))),
    ]
  }()

  @Test func whatGitRefusesIsRefusedAndNothingElse() throws {
    let git = try StockFsck(.sha1)
    var names: [ObjectID: String] = [:]
    var objects: [ObjectID: GitObject] = [:]
    for (name, object) in Self.bad + Self.good {
      let id = try object.id(.sha1)
      names[id] = name
      objects[id] = object
    }
    try git.add(objects)
    let complaints = try git.complaints("error", of: objects.keys)
    for (id, object) in objects {
      let isBad = Self.bad.contains { $0.0 == names[id] }
      #expect((complaints[id] != nil) == isBad, "\(names[id] ?? ""): \(complaints[id] ?? "git finds nothing")")
      #expect(
        (refusal(of: object) != nil) == isBad, "\(names[id] ?? ""): \(refusal(of: object)?.description ?? "accepted")")
    }
  }

  @Test func whatGitOnlyWarnsOfIsRefused() throws {
    for object in [
      Self.tree(("100664", "a")), Self.tree(("120000", ".gitattributes")), Self.tree(("120000", "gi7d29~1")),
      Self.tree(("100600", "a")),
    ] {
      #expect(refusal(of: object) != nil)
    }
  }

  /// Good objects with a few bytes changed: our verdict is Git's.
  @Test(arguments: Soak.seeds(1...2, soak: 40)) func changedObjectsAreJudgedAsGitDoes(seed: UInt64) throws {
    var random = SeededGenerator(seed)
    let git = try StockFsck(.sha1)
    var objects: [ObjectID: GitObject] = [:]
    for _ in 0..<300 {
      var object = Self.good[.random(in: 1..<Self.good.count, using: &random)].1
      for _ in 0..<Int.random(in: 1...2, using: &random) { mutate(&object.bytes, &random) }
      objects[try object.id(.sha1)] = object
    }
    try git.add(objects)
    let errors = try git.complaints("error", of: objects.keys)
    let warnings = try git.complaints("warning", of: objects.keys)
    for (id, object) in objects {
      let refusal = refusal(of: object)
      guard (refusal != nil) != (errors[id] != nil) else { continue }
      // A tag is not parsed where another one gives its object another kind.
      if object.kind == .tag, errors[id]?.contains("could not be parsed") ?? false { continue }
      // Newer versions of Git refuse a space before the date too, and long names.
      let later = ["is no identifier", "has no date", "is longer than 4096 bytes"]
      let isStricter =
        later.contains { refusal?.why.hasSuffix($0) ?? false } || refusal?.why.hasPrefix("the mode") ?? false
      let isWarning = warnings[id].map { $0.contains("badFilemode") || $0.contains("Symlink") } ?? false
      #expect(
        errors[id] == nil && (isStricter || isWarning),
        "seed \(seed): git \(errors[id] ?? "accepts"), we \(refusal?.description ?? "accept") \(object)")
    }
  }

  @Test func limitsHold() {
    var limits = ObjectCheck.Limits()
    limits.nameLength = 3
    limits.entries = 1
    limits.headers = 150
    limits.message = 10
    limits.parents = 1
    let head = "tree \(Self.blob)\n"
    let people = "author a <b> 1 +0000\ncommitter a <b> 1 +0000\n"
    for object in [
      Self.tree(("100644", "abcd")), Self.tree(("100644", "a"), ("100644", "b")),
      Self.commit("\(head)\(people)\n12345678901"),
      Self.commit("\(head)\(people)x \(String(repeating: "x", count: 99))\n\n"),
      Self.commit("\(head)parent \(Self.blob)\nparent \(Self.blob)\n\(people)\n"),
    ] {
      #expect(throws: FormatError.self) { try ObjectCheck.check(object, .sha1, limits: limits) }
    }
    #expect(throws: Never.self) {
      try ObjectCheck.check(Self.tree(("100644", "abc")), .sha1, limits: limits)
      try ObjectCheck.check(Self.commit("\(head)\(people)\n123456789"), .sha1, limits: limits)
      try ObjectCheck.check(GitObject(.blob, [0]), .sha1, limits: limits)
    }
  }

  @Test func namesThatWeWriteCanBeHadEverywhere() {
    for name in ["a", "é", "a b", ".x", "lares", ".gitignore", "x.lares"] { #expect(EntryName(name).problem() == nil) }
    for name in ["", "a/b", "a\nb", "a\u{7f}", "\u{1b}[0m", "a\0", String(repeating: "x", count: 256)] + Self.dotGits {
      #expect(EntryName(name).problem(isOwn: true) != nil, "\(name)")
    }
    for name in [".lares", ".lares-1", ".lares-conflicts"] {
      #expect(EntryName(name).problem() != nil)
      #expect(EntryName(name).problem(isOwn: true) == nil)
    }
  }

  private func refusal(of object: GitObject) -> FormatError? {
    do { try ObjectCheck.check(object, .sha1) } catch { return error }
    return nil
  }
}

/// Changes, inserts, removes or repeats some bytes.
func mutate(_ bytes: inout [UInt8], _ random: inout SeededGenerator) {
  let telling: [UInt8] = Array("\0\n <>./~:\\0149+-gG".utf8)
  let place = Int.random(in: 0...bytes.count, using: &random)
  let end = min(bytes.count, place + .random(in: 1...8, using: &random))
  switch Int.random(in: 0..<5, using: &random) {
  case 0 where place < bytes.count: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
  case 1 where place < bytes.count: bytes[place] = telling.randomElement(using: &random) ?? 0
  case 2: bytes.insert(telling.randomElement(using: &random) ?? 0, at: place)
  case 3: bytes.removeSubrange(place..<end)
  default: bytes.insert(contentsOf: bytes[place..<end], at: place)
  }
}
