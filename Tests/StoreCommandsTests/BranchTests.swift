import GitFormat
import HostSystem
import TestSupport
import Testing

/// Branches, merges, and what people do about conflicts.
@Suite struct BranchTests {
  @Test func branchesAreMadeListedRenamedAndDeleted() throws {
    let shell = try Shell()
    try shell("lares store init -b trunk; lares store set a 1; lares store branches create side")
    try shell(
      "lares store set -b side a 2; lares store branches create old trunk; lares store branches rename old older")
    #expect(
      try shell("lares store branches") == shell("git -C store.git for-each-ref --format='%(refname:short)' refs/heads")
    )
    #expect(try shell("lares store branches list -l").contains("  Set a"))
    #expect(try shell("lares store branches --json | grep isMain.:true").contains("trunk"))
    #expect(try shell("lares store get a; lares store get -b side a") == "12")
    #expect(try shell.attempt("lares store branches create side").status == 4)
    #expect(try shell.attempt("lares store branches rename older side").status == 4)
    #expect(try shell.attempt("lares store branches create 'a b'").status == 1)
    #expect(try shell.attempt("lares store branches create x nope").status == 3)
    #expect(try shell.attempt("lares store branches delete nope").status == 3)
    #expect(try shell.attempt("lares store branches delete trunk").status == 1)
    let refused = try shell.attempt("lares store branches delete side")
    #expect(refused.status == 1 && refused.errors.contains("no other branch has the commits of side"))
    try shell("lares store branches delete older; lares store branches delete --force side")
    #expect(try shell("git -C store.git branch --format='%(refname:short)'") == "trunk")
  }

  /// A store whose branches both changed a text and a JSON file.
  private func diverged(_ format: ObjectFormat = .sha1) throws -> Shell {
    let shell = try Shell()
    try shell(
      """
      lares store init --format \(format.rawValue)
      printf '1\\n2\\n3\\n' | lares store set text; lares store set x.json '{"a":1,"b":2}'; lares store set 'a b' 1
      lares store branches create side
      printf '1\\ntwo\\n3\\n' | lares store set -b side text; lares store set -b side x.json '{"a":1,"b":3}'
      printf '1\\nzwei\\n3\\n' | lares store set text; lares store set x.json '{"a":4,"b":2}'
      """)
    return shell
  }

  @Test(arguments: ObjectFormat.allCases)
  func aMergeKeepsWhatBothSidesDidAndTellsConflictsByPath(_ format: ObjectFormat) throws {
    let shell = try diverged(format)
    let outcome = try shell.attempt("lares store merge side")
    #expect(outcome.status == 2 && outcome.output == "text\n")
    #expect(outcome.errors.hasPrefix("Error: merged as ") && outcome.errors.hasSuffix("ends them\n"))
    #expect(try shell("git -C store.git rev-list --parents -n1 main | wc -w") == "3")
    #expect(try shell("lares store get x.json") == #"{"a":4,"b":3}"#)
    #expect(try shell("lares store conflicts") == "text")
    #expect(try shell("lares store conflicts -l").hasPrefix("text  contents: "))
    let json = try shell("lares store conflicts --json")
    #expect(json.contains(#""theirs":"\#(try shell("git -C store.git rev-parse side:text"))""#))
    let read = try shell.attempt("lares store get text")
    #expect(read.output == "1\nzwei\n3\n" && read.errors.hasPrefix("Note: both sides of a merge changed text"))
    try shell.fsck()

    #expect(try shell.attempt("lares store resolve 'a b' --ours").status == 3)
    try shell("printf '1\\nZWEI\\n3\\n' | lares store resolve text")
    #expect(try shell("lares store conflicts; lares store get text 2>&1") == "1\nZWEI\n3")
    #expect(try shell("git -C store.git ls-tree --name-only main") == "a b\ntext\nx.json")
    #expect(try shell("lares store merge side") == "main has all of it already")
  }

  @Test(arguments: [
    ("--ours", "1\nzwei\n3"), ("--theirs", "1\ntwo\n3"), ("--base", "1\n2\n3"), ("--as-is", "1\nzwei\n3"),
  ])
  func aConflictEndsByAChoice(_ choice: String, _ expected: String) throws {
    let shell = try diverged()
    #expect(try shell.attempt("lares store merge side").status == 2)
    try shell("lares store resolve text \(choice)")
    #expect(try shell("lares store conflicts; lares store get text 2>&1") == expected)
  }

  @Test func aConflictEndsByRemovalOrByAValue() throws {
    let shell = try diverged()
    #expect(try shell.attempt("lares store merge side").status == 2)
    #expect(try shell.attempt("lares store resolve text --ours x").status == 64)
    try shell(
      "lares store branches create copy; lares store resolve -b copy text --removed; lares store resolve text both")
    #expect(try shell("lares store get text; lares store conflicts") == "both")
    #expect(try shell.attempt("lares store get -b copy text").status == 3)
  }

  @Test func aMergeCanBeRefusedForwardOrOfAnotherHistory() throws {
    let shell = try diverged()
    let refused = try shell.attempt("lares store merge side --no-conflicts")
    #expect(refused.status == 2 && refused.errors == "Error: both sides changed text\n")
    #expect(try shell("git -C store.git rev-list --count main") == "5")
    try shell("lares store branches create next; lares store set -b next y 1")
    #expect(try shell("lares store merge next").hasPrefix("main moved forward to "))
    try shell("lares store set -b next y 2; lares store merge next --no-ff -m 'With a reason'")
    #expect(try shell("git -C store.git log -n1 --format='%s %P' main | wc -w") == "5")
    try shell("lares store branches create empty main~0")
    try shell("lares store init other; lares store set -C other z 1; git -C store.git fetch -q ../other main:foreign")
    #expect(try shell.attempt("lares store merge foreign").status == 1)
    try shell("lares store merge foreign --allow-unrelated --into below/here")
    #expect(try shell("lares store get below/here/z") == "1")
    try shell.fsck()
  }
}
