import Household
import Testing

@testable import Configuration

/// Several files are one configuration.
@Suite struct FilesTests {
  static let main = "include = [\"devices.toml\"]\n" + Households.smallest
  static let printer = "[device.printer]\naddress = \"192.168.77.20\"\n"

  @Test func `tables of included files belong to the configuration`() throws {
    let text = ConfigurationText(files: ["lares.toml": Self.main, "devices.toml": Self.printer, "notes.toml": "?"])
    #expect(try text.parse().devices.map(\.name) == ["nas", "printer"])
    #expect(ConfigurationText.includedFiles(of: Self.main) == ["devices.toml"])
  }

  @Test func `diagnostics name the file in which something is wrong`() {
    let text = ConfigurationText(files: [
      "lares.toml": Self.main, "devices.toml": "[device.printer]\naddress = \"10.0.0.1\"\nadress = 1\n",
    ])
    #expect(
      text.check().diagnostics.map(\.description) == [
        "devices.toml:2:11: device.printer.address: 10.0.0.1 is in none of the networks; "
          + "the networks are 192.168.77.0/24, 192.168.78.0/24",
        "devices.toml:3:1: device.printer.adress: unknown key; did you mean \"address\"?",
      ])
  }

  @Test(arguments: [
    (
      "[device.nas]\naddress = \"192.168.77.11\"\n",
      "devices.toml:1:9: device: [device.nas] stands here and in lares.toml:20:9; keep one of the two"
    ),
    ("[dns]\n", "devices.toml:1:2: dns: [dns] stands here and in lares.toml:36:2; keep one of the two"),
    ("include = []\n", "devices.toml:1:1: include: only lares.toml has this key; move it there"),
    (
      "device = 3\n", "devices.toml:1:10: device: found 3, expected tables [device.NAME]"
    ),
    ("x = \"\n", "devices.toml:1:5: the string is never closed; end it with \""),
  ]) func `what cannot be joined is an error that names the places`(_ more: String, _ expected: String) {
    let text = ConfigurationText(files: ["lares.toml": Self.main, "devices.toml": more])
    #expect(text.check().diagnostics.map(\.description) == [expected])
    #expect(text.check().model == nil)
  }

  @Test(arguments: [
    (
      "include = [\"more.toml\"]",
      "lares.toml:1:12: include: there is no file \"more.toml\" in the configuration's folder"
    ),
    ("include = [\"lares.toml\"]", "lares.toml:1:12: include: \"lares.toml\" is included already"),
    (
      "include = [\"../x.toml\"]",
      "lares.toml:1:12: include: found \"../x.toml\", expected the name of a file in the configuration's folder; "
        + "put the file into the configuration's folder and name it from there"
    ),
    ("include = \"x.toml\"", "lares.toml:1:11: include: found \"x.toml\", expected an array of file names"),
  ]) func `an include that leads nowhere is an error`(_ text: String, _ expected: String) {
    #expect(Households.text(text).check().diagnostics.map(\.description) == [expected])
  }

  @Test func `without lares.toml there is no configuration`() {
    #expect(
      ConfigurationText(files: [:]).check().diagnostics.map(\.description)
        == ["lares.toml: there is no such file; every configuration starts in it"])
  }

  @Test func `a file of another name is told by its own`() {
    let text = ConfigurationText(files: ["draft.toml": "[dns]\nx = 1\n[uplink.a]\n"], main: "draft.toml")
    #expect(text.check().errors.first?.description.hasPrefix("draft.toml:2:1: dns.x: unknown key") == true)
  }

  @Test func `bytes that are not UTF-8 are refused with their place, not replaced`() throws {
    let bytes = Array("[dns] # caf".utf8) + [0xe9, UInt8(ascii: "\n")]
    let error = #expect(throws: ConfigurationErrors.self) { try ConfigurationText.text(of: bytes) }
    #expect(error?.description == "lares.toml:1:12: bytes in a comment that are not UTF-8; save the file as UTF-8")
    #expect(try ConfigurationText.text(of: Array("# é".utf8)) == "# é")
  }

  // MARK: Format

  @Test(arguments: [("2", "has format 2"), ("\"1\"", "expected the version"), ("0", "expected the version")])
  func `a format that is not ours is refused`(_ version: String, _ expected: String) throws {
    let text = Households.text("format = \(version)\n[nonsense]\n")
    let diagnostics = text.check().diagnostics
    #expect(diagnostics.count == 1 && diagnostics[0].problem.contains(expected))
    #expect(throws: ConfigurationErrors.self) { try text.migrated() }
  }

  @Test func `the present format needs no migration`() throws {
    let text = Households.text("# mine\nformat = 1\n")
    #expect(try text.migrated() == text)
  }

  @Test func `migrations run one after the other and change only what they must`() throws {
    let format = ConfigurationFormat(
      version: 3,
      migrations: [
        1: { (editor) throws(TOMLEditor.EditError) in try editor.set(["dns", "one"], to: .boolean(true)) },
        2: { (editor) throws(TOMLEditor.EditError) in try editor.remove(["dns", "old"]) },
      ])
    let document = try TOMLDocument(parsing: "# mine\n\n[dns]\nold = 1\n# kept\n")
    #expect(try format.migrated(document)?.text == "# mine\n\nformat = 3\n\n[dns]\none = true\n# kept\n")
    let newer = try TOMLDocument(parsing: "format = 2\ndns.old = 1")
    #expect(try format.migrated(newer)?.text == "format = 3\n")
    #expect(try format.migrated(TOMLDocument(parsing: "format = 3")) == nil)
  }
}
