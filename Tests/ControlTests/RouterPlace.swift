import Glibc
import HostSystem
import Household
import TestSupport
import Testing

@testable import Control

/// The folders of one router, and `lares` at work on them.
struct RouterPlace {
  let config: String
  let state: String
  let run: String
  let passphrase: String
  private let root: String

  /// A router that is to be.
  init(_ root: String) {
    self.root = root
    (config, state, run) = (root + "/config", root + "/state", root + "/state/run")
    passphrase = root + "/passphrase"
    try? File.replace(passphrase, with: Array("correct horse\n".utf8), durable: false)
  }

  init(_ router: RunningControl) {
    root = router.folder.path
    (config, state, run) = (router.config, router.folder.folders.state, router.folder.folders.run)
    passphrase = root + "/passphrase"
    try? File.replace(passphrase, with: Array("correct horse\n".utf8), durable: false)
  }

  var control: String { state + "/control" }

  func read(_ path: String) throws -> String { String(decoding: try File.read("\(root)/\(path)"), as: UTF8.self) }

  /// - Parameter plain: without the folders, for commands that take none.
  func lares(_ words: String..., plain: Bool = false) throws -> CommandResult { try lares(words, plain: plain) }

  func lares(_ words: [String], plain: Bool = false) throws -> CommandResult {
    try runCommand(["timeout", "60", RunningControl.program] + arguments(words, plain: plain))
  }

  func arguments(_ words: [String], plain: Bool = false) -> [String] {
    words + ["--passphrase-file", passphrase] + (plain ? [] : ["--config", config, "--state", state, "--run", run])
  }

  @discardableResult
  func succeed(_ words: String..., plain: Bool = false) throws -> String {
    let answer = try lares(words, plain: plain)
    #expect(answer.isSuccess, "lares \(words): \(answer.output)")
    return answer.output
  }

  func setSecret(_ name: String, to value: String) throws {
    let line = "printf %s '\(value)' | '\(RunningControl.program)' secret set \(name) --run '\(run)'"
    let answer = try runCommand(["sh", "-c", line])
    #expect(answer.isSuccess, "\(answer.output)")
  }

  /// Stock git on the history, once it is published.
  func git(_ arguments: String...) throws -> String {
    usleep(100_000)
    let environment = [
      "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "HOME": "/nonexistent", "PATH": "/usr/bin:/bin",
      "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*",
    ]
    let result = try runCommand(["git", "-C", control + "/config.git"] + arguments, environment: environment)
    #expect(result.isSuccess, "git \(arguments): \(result.output)")
    return result.output
  }

  /// Starts control in a process of its own, and waits until it answers.
  func serve() throws -> ChildProcess {
    let words = ["serve", "control", "--config", config, "--state", state, "--run", run]
    let null = try Descriptor(opening: "/dev/null", O_RDWR)
    for folder in [state, run] { try File.makeFolder(folder) }
    unlink(run + "/control/socket")
    let child = try ChildProcess(
      [RunningControl.program] + words, descriptors: [null.number, null.number, null.number])
    for _ in 0..<1_000 where (try? status()) == nil { usleep(10_000) }
    return child
  }

  var client: ControlClient { ControlClient(folders: Folders(state: state, run: run)) }
  func status() throws -> StatusReport { try client.get("/v1/status") }

  /// What is in the folders, with the bytes of what is neither a lock nor of the store's own upkeep; once nothing is on its
  /// way there any more, as the first commit of a router that has just started.
  func listing() throws -> String {
    var last = try look()
    let isSettled = try eventually {
      let before = last
      usleep(150_000)
      last = try look()
      return last == before
    }
    #expect(isSettled)
    return last
  }

  private func look() throws -> String {
    let line = """
      cd '\(root)' && for folder in config state/control; do [ ! -d $folder ] || find $folder -type f \
      ! -name lock ! -path '*/config.git/*' ! -path '*/log/*' -exec sha256sum {} +; done | sort
      git -C state/control/config.git rev-parse main 2>/dev/null || true
      """
    return try runCommand(["sh", "-c", line]).output
  }

  /// Looks through all files for a secret.
  func expectSecretNowhereElse(_ value: String) throws {
    let found = try runCommand(["grep", "-rlF", value, root]).output.split(separator: "\n").map(String.init)
    #expect(found == [control + "/secrets/pppoe"])
  }
}
