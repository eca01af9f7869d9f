import Control
import Glibc
import HostSystem
import Lab
import TestSupport
import Testing

extension LabTests {
  /// What daemons report is found on the router and, where the household wants it, on another machine.
  @Suite struct LogTests {
    static let collected = "\n[log]\nremote = \"\(Lab.providerAddress):5514\"\n"

    @Test func linesAreFoundAndOutliveControl() throws {
      try Lab.withRouter { lab in
        func messages(_ arguments: String...) throws -> [String] {
          try lab.json(LogReport.self, arguments: ["log"] + arguments).lines.map { "\($0.daemon): \($0.message)" }
        }
        try lab.wait(for: "lines of several daemons") {
          try messages("APPLIED commit 1").count == 3 && messages("has 203.0.113").count == 1
        }
        #expect(try messages("applied commit 1", "--daemon", "names") == ["names: applied commit 1"])
        let before = try messages()
        try lab.crash(.control)
        try lab.wait(for: "control, and the news of its death") {
          (try? messages("control ended"))?.count == 1
        }
        #expect(try Array(messages().prefix(before.count)) == before)
        #expect(try messages("control ended", "--level", "warning", "--since", "1m", "--daemon", "run").count == 1)
        #expect(try messages("applied commit 1", "--level", "warning") == [])

        // Each daemon reaches the new control.
        #expect(try lab.commit(Lab.configuration + "# a change\n").isSuccess)
        try lab.wait(for: "lines of every daemon") { try messages("applied commit 2").count == 3 }
        let words = try lab.lares("log", "applied commit 2", "--daemon", "names").output
        #expect(words.wholeMatch(of: /\d{4}-\d\d-\d\d \d\d:\d\d:\d\d names: applied commit 2\n/) != nil, "\(words)")
        let follower = try lab.start(
          .router, ["env", "LARES_RUN=\(lab.runFolder)", Lab.executable, "log", "--follow", "applied"],
          log: "follow.log")
        #expect(try lab.commit(Lab.configuration + "# another change\n").isSuccess)
        try lab.wait(for: "the follower") { follower.output.split(separator: "\n").count == 9 }
        for wrong in [["--level", "loud"], ["--since", "yesterday"], ["--limit", "0"], ["--daemon", "cron"]] {
          #expect(try !lab.lares(["log"] + wrong).isSuccess)
        }
        let mode = try lab.run(.router, ["stat", "-c", "%a", lab.runFolder + "/control/log"]).output
        #expect(mode == "660\n")
      }
    }

    @Test func linesReachASyslogReceiverFromTheCommitOn() throws {
      try Lab.withRouter { lab in
        let receiver = try lab.start(
          .provider,
          ["ncat", "--udp", "--listen", "--recv-only", Lab.providerAddress, "5514"],
          log: "syslog.log")
        #expect(receiver.isRunning)
        #expect(try lab.commit(Lab.configuration + Self.collected).isSuccess)
        try lab.wait(for: "the commit at the receiver") { receiver.output.contains("applied commit 2") }
        #expect(try lab.lares("device", "pause", "laptop").isSuccess)
        try lab.wait(for: "the pause at the receiver") { receiver.output.contains("laptop paused by") }
        let messages = receiver.output.replacing("<", with: "\n<").split(separator: "\n").map(String.init)
        #expect(messages.count > 3)
        for message in messages { #expect(SyslogGrammar.accepts(message), "\(message)") }
        #expect(messages.contains { $0.contains(" router.home.arpa lares-control - - - \u{feff}laptop paused by ") })

        // Only warnings from here on, and nothing where the receiver is gone.
        #expect(try lab.commit(Lab.configuration + Self.collected + "level = \"warning\"\n").isSuccess)
        try lab.crash(.names)
        try lab.wait(for: "the warning at the receiver") { receiver.output.contains("names ended") }
        #expect(!receiver.output.contains("applied commit 3"))
        receiver.stop(SIGKILL)
        try lab.succeed(.provider, ["ip", "link", "set", "isp0", "down"])
        try lab.crash(.names)
        try lab.wait(for: "the second death in the router's own log") {
          try lab.json(LogReport.self, arguments: ["log", "names ended"]).lines.count == 2
        }
      }
    }
  }
}
