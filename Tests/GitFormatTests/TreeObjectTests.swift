import GitFormat
import TestSupport
import Testing

@Suite struct TreeObjectTests {
  private static let id = ObjectID(hex: "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391")!

  /// Trees of names that are near each other, so that the order's rules matter.
  private static func entries(_ random: inout SeededGenerator, _ format: ObjectFormat) -> [TreeEntry] {
    var names: Set<[UInt8]> = []
    for _ in 0..<Int.random(in: 0...40, using: &random) {
      names.insert(
        (0..<Int.random(in: 1...3, using: &random)).map { _ in "ab.0-\u{7f}".utf8.randomElement(using: &random)! })
    }
    return names.subtracting([Array(".".utf8), Array("..".utf8)]).map { name in
      let mode = FileMode.allCases.randomElement(using: &random)!
      let bytes = (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &random) }
      return TreeEntry(EntryName(name), mode, ObjectID(format, bytes))
    }
  }

  @Test(arguments: ObjectFormat.allCases) func whatIsWrittenIsReadInGitsOrder(format: ObjectFormat) throws {
    var random = SeededGenerator(Soak.seed(8))
    for _ in 0..<Soak.count(300, soak: 30_000) {
      let entries = Self.entries(&random, format)
      let bytes = TreeObject.serialize(entries)
      let read = try TreeObject.parse(bytes, format)
      #expect(Set(read) == Set(entries))
      #expect(TreeObject.serialize(read) == bytes)
      #expect(TreeObject.serialize(read.shuffled(using: &random)) == bytes)
      #expect(throws: Never.self) { try ObjectCheck.check(GitObject(.tree, bytes), format) }
      for entry in entries { #expect(try TreeObject.find(entry.name, in: bytes, format) == entry) }
      for other in Self.entries(&random, format) where !entries.contains(where: { $0.name == other.name }) {
        #expect(try TreeObject.find(other.name, in: bytes, format) == nil)
      }
      #expect(try TreeObject.find("", in: bytes, format) == nil)
    }
  }

  @Test(arguments: ObjectFormat.allCases) func stockGitAgreesOnTheOrder(format: ObjectFormat) throws {
    var random = SeededGenerator(Soak.seed(9))
    let git = try StockFsck(format)
    var objects: [ObjectID: GitObject] = [:]
    for _ in 0..<100 {
      let tree = GitObject(.tree, TreeObject.serialize(Self.entries(&random, format)))
      objects[try tree.id(format)] = tree
    }
    try git.add(objects)
    #expect(try git.complaints("error", of: objects.keys).isEmpty)
  }

  @Test func changedTreesAreReadOrRefused() {
    var random = SeededGenerator(Soak.seed(10))
    var read = 0
    for _ in 0..<Soak.count(5_000, soak: 1_000_000) {
      var bytes = TreeObject.serialize(Self.entries(&random, .sha1))
      for _ in 0..<Int.random(in: 1...3, using: &random) { mutate(&bytes, &random) }
      _ = try? TreeObject.find("a.", in: bytes, .sha1)
      _ = try? TreeObject.parse(bytes, .sha256)
      guard let entries = try? TreeObject.parse(bytes, .sha1) else { continue }
      read += 1
      #expect(entries.count <= bytes.count / 27)
      guard (try? ObjectCheck.check(GitObject(.tree, bytes), .sha1)) != nil else { continue }
      #expect(TreeObject.serialize(entries) == bytes)
    }
    #expect(read > 500)
  }

  @Test func damageIsSaidWithItsPlace() {
    let entry = TreeObject.serialize([TreeEntry("a", .file, Self.id)])
    for (bytes, why) in [
      (entry + [49], "the mode at byte 29 is unknown"),
      (entry + Array("100645 a\0".utf8), "the mode at byte 29 is unknown"),
      (entry + Array("100644 \0".utf8), "the name at byte 36 is empty or has no end"),
      (entry + Array("100644 a".utf8), "the name at byte 36 is empty or has no end"),
      (entry + Array("100644 a\0".utf8), "it ends inside the entry at byte 29"),
      (Array(entry.dropLast()), "it ends inside the entry at byte 0"),
      (Array("100644 a/b\0".utf8) + Self.id.bytes, "the name at byte 7 has a slash"),
      (Array("1111111111 a\0".utf8) + Self.id.bytes, "the mode at byte 0 is unknown"),
    ] {
      #expect(throws: FormatError("tree object", why)) { try TreeObject.parse(bytes, .sha1) }
    }
  }
}
