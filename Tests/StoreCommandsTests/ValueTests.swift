import GitFormat
import HostSystem
import TestSupport
import Testing

/// Values are set, read and removed, and stock git sees the same.
@Suite struct ValueTests {
  @Test(arguments: ObjectFormat.allCases)
  func whatIsSetIsReadByUsAndByGit(_ format: ObjectFormat) throws {
    let shell = try Shell()
    try shell("lares store init --format \(format.rawValue)")
    try shell("lares store set people/ada/phone '+49 30 1' -m 'Ada moved' --author 'Bob <bob@home.arpa>'")
    #expect(try shell("lares store get people/ada/phone") == "+49 30 1")
    #expect(try shell("git -C store.git cat-file blob main:people/ada/phone") == "+49 30 1")
    let line = try shell("git -C store.git log --format='%an <%ae> %cn %s'")
    #expect(line == "Bob <bob@home.arpa> Ada Ada moved")
    #expect(try shell("git -C store.git rev-parse --show-object-format") == format.rawValue)
    try shell.fsck()
  }

  @Test func bytesGoThroughPipesUnchanged() throws {
    let shell = try Shell()
    // The larger is in chunks.
    let size = Soak.count(300_000, soak: 70 << 20)
    try shell("lares store init; head -c \(size) /dev/urandom >noise; : >nothing")
    for name in ["noise", "nothing"] {
      try shell("lares store set \(name) <\(name); lares store get \(name) | cmp - \(name)")
      if !Soak.isOn { try shell("git -C store.git cat-file blob main:\(name) | cmp - \(name)") }
    }
    #expect(try shell.attempt("printf 'no newline' | lares store set a; lares store get a").output == "no newline")
  }

  @Test func whereNothingChangesThereIsNoCommit() throws {
    let shell = try Shell()
    try shell("lares store init; lares store set a 1; lares store set a 1")
    #expect(try shell("git -C store.git rev-list --count main") == "1")
  }

  @Test func modesAreAsACheckoutHasThem() throws {
    let shell = try Shell()
    try shell("lares store init; lares store set run --mode executable '#!/bin/sh'")
    try shell("lares store set here --mode link run; lares store set run 'echo hi'")
    #expect(try shell("git -C store.git ls-tree --format='%(objectmode) %(path)' main") == "120000 here\n100755 run")
    #expect(try shell("lares store get here") == "run")
  }

  @Test func testAndSet() throws {
    let shell = try Shell()
    try shell("lares store init; lares store set a --if-absent 1")
    #expect(try shell.attempt("lares store set a --if-absent 2").status == 4)
    #expect(try shell.attempt("lares store set a --if-equals 7 2").status == 4)
    #expect(try shell.attempt("lares store set b --if-equals '' 2").status == 4)
    try shell("lares store set a --if-equals 1 -m '- minus' -- -2; lares store set a --if-equals -2 3")
    #expect(try shell("lares store get a") == "3")
    #expect(try shell("git -C store.git log --format=%s main") == "Set a\n- minus\nSet a")
  }

  @Test func listsAreThoseOfGit() throws {
    let shell = try Shell()
    try shell("lares store init; for p in b a/x a/y/z 'ü b'; do lares store set \"$p\" 1; done")
    #expect(try shell("lares store list") == "a/\nb\nü b")
    #expect(try shell("lares store list a") == "x\ny/")
    #expect(try shell("lares store list a/x") == "a/x")
    #expect(
      try shell("lares store list -r") == shell("git -C store.git -c core.quotePath=off ls-tree -r --name-only main"))
    #expect(
      try shell("lares store list -r -z | od -c") == shell("git -C store.git ls-tree -rz --name-only main | od -c"))
    #expect(try shell("lares store list -l a/y").contains(shell("git -C store.git rev-parse main:a/y/z")))
    #expect(try shell("lares store tree") == ".\n├─ a/\n│  ├─ x\n│  └─ y/\n│     └─ z\n├─ b\n└─ ü b")
    #expect(try shell("lares store tree a --depth 1") == "a\n├─ x\n└─ y/")
    #expect(try shell("lares store list --json b").hasPrefix(#"{"id":"#))
    #expect(try shell.attempt("lares store list nowhere").status == 3)
  }

  @Test func oddNamesComeAndGoAsBytes() throws {
    let shell = try Shell()
    // "\377x" and, put there by git, a name with a newline.
    try shell(#"lares store init; name=$(printf '\377x'); lares store set "$name" odd; lares store get "$name" >got"#)
    #expect(try shell("cat got") == "odd")
    #expect(try shell("git -C store.git ls-tree --name-only main") == #""\377x""#)
    #expect(try shell("lares store list") == #""\377x""#)
    #expect(try shell("lares store list --json").contains(#""pathBytes":"ff78""#))
    try shell(
      """
      cd store.git; blob=$(echo hi | git hash-object -w --stdin); name=$(printf 'a\\nb\\033[31m\\t"')
      GIT_INDEX_FILE=index.tmp git update-index --add --cacheinfo "100644,$blob,$name"
      tree=$(GIT_INDEX_FILE=index.tmp git write-tree)
      git update-ref refs/heads/odd $(git commit-tree -m "two
      lines $(printf '\\033[31m')" $tree)
      """)
    #expect(try shell("lares store list -b odd") == #""a\nb\033[31m\t\"""#)
    #expect(try !shell("lares store log -b odd; lares store log -b odd --full").utf8.contains(0x1B))
  }

  @Test func whatIsRemovedIsGoneAndItsHistoryStays() throws {
    let shell = try Shell()
    try shell("lares store init; for p in a/x a/y b c; do lares store set $p 1; done; lares store remove a/x b")
    #expect(try shell("git -C store.git ls-tree -r --name-only main") == "a/y\nc")
    #expect(try shell("lares store get b --at main~1") == "1")
    let outcome = try shell.attempt("lares store remove c nope")
    #expect(outcome.status == 3)
    #expect(outcome.errors == "Error: there is nothing at nope\n")
    #expect(try shell("lares store get c") == "1")
    try shell("lares store remove a")
    #expect(try shell("lares store list") == "c")
  }

  @Test func repositoriesAreFoundByOptionEnvironmentAndFolder() throws {
    let shell = try Shell()
    try shell("lares store init; lares store init other; lares store set a here; lares store set -C other a there")
    #expect(try shell("lares store get a") == "here")
    #expect(try shell("lares store get a -Cother") == "there")
    #expect(try shell("lares store get a --repository other") == "there")
    #expect(try shell("cd other; unset LARES_STORE; lares store get a") == "there")
    #expect(try shell("LARES_STORE= lares store get a -C other") == "there")
  }

  @Test func theAuthorIsWhoeverRunsIt() throws {
    let shell = try Shell()
    try shell(
      "lares store init; unset GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL; lares store set a 1"
    )
    let who = try shell("git -C store.git log --format='%ae %ce'").split(separator: " ")
    #expect(who.count == 2 && who[0] == who[1])
    #expect(try who[0] == "\(shell("id -un"))@\(shell("uname -n"))")
    #expect(try shell.attempt("lares store set a 2 --author nobody").status == 64)
  }
}
