import GitFormat
import HostSystem
import TestSupport
import Testing

/// Stock `git merge` with our driver, as its help says.
@Suite struct MergeDriverTests {
  struct Case: CustomStringConvertible, Sendable {
    var file: String
    var base: String
    var ours: String
    var theirs: String
    /// What the merge makes of it; nil: it is a conflict.
    var merged: String?
    var description: String { file }
  }

  private static let card = "BEGIN:VCARD\r\nVERSION:4.0\r\nUID:1\r\nFN:Ada\r\nTEL:1\r\nEND:VCARD\r\n"

  static let cases = [
    Case(
      file: "n.json", base: #"{"a":1,"b":2}"#, ours: #"{"a":5,"b":2}"#, theirs: #"{"a":1,"b":6}"#,
      merged: #"{"a":5,"b":6}"#),
    Case(file: "conflict.json", base: #"{"a":1}"#, ours: #"{"a":2}"#, theirs: #"{"a":3}"#, merged: nil),
    Case(
      file: "deep/in.toml", base: "a = 1\nb = 2\n", ours: "a = 5\nb = 2\n", theirs: "a = 1\nb = 6\n",
      merged: "a = 5\nb = 6\n"),
    Case(file: "visits.counter", base: "10\n", ours: "13\n", theirs: "11\n", merged: "14\n"),
    Case(file: "who.set", base: "ada\nbob\n", ours: "ada\nbob\ncy\n", theirs: "bob\n", merged: "bob\ncy\n"),
    Case(
      file: "ada.vcf", base: card, ours: card.replacing("TEL:1", with: "TEL:2"),
      theirs: card.replacing("FN:Ada", with: "FN:Ada L."),
      merged: card.replacing("TEL:1", with: "TEL:2").replacing("FN:Ada", with: "FN:Ada L.")),
    Case(
      file: "plain.txt", base: "1\n2\n3\n4\n5\n", ours: "1\nx\n3\n4\n5\n", theirs: "1\n2\n3\n4\ny\n",
      merged: "1\nx\n3\n4\ny\n"),
    Case(file: "conflict.txt", base: "1\n", ours: "2\n", theirs: "3\n", merged: nil),
    Case(
      file: "named.settings", base: #"{"a":1,"b":2}"#, ours: #"{"a":5,"b":2}"#, theirs: #"{"a":1,"b":6}"#,
      merged: #"{"a":5,"b":6}"#),
  ]

  /// A clone whose branches `main` and `side` have what a case says, with the settings that the help prints.
  private func clone(_ place: Case) throws -> Shell {
    let shell = try Shell()
    let help = try shell("lares store merge-driver --help")
    let settings = help.split(separator: "\n").map { $0.drop { $0 == " " } }.filter { line in
      ["git config", "\"lares store", "echo"].contains { line.hasPrefix($0) }
    }
    #expect(settings.count == 7)
    try shell("git init -q -b main work; cd work; \(settings.joined(separator: "\n")); mkdir deep; git add .")
    func commit(_ text: String) throws {
      try File.replace(shell.path("work/\(place.file)"), with: Array(text.utf8), durable: false)
      try shell("cd work; git add .; git commit -qm change")
    }
    try commit(place.base)
    try shell("cd work; git checkout -qb side")
    try commit(place.theirs)
    try shell("cd work; git checkout -q main")
    try commit(place.ours)
    return shell
  }

  @Test(arguments: cases) func gitMergesByWhatTheFileIs(_ place: Case) throws {
    let shell = try clone(place)
    let outcome = try shell.attempt("cd work && git merge -q -m merge side")
    let result = String(decoding: try File.read(shell.path("work/\(place.file)")), as: UTF8.self)
    if let merged = place.merged {
      #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
      #expect(result == merged)
      #expect(try shell("cd work; git status --porcelain") == "")
    } else {
      #expect(outcome.status == 1)
      #expect(outcome.output.contains("CONFLICT (content): Merge conflict in \(place.file)"))
      #expect(outcome.errors.contains("\(place.file): "))
      #expect(try shell("cd work; git status --porcelain") == "UU \(place.file)")
      #expect(result.contains("<<<<<<< ") && result.contains(">>>>>>> "))
    }
  }

  @Test func whatIsNoTextIsOursInAConflict() throws {
    let shell = try clone(Case(file: "x.bin", base: "a\0", ours: "b\0", theirs: "c\0", merged: nil))
    #expect(try shell.attempt("cd work && git merge -q side").status == 1)
    #expect(try File.read(shell.path("work/x.bin")) == Array("b\0".utf8))
  }

  @Test func whatFailsIsNoConflict() throws {
    let shell = try Shell()
    try shell("echo 1 >a; mkdir folder")
    #expect(try shell.attempt("lares store merge-driver a a nope 7 a").status == 129)
    #expect(try shell.attempt("lares store merge-driver a folder a 7 a").status == 129)
    #expect(try shell.attempt("lares store merge-driver --kind nope a a a 7 a").status == 64)
    #expect(try shell.attempt("lares store merge-driver a a a x a").status == 64)
  }
}
