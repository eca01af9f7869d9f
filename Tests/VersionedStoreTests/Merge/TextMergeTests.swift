import GitFormat
import HostSystem
import TestSupport
import Testing

@testable import VersionedStore

@Suite struct TextMergeTests {
  /// A text of random lines; few different ones, so that the same line stands in several places.
  private func text(_ editor: inout Editor, lines: Int, kinds: Int) -> [String] {
    (0..<lines).map { _ in "line \(editor.below(kinds))" }
  }

  private func edited(_ lines: [String], _ editor: inout Editor, times: Int, kinds: Int) -> [String] {
    var lines = lines
    for _ in 0..<times {
      let start = editor.below(lines.count + 1)
      let end = min(lines.count, start + editor.below(4))
      lines.replaceSubrange(start..<end, with: text(&editor, lines: editor.below(4), kinds: kinds))
    }
    return lines
  }

  private func bytes(_ lines: [String], _ editor: inout Editor) -> [UInt8] {
    Array((lines.joined(separator: "\n") + (editor.chance(8) ? "" : "\n")).utf8)
  }

  @Test func hunksTurnOneSequenceIntoTheOther() {
    for seed in Soak.seeds(1...400, soak: 50_000) {
      var editor = Editor(seed: seed)
      let kinds = Int32(1 + editor.below(12))
      func sequence() -> [Int32] {
        (0..<editor.below(40)).map { _ in Int32.random(in: 0..<kinds, using: &editor.random) }
      }
      let (old, new) = (sequence(), sequence())
      // Without a budget, with hardly one, and with enough.
      for budget in [0, 30, 1_000_000] {
        let hunks = SequenceDiff.hunks(from: old, to: new, budget: budget)
        var built: [Int32] = []
        var place = 0
        for hunk in hunks {
          #expect(hunk.old.lowerBound > place || built.isEmpty, "hunks touch, seed \(seed)")
          built += old[place..<hunk.old.lowerBound]
          #expect(built.count == hunk.new.lowerBound)
          built += new[hunk.new]
          place = hunk.old.upperBound
        }
        #expect(built + old[place...] == new, "seed \(seed), budget \(budget)")
      }
    }
  }

  @Test func hunksAreAsSmallAsTheyCanBe() {
    for seed in Soak.seeds(1...200, soak: 20_000) {
      var editor = Editor(seed: seed)
      func sequence() -> [Int32] { (0..<editor.below(30)).map { _ in Int32.random(in: 0..<5, using: &editor.random) } }
      let (old, new) = (sequence(), sequence())
      let kept = old.count - SequenceDiff.hunks(from: old, to: new).reduce(0) { $0 + $1.old.count }
      #expect(kept == longestCommonSubsequence(old, new), "seed \(seed)")
    }
  }

  /// The textbook's table.
  private func longestCommonSubsequence(_ a: [Int32], _ b: [Int32]) -> Int {
    var row = [Int](repeating: 0, count: b.count + 1)
    for x in a {
      var diagonal = 0
      for (index, y) in b.enumerated() {
        let above = row[index + 1]
        row[index + 1] = x == y ? diagonal + 1 : max(above, row[index])
        diagonal = above
      }
    }
    return row[b.count]
  }

  @Test func hugeTextsWithoutMuchInCommonEndInTime() {
    var random = SeededGenerator(1)
    let old = (0..<60_000).map { _ in Int32.random(in: 0..<1_000, using: &random) }
    let new = (0..<60_000).map { _ in Int32.random(in: 0..<1_000, using: &random) }
    let start = ContinuousClock.now
    #expect(!SequenceDiff.hunks(from: old, to: new, budget: 1_000_000).isEmpty)
    #expect(ContinuousClock.now - start < .seconds(20))
  }

