import TestSupport
import Testing

@testable import VersionedStore

/// Unified diffs, applied again.
@Suite struct LineDiffTests {
  /// The new text, by the rules of patch(1): lines with ` ` and `-` have to be those of the old one.
  private static func applying(_ patch: [UInt8], to old: [UInt8]) throws -> [UInt8] {
    let lines = TextMerge.lines(old)
    var result: [UInt8] = []
    var position = 0
    for line in TextMerge.lines(patch) {
      let text = String(decoding: line, as: UTF8.self)
      switch text.first {
      case "@":
        let words = text.dropFirst(4).prefix { $0 != " " }.split(separator: ",")
        let start = try #require(Int(words[0])), count = words.count == 2 ? try #require(Int(words[1])) : 1
        let place = count == 0 ? start : start - 1
        try #require(place >= position)
        for line in lines[position..<place] { result += line }
        position = place
      case " ", "-":
        try #require(lines[position].prefix { $0 != 10 } == line.dropFirst().prefix { $0 != 10 })
        if text.first == " " { result += lines[position] }
        position += 1
      default: result += line.dropFirst()
      }
    }
    for line in lines[position...] { result += line }
    return result
  }

  @Test(arguments: Soak.seeds(1...40, soak: 2_000)) func whatIsAppliedIsTheNewText(_ seed: UInt64) throws {
    var generator = SeededGenerator(seed)
    func text(_ count: Int) -> [[UInt8]] {
      (0..<count).map { _ in Array("\(Int.random(in: 0..<9, using: &generator))\n".utf8) }
    }
    let old = text(.random(in: 0...60, using: &generator))
    var new = old
    for _ in 0..<Int.random(in: 0...6, using: &generator) {
      let start = Int.random(in: 0...new.count, using: &generator)
      let end = min(new.count, start + .random(in: 0...4, using: &generator))
      new.replaceSubrange(start..<end, with: text(.random(in: 0...4, using: &generator)))
    }
    for context in [0, 1, 3] {
      let patch = LineDiff.unified(from: Array(old.joined()), to: Array(new.joined()), context: context)
      #expect(try Self.applying(patch, to: Array(old.joined())) == Array(new.joined()))
      #expect(patch.isEmpty == (old == new))
    }
  }

  @Test func theEndsOfTextsAreAsGitWritesThem() {
    func diff(_ old: String, _ new: String) -> String {
      String(decoding: LineDiff.unified(from: Array(old.utf8), to: Array(new.utf8)), as: UTF8.self)
    }
    #expect(diff("", "") == "")
    #expect(diff("", "a\n") == "@@ -0,0 +1 @@\n+a\n")
    #expect(diff("a\n", "") == "@@ -1 +0,0 @@\n-a\n")
    #expect(diff("a", "a\n") == "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n")
    #expect(diff("a\nb", "x\nb") == "@@ -1,2 +1,2 @@\n-a\n+x\n b\n\\ No newline at end of file\n")
  }
}
