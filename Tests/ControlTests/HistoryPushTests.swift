import GitFormat
import Glibc
import HostSystem
import Household
import StoreSync
import Synchronization
import TestSupport
import Testing
import VersionedStore
import Wire

@testable import Control

/// The history on its way to a repository elsewhere.
@Suite struct HistoryPushTests {
  private static func text(_ push: String, password: String? = nil, note: String = "") -> String {
    RunningControl.text + "\n[history]\npush = \"\(push)\"\n"
      + (password.map { "password = { secret = \"\($0)\" }\n" } ?? "") + note
  }

  private static let impatient = {
    var settings = HistoryPushSettings()
    settings.pauses = PushSchedule.Pauses(first: 200, longest: 400)
    return settings
  }()

  /// Waits for a state of the history.
  private func wait(
    _ router: RunningControl, for isRight: (HistoryReport) -> Bool, _ place: SourceLocation = #_sourceLocation
  ) throws -> HistoryReport {
    var last: HistoryReport?
    let hasCome = try eventually(every: .milliseconds(50)) {
      last = try router.status().history
      return last.map(isRight) ?? false
    }
    #expect(hasCome, "\(String(describing: last))", sourceLocation: place)
    return try #require(last)
  }

  private func tip(_ repository: String) throws -> ObjectID? {
    try GitBackend(opening: repository).reference(ConfigurationStore.main)
  }

  private func git(_ arguments: String..., in folder: String) throws -> String {
    String(try StockGit.run(arguments, at: folder).dropLast())
  }

  // MARK: - Paths

  @Test func everyCommitThatStaysIsPushed() throws {
    let router = try RunningControl()
    let remote = router.folder.path + "/remote.git"
    _ = try GitBackend.create(remote)
    #expect(try router.status().history == nil)
    try router.commit(Self.text(remote))
    let first = try wait(router) { $0.commit == 2 }
    #expect(first.remote == remote && first.waiting == 0 && first.problem == nil && first.pushed != nil)
    #expect(try tip(remote)?.hex == router.history()[0].id)
    let words = try runCommand([RunningControl.program, "status", "--run", router.folder.folders.run])
    #expect(words.output.contains("History to \(remote): commit 2 was pushed "), "\(words.output)")
    // One that may still revert does not leave the router.
    try router.commit(Self.text(remote, note: "# maybe\n"), window: 30)
    usleep(500_000)
    #expect(try router.status().history == first)
    let _: ChangeReport = try router.client.send("POST", "/v1/configuration/confirm", [String: String]())
    _ = try wait(router) { $0.commit == 3 }
    #expect(try tip(remote)?.hex == router.history()[0].id)
    #expect(try git("fsck", "--strict", in: remote).contains("error") == false)
    // It is known after a restart, and not done again.
    try File.move(remote, to: remote + ".away")
    router.end()
    try router.start()
    usleep(300_000)
    let again = try #require(try router.status().history)
    #expect(again.commit == 3 && again.waiting == 0 && again.problem == nil && again.next == nil)
    // Without the key it ends.
    try router.commit(RunningControl.text)
    usleep(300_000)
    #expect(try router.status().history == nil)
  }

  @Test func stockGitsRepositoriesAreRemotesToo() throws {
    let router = try RunningControl()
    let remote = router.folder.path + "/remote.git"
    _ = try git("init", "-q", "--bare", "-b", "main", remote, in: "/")
    try router.commit(Self.text("file://" + remote))
    _ = try wait(router) { $0.commit == 2 }
    #expect(try git("rev-list", "--count", "main", in: remote) == "2")
    #expect(try git("show", "main:lares.toml", in: remote).contains("[history]"))
  }

  @Test func whatCannotBeReachedIsTriedAgainUntilItCan() throws {
    let router = try RunningControl(pushes: Self.impatient)
    let remote = router.folder.path + "/later/remote.git"
    try router.commit(Self.text(remote))
    try router.commit(Self.text(remote, note: "# more\n"))
    let failed = try wait(router) { $0.problem != nil && $0.next != nil }
    #expect(failed.waiting == 3 && failed.commit == nil && failed.pushed == nil)
    #expect(failed.problem?.contains("cannot be pushed to \(remote)") == true)
    #expect(try router.status().problems.contains { $0 == failed.problem })
    try File.makeFolder(File.folderName(of: remote))
    _ = try GitBackend.create(remote)
    let done = try wait(router) { $0.commit == 3 }
    #expect(done.problem == nil && done.waiting == 0 && done.next == nil)
  }

