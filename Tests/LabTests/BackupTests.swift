import Control
import HostSystem
import Lab
import Testing

extension LabTests {
  /// A router's backup brings back what all daemons do.
  @Suite struct BackupTests {
    @Test func aRestoreChangesTheFirewallAndRevertsByItself() throws {
      try Lab.withRouter(ChangeTests.renamed) { lab in
        let words = ["backup", lab.folder + "/backup", "--passphrase-fd", "0"]
        #expect(try lab.lares(words, input: "correct horse\n").isSuccess)
        try lab.commit(Lab.configuration, "--now")
        #expect(try rules(lab).contains("forward.web"))
        let restore = ["restore", lab.folder + "/backup", "--passphrase-fd", "0", "--confirm", "10"]
        let answer = try lab.lares(restore, input: "correct horse\n")
        #expect(answer.isSuccess && answer.output.contains("lares confirm"), "\(answer.output)")
        #expect(try rules(lab).contains("forward.page"))
        try lab.wait(for: "the revert") { try lab.status().provisional == nil }
        try lab.wait(for: "the firewall of before") { try rules(lab).contains("forward.web") }
        #expect(try lab.lares(restore, input: "correct horse\n").isSuccess)
        #expect(try lab.lares("confirm").isSuccess)
        #expect(try rules(lab).contains("forward.page"))
        // Nothing belongs to another user than control's, so that it can go on writing.
        let owners = try lab.run(.router, ["find", lab.stateFolder + "/control", "-printf", "%u\n"]).output
        #expect(Set(owners.split(separator: "\n")).count == 1, "\(owners)")
        let next = try lab.commit(Lab.configuration + "# more\n", "--now")
        #expect(next.isSuccess, "\(next.output)")
      }
    }

    private func rules(_ lab: Lab) throws -> String { try lab.succeed(.router, ["nft", "list", "ruleset"]) }
  }
}