  /// Where `git merge-file` is clean, so are we, with the same text; where it is not, neither are we.
  ///
  /// With repeated lines, two shortest differences may exist, and Git's heuristics may choose another one; so lines that
  /// repeat are in the next test, which asks less.
  @Test func textsMergeAsInGit() throws {
    let git = try GitFolder()
    var clean = 0
    for seed in Soak.seeds(1...60, soak: 5_000) {
      var editor = Editor(seed: seed)
      let base = (0..<(5 + editor.below(40))).map { "line \($0)" }
      func side(_ name: String) -> [UInt8] {
        var lines = base
        for edit in 0..<editor.below(5) {
          let start = editor.below(lines.count + 1)
          let end = min(lines.count, start + editor.below(4))
          lines.replaceSubrange(start..<end, with: (0..<editor.below(3)).map { "\(name) \(edit) \($0)" })
        }
        return bytes(lines, &editor)
      }
      let (old, ours, theirs) = (bytes(base, &editor), side("ours"), side("theirs"))
      clean += try compare(old, ours, theirs, git, seed)
    }
    #expect(clean > 5)
  }

  private func compare(
    _ base: [UInt8], _ ours: [UInt8], _ theirs: [UInt8], _ git: GitFolder, _ seed: UInt64
  ) throws -> Int {
    try git.write("base", base)
    try git.write("ours", ours)
    try git.write("theirs", theirs)
    let output = try git.run("git merge-file -p -q ours base theirs")
    let result = try MergeDriver.merge(base: base, ours: ours, theirs: theirs, at: "file.txt")
    #expect(result.isClean == output.isSuccess, "seed \(seed)")
    guard result.isClean, output.isSuccess else { return 0 }
    #expect(String(decoding: result.bytes, as: UTF8.self) == output.output, "seed \(seed)")
    return 1
  }

  /// With lines that repeat there are several shortest differences, and Git's heuristics choose among them by other rules
  /// (it prefers to align a group of changes with one of the other side, and gives up looking for the shortest early). Most
  /// merges are the same; the others are still merges of both sides' changes.
  @Test func textsOfRepeatedLinesMergeMostlyAsInGit() throws {
    let git = try GitFolder()
    var (same, all) = (0, 0)
    for seed in Soak.seeds(1...60, soak: 5_000) {
      var editor = Editor(seed: seed)
      let lines = text(&editor, lines: 10 + editor.below(30), kinds: 8)
      let base = bytes(lines, &editor)
      let ours = bytes(edited(lines, &editor, times: 1 + editor.below(2), kinds: 8), &editor)
      let theirs = bytes(edited(lines, &editor, times: 1 + editor.below(2), kinds: 8), &editor)
      try git.write("base", base)
      try git.write("ours", ours)
      try git.write("theirs", theirs)
      let output = try git.run("git merge-file -p -q ours base theirs")
      guard output.isSuccess else { continue }
      all += 1
      let result = try MergeDriver.merge(base: base, ours: ours, theirs: theirs, at: "file.txt")
      if result.isClean, output.output == String(decoding: result.bytes, as: UTF8.self) { same += 1 }
    }
    #expect(all >= 10)
    #expect(same * 10 >= all * 9, "\(same) of \(all) are the same")
  }

