import Configuration
import FoundationEssentials
import Testing

/// docs/mistakes.md shows what Lares answers, word for word.
@Suite struct MistakesPageTests {
  /// A wrong line (or some) in an otherwise right household.
  struct Mistake {
    let title: String
    let right: String
    let wrong: String

    init(_ title: String, _ right: String, _ wrong: String) {
      (self.title, self.right, self.wrong) = (title, right, wrong)
    }
  }

  static let household =
    Households.smallest + """

      [metrics]
      listen = "192.168.77.1:9100"
      token = { secret = "metrics" }

      """

  static let mistakes: [Mistake] = [
    Mistake("A typo in a key", "address = \"192.168.78.1/24\"", "adress = \"192.168.78.1/24\""),
    Mistake("A typo in a table", "[forward.web]", "[foward.web]"),
    Mistake("A key in the wrong table", "method = \"dhcp\"", "method = \"dhcp\"\nblocklists = [\"ads.txt\"]"),
    Mistake(
      "A key of the whole file at its end", "{ secret = \"metrics\" }",
      "{ secret = \"metrics\" }\ninclude = [\"more.toml\"]"),
    Mistake("A table without a name", "[network.guest]", "[network]"),
    Mistake("Text without quotes", "domain = \"home.arpa\"", "domain = home.arpa"),
    Mistake("A quote that is never closed", "method = \"dhcp\"", "method = \"dhcp"),
    Mistake("An array that is never closed", "interfaces = [\"lan1\"]", "interfaces = [\"lan1\""),
    Mistake("A switch in quotes", "isolated = true", "isolated = \"true\""),
    Mistake("Yes instead of true", "isolated = true", "isolated = yes"),
    Mistake("The same key twice", "isolated = true", "isolated = true\nisolated = false"),
    Mistake(
      "A table on several lines in braces", "{ pool = \"192.168.78.100-192.168.78.199\", lease = \"1h\" }",
      "{\n  pool = \"192.168.78.100-192.168.78.199\",\n  lease = \"1h\"\n}"),
    Mistake("An address without the length of its network", "\"192.168.78.1/24\"", "\"192.168.78.1\""),
    Mistake("The network instead of an address in it", "\"192.168.78.1/24\"", "\"192.168.78.0/24\""),
    Mistake("Networks that overlap", "\"192.168.78.1/24\"", "\"192.168.77.129/25\""),
    Mistake("A pool outside its network", "192.168.78.100-192.168.78.199", "192.168.79.100-192.168.79.199"),
    Mistake("A pool with the router in it", "192.168.78.100-192.168.78.199", "192.168.78.1-192.168.78.199"),
    Mistake("A lease time without a unit", "lease = \"1h\"", "lease = \"3600\""),
    Mistake("A lease time that is far too short", "lease = \"1h\"", "lease = \"5s\""),
    Mistake("An interface in two networks", "interfaces = [\"lan1\"]", "interfaces = [\"lan0\"]"),
    Mistake("The uplink's interface in a network", "interfaces = [\"lan1\"]", "interfaces = [\"wan0\"]"),
    Mistake(
      "A name that is too long for an interface", "interfaces = [\"lan1\"]", "interfaces = [\"enx0200000000102\"]"),
    Mistake("A device's address in no network", "address = \"192.168.77.10\"", "address = \"192.168.7.10\""),
    Mistake("The router's address for a device", "address = \"192.168.77.10\"", "address = \"192.168.77.1\""),
    Mistake("A hardware address with a digit missing", "02:00:00:00:00:10", "02:00:00:00:00:1"),
    Mistake("A forward to a device that is not there", "to = \"nas:80\"", "to = \"nsa:80\""),
    Mistake("A forward to an address", "to = \"nas:80\"", "to = \"192.168.77.10:80\""),
    Mistake("A forward to a device without an address", "\naddress = \"192.168.77.10\"", ""),
    Mistake(
      "Two forwards of one port", "[allow.printer]",
      "[forward.other]\nprotocol = \"tcp\"\nport = \"8000-8100\"\nto = \"nas\"\n\n[allow.printer]"),
    Mistake("An allow for a network that is not there", "from = \"guest\"", "from = \"guests\""),
    Mistake("A device named like something that browsers look for", "[device.nas]", "[device.wpad]\n\n[device.nas]"),
    Mistake("A name with an underscore", "[device.nas]", "[device.new_nas]\n\n[device.nas]"),
    Mistake("A static uplink without its addresses", "method = \"dhcp\"", "method = \"static\""),
    Mistake("A method of a later version", "method = \"dhcp\"", "method = \"pppoe\""),
    Mistake("Encrypted DNS, which a later version has", "\"203.0.113.1\"", "\"tls://203.0.113.1\""),
    Mistake("A password in the file", "{ secret = \"metrics\" }", "\"correct horse battery\""),
    Mistake(
      "A password in the address of a Git remote", "[dns]",
      "[history]\npush = \"https://alice:correct-horse@git.example/router.git\"\n\n[dns]"),
    Mistake("A file of a newer Lares", "[household]", "format = 9\n\n[household]"),
  ]

  private static func answer(to mistake: Mistake) throws -> String {
    let parts = household.split(separator: mistake.right, omittingEmptySubsequences: false)
    try #require(parts.count >= 2, "\(mistake.right) is not in the household")
    let place = parts.count == 2 || mistake.right.contains("=") ? 1 : parts.count - 1
    let wrong =
      parts[..<place].joined(separator: mistake.right) + mistake.wrong
      + parts[place...].joined(separator: mistake.right)
    let errors = ConfigurationText(files: ["lares.toml": wrong]).check().errors
    try #require(!errors.isEmpty, "\(mistake.title) is accepted")
    return errors.map(\.description).joined(separator: "\n")
  }

  private static let begin = "<!-- configuration: begin (LARES_UPDATE_DOCS=1 swift test --filter MistakesPageTests) -->"
  private static let end = "<!-- configuration: end -->"

  private static func page() throws -> String {
    var page = """
      \(begin)

      ## In the configuration

      `lares check FILE` says all of this, and nothing of the running router changes. The household is this one; each mistake
      is made in it alone.

      ```toml
      \(household)```

      """
    for mistake in mistakes {
      let shown = mistake.wrong.isEmpty ? "(without \(mistake.right.drop { $0 == "\n" }))" : mistake.wrong
      page += """

        **\(mistake.title)**

        ```toml
        \(shown)
        ```

        ```text
        \(try answer(to: mistake))
        ```

        """
    }
    return page + "\n\(end)"
  }

  @Test func `the committed answers are the ones that Lares gives`() throws {
    let made = try Self.page()
    let text = try TestData.repositoryText("docs/mistakes.md")
    let head = try #require(text.split(separator: Self.begin, omittingEmptySubsequences: false).first)
    let tail = try #require(text.split(separator: Self.end, omittingEmptySubsequences: false).last)
    try CommittedText.expect("docs/mistakes.md", is: head + made + tail)
  }

  @Test func `the household itself is right`() {
    let report = ConfigurationText(files: ["lares.toml": Self.household]).check()
    #expect(report.diagnostics.map(\.description) == [])
  }
}
