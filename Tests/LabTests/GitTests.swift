import Control
import Glibc
import HostSystem
import Household
import Lab
import TestSupport
import Testing

extension LabTests {
  /// The configuration cloned, edited and pushed over SSH, with the stock programs on both sides. sshd needs its own user
  /// for the time before somebody has logged in, so the lab has to be root's.
  @Suite(.enabled(if: geteuid() == 0)) struct GitTests {
    private static let forward = """

      [forward.game]
      from = "internet"
      protocol = "tcp"
      port = 9090
      to = "laptop:80"

      """

    @Test func aPushOverSSHChangesTheFirewall() throws {
      try Lab.withRouter { lab in
        try lab.setAddresses(.laptop, "192.168.77.10/24", gateway: "192.168.77.1")
        try lab.startSSHServer()
        try lab.shell(.laptop, "mkdir -p /run/www && echo 'Hello from home.' > /run/www/index.html")
        _ = try lab.start(.laptop, ["busybox", "httpd", "-f", "-p", "80", "-h", "/run/www"], log: "home-web.log")
        let uplink = try #require(try lab.uplinkAddress)
        func leadsIn() throws -> Bool {
          try lab.run(.provider, ["curl", "-sf", "-m2", "http://\(uplink):9090/"]).output == "Hello from home.\n"
        }
        try lab.git("clone", "-q", "ssh://root@192.168.77.1/config", "/run/clone")
        #expect(try !leadsIn())

        // A forward, pushed: it is in force at once, and stays when confirmed.
        try lab.editClone(Lab.configuration + Self.forward, "let the game in")
        let pushed = try lab.git("-C", "/run/clone", "push", "-o", "confirm=60")
        #expect(pushed.contains("lares confirm") && pushed.contains("forward game"), "\(pushed)")
        try lab.wait(for: "the forward") { try leadsIn() }
        #expect(try lab.succeed(.router, ["nft", "list", "ruleset"]).contains("forward.game"))
        #expect(try lab.overSSH("lares", "confirm").output == "Commit 2 stays.\n")

        // A mistake is refused with its place, and changes nothing.
        let line = Lab.configuration.split(separator: "\n", omittingEmptySubsequences: false).count + 5
        try lab.editClone(
          Lab.configuration + Self.forward.replacing("laptop:80", with: "lpatop:80"), "a mistake")
        let refused = try lab.attemptGit("-C", "/run/clone", "push")
        #expect(!refused.isSuccess)
        #expect(refused.output.contains("remote: lares.toml:\(line):6: forward.game.to"), "\(refused.output)")
        #expect(refused.output.contains("did you mean \"laptop\"?"))
        #expect(try leadsIn())
        #expect(try lab.status().commit?.number == 2)

        // And back.
        let back = try lab.overSSH("lares", "rollback", "1", "--now")
        #expect(back.isSuccess, "\(back.output)")
        try lab.wait(for: "the forward to go") { try !leadsIn() }
        #expect(try !lab.succeed(.router, ["nft", "list", "ruleset"]).contains("forward.game"))
        try lab.git("clone", "-q", "ssh://root@192.168.77.1/config.git", "/run/second")
        let log = try lab.git("-C", "/run/second", "log", "--format=%an: %s")
        #expect(log == "root: Back to commit 1\nAda: let the game in\nlares: Import lares.toml\n")
        #expect(try lab.succeed(.laptop, ["cat", "/run/second/lares.toml"]) == Lab.configuration)
        try lab.git("-C", "/run/second", "fsck", "--strict")
      }
    }

    /// Nobody gets a shell, and nobody gets in without the key.
    @Test func sshGivesNothingElse() throws {
      try Lab.withRouter { lab in
        try lab.setAddresses(.laptop, "192.168.77.10/24", gateway: "192.168.77.1")
        try lab.startSSHServer()
        #expect(try lab.overSSH("lares", "history").output.contains("Import lares.toml"))
        let shell = try lab.overSSH("id")
        #expect(!shell.isSuccess && shell.output.contains("\"id\" is not run here"), "\(shell.output)")
        try lab.shell(.laptop, "rm \(lab.folder)/ssh/key")
        #expect(!(try lab.overSSH("lares", "history").isSuccess))
      }
    }
  }
}

extension Lab {
  /// Starts OpenSSH's server on the router, with a key for the laptop, as the image does it: every login is
  /// `lares ssh-command`.
  fileprivate func startSSHServer() throws {
    let keys = folder + "/ssh"
    try File.makeFolder(keys, mode: 0o755)
    for name in ["host", "key"] {
      try succeed(.router, ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "\(keys)/\(name)"])
    }
    let configuration = """
      HostKey \(keys)/host
      AuthorizedKeysFile \(keys)/key.pub
      ForceCommand \(Lab.executable) ssh-command --run \(runFolder)
      AcceptEnv GIT_PROTOCOL
      PermitRootLogin prohibit-password
      PasswordAuthentication no
      KbdInteractiveAuthentication no
      StrictModes no
      UsePAM no
      PidFile none

      """
    try File.replace(keys + "/sshd_config", with: Array(configuration.utf8), mode: 0o644, durable: false)
    try succeed(.router, ["mkdir", "-p", "/run/sshd"])
    _ = try start(.router, ["/usr/sbin/sshd", "-D", "-e", "-f", keys + "/sshd_config"], log: "sshd.log")
    try wait(for: "sshd") { try run(.laptop, ["busybox", "nc", "-w1", "192.168.77.1", "22"]).output.contains("SSH") }
  }

  private var sshCommand: [String] {
    [
      "ssh", "-i", folder + "/ssh/key", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o",
      "LogLevel=ERROR", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes",
    ]
  }

  /// Runs a command on the router, asked from the laptop.
  fileprivate func overSSH(_ words: String...) throws -> CommandResult {
    try run(.laptop, ["timeout", "30"] + sshCommand + ["root@192.168.77.1"] + words)
  }

  @discardableResult
  fileprivate func attemptGit(_ arguments: String...) throws -> CommandResult { try attemptGit(arguments) }

  private func attemptGit(_ arguments: [String]) throws -> CommandResult {
    try run(
      .laptop, ["timeout", "60", "git"] + arguments,
      environment: StockGit.environment.merging([
        "HOME": "/run", "GIT_SSH_COMMAND": sshCommand.joined(separator: " "),
      ]) { $1 })
  }

  /// Runs stock git on the laptop.
  @discardableResult
  fileprivate func git(_ arguments: String...) throws -> String {
    let answer = try attemptGit(arguments)
    guard answer.isSuccess else { throw LabError("git \(arguments.joined(separator: " ")): \(answer.output)") }
    return answer.output
  }

  /// Commits another lares.toml in the laptop's clone.
  fileprivate func editClone(_ text: String, _ message: String) throws {
    try File.replace(folder + "/edited", with: Array(text.utf8), mode: 0o644, durable: false)
    try succeed(.laptop, ["cp", folder + "/edited", "/run/clone/lares.toml"])
    try git("-C", "/run/clone", "commit", "-qam", message)
  }
}
