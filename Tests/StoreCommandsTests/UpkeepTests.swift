import GitFormat
import Glibc
import HostSystem
import TestSupport
import Testing

/// Backups, restores, retention, collection and forgetting from the command line.
@Suite struct UpkeepTests {
  @Test(arguments: ObjectFormat.allCases) func aBackupIsRestoredWhereThereIsNothing(_ format: ObjectFormat) throws {
    let shell = try Shell()
    try shell("lares store init --format \(format.rawValue); lares store set a 1; lares store snapshot v1")
    try shell("lares store init other.git; lares store set -C other.git b 2; echo 'pass word' >phrase")
    try shell("lares store backup --passphrase-file phrase all store.git other.git")
    #expect(try shell("stat -c %a all") == "600")
    #expect(try shell.attempt("grep -q refs all").status == 1)
    try shell("lares store restore --passphrase-fd 3 all new 3<phrase; git -C new/other.git cat-file blob main:b")
    #expect(try shell("git -C new/store.git for-each-ref") == shell("git -C store.git for-each-ref"))
    try shell.fsck("new/store.git")
    try shell.fsck("new/other.git")
    // Through a pipe, and only one.
    try shell("lares store backup --passphrase-file phrase - | lares store restore --passphrase-file phrase - piped")
    #expect(try shell("ls piped") == "store.git")
    let one = try shell("lares store restore --passphrase-file phrase --only other.git --json all one")
    #expect(one.contains(#""name":"other.git""#) && one.contains(#""references":1"#), "\(one)")

    let there = try shell.attempt("lares store restore --passphrase-file phrase all new")
    #expect(there.status == 1 && there.errors.hasPrefix("Error: new is not empty"), "\(there.errors)")
    let wrong = try shell.attempt("echo wrong >p; lares store restore --passphrase-file p all wrong")
    #expect(wrong.status == 1 && wrong.errors.hasPrefix("Error: not allowed: the passphrase is not"), "\(wrong.errors)")
    let cut = try shell.attempt("head -c 600 all >cut; lares store restore --passphrase-file phrase cut cut.d")
    #expect(cut.status == 1 && cut.errors.contains("the end is cut off"), "\(cut.errors)")
    let none = try shell.attempt("setsid lares store backup nowhere")
    #expect(none.status == 1 && none.errors.contains("there is no terminal"), "\(none.errors)")
    #expect(try shell.attempt("lares store backup --passphrase secret x").status == 64)
    #expect(try shell("ls -A | grep -e new$ -e restoring || true") == "new")
  }

  @Test func aRestoreThatIsKilledLeavesNoRepository() throws {
    let shell = try Shell()
    try shell("lares store init; head -c 400000 /dev/urandom >noise; lares store set noise <noise; echo pass >phrase")
    try shell("lares store backup --passphrase-file phrase all; mkfifo pipe")
    // It waits in the middle of a pack.
    let feeder = try shell.start("exec >pipe; head -c 250000 all; exec sleep 600")
    let restore = try shell.start("exec lares store restore --passphrase-file phrase - new <pipe")
    #expect(eventually { File.list(shell.folder.path).contains { $0.contains("restoring") } })
    usleep(200_000)
    kill(restore.child.identifier, SIGKILL)
    kill(feeder.child.identifier, SIGKILL)
    let outcome = try restore.wait()
    _ = try feeder.wait()
    #expect(outcome.status == nil, "it ended by itself: \(outcome.errors)")
    #expect(try shell.attempt("test -e new").status == 1)
    #expect(try shell("ls -A | grep -c restoring") == "1")
    try shell("lares store restore --passphrase-file phrase all new")
    #expect(try shell("ls -A | grep restoring || true") == "")
    try shell.fsck("new/store.git")
  }

  @Test func forgettingIsShownAskedForAndDone() throws {
    let shell = try Shell()
    try shell("lares store init; lares store set people/ada/phone 12345; lares store set notes x")
    let before = try shell("git -C store.git rev-parse main")
    #expect(try shell("lares store forget -n people").hasPrefix("Would forget people\nWould make 2 commits"))
    let unasked = try shell.attempt("lares store forget people </dev/null")
    #expect(unasked.status == 1 && unasked.errors.contains("--yes"), "\(unasked.errors)")
    #expect(try shell("git -C store.git rev-parse main") == before)
    #expect(try shell.attempt("lares store forget --yes none").status == 3)
    #expect(try shell.attempt("lares store forget --yes").status == 64)
    #expect(try shell.attempt("lares store forget --yes --person Ada").status == 64)
    let done = try shell("lares store forget --yes --json people")
    #expect(done.contains(#""isDone":true"#) && done.contains(#"{"path":"people"}"#), "\(done)")
    #expect(try shell("git -C store.git log --all --format=%s -- people") == "")
    #expect(try shell("lares store get notes") == "x")
    #expect(try shell("git -C store.git log -n 1 --format=%an") == "Ada")
    try shell("lares store forget --yes --person 'Ada <ada@home.arpa>'")
    #expect(try shell("git -C store.git log --format='%an %cn' | sort -u") == "Somebody Somebody")
    #expect(try shell.attempt("grep -r -e 'Ada' -e ada@ store.git").status == 1)
    try shell.fsck()
  }

  @Test func rulesAndCollections() throws {
    let shell = try Shell()
    try shell("lares store init; for n in 1 2 3 4; do lares store set a $n; lares store snapshot s$n; sleep 1.1; done")
    #expect(try shell("lares store retain --last 2 -n") == "s1\ns2")
    #expect(try shell("lares store retain --last 2; lares store snapshot --list") == "s1\ns2\ns3\ns4")
    let cut = try shell.attempt("lares store retain --commits 2")
    #expect(cut.status == 0 && cut.errors.hasPrefix("Note: the history ends at "), "\(cut.errors)")
    #expect(try shell("git -C store.git rev-list --count main") == "2")
    #expect(try shell.attempt("lares store retain").status == 64)
    #expect(try shell("lares store collect --grace-days 0").hasSuffix(" are gone."))
    try shell.fsck()
  }
}
