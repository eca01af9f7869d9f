import Configuration
import Testing

/// Somebody writes a secret where its name belongs: no error repeats it, whatever else is wrong with the line.
@Suite struct SecretLiteralTests {
  @Test(arguments: [
    "hunter2-Zebra", "Zebra horse battery", "Zebra=hunter2", "00hunter2Zebra", "12 Zebra", "\"a\"Zebra", "\"Zebra",
    "'Zebra",
    "\"\"\"Zebra", "\"Zebra\\q\"", "[Zebra]", "[\n  Zebra,\n]", "{ secret = Zebra }", "{ Zebra }",
    "{ secret = \"a\", Zebra = b }",
    "{ secret = \"Zebra }", "{\n secret = \"Zebra\" }", "\"Zebra\"", "Zebra # comment", "\u{e9}Zebra", "%Zebra", "Z",
  ])
  func isNotRepeated(_ literal: String) throws {
    // Without the = what stands on the next line is another statement's.
    let isOneLine = !literal.contains("\n")
    for line in ["token = ", "token=", "metrics.token = "] + (isOneLine ? ["token ", "token: "] : []) {
      let header = line.hasPrefix("metrics") ? "" : "[metrics]\nlisten = \"192.168.77.1:9100\"\n"
      let report = ConfigurationText(files: ["lares.toml": header + line + literal + "\n"]).check()
      #expect(!report.errors.isEmpty)
      for error in report.errors {
        let words = [error.description, error.found ?? "", error.expected ?? "", error.path]
        #expect(words.allSatisfy { !$0.contains("Z") && !$0.contains("hunter") }, "\(line)\(literal): \(error)")
      }
    }
  }

  @Test(arguments: [
    "https://alice:Zebra@git.example/x.git", "https://:Zebra@git.example/x.git", "https://alice:Ze/bra@git.example/x",
    "ssh://alice:Zebra@git.example/x.git", "alice:Zebra@git.example:x.git", "http://a:Zebra@git.example/x.git",
    "ftp://a:Zebra@git.example/x.git",
  ])
  func isNotRepeatedFromAnAddress(_ address: String) throws {
    for value in ["\"\(address)\"", "'\(address)'", address, "\"\(address)", "[\"\(address)\"]"] {
      let text = ConfigurationText(files: ["lares.toml": "[history]\npush = \(value)\n"])
      let report = text.check()
      #expect(!report.errors.isEmpty)
      for error in report.errors {
        let words = [error.description, error.found ?? "", error.expected ?? "", error.path]
        #expect(words.allSatisfy { !$0.contains("Ze") && !$0.contains("bra") }, "\(value): \(error)")
      }
      guard !value.hasPrefix("[") else { continue }
      // A push of such a file is refused, on whatever branch.
      #expect(!text.plainSecrets.isEmpty, "\(value)")
    }
  }

  @Test func isToldWhatToWrite() throws {
    let text = "[metrics]\ntoken = hunter2\n[dns]\nupstream = hunter2\n"
    let errors = ConfigurationText(files: ["lares.toml": text]).check().errors.map(\.description)
    #expect(
      errors == [
        "lares.toml:2:9: this is no value for the key token; write { secret = \"NAME\" } here, and store the value with: "
          + "lares secret set NAME",
        "lares.toml:4:12: hunter2 is no value; text stands in quotes: \"hunter2\"",
      ])
  }
}
