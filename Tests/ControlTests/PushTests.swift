import Control
import Glibc
import HostSystem
import Household
import TestSupport
import Testing

/// Stock git against the configuration's store, through `lares ssh-command` as sshd runs it.
@Suite struct PushTests {
  /// A working copy of one router's configuration.
  private struct Clone {
    let router: RunningControl
    let path: String

    init(_ router: RunningControl, _ name: String = "clone", url: String = "ssh://router/config") throws {
      self.router = router
      path = router.folder.path + "/" + name
      let ssh = router.folder.path + "/ssh"
      let script = """
        #!/bin/sh
        while [ "${1#-}" != "$1" ]; do [ "$1" = -o ] && shift; shift; done
        shift
        SSH_ORIGINAL_COMMAND="$*" exec '\(RunningControl.program)' ssh-command --run '\(router.folder.folders.run)'

        """
      try File.replace(ssh, with: Array(script.utf8), mode: 0o755, durable: false)
      let answer = try git(["clone", "-q", url, path], in: router.folder.path)
      guard answer.isSuccess else { throw ControlError.failed(answer.output) }
    }

    @discardableResult
    func git(_ arguments: [String], in folder: String? = nil) throws -> StockGit.Outcome {
      let ssh = ["GIT_SSH_COMMAND": "'\(router.folder.path)/ssh'", "GIT_SSH_VARIANT": "ssh"]
      return try StockGit.attempt(arguments, at: folder ?? path, variables: ssh)
    }

    func commit(_ text: String, _ message: String) throws {
      try File.replace(path + "/lares.toml", with: Array(text.utf8), durable: false)
      let answer = try git(["commit", "-qam", message])
      #expect(answer.isSuccess, "\(answer.output)")
    }

    func push(_ arguments: String...) throws -> StockGit.Outcome { try git(["push"] + arguments) }
  }

  private static let moved = RunningControl.text.replacing("77.10\"", with: "77.11\"")

  private func inForce(_ router: RunningControl) throws -> String? {
    try router.client.get("/v1/configuration", as: [String: String].self)["lares.toml"]
  }

  @Test func aPushIsProvisionalUntilConfirmed() throws {
    let router = try RunningControl()
    let clone = try Clone(router)
    try clone.commit(RunningControl.text + "# a note\n", "a note")
    try clone.commit(Self.moved, "move the nas")
    let answer = try clone.push("-o", "confirm=30", "origin", "main")
    #expect(answer.isSuccess && answer.output.contains("lares confirm"), "\(answer.output)")
    #expect(answer.output.contains("device nas: address 192.168.77.10 → 192.168.77.11"))
    #expect(try inForce(router) == Self.moved)
    #expect(try File.read(router.config + "/lares.toml") == Array(Self.moved.utf8), "the candidate follows")
    let status = try router.status()
    #expect(status.commit?.number == 3 && status.commit?.author == "Ada" && status.commit?.reason == "move the nas")
    #expect(status.provisional.map { (1...30).contains($0.secondsLeft) } == true)
    #expect(status.candidateDiffers == false)
    try clone.commit(Self.moved + "# more\n", "more")
    let second = try clone.push()
    #expect(!second.isSuccess && second.output.contains("is provisional for another"), "\(second.output)")
    let _: ChangeReport = try router.client.send("POST", "/v1/configuration/confirm", [String: String]())
    let third = try clone.push("-o", "now")
    #expect(third.isSuccess && !third.output.contains("lares confirm"), "\(third.output)")
    #expect(try router.history().map(\.number) == [4, 3, 2, 1])
    let user = ProcessIdentity.userName(geteuid())
    let reflog = try File.read(router.store + "/logs/refs/heads/main")
    #expect(String(decoding: reflog, as: UTF8.self).contains("lares"), "\(user)")
  }