  @Test func conflictsAreMarkedAsGitMarksThem() throws {
    let git = try GitFolder()
    let base = "1\n2\n3\n", ours = "1\nx\nsame\nours\n3\n", theirs = "1\ny\nsame\nours\n3\n"
    for (name, text) in ["base": base, "ours": ours, "theirs": theirs] { try git.write(name, Array(text.utf8)) }
    let output = try git.run("git merge-file -p -q -L ours -L base -L theirs ours base theirs")
    let result = try MergeDriver.merge(
      base: Array(base.utf8), ours: Array(ours.utf8), theirs: Array(theirs.utf8), at: "file.txt")
    #expect(result.conflict != nil)
    #expect(String(decoding: result.bytes, as: UTF8.self) == output.output)
    let shown = try MergeDriver.merge(
      base: [UInt8](text: "a\n"), ours: [UInt8](text: "b\n"), theirs: [UInt8](text: "c"), at: "file.txt",
      labels: ("HEAD", "old", "topic"), markerSize: 9)
    #expect(
      String(decoding: shown.bytes, as: UTF8.self)
        == "<<<<<<<<< HEAD\nb\n||||||||| old\na\n=========\nc\n>>>>>>>>> topic\n")
  }

  @Test func theDriverMergesByThePath() throws {
    let json = try MergeDriver.merge(
      base: [UInt8](text: #"{"a":1}"#), ours: [UInt8](text: #"{"a":1,"b":2}"#), theirs: [UInt8](text: #"{"a":3}"#),
      at: "settings/x.json")
    #expect(json == MergeDriver.Result(bytes: [UInt8](text: #"{"a":3,"b":2}"#)))
    let binary = try MergeDriver.merge(base: [0], ours: [0, 1], theirs: [0, 2], at: "x.bin")
    #expect(!binary.isClean)
    #expect(binary.bytes == [0, 1])
    let union = MergePolicy.standard.adding(
      attributes: [UInt8](text: "# lists\n*.txt text merge=union\nx.json -merge\n"))
    let list = try MergeDriver.merge(
      base: [], ours: [UInt8](text: "a\n"), theirs: [UInt8](text: "b\n"), at: "d/list.txt", policy: union)
    #expect(list == MergeDriver.Result(bytes: [UInt8](text: "a\nb\n")))
    let never = try MergeDriver.merge(
      base: [UInt8](text: "{}"), ours: [UInt8](text: #"{"a":1}"#), theirs: [UInt8](text: #"{"b":1}"#), at: "x.json",
      policy: union)
    #expect(!never.isClean)
  }

  @Test func peopleWriteInOneLineAtOnce() throws {
    func merge(_ base: String, _ ours: String, _ theirs: String) throws -> String {
      try MergeableText.merge(
        base: MergeableText(base), ours: MergeableText(ours), theirs: MergeableText(theirs)
      ).text
    }
    #expect(
      try merge("The house is red.\n", "The old house is red.\n", "The house is red and blue.\n")
        == "The old house is red and blue.\n")
    #expect(try merge("a\n", "a\nours\n", "a\ntheirs\n") == "a\nours\ntheirs\n")
    #expect(try merge("a\n", "a\ntheirs\n", "a\nours") == "a\nours\ntheirs\n")
    #expect(throws: MergeFailure.self) { try merge("colour: red\n", "colour: green\n", "colour: blue\n") }
  }

  @Test(arguments: [
    ("*.json", "a/b.json", true), ("*.json", "b.jso", false), ("/a.txt", "a.txt", true), ("/a.txt", "d/a.txt", false),
    ("d/*.txt", "d/a.txt", true), ("d/*.txt", "d/e/a.txt", false), ("d/**", "d/e/a.txt", true), ("d/**", "d", false),
    ("**/a", "a", true), ("**/a", "x/y/a", true), ("d/**/a", "d/a", true), ("d/**/a", "d/x/y/a", true),
    ("d/**/a", "d/x/y/b", false), ("[a-c]?", "bx", true), ("[!a-c]?", "bx", false), ("[]]", "]", true),
    ("[", "[", false),
    ("a*b*c", "a-b-b-c", true), ("a*b*c", "a-c-b", false), ("\\*", "*", true), ("\\*", "a", false), ("**", "a/b", true),
  ]) func patternsFitAsInGit(_ pattern: String, _ path: String, _ fits: Bool) throws {
    #expect(PathPattern(pattern).matches(Path(path)) == fits)
    let git = try GitFolder()
    try git.write(".gitattributes", Array("\(pattern) merge=x\n".utf8))
    let output = try git.run("git init -q . && git check-attr merge -- '\(path)'")
    #expect(output.output.hasSuffix("merge: x\n") == fits, "\(output.output)")
  }
}
