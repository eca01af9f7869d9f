import ArgumentParser
import GitFormat
import HostSystem
import TestSupport
import Testing

@testable import StoreCommands

/// Whatever is asked, of whatever is there: a line of what is wrong and a status, never a crash.
@Suite struct BadInputTests {
  /// Ended as a program that refuses: with one line on standard error and nothing on standard output.
  private func expectRefusal(_ shell: Shell, _ command: String, _ status: Int32, _ words: String = "") throws {
    let outcome = try shell.attempt("lares store \(command)")
    #expect(outcome.status == status, "\(command): \(outcome.ending) \(outcome.errors)")
    #expect(
      outcome.output == "" && outcome.errors.hasPrefix("Error: ") && outcome.errors.contains(words),
      "\(command): \(outcome.errors)")
    if status != 64 { #expect(outcome.errors.split(separator: "\n").count == 1, "\(command)") }
  }

  @Test func pathsThatCannotBe() throws {
    let shell = try Shell()
    try shell("lares store init; lares store set a 1")
    let long = String(repeating: "x", count: 300), deep = String(repeating: "d/", count: 1_100)
    for path in [
      "''", "/", "..", "a/../b", ".git", "x/.GIT", "'.git '", "git~1", ".lares-conflicts/x", ".lares-0", long,
      "\(deep)x",
      "\"$(printf 'a\\nb')\"", "\"$(printf '.g\\342\\200\\214it')\"",
    ] {
      try expectRefusal(shell, "set \(path) 1", 1, "cannot be a path")
    }
    for path in ["''", "..", ".git", ".lares-conflicts/x", long, "\(deep)x"] {
      try expectRefusal(shell, "remove \(path)", 1, "cannot be a path")
      let read = try shell.attempt("lares store get \(path)")
      #expect(read.status == 3, "\(path): \(read.errors)")
    }
    #expect(try shell("git -C store.git rev-list --count main") == "1")
  }

  @Test func whatIsNotThere() throws {
    let shell = try Shell()
    try shell(
      "lares store init; mkdir empty; echo hi >file; git init -q work; lares store init full; lares store set -C full a/b 1"
    )
    let advice = "is not a bare Git repository; make one with lares store init"
    for verb in ["set a 1", "list", "log", "watch", "dot", "branches", "conflicts", "fetch x", "bundle create f"] {
      try expectRefusal(shell, "\(verb) -C empty", 1, advice)
    }
    for folder in ["nowhere", "empty", "file", "file/x"] {
      try expectRefusal(shell, "get a --repository=\(folder)", 1, advice)
    }
    try expectRefusal(shell, "get a -C work", 1, "work is a working tree; name its repository: --repository work/.git")
    try expectRefusal(shell, "get a", 3, "there is nothing at a")
    try expectRefusal(shell, "get a -b side", 3, "there is no branch side")
    try expectRefusal(shell, "list -b side", 3)
    try expectRefusal(shell, "get a -b 'a b'", 1, "cannot be the name of a branch")
    try expectRefusal(shell, "get -C full a", 3, "a is a directory")
    try expectRefusal(shell, "get -C full /", 3, "the root is a directory")
    try expectRefusal(shell, "get -C full a/b/c", 3)
    try expectRefusal(shell, "init full", 1, "full is not empty")
    try expectRefusal(shell, "init file", 1)
    try expectRefusal(shell, "init x/y -b 'a b'", 1)
    try expectRefusal(shell, "show", 3, "there is no branch main")
    for nothing in ["list", "log", "tree", "branches", "conflicts", "snapshot --list", "list -r"] {
      #expect(try shell.attempt("lares store \(nothing)").status == 0, "\(nothing)")
    }
  }

  @Test func wrongUsage() throws {
    let shell = try Shell()
    for command in [
      "get", "get a b", "set", "set a 1 --mode x", "set a 1 --if-absent --if-equals 1", "list -z --json", "log -n x",
      "log -n -1",
      "tree -d 0", "get a --at x -b y", "diff -p -z", "diff -q", "watch -n 0", "resolve a --ours --theirs",
      "revert x --parent 0",
      "snapshot --list x", "init --format md5", "nonsense", "branches make x", "dot -n -1",
    ] {
      try expectRefusal(shell, command, 64)
    }
  }

  @Test func formatsThatDoNotGoTogether() throws {
    let shell = try Shell()
    try shell(
      "lares store init; lares store set a 1; lares store init --format sha256 other; lares store set -C other a 1")
    let id = try shell("git -C other rev-parse main")
    try expectRefusal(shell, "log --at \(id)", 1, "names objects by sha1, the other by sha256")
    try shell("lares store bundle create b")
    try expectRefusal(shell, "bundle import -C other b", 1, "sha256")
  }

  @Test func damagedRepositories() throws {
    let shell = try Shell()
    try shell("lares store init; for i in 1 2 3; do lares store set a/b $i; done; lares store branches create side")
    let damages = [
      "for f in store.git/objects/pack/*.pack; do chmod u+w $f; : >$f; done",
      "for f in store.git/objects/pack/*.idx; do chmod u+w $f; head -c 500 /dev/urandom >$f; done",
      "for f in store.git/objects/pack/*.pack; do chmod u+w $f; printf 'XXXXXXXX' | dd of=$f bs=1 seek=40 conv=notrunc 2>/dev/null; done",
      "rm store.git/objects/pack/*", "echo nonsense >store.git/refs/heads/main", "rm store.git/HEAD",
      "echo junk >store.git/HEAD",
      "head -c 5000 /dev/urandom >store.git/lares/journal", ": >store.git/lares/shared", "rm -r store.git/objects",
      "echo '[extensions' >store.git/config", "rm store.git/config; mkdir store.git/config",
      "echo 1 >store.git/packed-refs",
    ]
    try shell("cp -a store.git whole")
    for damage in damages {
      try shell("rm -rf store.git; cp -a whole store.git; \(damage)")
      for command in ["get a/b", "log", "set a/b 9", "bundle create f"] {
        let outcome = try shell.attempt("timeout 60 lares store \(command)")
        let isSaid = outcome.status == 0 || outcome.errors.hasPrefix("Error: ") || outcome.errors.contains("\nError: ")
        #expect(
          outcome.status.map { $0 < 5 } == true && isSaid, "\(damage): \(command): \(outcome.ending) \(outcome.errors)")
      }
    }
  }

  @Test func everyCommandHasHelpWithAnAbstract() throws {
    let shell = try Shell()
    let all = StoreCommand.configuration.groupedSubcommands.flatMap(\.subcommands)
    #expect(all.count > 20)
    for command in all + BranchesCommand.configuration.subcommands + BundleCommand.configuration.subcommands {
      #expect(command.configuration.abstract.hasSuffix("."), "\(command)")
    }
    for command in ["", "get", "branches delete", "merge-driver"] {
      #expect(try shell("lares store \(command) --help").hasPrefix("OVERVIEW: "), "\(command)")
    }
  }
}