  @Test func aRevertedPushComesBackToThePusher() throws {
    let router = try RunningControl()
    let clone = try Clone(router)
    try clone.commit(Self.moved, "move the nas")
    #expect(try clone.push("-o", "confirm=10").isSuccess)
    let _: ChangeReport = try router.client.send("POST", "/v1/configuration/rollback", [String: String]())
    #expect(try inForce(router) == RunningControl.text)
    #expect(try clone.git(["pull", "-q", "--ff-only"]).isSuccess, "main never moved back")
    #expect(try File.read(clone.path + "/lares.toml") == Array(RunningControl.text.utf8))
    #expect(try clone.git(["log", "--format=%s", "-1"]).output.hasPrefix("Revert commit 2 of "))
  }

  @Test(arguments: [
    ("address = \"192.168.77.10", "lares.toml:11:11: "), ("address = \"192.168.99.10\"", "lares.toml:11:11: "),
    ("adress = \"192.168.77.10\"", "lares.toml:11:1: "),
  ])
  func aBadEditIsRefusedWithItsPlace(line: String, place: String) throws {
    let router = try RunningControl()
    let clone = try Clone(router)
    try clone.commit(RunningControl.text.replacing("address = \"192.168.77.10\"", with: line), "bad")
    let answer = try clone.push()
    #expect(!answer.isSuccess && answer.output.contains("remote: " + place), "\(answer.output)")
    #expect(answer.output.contains("[remote rejected] main -> main"))
    #expect(try inForce(router) == RunningControl.text)
    #expect(try router.history().count == 1)
    let kept = try runCommand(["git", "-C", router.store, "for-each-ref"])
    #expect(kept.output.split(separator: "\n").count == 1, "\(kept.output)")
  }

  @Test func whatWouldBeLostOrIsNotOursIsRefused() throws {
    let router = try RunningControl()
    let clone = try Clone(router)
    try clone.commit(Self.moved, "move the nas")
    func refusal(_ arguments: String...) throws -> String {
      let answer = try clone.git(["push"] + arguments)
      #expect(!answer.isSuccess, "\(arguments): \(answer.output)")
      return answer.output
    }
    #expect(try refusal("-o", "later").contains("there is no push option"))
    #expect(try refusal("-o", "confirm=5").contains("10 to 3600"))
    #expect(try refusal("origin", "main:refs/lares/mine").contains("may not change"))
    #expect(try refusal("origin", ":main").contains("main"))
    let edited = "# an edit\n" + RunningControl.text
    try router.edit(edited)
    #expect(try refusal().contains("changes that were never committed"))
    try router.commit(edited)
    #expect(try refusal("-f").contains("main"), "main never moves back")
    #expect(try clone.git(["pull", "-q", "--no-rebase", "--no-edit"]).isSuccess)
    #expect(try refusal("origin", "HEAD:main").contains("git pull --rebase"))
    #expect(try router.history().count == 2)
  }

  /// Neither in a commit that a later one corrects, nor on another branch, nor in a text that is no TOML.
  @Test(arguments: ["main", "draft", "refs/tags/t"], ["", "[household\n"])
  func noHistoryKeepsASecret(name: String, damage: String) throws {
    let router = try RunningControl()
    let clone = try Clone(router)
    let metrics = "\n[metrics]\nlisten = \"192.168.77.1:9100\"\ntoken = \"hunter2-planted\"\n"
    try clone.commit(RunningControl.text + metrics + damage, "a secret")
    try clone.commit(RunningControl.text + "# without\n", "no secret")
    let answer = try clone.push("origin", "HEAD:" + (name == "draft" ? "refs/heads/draft" : name))
    #expect(!answer.isSuccess && answer.output.contains("a secret does not stand in the configuration"))
    #expect(answer.output.contains("lares.toml:15:") && !answer.output.contains("hunter2"), "\(answer.output)")
    #expect(!(try clone.git(["ls-remote"]).output.contains("draft")))
    #expect(try router.history().count == 1)
  }

