import Control
import HostSystem
import Lab
import Testing

/// The machine as a router.
extension LinuxGuest {
  /// Writes the router's lares.toml.
  func configure(_ text: String) throws {
    try succeed("mkdir -p /etc/lares && cat >/etc/lares/lares.toml <<'END'\n\(text)\nEND")
  }

  /// Starts `lares run` and waits until every daemon has applied what is configured.
  func startRouter() throws {
    try succeed(
      """
      ln -s \(Self.lares) /usr/bin/lares
      mkdir -p /var/lib/lares
      lares run --this-machine --config /etc/lares --state /var/lib/lares >/run/router.log 2>&1 &
      """)
    // Starting the executable takes a second here: the log is asked instead.
    try wait(for: "the router") { try run("[ $(grep -c 'applied commit' /run/router.log) = 3 ]").isSuccess }
    let status = try JSON.decode(StatusReport.self, from: Array(try succeed("lares status --json").utf8))
    #expect(status.daemons.allSatisfy { $0.isRunning && $0.appliedCommit > 0 && $0.problems.isEmpty }, "\(status)")
  }
}
