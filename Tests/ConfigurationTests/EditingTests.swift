import Testing

@testable import Configuration

/// `lares set`, `delete`, `show` and completion.
@Suite struct EditingTests {
  struct Setting: Sendable, CustomTestStringConvertible {
    let path: String
    let value: String
    let before: String
    let after: String
    var testDescription: String { "\(path) \(value)" }
  }

  static let settings: [Setting] = [
    Setting(path: "network.guest.isolated", value: "false", before: "isolated = true ", after: "isolated = false "),
    Setting(path: "network.guest.isolated", value: "true", before: "isolated = true ", after: "isolated = true "),
    Setting(
      path: "network.home.address", value: "\"192.168.1.1/24\"", before: "\"192.168.77.1/24\"",
      after: "\"192.168.1.1/24\""),
    Setting(
      path: "network.home.address", value: "192.168.1.1/24", before: "\"192.168.77.1/24\"", after: "\"192.168.1.1/24\""),
    Setting(
      path: "dns.upstream", value: "203.0.113.9", before: "[\"203.0.113.1\"]", after: "[\"203.0.113.9\"]"),
    Setting(
      path: "dns.upstream", value: "203.0.113.9, 2001:db8::9", before: "[\"203.0.113.1\"]",
      after: "[\"203.0.113.9\", \"2001:db8::9\"]"),
    Setting(path: "dns.upstream", value: "[ '203.0.113.9' ]", before: "[\"203.0.113.1\"]", after: "[ '203.0.113.9' ]"),
    Setting(
      path: "network.home.interfaces", value: "lan0,lan2", before: "[\"lan0\"]", after: "[\"lan0\", \"lan2\"]"),
    Setting(path: "forward.web.port", value: "8000-8010", before: "port = 8080", after: "port = \"8000-8010\""),
    Setting(path: "forward.web.port", value: "81", before: "port = 8080", after: "port = 81"),
    Setting(path: "device.nas.person", value: "42", before: "77.10\"\n\n[f", after: "77.10\"\nperson = \"42\"\n\n[f"),
    Setting(path: "network.home.dhcp.lease", value: "2h", before: "\"12h\"", after: "\"2h\""),
    Setting(
      path: "dns.forward.\"corp.example\"", value: "10.0.0.1", before: "[\"blocked.txt\"]\n",
      after: "[\"blocked.txt\"]\nforward = { \"corp.example\" = \"10.0.0.1\" }\n"),
    Setting(
      path: "addresses.bad.members", value: "198.51.100.7", before: "[\"blocked.txt\"]\n",
      after: "[\"blocked.txt\"]\n\n[addresses.bad]\nmembers = [\"198.51.100.7\"]\n"),
    Setting(
      path: "device.phone", value: "{ hardware = \"02:00:00:00:00:20\" }", before: "77.10\"\n",
      after: "77.10\"\n\n[device.phone]\nhardware = \"02:00:00:00:00:20\"\n"),
    Setting(
      path: "device.phone", value: "{}", before: "77.10\"\n", after: "77.10\"\n\n[device.phone]\n"),
    Setting(
      path: "metrics.token", value: "{ secret = \"m\" }", before: "[\"blocked.txt\"]\n",
      after: "[\"blocked.txt\"]\n\n[metrics]\ntoken = { secret = \"m\" }\n"),
  ]