  @Test func aRemoteWithOtherCommitsIsLeftAsItIs() throws {
    let router = try RunningControl()
    let (remote, work) = (router.folder.path + "/remote.git", router.folder.path + "/work")
    _ = try git("init", "-q", "--bare", "-b", "main", remote, in: "/")
    _ = try git("init", "-q", "-b", "main", work, in: "/")
    _ = try git("commit", "-q", "--allow-empty", "-m", "theirs", in: work)
    _ = try git("push", "-q", remote, "main", in: work)
    try router.commit(Self.text(remote))
    let refused = try wait(router) { $0.problem != nil }
    #expect(refused.problem?.contains("has other commits, which are not overwritten") == true)
    #expect(refused.waiting == 2 && refused.commit == nil)
    #expect(try git("rev-parse", "main", in: remote) == git("rev-parse", "main", in: work))
    // What the report says to do helps.
    _ = try git("branch", "-m", "main", "before", in: remote)
    try router.commit(Self.text(remote, note: "# more\n"))
    #expect(try wait(router) { $0.commit == 3 }.problem == nil)
    #expect(try git("rev-parse", "before", in: remote) == git("rev-parse", "main", in: work))
  }

  // MARK: - Slow remotes

  /// A port whose connections are accepted by the kernel, and never answered.
  private final class Silence {
    let port: UInt16
    private let descriptor: Descriptor

