import Glibc
import HostSystem
import Lab
import Testing

extension LabTests {
  /// docs/mistakes.md shows what Lares answers when things go wrong at run time, word for word.
  @Suite struct RunTimeMistakesTests {
    private static let begin =
      "<!-- run time: begin (LARES_UPDATE_DOCS=1 swift test --filter RunTimeMistakesTests) -->\n"
    private static let end = "<!-- run time: end -->\n"

    @Test func thePageSaysWhatLaresSays() throws {
      let page = File.folderName(of: File.folderName(of: File.folderName(of: #filePath))) + "/docs/mistakes.md"
      let text = String(decoding: try File.read(page), as: UTF8.self)
      let section = Self.begin + "\n## At run time\n\n" + (try entries().joined(separator: "\n")) + "\n" + Self.end
      let before = text.firstRange(of: Self.begin).map { text[..<$0.lowerBound] } ?? text[...]
      let after = text.firstRange(of: Self.end).map { text[$0.upperBound...] } ?? ""
      let wanted = String(before) + (before.hasSuffix("\n\n") ? "" : "\n") + section + after
      if getenv("LARES_UPDATE_DOCS") != nil {
        try File.replace(page, with: Array(wanted.utf8), mode: 0o644, durable: false)
      }
      #expect(text.contains(section) || getenv("LARES_UPDATE_DOCS") != nil, "docs/mistakes.md is old; now:\n\(section)")
    }

    private func entries() throws -> [String] {
      let lab = try Lab()
      defer { lab.close() }
      try lab.startProvider()
      var entries: [String] = []
      /// Runs a command on the router and keeps its answer.
      func show(_ title: String, _ command: String) throws {
        let path = "PATH=\(File.folderName(of: Lab.executable)):$PATH"
        let line = command.replacing("/etc/lares", with: lab.configurationFolder)
          .replacing("/var/lib/lares", with: lab.stateFolder)
        let output = try lab.shell(.router, "export \(path) LARES_RUN=\(lab.runFolder); \(line)").output
          .replacing(lab.configurationFolder, with: "/etc/lares").replacing(lab.runFolder, with: "/run/lares")
          .replacing(lab.stateFolder, with: "/var/lib/lares")
        entries.append("**\(title)**\n\n```text\n$ \(command)\n\(output)```\n")
      }
      try show("Lares is not running", "lares status")
      try show("A folder that is not there", "lares run --config /etc/lares")
      try File.makeFolder(lab.configurationFolder, mode: 0o755)
      try show("No lares.toml", "lares run --config /etc/lares")
      try lab.configure()
      try File.makeFolder(lab.stateFolder, mode: 0o755)
      try lab.succeed(.router, ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", lab.stateFolder])
      try show("A state folder that cannot be written", "lares run --config /etc/lares --state /var/lib/lares")
      try lab.succeed(.router, ["umount", lab.stateFolder])
      try show(
        "Not root",
        "setpriv --reuid nobody --clear-groups --inh-caps=-all lares run --config /etc/lares --state /var/lib/lares")

      try lab.configure(
        Lab.configuration + """
          [network.things]
          interfaces = ["lan9"]
          address = "192.168.79.1/24"

          """)
      let squatter = try lab.startCanary(.router, tcp: [53], udp: [53])
      try lab.startRouter()
      try lab.wait(for: "both problems") {
        let status = try lab.lares("status").output
        return status.contains("in use") && status.contains("lan9") && status.contains("203.0.113.1 answers")
      }
      try show("An interface that is not there, and a DNS port that another program has", "lares status | grep '^!'")
      squatter.stop()
      try lab.wait(for: "the names") { try !lab.lares("status").output.contains("in use") }
      try lab.succeed(.provider, ["ip", "link", "set", "isp0", "down"])
      try lab.wait(for: "the diagnosis") { try lab.lares("status").output.contains("! uplink.wan") }
      try show("The cable to the provider is out", "lares status | grep '^! uplink'")
      try lab.succeed(.provider, ["ip", "link", "set", "isp0", "up"])

      try show("A second start", "lares run --config /etc/lares --state /var/lib/lares")
      try show("Nothing to commit", "lares commit")
      try show("Nothing to confirm", "lares confirm")
      try show("A commit that there never was", "lares rollback 7")
      try show("No earlier configuration to go back to", "lares rollback")
      try show("An answer without a question", "lares bisect good")
      try show("A shell over SSH", "SSH_ORIGINAL_COMMAND=bash lares ssh-command")
      try show("A device that nobody has named", "lares device pause latop")
      try show("A time span without a unit", "lares device pause laptop --for 10")
      try show("A window that is too short", "lares commit --confirm 5")
      try show("A secret without a value", "lares secret set wifi < /dev/null")
      try show("A command that does not exist", "lares stauts")
      try show("Somebody who may look but not change", "setpriv --reuid nobody --clear-groups lares confirm")
      try lab.configure(Lab.configuration.replacing("laptop:80", with: "lpatop:80"))
      try show("A commit of a file with a mistake", "lares commit")
      return entries
    }
  }
}