  @Test(arguments: settings) func `set changes the value and nothing else`(_ setting: Setting) throws {
    let text = try Households.text(Households.smallest).setting(setting.path, to: setting.value)
    #expect(Households.smallest.contains(setting.before))
    #expect(
      text.files["lares.toml"]
        == Households.smallest.replacing(setting.before, with: setting.after, maxReplacements: 1))
  }

  @Test(arguments: [
    ("network.home.adress", "1", "network.home.adress: unknown key; did you mean \"address\"?"),
    ("netwrk.home.address", "1", "netwrk: unknown key; did you mean \"network\"?"),
    ("network.home.vlan", "abc", "network.home.vlan: found \"abc\", expected an integer from 1 to 4094"),
    ("network.home.vlan", "4095", "network.home.vlan: found 4095, expected an integer from 1 to 4094"),
    (
      "network.home.address.x", "1", "network.home.address.x: network.home.address is a value and has no keys"
    ),
    ("network", "1", "network: this is a table, and not set as a whole; name a key in it: network.NAME.interfaces"),
    ("a..b", "1", "\"a..b\" is no path of a key; keys are joined by dots: network.home.address"),
    (
      "metrics.token", "hunter2",
      "metrics.token: a secret does not stand in the configuration; write { secret = \"NAME\" } here, "
        + "and store the value with: lares secret set NAME"
    ),
    (
      "household.domain", "x\"\n[evil]\ny = \"1",
      "household.domain: found \"x\\\"\\n[evil]\\ny = \\\"1\", expected a domain name such as \"home.arpa\""
    ),
    (
      "network.home.isolated", "true\nvlan = 3",
      "network.home.isolated: found \"true\\nvlan = 3\", expected true or false"
    ),
  ]) func `a wrong set is refused with what to do`(_ path: String, _ value: String, _ expected: String) {
    let error = #expect(throws: ConfigurationErrors.self) {
      try Households.text(Households.smallest).setting(path, to: value)
    }
    #expect(error?.description == expected)
  }

  @Test func `set and delete reach into the file that has the table`() throws {
    let text = ConfigurationText(files: [
      "lares.toml": "include = [\"more.toml\"]\n[network.home]\nvlan = 3\n",
      "more.toml": "[device.nas]\nperson = \"a\"\n",
    ])
    let set = try text.setting("device.nas.blocking", to: "false").setting("network.home.vlan", to: "4")
    #expect(set.files["more.toml"] == "[device.nas]\nperson = \"a\"\nblocking = false\n")
    #expect(set.files["lares.toml"] == "include = [\"more.toml\"]\n[network.home]\nvlan = 4\n")
    #expect(try set.removing("device.nas").files["more.toml"] == "")
  }

  @Test func `delete takes a key or a table away and keeps the rest`() throws {
    let text = Households.text(Households.smallest)
    let shorter = try text.removing("forward.web").removing("network.home.dhcp.lease")
    let gone = "[forward.web]\nfrom = \"internet\"\nprotocol = \"tcp\"\nport = 8080\nto = \"nas:80\"\n\n"
    #expect(
      shorter.files["lares.toml"]
        == Households.smallest.replacing(gone, with: "").replacing(", lease = \"12h\"", with: ""))
    let error = #expect(throws: ConfigurationErrors.self) { try text.removing("forward.none") }
    #expect(error?.description == "forward.none: there is nothing of this name in the configuration")
  }

  @Test func `show lists values with their places, and defaults where asked`() throws {
    let text = Households.text(Households.smallest)
    #expect(
      try text.show("network.home").map { "\($0.path) = \($0.value)" } == [
        "network.home.interfaces = [\"lan0\"]", "network.home.address = \"192.168.77.1/24\"",
        "network.home.dhcp.pool = \"192.168.77.100-192.168.77.199\"", "network.home.dhcp.lease = \"12h\"",
      ])
    #expect(try text.show("household.router", defaults: true).map(\.value) == ["\"router\""])
    #expect(
      try text.show("network.guest.isolated") == [
        ConfigurationText.Shown(path: "network.guest.isolated", value: "true", file: "lares.toml", line: 16)
      ])
    #expect(try text.show(defaults: true).count > text.show().count)
    #expect(throws: ConfigurationErrors.self) { try text.show("nothing") }
  }

  @Test func `completion knows the keys of the schema and the names of the file`() {
    let text = Households.text(Households.smallest)
    #expect(text.completions(ofPath: "ne").map(\.text) == ["network"])
    #expect(text.completions(ofPath: "network.").map(\.text) == ["network.home", "network.guest"])
    #expect(
      text.completions(ofPath: "network.home.i").map(\.text) == ["network.home.interfaces", "network.home.isolated"])
    #expect(text.completions(ofPath: "network.home.dhcp.").map(\.text).contains("network.home.dhcp.lease"))
    #expect(text.completions(ofPath: "nothing.").isEmpty)
    #expect(text.completions(ofValueFor: "uplink.wan.method") == ["dhcp", "static"])
    #expect(text.completions(ofValueFor: "network.home.isolated") == ["true", "false"])
    #expect(text.completions(ofValueFor: "allow.printer.to") == ["guest", "home", "nas"])
    #expect(text.completions(ofValueFor: "network.home.dhcp.lease") == ["\"12h\""])
    #expect(text.completions(ofValueFor: "network.home").isEmpty)
  }

  @Test func `help says what a key takes`() throws {
    #expect(
      HouseholdSchema.key(at: "network.home.dhcp.lease")?.helpText == """
        network.home.dhcp.lease
          How long a device keeps its address without renewing it.
          takes a duration from 2m to 365d, such as "12h", "90s" or "1d"; without it "12h"
          for example: lease = "12h"
        """)
    #expect(HouseholdSchema.key(at: "network.home.lease") == nil)
  }
}
