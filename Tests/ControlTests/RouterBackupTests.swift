import Glibc
import HostSystem
import Household
import TestSupport
import Testing

@testable import Control

/// `lares backup` and `lares restore` as people run them, on routers that run and on such that do not.
@Suite struct RouterBackupTests {
  static let secret = "Tr0ub4dor-3f9a71"
  static let withList = RunningControl.text + "\n[dns]\nblocklists = [\"blocked.txt\"]\n"

  /// A router with two commits, a secret, a key of a server and a blocklist, and its backup.
  struct Source {
    let router: RunningControl
    let place: RouterPlace
    let backup: String

    init() throws {
      router = try RunningControl()
      place = RouterPlace(router)
      try File.replace(router.config + "/blocked.txt", with: Array("ads.example\n".utf8), mode: 0o644, durable: false)
      try router.commit(RouterBackupTests.withList, reason: "block")
      try place.setSecret("pppoe", to: RouterBackupTests.secret)
      let keys = "host.example ssh-ed25519 AAAA1\n"
      try File.replace(router.state + "/known_hosts", with: Array(keys.utf8), durable: false)
      backup = router.folder.path + "/backup"
      try place.succeed("backup", backup)
    }
  }

  @Test func aNewRouterGetsEverythingWithItsHistory() throws {
    let source = try Source()
    #expect(File.mode(of: source.backup) == 0o600)
    let bytes = try File.read(source.backup)
    #expect(!bytes.contains(Array(Self.secret.utf8)) && !bytes.contains(Array("household".utf8)))
    let folder = try TemporaryFolder()
    let new = RouterPlace(folder.path)
    let words = try new.succeed("restore", source.backup)
    #expect(words == "Restored: commit 2 comes into force when Lares starts.\n")
    #expect(try new.read("state/control/secrets/pppoe") == Self.secret)
    #expect(try new.read("state/control/known_hosts").hasPrefix("host.example"))
    #expect(try new.read("config/lares.toml") == Self.withList)
    #expect(
      try new.read("config/blocked.txt") == "ads.example\n" && File.mode(of: new.config + "/blocked.txt") == 0o644)
    #expect(try new.git("log", "--format=%H %s") == source.place.git("log", "--format=%H %s"))
    #expect(try new.git("for-each-ref", "refs/lares") == "")
    _ = try new.git("fsck", "--strict")
    try new.expectSecretNowhereElse(Self.secret)
    let control = try new.serve()
    defer { control.send(SIGKILL) }
    let status = try new.status()
    #expect(status.commit?.number == 2 && status.commit?.reason == "block" && !status.candidateDiffers)
    #expect(try source.router.status().folders?.state == File.absolutePath(source.router.folder.folders.state))
  }

  @Test func aRunningRouterTakesItProvisionallyAndGoesBack() throws {
    let source = try Source()
    let other = try RunningControl()
    let place = RouterPlace(other)
    let own = RunningControl.text + "# mine\n"
    try other.commit(own)
    try place.setSecret("pppoe", to: "own")
    try place.setSecret("spare", to: "kept")
    try File.replace(other.config + "/blocked.txt", with: Array("mine\n".utf8), durable: false)
    try File.replace(other.state + "/known_hosts", with: Array("host.example ssh-ed25519 OWN\n".utf8), durable: false)

    let words = try place.succeed("restore", source.backup, "--confirm", "60")
    #expect(words.contains("Commit 3 is in force.") && words.contains("lares confirm"), "\(words)")
    #expect(try place.read("config/lares.toml") == Self.withList)
    #expect(try place.read("state/control/secrets/pppoe") == Self.secret)
    #expect(try place.read("state/control/secrets/spare") == "kept")
    #expect(try place.read("config/blocked.txt") == "mine\n")
    #expect(try place.read("config/blocked.txt.restored") == "ads.example\n")
    #expect(try place.read("state/control/known_hosts") == "host.example ssh-ed25519 OWN\n")
    // What is set meanwhile holds in any case; and nothing is lost by a restart.
    try place.setSecret("late", to: "later")
    other.end()
    try other.start()
    #expect(try place.read("state/control/secrets/pppoe") == Self.secret)
    let _: ChangeReport = try other.client.send("POST", "/v1/configuration/rollback", [String: String]())
    #expect(try place.read("config/lares.toml") == own)
    #expect(try place.read("state/control/secrets/pppoe") == "own")
    #expect(try place.read("state/control/secrets/late") == "later")
    #expect(File.list(other.state).filter { $0.hasPrefix("secrets") } == ["secrets"])

    try place.succeed("restore", source.backup, "--now")
    #expect(try place.read("state/control/secrets/pppoe") == Self.secret)
    #expect(File.list(other.state).filter { $0.hasPrefix("secrets") } == ["secrets"])
    #expect(try other.history().map(\.number) == [5, 4, 3, 2, 1])
    // Both histories are there.
    let log = try place.git("log", "--format=%s", "main")
    #expect(log.contains("block\n") && log.contains("Import lares.toml\n"))
    #expect(try place.git("show", "main:lares.toml") == Self.withList)
    _ = try place.git("fsck", "--strict")
    try place.expectSecretNowhereElse(Self.secret)
  }

  /// A confirmed restore keeps its secrets, and nothing of those before.
  @Test func aConfirmedRestoreStays() throws {
    let source = try Source()
    try source.place.setSecret("pppoe", to: "changed")
    try source.router.commit(RunningControl.text)
    try source.place.succeed("restore", source.backup)
    #expect(try source.place.read("state/control/secrets/pppoe") == Self.secret)
    let _: ChangeReport = try source.router.client.send("POST", "/v1/configuration/confirm", [String: String]())
    #expect(try source.place.read("state/control/secrets/pppoe") == Self.secret)
    #expect(File.list(source.router.state).filter { $0.hasPrefix("secrets") } == ["secrets"])
    // It is the router's own history: it goes on with one parent.
    #expect(try source.place.git("log", "-1", "--format=%P", "main").split(separator: " ").count == 1)
    #expect(try source.router.history().map(\.number) == [4, 3, 2, 1])
  }

  /// What could not be removed when it was no more needed is not taken for what another change has to go back to.
  @Test func secretsOfAnEarlierRestoreDoNotComeBack() throws {
    let router = try RunningControl()
    let place = RouterPlace(router)
    try place.setSecret("pppoe", to: "now")
    try File.makeFolder(router.state + "/secrets.before", mode: 0o700)
    try File.replace(router.state + "/secrets.before/pppoe", with: Array("stale".utf8), mode: 0o600, durable: false)
    try router.commit(RunningControl.text + "# another\n", window: 60)
    let _: ChangeReport = try router.client.send("POST", "/v1/configuration/rollback", [String: String]())
    #expect(try place.read("state/control/secrets/pppoe") == "now")
    #expect(File.list(router.state).filter { $0.hasPrefix("secrets") } == ["secrets"])
  }

  /// Where the backup's history goes on from the one that is here, main goes on along it.
  @Test func aLongerHistoryIsFollowed() throws {
    let source = try Source()
    let folder = try TemporaryFolder()
    let new = RouterPlace(folder.path)
    try new.succeed("restore", source.backup)
    try source.router.commit(Self.withList + "# later\n", reason: "later")
    try source.place.succeed("backup", source.backup)
    let control = try new.serve()
    defer { control.send(SIGKILL) }
    try new.succeed("restore", source.backup, "--now")
    #expect(try new.status().commit?.number == 3 && new.read("config/lares.toml") == Self.withList + "# later\n")
    #expect(try new.git("rev-parse", "main") == source.place.git("rev-parse", "main"))
  }

  @Test func aFileThatIsNotWholeChangesNothing() throws {
    let source = try Source()
    let other = try RunningControl()
    let place = RouterPlace(other)
    let folder = try TemporaryFolder()
    let new = RouterPlace(folder.path)
    let bytes = try File.read(source.backup)
    let broken = source.backup + ".broken"
    var generator = SeededGenerator(Soak.seed(7))
    for round in 0..<Soak.count(4, soak: 300) {
      var changed = bytes
      if round % 2 == 0 {
        changed.removeLast(Int.random(in: 1..<bytes.count, using: &generator))
      } else {
        changed[Int.random(in: 0..<bytes.count, using: &generator)] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
      }
      try File.replace(broken, with: changed, durable: false)
      for router in [place, new] {
        let before = try router.listing()
        let answer = try router.lares("restore", broken)
        #expect(answer.ending == .exited(1) && answer.output.hasPrefix("Error: "), "\(answer.output)")
        #expect(answer.output.split(separator: "\n").count == 1)
        #expect(try router.listing() == before)
      }
    }
    try File.replace(place.passphrase, with: Array("wrong\n".utf8), durable: false)
    let wrong = try place.lares("restore", source.backup)
    #expect(wrong.ending == .exited(1) && wrong.output.contains("the passphrase is not the one"), "\(wrong.output)")
    #expect(try other.history().count == 1)
    // Another program's backup.
    try source.place.succeed("store", "backup", broken, source.router.store, plain: true)
    let alien = try new.lares("restore", broken)
    #expect(alien.ending == .exited(1) && alien.output.contains("not the backup of a router"), "\(alien.output)")
    let store = try source.place.lares("store", "restore", source.backup, folder.path + "/x", plain: true)
    #expect(store.ending == .exited(1) && store.output.contains("lares restore"), "\(store.output)")
    try source.place.succeed(
      "store", "restore", "--only", "config.git", source.backup, folder.path + "/x", plain: true)
  }

  @Test func verifyingTellsWhatIsInItAndChangesNothing() throws {
    let source = try Source()
    let before = try source.place.listing()
    let words = try source.place.succeed("restore", "--verify", source.backup)
    #expect(words.contains("2 commits") && words.contains("pppoe") && words.contains("blocked.txt"), "\(words)")
    #expect(try source.place.listing() == before)
    #expect(!words.contains(Self.secret))
    #expect(try source.place.lares("restore", "--verify", "--now", source.backup).ending == .exited(64))
  }

  /// A configuration that another version has accepted and this one does not.
  @Test func aConfigurationThatIsRefusedNamesItsLines() throws {
    let folder = try TemporaryFolder()
    let place = RouterPlace(folder.path)
    try File.makeFolder(place.config)
    var history = try StoreHistory(folder: place.control)
    let text = RunningControl.text + "colour = \"red\"\n"
    try history.append(Commit(number: 1, author: "ada", reason: "", time: 0, files: ["lares.toml": text]))
    _ = try history.published()
    let backup = folder.path + "/backup"
    try place.succeed("backup", backup)
    let other = try RunningControl()
    let fresh = try TemporaryFolder()
    for router in [RouterPlace(other), RouterPlace(fresh.path)] {
      for words in [["restore", backup], ["restore", "--verify", backup]] {
        let before = try router.listing()
        let answer = try router.lares(words)
        #expect(answer.ending == .exited(1), "\(answer.output)")
        #expect(answer.output.contains("lares.toml:12:1"), "\(answer.output)")
        #expect(try router.listing() == before)
      }
    }
  }

  @Test func editsThatWereNeverCommittedAreNotLost() throws {
    let source = try Source()
    let edited = Self.withList + "# an edit\n"
    try source.router.edit(edited)
    let refused = try source.place.lares("restore", source.backup)
    #expect(refused.ending == .exited(1) && refused.output.contains("--discard"), "\(refused.output)")
    #expect(try source.place.read("config/lares.toml") == edited)
    try source.place.succeed("restore", "--discard", "--now", source.backup)
    #expect(try source.place.read("config/lares.toml") == Self.withList)

    let folder = try TemporaryFolder()
    let new = RouterPlace(folder.path)
    try File.makeFolder(new.config)
    try File.replace(new.config + "/lares.toml", with: Array("# a start\n".utf8), durable: false)
    try new.succeed("restore", source.backup)
    #expect(try new.read("config/lares.toml") == Self.withList)
    #expect(try new.read("config/lares.toml.before-restore") == "# a start\n")
  }

  @Test func backupsGoThroughPipes() throws {
    let source = try Source()
    let folder = try TemporaryFolder()
    let new = RouterPlace(folder.path)
    let (lares, from, phrase) = (RunningControl.program, source.place, new.passphrase)
    let line = """
      '\(lares)' backup - --passphrase-fd 0 --run '\(from.run)' <'\(phrase)' >'\(folder.path)/piped' &&
      cat '\(phrase)' '\(folder.path)/piped' |
      '\(lares)' restore - --passphrase-fd 0 --config '\(new.config)' --state '\(new.state)'
      """
    let answer = try runCommand(["sh", "-c", line])
    #expect(answer.isSuccess, "\(answer.output)")
    #expect(try new.read("state/control/secrets/pppoe") == Self.secret)
  }

  /// What was taken out of the history here stays out, though an old backup has it; and branches come along.
  @Test func whatIsForgottenDoesNotComeBack() throws {
    let source = try Source()
    source.router.end()
    let line = """
      set -e; cd '\(source.router.folder.path)'; export HOME=$PWD GIT_CONFIG_NOSYSTEM=1 LARES_STORE='\(source.router.store)'
      PATH='\(File.folderName(of: RunningControl.program))':$PATH
      lares store set notes 'the old passphrase'; lares store branches create try
      lares backup all --passphrase-file '\(source.place.passphrase)' --state '\(source.place.state)' --config config
      lares store forget --yes notes
      """
    let answer = try runCommand(["sh", "-c", line])
    try #require(answer.isSuccess, "\(answer.output)")
    let backup = source.router.folder.path + "/all"
    try source.place.succeed("restore", backup, "--discard")
    #expect(try source.place.git("log", "--all", "--format=%H", "--", "notes") == "")
    #expect(try source.place.read("config/lares.toml") == Self.withList)
    _ = try source.place.git("fsck", "--strict")
    // Where nothing is known of it, it comes, and so does the branch.
    let folder = try TemporaryFolder()
    let new = RouterPlace(folder.path)
    try new.succeed("restore", backup)
    #expect(try new.git("show", "try:notes") == "the old passphrase")
  }

  @Test func onlyOneIsAtWorkOnAState() throws {
    let folder = try TemporaryFolder()
    let place = RouterPlace(folder.path)
    for path in [place.config, place.state, place.run, place.control] { try File.makeFolder(path) }
    try File.replace(place.config + "/lares.toml", with: Array(RunningControl.text.utf8), durable: false)
    let words = ["timeout", "5", RunningControl.program, "serve", "control", "--config", place.config]
    do {
      let lock = try FileLock(path: place.control + "/lock")
      let answer = try runCommand(words + ["--state", place.state, "--run", place.run])
      #expect(answer.ending == .exited(1) && answer.output.contains("another process is at work"), "\(answer.output)")
      withExtendedLifetime(lock) {}
    }
    let control = try place.serve()
    defer { control.send(SIGKILL) }
    #expect(try place.status().commit?.number == 1)
  }
}
