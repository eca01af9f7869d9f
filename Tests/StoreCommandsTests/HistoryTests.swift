import GitFormat
import HostSystem
import TestSupport
import Testing

/// History is told as stock git tells it.
@Suite struct HistoryTests {
  private func sample() throws -> Shell {
    let shell = try Shell()
    try shell(
      """
      lares store init
      lares store set notes/a "one" -m "First"
      seq 1 30 | lares store set text -m "Second
      with more lines"
      lares store set notes/b "two" -m "Third"
      seq 1 30 | sed 's/^2$/zwei/; s/^20$/zwanzig/' | lares store set text -m "Fourth"
      """)
    return shell
  }

  @Test func logIsGits() throws {
    let shell = try sample()
    let format = "--format='%h  %ad  %an  %s' --date='format:%Y-%m-%d %H:%M %z' --abbrev=10"
    #expect(try shell("lares store log") == shell("git -C store.git log \(format)"))
    #expect(try shell("lares store log notes") == shell("git -C store.git log \(format) -- notes"))
    #expect(try shell("lares store log -n2 --at main~1") == shell("git -C store.git log \(format) -n2 main~1"))
    #expect(try shell("lares store log --excluding main~2") == shell("git -C store.git log \(format) main~2..main"))
    #expect(
      try shell("lares store log --full -n1").hasPrefix(
        "commit \(shell("git -C store.git rev-parse main"))\nAuthor: Ada <"))
    #expect(try shell("lares store log --json | wc -l") == "4")
    #expect(try shell("lares store log --json -n1").contains(#""message":"Fourth\n""#))
    #expect(try shell("lares store last-modified notes") == shell("git -C store.git log \(format) -n1 -- notes"))
    #expect(try shell.attempt("lares store last-modified nope").status == 3)
  }

  @Test func commitsAreNamedAsInGit() throws {
    let shell = try sample()
    try shell("lares store snapshot v1; git -C store.git update-ref refs/remotes/nas/main main~1")
    let names = [
      "main", "HEAD", "@", "main~2", "main^", "HEAD~1^1", "refs/heads/main", "heads/main", "v1", "v1~1", "nas/main",
    ]
    for name in names {
      let git = try shell("git -C store.git rev-parse '\(name)^{commit}'")
      #expect(try shell("lares store log --full -n1 --at '\(name)'").hasPrefix("commit \(git)\n"), "\(name)")
    }
    let tag = try shell("git -C store.git rev-parse v1"), head = try shell("git -C store.git rev-parse main")
    for hash in [tag, "\(tag.prefix(8))", "\(head.prefix(4))", head.uppercased()] {
      #expect(try shell("lares store log --full -n1 --at \(hash)").hasPrefix("commit \(head)\n"), "\(hash)")
    }
    for (name, status) in ["nope": 3, "main~9": 3, "main^2": 3, "": 1, "~1": 1, "main~x": 1, "main:text": 3]
      as [String: Int32]
    {
      #expect(try shell.attempt("lares store log --at '\(name)'").status == status, "\(name)")
    }
    #expect(
      try shell.attempt("lares store log --at $(git -C store.git rev-parse main:text)").errors.contains("is a blob"))
  }

  @Test func patchesAreTakenByGit() throws {
    let shell = try sample()
    try shell(
      """
      printf 'no end' | lares store set text
      lares store set new --mode executable x; lares store remove notes/a
      lares store set notes/b --mode link text; head -c 100 /dev/zero | lares store set binary
      lares store set 'ü "q' y
      """)
    for pair in ["main~7 main~4", "main~6 main~5", "main main~6", "main~4 main~3", "main~3 main~1"] {
      let ours = try shell("lares store diff -p \(pair)")
      let git = try shell("git -C store.git -c core.quotePath=off diff --full-index --no-renames --no-color \(pair)")
      #expect(Self.withoutFunctions(ours) == Self.withoutFunctions(git), "\(pair)")
    }
    try shell(
      """
      git clone -q store.git work; cd work; git checkout -q main~5
      lares store diff -p main~5 main~2 >../patch; git apply --index ../patch
      test $(git write-tree) = $(git rev-parse main~2^{tree})
      """)
  }

  /// git names the function, or the line that may be one, behind the second @@.
  private static func withoutFunctions(_ patch: String) -> [String] {
    patch.split(separator: "\n").map { line in
      line.hasPrefix("@@") ? line.split(separator: " ").prefix(4).joined(separator: " ") : String(line)
    }
  }

  @Test func diffSaysByItsStatusWhetherSomethingDiffers() throws {
    let shell = try sample()
    #expect(try shell("lares store diff") == "M  text")
    #expect(try shell("lares store diff main~2") == "A  notes/b\nM  text")
    #expect(try shell("lares store diff main~2 main --path notes") == "A  notes/b")
    #expect(try shell("lares store diff main main~2 -z | tr '\\0' '\\n'") == "D\nnotes/b\nM\ntext")
    #expect(try shell("lares store diff --json").contains(#""kind":"updated""#))
    #expect(try shell.attempt("lares store diff main main --exit-code").status == 0)
    let outcome = try shell.attempt("lares store diff main~1 main --exit-code -q")
    #expect(outcome.status == 1 && outcome.output == "" && outcome.errors == "")
    #expect(try shell.attempt("lares store diff main nope --exit-code").status == 2)
    #expect(try shell.attempt("lares store diff main nope").status == 3)
  }

  @Test func showAndCatAreGits() throws {
    let shell = try sample()
    #expect(try shell("lares store show").hasSuffix(shell("lares store diff -p main~1 main")))
    #expect(try shell("lares store show main~3").contains("new file mode 100644"))
    for name in ["main", "main^{tree}", "main:text"] {
      let id = try shell("git -C store.git rev-parse '\(name)'")
      let kind = try shell("git -C store.git cat-file -t \(id)")
      try shell("lares store cat \(id) >ours; git -C store.git cat-file \(kind) \(id) | cmp - ours")
      #expect(try shell("lares store cat -k \(id)") == "\(kind) \(shell("git -C store.git cat-file -s \(id)"))")
    }
    #expect(try shell.attempt("lares store cat 12345").status == 1)
    #expect(try shell.attempt("lares store cat \(String(repeating: "1", count: 40))").status == 3)
  }

  @Test func aCommitIsUndoneByANewOne() throws {
    let shell = try sample()
    try shell("lares store revert main~1 -m 'No b'")
    #expect(try shell("lares store list notes") == "a")
    #expect(try shell("lares store revert main~2") == "It had been undone already; nothing has changed")
    try shell("lares store set text changed")
    let outcome = try shell.attempt("lares store revert main~2")
    #expect(outcome.status == 2 && outcome.errors == "Error: both sides changed text\n")
    try shell.fsck()
  }

  @Test(arguments: ObjectFormat.allCases)
  func snapshotsAreTagsThatDoNotMove(_ format: ObjectFormat) throws {
    let shell = try Shell()
    try shell("lares store init --format \(format.rawValue)")
    #expect(try shell.attempt("lares store snapshot v1").status == 3)
    try shell("lares store set a 1; lares store snapshot v1 -m Before; lares store set a 2")
    #expect(try shell("git -C store.git cat-file -t v1; git -C store.git tag -n v1") == "tag\nv1              Before")
    #expect(try shell.attempt("lares store snapshot v1").status == 4)
    #expect(try shell("lares store get a --at v1") == "1")
    let name = try shell("lares store snapshot")
    #expect(name.hasSuffix("Z") && name.utf8.count == 16)
    #expect(try shell("lares store snapshot --list") == shell("git -C store.git tag"))
    for bad in ["'a b'", "a..b", "-- -x", "a.lock"] {
      #expect(try shell.attempt("lares store snapshot \(bad)").status == 1, "\(bad)")
    }
    try shell.fsck()
  }

  @Test func theGraphHasEveryCommitUpToItsBounds() throws {
    let shell = try sample()
    let whole = try shell("lares store dot")
    for id in try shell("git -C store.git rev-list main").split(separator: "\n") {
      #expect(whole.contains(#"  "\#(id)" [label"#))
    }
    #expect(whole.hasPrefix("digraph") && whole.hasSuffix("}"))
    #expect(try shell("lares store dot -n 2 | grep -c ' -> '") == "3")
    #expect(try shell("lares store dot --depth 0 main~1 | grep -c dashed") == "1")
  }
}
