import GitFormat
import Glibc
import HostSystem
import TestSupport
import Testing

/// Commands beside each other, and at both ends of pipes.
@Suite struct PipeTests {
  @Test func aWatchSeesWhatAnotherProcessSets() throws {
    let shell = try Shell()
    try shell("lares store init; lares store set people/ada 1; lares store set other 1")
    let watch = try shell.start("exec lares store watch people --initial --count 4")
    try watch.waitForLines(1)
    try shell("lares store set other 2; lares store set people/bob 1")
    try watch.waitForLines(2)
    try shell("lares store set people/ada 2")
    try watch.waitForLines(3)
    try shell("git clone -q store.git work; cd work; git rm -qr people; git commit -qm gone; git push -q origin main")
    let outcome = try watch.wait()
    #expect(outcome.status == 0)
    let commits = try shell("git -C store.git rev-list --reverse main -- people").split(separator: "\n")
    let lines = outcome.output.split(separator: "\n").map(String.init)
    #expect(lines[1] == "added  main  \(commits[1])  people/bob")
    #expect(lines[2] == "updated  main  \(commits[2])  people/ada")
    #expect(lines[3...] == ["removed  main  \(commits[3])  people/ada", "removed  main  \(commits[3])  people/bob"])
  }

  @Test func aWatchOfAllBranchesTellsNewOnesAndThoseThatGo() throws {
    let shell = try Shell()
    try shell("lares store init; lares store set a 1")
    let watch = try shell.start("exec lares store watch --all --initial --json -n 3")
    try watch.waitForLines(1)
    try shell("lares store branches create side")
    try watch.waitForLines(2)
    try shell("lares store branches delete side")
    let outcome = try watch.wait()
    let lines = outcome.output.split(separator: "\n")
    #expect(lines.count == 3 && lines[1].contains(#""branch":"side","kind":"added""#))
    #expect(lines.last?.contains(#""branch":"side","kind":"removed""#) == true)
  }

  @Test func aWatchEndsWithItsReaderOrBySignal() throws {
    let shell = try Shell()
    try shell("lares store init; lares store set a 1")
    // head goes after the first line; nothing changes afterwards.
    #expect(try shell("timeout 20 lares store watch --initial | head -n1").hasPrefix("added  main  "))
    let watch = try shell.start("exec lares store watch --initial")
    try watch.waitForLines(1)
    watch.child.send(SIGTERM)
    #expect(try watch.wait().ending == .signalled(SIGTERM))
  }

  @Test func aReaderThatGoesEndsTheWriterWithoutAWord() throws {
    let shell = try Shell()
    try shell(
      "lares store init; head -c 400000 /dev/zero | lares store set a; for i in 1 2 3; do lares store set b $i; done")
    for command in ["get a", "log --json", "cat $(git -C store.git rev-parse main:a)", "bundle create -"] {
      let outcome = try shell.attempt("lares store \(command) | head -c 10 >/dev/null")
      #expect(outcome.errors == "", "\(command)")
    }
    let full = try shell.attempt("lares store get a >/dev/full")
    #expect(full.status == 1 && full.errors == "Error: writing standard output: No space left on device\n")
  }

  @Test func writersBesideEachOtherLoseNothing() throws {
    let shell = try Shell()
    let count = Soak.count(8, soak: 200)
    try shell("lares store init; lares store set counter 0")
    func loop(_ name: String) -> String {
      """
      for i in $(seq \(count)); do
        lares store set \(name)/$i $i
        until old=$(lares store get counter); lares store set counter --if-equals $old $((old + 1)) 2>/dev/null; do :; done
      done
      """
    }
    let one = try shell.start("set -e; \(loop("one"))"), two = try shell.start("set -e; \(loop("two"))")
    for writer in [one, two] {
      let outcome = try writer.wait()
      #expect(outcome.status == 0, "\(outcome.errors)")
    }
    #expect(try shell("lares store get counter") == "\(2 * count)")
    #expect(try shell("lares store list -r | wc -l") == "\(2 * count + 1)")
    #expect(try shell("git -C store.git rev-list --count main") == "\(4 * count + 1)")
    try shell.fsck()
  }
}
