import Glibc
import HostSystem
import Lab
import Testing

extension LabTests {
  /// Secrets are nowhere but in files of their own.
  @Suite struct SecretTests {
    static let secrets = ["scraper": "Tr0ub4dor-3f9a71", "spare": "correct-horse-battery-c0ffee"]

    @Test func aSecretIsNowhereButInItsFile() throws {
      try Lab.withRouter(MetricsTests.withMetrics) { lab in
        for (name, value) in Self.secrets {
          let answer = try lab.lares(["secret", "set", name], input: value + "\n")
          #expect(answer.isSuccess, "\(answer.output)")
          Self.expectNone(in: answer.output, "the answer to secret set")
        }
        try lab.run(
          .router,
          [
            "curl", "-sS", "-H", "Authorization: Bearer \(Self.secrets["scraper"]!)",
            "http://192.168.77.1:9100/metrics",
          ])
        try lab.commit(MetricsTests.withMetrics + "# a change\n")
        for daemon in Lab.Daemon.allCases { try lab.crash(daemon) }
        try lab.waitForRouter()
        try expectNoneInAnswers(lab)
        try expectNoneInFiles(lab)
        Self.expectNone(in: lab.router?.output ?? "", "the log")
        Self.expectNone(in: try lab.shell(.router, "cat /proc/*/cmdline /proc/*/environ 2>/dev/null").output, "/proc")
        #expect(try lab.lares("secret", "list").output == "scraper\nspare\n")
        #expect(try lab.lares("secret", "remove", "spare").isSuccess)
        #expect(try lab.lares("secret", "list").output == "scraper\n")
      }
    }

    @Test func aLiteralWhereASecretBelongsIsRefusedAndNotRepeated() throws {
      try Lab.withRouter { lab in
        for quote in ["\"", ""] {
          let literal = quote + Self.secrets["spare"]! + quote
          let answer = try lab.commit(
            MetricsTests.withMetrics.replacing("{ secret = \"scraper\" }", with: literal))
          #expect(!answer.isSuccess)
          #expect(answer.output.contains("lares secret set"))
          Self.expectNone(in: answer.output, "the error")
          Self.expectNone(in: lab.router?.output ?? "", "the log")
        }
      }
    }

    private func expectNoneInAnswers(_ lab: Lab) throws {
      for command in [
        ["status"], ["show"], ["history"], ["history", "1"], ["devices"], ["leases"], ["firewall"], ["dns"], ["diff"],
        ["log", "--limit", "1000"],
      ] {
        for format in [[], ["--json"]] {
          Self.expectNone(in: try lab.lares(command + format).output, "lares \(command)")
        }
      }
      let socket = lab.runFolder + "/control/socket"
      for name in Self.secrets.keys {
        for path in ["/v1/secrets/\(name)", "/v1/secrets", "/v1/log?limit=1000", "/metrics"] {
          let answer = try lab.run(.router, ["curl", "-sS", "--unix-socket", socket, "http://lares\(path)"])
          Self.expectNone(in: answer.output, path)
        }
      }
    }

    private func expectNoneInFiles(_ lab: Lab) throws {
      // What the test itself passed in.
      try File.remove(lab.folder + "/input")
      for (name, value) in Self.secrets {
        let found = try lab.run(.router, ["grep", "-rlF", value, lab.folder, "/run", "/var/log"]).output
        let files = found.split(separator: "\n").filter { $0.hasPrefix("/") && !$0.hasPrefix("/run/.lab") }
        let own = lab.stateFolder + "/control/secrets/" + name
        #expect(files == [own[...]], "\(name) is in \(files)")
        let mode = try lab.run(.router, ["stat", "-c", "%a %U", own]).output
        #expect(mode.hasPrefix("600 "), "\(mode)")
      }
    }

    private static func expectNone(in text: String, _ place: String) {
      for (name, value) in secrets { #expect(!text.contains(value), "secret \(name) stands in \(place)") }
    }
  }
}
