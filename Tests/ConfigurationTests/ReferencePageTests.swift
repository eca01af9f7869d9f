import FoundationEssentials
import Household
import Testing

@testable import Configuration

/// The reference page is the schema's, and its examples are right.
@Suite struct ReferencePageTests {
  @Test func `the committed page is the one that the schema makes`() throws {
    try CommittedText.expect("docs/configuration.md", is: ReferencePage.markdown())
  }

  @Test func `the example household is read without a word`() {
    let report = ConfigurationText(files: ["lares.toml": ReferencePage.example]).check()
    #expect(report.diagnostics.map(\.description) == [])
    #expect(report.model?.devices.map(\.name) == ["nas"])
  }

  static var values: [String] {
    HouseholdSchema.keys.filter { !$0.field.example.isEmpty }.map(\.path)
  }

  @Test(arguments: values) func `the example of every key is accepted`(_ path: String) throws {
    let key = try #require(HouseholdSchema.keys.first { $0.path == path })
    let names = ["CODE": "224", "DOMAIN": "\"corp.example\""]
    let concrete = names.reduce(path) { $0.replacing($1.key, with: $1.value) }
    let text = try ConfigurationText(files: ["lares.toml": ""]).setting(concrete, to: key.field.example)
    #expect(text.files["lares.toml"]?.contains(key.field.example) == true)
  }

  @Test func `every key says what it means`() {
    for key in HouseholdSchema.keys {
      #expect(key.field.help.hasSuffix(".") || key.field.help.hasSuffix("\")."), "\(key.path)")
      #expect(!key.field.node.typeName.isEmpty && !key.field.node.expected.isEmpty, "\(key.path)")
    }
  }
}

/// Pages that are made, committed, and must not drift.
enum CommittedText {
  /// Compares a page with what it should be; with LARES_UPDATE_DOCS set, writes it instead.
  static func expect(_ path: String, is text: String) throws {
    let file = "\(TestData.packageRoot)/\(path)"
    if ProcessInfo.processInfo.environment["LARES_UPDATE_DOCS"] != nil {
      try text.write(toFile: file, atomically: true, encoding: .utf8)
    }
    let committed = try TestData.text(file)
    let difference = zip(
      committed.split(separator: "\n", omittingEmptySubsequences: false),
      text.split(separator: "\n", omittingEmptySubsequences: false)
    ).first { $0 != $1 }
    #expect(
      committed == text,
      "\(path) is not what the code makes; first: \(String(describing: difference)). LARES_UPDATE_DOCS=1 writes it")
  }
}
