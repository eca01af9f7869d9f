import GitFormat
import HostSystem
import TestSupport
import Testing

/// Repositories elsewhere: stock git's and ours, by path and by what stands for ssh.
@Suite struct SyncTests {
  enum Way: String, CaseIterable, Sendable {
    case path, ssh

    func address(_ shell: Shell, _ name: String) -> String {
      self == .path ? name : "ssh://nas\(shell.path(name))"
    }
    var variables: [String: String] {
      self == .path ? [:] : ["GIT_SSH_COMMAND": "\(Shell.products)/store-server", "GIT_SSH_VARIANT": "ssh"]
    }
  }

  @Test(arguments: Way.allCases, ObjectFormat.allCases)
  func storesAreClonedPulledAndPushed(_ way: Way, _ format: ObjectFormat) throws {
    let shell = try Shell()
    try shell(
      "lares store init --format \(format.rawValue) -b trunk; lares store set a 1; lares store set b 1; lares store snapshot v1"
    )
    try shell("lares store clone \(way.address(shell, "store.git")) copy", variables: way.variables)
    #expect(
      try shell("git -C copy rev-parse trunk v1 origin/trunk") == shell("git -C store.git rev-parse trunk v1 trunk"))
    #expect(try shell("git -C copy config remote.origin.fetch") == "+refs/heads/*:refs/remotes/origin/*")
    #expect(try shell("lares store get a -C copy") == "1")

