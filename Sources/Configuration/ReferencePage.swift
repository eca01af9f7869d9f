/// The reference of lares.toml, made from the schema.
public enum ReferencePage {
  /// The page docs/configuration.md, in Markdown.
  public static func markdown() -> String {
    let top = HouseholdSchema.root.fields.filter { $0.node.fields.isEmpty }
    return """
      # lares.toml: every key

      This page is made from the schema that reads the file: `LARES_UPDATE_DOCS=1 swift test --filter ReferencePageTests`.

      The configuration is TOML 1.0. It starts in `lares.toml`; `lares check` says what is wrong with it, `lares set` changes one
      value and keeps everything else as it stands, comments included. Unknown keys are errors. A secret never stands in the file:
      write `{ secret = "NAME" }`, and store the value with `lares secret set NAME`.

      ## At the top of the file

      \(table(of: top, prefix: ""))

      \(HouseholdSchema.sections.map(section).joined(separator: "\n\n"))

      ## A whole household

      ```toml
      \(example)
      ```

      """
  }

  private static func section(_ section: Section) -> String {
    let header = section.isCollection ? "[\(section.key).NAME]" : "[\(section.key)]"
    return """
      ## \(header)

      \(section.field.help)

      \(table(of: section.fields, prefix: ""))
      """
  }

  private static func table(of fields: [SchemaField], prefix: String) -> String {
    (["| key | takes | without it | example | meaning |", "|---|---|---|---|---|"] + rows(fields, prefix: prefix))
      .joined(separator: "\n")
  }

  private static func rows(_ fields: [SchemaField], prefix: String) -> [String] {
    fields.flatMap { field -> [String] in
      let name = prefix + field.key
      let row = "| `\(name)` | \(takes(field.node)) | \(absence(of: field)) | `\(field.example)` | \(field.help) |"
      return [row] + rows(field.node.fields, prefix: "\(name).")
    }
  }

  private static func takes(_ node: SchemaNode) -> String {
    switch node.form {
    case .choice(let words): words.map { "`\(TOMLValue.quoted($0))`" }.joined(separator: ", ")
    case .integer(let range): "integer \(range.lowerBound) to \(range.upperBound)"
    case .secret: "`{ secret = \"NAME\" }`"
    case .toggle, .text, .list, .table, .named: node.typeName
    }
  }

  private static func absence(of field: SchemaField) -> String {
    if field.isRequired { return "**required**" }
    guard let value = field.defaultValue, value != .array([]), value != .table([]) else { return "–" }
    return "`\(value)`"
  }

  /// A household with a bit of everything; the tests read it.
  static let example = """
    [household]
    domain = "home.arpa"

    [uplink.wan]
    interface = "wan0"
    method = "dhcp"

    [network.home]
    interfaces = ["lan0", "lan1"]   # several are bridged
    address = ["192.168.77.1/24", "fd00:77::1/64"]
    dhcp = { pool = "192.168.77.100-192.168.77.199", lease = "12h" }

    [network.guest]
    interfaces = ["lan0"]
    vlan = 20
    address = "192.168.78.1/24"
    isolated = true
    dhcp = { pool = "192.168.78.100-192.168.78.199", lease = "1h" }

    [person.alice]
    full-name = "Alice Example"

    [device.nas]
    hardware = ["02:00:00:00:00:10"]
    address = "192.168.77.10"
    person = "alice"

    [addresses.office]
    members = ["198.51.100.0/24"]

    [forward.web]
    from = "internet"
    protocol = "tcp"
    port = 8080
    to = "nas:80"

    [forward.shell]
    from = "@office"
    protocol = "tcp"
    port = 2222
    to = "nas:22"

    [allow.printer]
    from = "guest"
    to = "nas"
    protocol = "tcp"
    port = 631

    [dns]
    upstream = ["203.0.113.1"]
    forward = { "corp.example" = ["192.168.77.10"] }
    blocklists = ["blocked.txt"]

    [metrics]
    listen = "192.168.77.1:9100"
    token = { secret = "metrics" }

    [log]
    remote = "192.168.77.10"

    [history]
    push = "https://git.example/alice/router.git"
    user = "alice"
    password = { secret = "git" }
    """
}