    init() throws {
      descriptor = Descriptor(owning: socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0))
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
      var size = socklen_t(MemoryLayout<sockaddr_in>.size)
      let number = descriptor.number
      let bound = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(number, $0, size) == 0 && listen(number, 16) == 0 && getsockname(number, $0, &size) == 0
        }
      }
      guard bound else { throw SystemError("listening") }
      port = UInt16(bigEndian: address.sin_port)
    }

    /// The command lines and environments of processes that have to do with this port.
    var users: [String] {
      File.list("/proc").filter { Int($0) != nil }.compactMap { process in
        let files = ["cmdline", "environ"].map { (try? File.read("/proc/\(process)/\($0)")) ?? [] }
        let text = String(decoding: Array(files.joined(separator: [0])), as: UTF8.self)
        return text.contains(":\(port)/") || text.contains("\0-p\0\(port)\0") ? text : nil
      }
    }
  }

  @Test func aRemoteThatSaysNothingHoldsNobodyUp() throws {
    let silence = try Silence()
    let router = try RunningControl()
    try router.commit(Self.text("ssh://127.0.0.1:\(silence.port)/store.git"))
    #expect(eventually(every: .milliseconds(50)) { silence.users.count == 2 }, "the push, and its ssh")
    let before = Clock.now
    try router.commit(Self.text("ssh://127.0.0.1:\(silence.port)/store.git", note: "# more\n"), window: 30)
    let _: ChangeReport = try router.client.send("POST", "/v1/configuration/confirm", [String: String]())
    #expect(try router.status().history?.waiting == 3)
    router.end()
    #expect(Clock.now.milliseconds(since: before) < 10_000)
    #expect(eventually(every: .milliseconds(50)) { silence.users.isEmpty }, "they die with control")
  }

  @Test func aPushHasALimitAndItsPasswordIsNowhereElse() throws {
    let (silence, secret) = (try Silence(), "correct-horse-c0ffee")
    var settings = Self.impatient
    settings.limit = 1_500
    let router = try RunningControl(pushes: settings)
    try router.commit(Self.text("https://127.0.0.1:\(silence.port)/store.git", password: "git"))
    let unset = try wait(router) { $0.problem != nil }
    #expect(unset.problem?.contains("set it: lares secret set git") == true)
    let _: [String] = try router.client.send("PUT", "/v1/secrets/git", ["value": secret])
    var words = silence.users
    #expect(
      eventually(every: .milliseconds(20)) {
        words = silence.users
        return !words.isEmpty
      })
    #expect(words.allSatisfy { !$0.contains(secret) })
    let late = try wait(router) { $0.problem?.contains("was not done after 1 s") == true }
    #expect(late.waiting == 2)
    let found = try runCommand(["grep", "-rl", "--exclude-dir=objects", secret, router.folder.path]).output
    #expect(found == "\(router.state)/secrets/git\n")
    #expect(try !JSON.encodeForReading(router.status()).contains(secret))
    let log: LogReport = try router.client.get("/v1/log?limit=1000")
    #expect(try !JSON.encodeForReading(log).contains(secret))
  }

  // MARK: - Servers

  private struct Push {
    let folder: TemporaryFolder
    let store: String
    let commit: ObjectID
    let remote: GitBackend

    init() throws {
      folder = try TemporaryFolder()
      store = folder.path + "/config.git"
      var history = try ConfigurationStore.create(store)
      try history.append(Commit(number: 1, author: "ada", reason: "first", time: 1, files: ["lares.toml": "x\n"]))
      commit = history.id(of: 1)
      try File.makeFolder(folder.path + "/stores")
      remote = try GitBackend.create(folder.path + "/stores/copy.git")
    }

    func run(_ remote: String, password: String? = nil, _ change: (inout RemoteOptions) -> Void) -> HistoryPushOutcome {
      var push = HistoryPush(
        store: store, commit: commit.hex, remote: remote, user: "ada", password: password,
        knownHosts: folder.path + "/known hosts")
      change(&push.options)
      return push.run()
    }
  }

  @Test func thePasswordOpensAnHTTPSRemote() throws {
    let push = try Push()
    let folder = push.folder.path
    try TestCertificate.make(in: folder)
    let rights = "[[grant]]\nwho = [\"person:ada\"]\npowers = [\"administer\"]\n"
    try File.replace(folder + "/stores/rights.toml", with: Array(rights.utf8), durable: false)
    var passwords = PasswordFile()
    try passwords.set(
      .person("ada"), Array("correct horse".utf8), salt: Array(repeating: 7, count: 16),
      cost: PassphraseCost(logarithm: 4))
    try File.replace(folder + "/passwords", with: passwords.bytes, mode: 0o600, durable: false)
    var settings = RepositoryServerSettings(listen: [SocketAddress(.v4(.loopback), port: 0)])
    settings.passwords = folder + "/passwords"
    settings.certificate = (folder + "/server.pem", folder + "/server.key")
    let server = try RepositoryServer(ServedRepositories(folder + "/stores") { Clock.wall }, settings)
    let thread = try BackgroundThread { try? server.run(graceMilliseconds: 1_000) }
    defer { withExtendedLifetime(thread) { server.stop() } }
    let url = "https://127.0.0.1:\(server.addresses[0].port)/copy"
    let wrong = push.run(url, password: "battery staple") { $0.certificateFile = folder + "/authority.pem" }
    guard case .failed(let why) = wrong else { throw ControlError.failed("\(wrong)") }
    #expect(why.contains("check user and password in [history]") && !why.contains("battery"))
    guard case .failed = push.run(url, password: "correct horse", { _ in }) else {
      throw ControlError.failed("a server that nobody vouches for was believed")
    }
    let right = push.run(url, password: "correct horse") { $0.certificateFile = folder + "/authority.pem" }
    #expect(right == .pushed)
    #expect(try push.remote.reference(ConfigurationStore.main) == push.commit)
  }

  @Test func sshIsAskedToKeepHostKeysInControlsOwnFile() throws {
    let push = try Push()
    let (ssh, folder) = (push.folder.path + "/ssh", push.folder.path)
    // Does what the other side's shell would, and tells what it was started with.
    let script = "#!/bin/sh\necho \"$*\" > '\(folder)/words'\nwhile [ $# -gt 1 ]; do shift; done\nexec sh -c \"$1\"\n"
    try File.replace(ssh, with: Array(script.utf8), mode: 0o755, durable: false)
    let outcome = push.run("ssh://git@nas:2222\(folder)/stores/copy.git") { options in
      #expect(options.sshCommand.first == "ssh")
      options.sshCommand[0] = ssh
    }
    #expect(outcome == .pushed)
    #expect(try GitBackend(opening: folder + "/stores/copy.git").reference(ConfigurationStore.main) == push.commit)
    let words = String(decoding: try File.read(folder + "/words"), as: UTF8.self)
    for word in ["BatchMode=yes", "accept-new", "UserKnownHostsFile=\"\(folder)/known hosts\"", "-p 2222 git@nas "] {
      #expect(words.contains(word), "\(words)")
    }
  }

  @Test func anotherHostKeyIsToldWithWhatToDo() throws {
    let push = try Push()
    let outcome = push.run("git@nas:copy.git") { options in
      options.sshCommand = [
        "sh", "-c", "echo '@@@@ WARNING' >&2; echo 'Host key verification failed.' >&2; exit 255", "ssh",
      ]
    }
    let file = push.folder.path + "/known hosts"
    #expect(
      outcome
        == .failed(
          "its SSH host key is not the one of the first contact; if that is right, remove its line from \(file)"))
  }
}