    try shell("lares store set a 2; lares store set -C copy b 2")
    #expect(
      try shell("lares store fetch -C copy", variables: way.variables).hasPrefix("updated  refs/remotes/origin/trunk  ")
    )
    #expect(try shell("lares store fetch -C copy", variables: way.variables) == "")
    let refused = try shell.attempt("lares store push -C copy", variables: way.variables)
    #expect(
      refused.status == 1 && refused.errors.hasPrefix("Error: origin did not take refs/heads/trunk: "),
      "\(refused.errors)")
    #expect(try shell("lares store pull -C copy", variables: way.variables).hasPrefix("Merged as "))
    try shell("lares store snapshot -C copy v2")
    #expect(
      try shell("lares store push -C copy origin trunk v2 trunk:refs/heads/other", variables: way.variables).split(
        separator: "\n"
      ).count == 3)
    #expect(
      try shell("lares store get a; lares store get b; lares store get b -b other; lares store branches")
        == "222other\ntrunk")
    #expect(
      try shell("git -C copy rev-parse origin/trunk trunk v2") == shell("git -C store.git rev-parse trunk trunk v2"))
    try shell.fsck()
    try shell.fsck("copy")
  }

  @Test func stockRepositoriesAreClonedPulledAndPushed() throws {
    let shell = try Shell()
    try shell(
      """
      git init -q -b main work; cd work; echo 1 >a; git add .; git commit -qm one; git branch side
      git config receive.denyCurrentBranch updateInstead; echo 2 >a; git commit -qam two
      """)
    try shell("lares store clone --depth 1 work store.git")
    #expect(try shell("lares store log | wc -l; lares store get a") == "1\n2")
    #expect(try shell("git -C store.git config remote.origin.url") == shell("cd work; pwd -P"))
    try shell("lares store set b 1; lares store push")
    #expect(try shell("cat work/b; git -C work rev-list --count main") == "13")
    try shell("cd work; echo 3 >a; git commit -qam three")
    #expect(try shell("lares store pull").hasPrefix("main moved forward to "))
    // An address has no name here, so it says what becomes what.
    #expect(try shell.attempt("lares store fetch work/.git").status == 1)
    try shell("lares store fetch work/.git refs/heads/side:refs/heads/theirs")
    try shell("lares store push --force work :side; git -C work branch --format='%(refname:short)' | grep -qx main")
    #expect(try shell("git -C work branch --format='%(refname:short)'") == "main")
    #expect(try shell("lares store fetch --prune") == "removed  refs/remotes/origin/side")
    try shell.fsck()
  }

  @Test func aForcedPushKeepsWhatWasThere() throws {
    let shell = try Shell()
    try shell("git init -q --bare -b main there.git; lares store init; lares store set a 1; lares store push there.git")
    try shell(
      "lares store init other; lares store set -C other b 1; lares store fetch -C other there.git refs/heads/main:refs/heads/x"
    )
    #expect(try shell.attempt("lares store push -C other there.git").status == 1)
    try shell("lares store push -C other --force there.git")
    #expect(try shell("git -C there.git rev-parse main") == shell("git -C other rev-parse main"))
    #expect(try shell("git -C other for-each-ref refs/lares/undo | wc -l") == "1")
    #expect(try shell("lares store push -C other --all there.git | wc -l") == "2")
  }

  @Test func aConflictOfAPullIsOneOfAMerge() throws {
    let shell = try Shell()
    try shell(
      "lares store init; lares store set a 1; lares store clone store.git copy; lares store set a 2; lares store set -C copy a 3"
    )
    let outcome = try shell.attempt("lares store pull -C copy")
    #expect(outcome.status == 2 && outcome.output == "a\n")
    try shell("lares store resolve -C copy a --theirs; lares store push -C copy")
    #expect(try shell("lares store get a") == "2")
  }

  @Test func whatCannotBeReachedIsSaidAndLeavesNothing() throws {
    let shell = try Shell()
    try shell("lares store init; lares store set a 1; lares store init --format sha256 other")
    let formats = try shell.attempt("lares store pull -C other store.git")
    #expect(
      formats.status == 1 && formats.errors.contains("sha256") && formats.errors.contains("sha1"), "\(formats.errors)")
    for (command, status) in [
      "clone nowhere copy": 1, "clone ext::sh copy": 1, "clone -- -x copy": 1, "clone http://127.0.0.1:1/x copy": 1,
      "clone https://127.0.0.1:1/x copy": 1, "fetch": 3, "pull nope": 3, "pull other nope": 1, "push other nope": 3,
      "clone other store.git": 1, "clone --depth 0 other copy": 64,
    ] as [String: Int32] {
      let outcome = try shell.attempt("lares store \(command)")
      #expect(outcome.status == status, "\(command): \(outcome.errors)")
      #expect(
        status == 64 || outcome.errors.hasPrefix("Error: ") && outcome.errors.split(separator: "\n").count == 1,
        "\(command): \(outcome.errors)")
      #expect(access(shell.path("copy")) == false, "\(command)")
    }
    #expect(try shell("lares store get a") == "1")
  }

  private func access(_ path: String) -> Bool { !File.list(path).isEmpty }

  @Test(arguments: ObjectFormat.allCases)
  func bundlesGoThroughFilesAndPipes(_ format: ObjectFormat) throws {
    let shell = try Shell()
    try shell(
      "lares store init --format \(format.rawValue); lares store set a 1; lares store snapshot v1; lares store set a 2")
    try shell(
      "lares store bundle create all; git -C store.git bundle verify -q ../all; git clone -q all work; cat work/a")
    try shell(
      "lares store init --format \(format.rawValue) copy; lares store bundle create - | lares store bundle import -C copy -"
    )
    #expect(try shell("git -C copy rev-parse main v1") == shell("git -C store.git rev-parse main v1"))
    try shell(
      "lares store set a 3; lares store bundle create next main --excluding main~1; lares store bundle import -C copy next"
    )
    #expect(try shell("lares store get -C copy a") == "3")
    // One that has gone its own way is left, and can be merged.
    try shell("lares store set a 4; lares store set -C copy b 5; lares store bundle create more")
    let refused = try shell.attempt("lares store bundle import -C copy more")
    #expect(refused.status == 1 && refused.errors.contains("refs/heads/main would lose what it has"))
    try shell("lares store bundle import -C copy --as nas more; lares store merge -C copy nas/main")
    #expect(try shell("lares store get -C copy a; lares store get -C copy b") == "45")
    try shell(
      "head -c 200 more >torn; git -C work bundle create -q ../gits HEAD main; lares store init --format \(format.rawValue) third; lares store bundle import -C third gits"
    )
    #expect(try shell.attempt("lares store bundle import -C third torn").status == 1)
    try shell("lares store init --format \(format.rawValue) fourth")
    #expect(try shell.attempt("lares store bundle import -C fourth next").errors.contains("which is not here"))
    #expect(try shell.attempt("lares store bundle create x nope").status == 3)
    #expect(try shell.attempt("lares store bundle import nowhere").status == 1)
    try shell.fsck("copy")
  }
}