  @Test func otherBranchesAndTagsAreFree() throws {
    let router = try RunningControl()
    let clone = try Clone(router)
    try clone.commit("[household\n", "a draft")
    #expect(try clone.git(["tag", "-am", "a tag", "good", "HEAD~"]).isSuccess)
    let answer = try clone.push("origin", "HEAD:draft", "good")
    #expect(answer.isSuccess, "\(answer.output)")
    #expect(try clone.git(["commit", "-q", "--amend", "-m", "another draft"]).isSuccess)
    #expect(try clone.push("-f", "origin", "HEAD:draft").isSuccess)
    #expect(try inForce(router) == RunningControl.text)
    let changes = try router.client.exchange("GET", "/v1/configuration/diff?from=good&to=main", body: [])
    #expect(changes == Array("[]\n".utf8))
    let other = try Clone(router, "other", url: "ssh://router/config.git/")
    #expect(try other.git(["branch", "-r"]).output.contains("origin/draft"))
    #expect(!(try other.git(["ls-remote"]).output.contains("refs/lares")))
  }

  /// A file that no configuration includes is nobody's business, and stays when the router writes.
  @Test func otherFilesStay() throws {
    let router = try RunningControl()
    let clone = try Clone(router)
    try File.replace(clone.path + "/README", with: Array("Our house.\n".utf8), durable: false)
    #expect(try clone.git(["add", "README"]).isSuccess)
    #expect(try clone.git(["commit", "-qm", "a note"]).isSuccess)
    let answer = try clone.push()
    #expect(answer.isSuccess && !answer.output.contains("lares confirm"), "nothing in force has changed")
    try router.commit(Self.moved)
    #expect(try clone.git(["pull", "-q", "--ff-only"]).isSuccess)
    #expect(File.list(clone.path).contains("README"))
    #expect(try File.read(clone.path + "/lares.toml") == Array(Self.moved.utf8))
  }

  @Test func onlyGitAndLaresAreServed() throws {
    let router = try RunningControl()
    let clone = try Clone(router)
    func ask(_ words: String...) throws -> CommandResult {
      try runCommand([router.folder.path + "/ssh", "router"] + words)
    }
    #expect(try ask("lares history").output.contains("Import lares.toml"))
    #expect(try ask("lares ssh-command").isSuccess == false)
    for line in ["sh -c id", "git-upload-pack '../config'", "git-upload-pack 'config' x", "git-shell", "''", "'"] {
      let answer = try ask(line)
      #expect(!answer.isSuccess && answer.output.hasPrefix("Error: "), "\(line): \(answer.output)")
    }
    #expect(try clone.git(["fetch"]).isSuccess)
  }

  /// The kernel says who is at the other end of the socket: somebody else may clone and not push.
  @Test(.enabled(if: geteuid() == 0)) func whoMayOnlyLookCannotPush() throws {
    let router = try RunningControl()
    for path in ["", "/run", "/run/control"] { chmod(router.folder.path + path, 0o755) }
    chmod(router.folder.folders.controlSocket, 0o666)
    func ask(_ service: String) throws -> CommandResult {
      let line = "SSH_ORIGINAL_COMMAND=\"git-\(service) 'config'\" exec setpriv --reuid 65534 --clear-groups "
      let program = "'\(RunningControl.program)' ssh-command --run '\(router.folder.folders.run)' </dev/null"
      return try runCommand(["sh", "-c", line + program])
    }
    let read = try ask("upload-pack")
    #expect(read.output.contains("refs/heads/main"), "\(read.output)")
    let written = try ask("receive-pack")
    #expect(!written.isSuccess && written.output.contains("may look but not change"), "\(written.output)")
  }

  /// Bytes that are no Git end the session and nothing else.
  @Test func noiseEndsASessionOnly() throws {
    let router = try RunningControl()
    var generator = SeededGenerator(11)
    for round in 0..<10 {
      let service = round % 2 == 0 ? "receive-pack" : "upload-pack"
      let store = try router.client.openStore(service, parameters: round % 3 == 0 ? "version=2" : nil)
      let loop = try EventLoop()
      let stream = try StreamSocket(store.take(), loop: loop)
      let noise = (0..<5_000).map { _ in UInt8.random(in: 0...255, using: &generator) }
      _ = stream.write(round < 5 ? Array("00a5".utf8) + noise : noise)
      #expect(try router.status().commit?.number == 1)
      stream.close()
    }
    #expect(try Clone(router).git(["fsck", "--strict"]).isSuccess)
  }
}
