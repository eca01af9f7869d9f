import Configuration
import TestSupport
import Testing

/// Edits change the bytes concerned and nothing else.
@Suite struct TOMLEditorTests {
  static let household = """
    # The house of the example.

    [household]
    domain = "home.arpa"

    [network.home]
      interfaces = ["lan0"]   # the switch
      address = "192.168.77.1/24"
      dhcp = { pool = "192.168.77.100-192.168.77.199", lease = "12h" }
    # end of home

    [network.guest]
    isolated = true

    [device.nas]
    address = "192.168.77.10"
    """

  struct Edit: Sendable, CustomTestStringConvertible {
    let path: String
    let value: TOMLValue?
    let before: String
    let after: String
    var testDescription: String { path }
  }

  static let edits: [Edit] = [
    Edit(path: "network.guest.isolated", value: .boolean(false), before: "isolated = true", after: "isolated = false"),
    Edit(
      path: "network.home.dhcp.lease", value: .string("1h"), before: "lease = \"12h\" }", after: "lease = \"1h\" }"),
    Edit(
      path: "network.home.isolated", value: .boolean(true), before: "\"12h\" }\n",
      after: "\"12h\" }\n  isolated = true\n"),
    Edit(
      path: "network.home.dhcp.options.\"42\"", value: .string("x"), before: "lease = \"12h\" }",
      after: "lease = \"12h\", options = { 42 = \"x\" } }"),
    Edit(
      path: "network.things.vlan", value: .integer(20), before: "isolated = true\n",
      after: "isolated = true\n\n[network.things]\nvlan = 20\n"),
    Edit(
      path: "firewall.log-rate", value: .integer(5), before: "\"192.168.77.10\"",
      after: "\"192.168.77.10\"\n\n[firewall]\nlog-rate = 5\n"),
    Edit(
      path: "format", value: .integer(1), before: "example.\n\n", after: "example.\n\nformat = 1\n\n"),
    Edit(path: "network.home.interfaces", value: nil, before: "  interfaces = [\"lan0\"]   # the switch\n", after: ""),
    Edit(path: "network.home.dhcp.pool", value: nil, before: "pool = \"192.168.77.100-192.168.77.199\", ", after: ""),
    Edit(path: "network.home.dhcp.lease", value: nil, before: ", lease = \"12h\"", after: ""),
    Edit(path: "network.guest", value: nil, before: "\n[network.guest]\nisolated = true\n", after: ""),
    Edit(path: "device", value: nil, before: "\n[device.nas]\naddress = \"192.168.77.10\"", after: ""),
  ]

  @Test(arguments: [("{}", "{ b = 1 }"), ("{   }", "{ b = 1   }"), ("{ c = 2 }", "{ c = 2, b = 1 }")])
  func `what stands in an inline table stays`(_ before: String, _ after: String) throws {
    var editor = TOMLEditor(try TOMLDocument(parsing: "a = \(before) # why"))
    try editor.set(["a", "b"], to: .integer(1))
    #expect(editor.document.text == "a = \(after) # why")
  }

  @Test(arguments: edits) func `an edit changes exactly these bytes`(_ edit: Edit) throws {
    var editor = TOMLEditor(try TOMLDocument(parsing: Self.household))
    let path = edit.path.split(separator: ".").map { $0.filter { $0 != "\"" } }
    if let value = edit.value {
      try editor.set(path, to: value, headerDepth: 2)
      #expect(editor.document.node(at: path)?.value == value)
    } else {
      try editor.remove(path)
      #expect(editor.document.node(at: path) == nil)
    }
    let parts = Self.household.split(separator: edit.before, omittingEmptySubsequences: false)
    try #require(parts.count == 2)
    #expect(editor.document.text == parts[0] + edit.after + parts[1])
  }

  @Test func `line ends and a byte order mark stay as they are`() throws {
    var editor = TOMLEditor(try TOMLDocument(parsing: "\u{feff}a.b = 1\r\n[t]\r\n"))
    try editor.set(["a", "c"], to: .integer(2))
    try editor.set(["t", "x"], to: .string("y"))
    try editor.remove(["a", "b"])
    #expect(editor.document.text == "\u{feff}a.c = 2\r\n[t]\r\nx = \"y\"\r\n")
  }

  @Test func `a table replaces a table with a header key by key`() throws {
    var editor = TOMLEditor(try TOMLDocument(parsing: "[a]\nx = 1 # one\ny = 2\n"))
    try editor.set(["a"], to: .table([TOMLField("x", .integer(1)), TOMLField("z", .integer(3))]))
    #expect(editor.document.text == "[a]\nx = 1 # one\nz = 3\n")
  }

  @Test func `a value that is written differently and the same stays as it is written`() throws {
    let text = "a = 0x10\nb = 'C:\\x'\nc = [ 1, 2, ] # two\nd = { y = 1, x = 2 }\n[e]\nf = +1.50\n"
    var editor = TOMLEditor(try TOMLDocument(parsing: text))
    try editor.set(["a"], to: .integer(16))
    try editor.set(["b"], to: .string("C:\\x"))
    try editor.set(["c"], to: .array([.integer(1), .integer(2)]))
    try editor.set(["d"], to: .table([TOMLField("x", .integer(2)), TOMLField("y", .integer(1))]))
    try editor.set(["e"], to: .table([TOMLField("f", .float(1.5))]))
    #expect(editor.document.text == text)
  }

  @Test func `what cannot be edited is refused and stays`() throws {
    let text = "a = 1\n[[list]]\nx = 1\n[t]\ny = 1\n"
    var editor = TOMLEditor(try TOMLDocument(parsing: text))
    #expect(throws: TOMLEditor.EditError.notATable(["a"])) { try editor.set(["a", "b"], to: .integer(1)) }
    #expect(throws: TOMLEditor.EditError.isArrayOfTables(["list"])) { try editor.set(["list", "x"], to: .integer(2)) }
    #expect(throws: TOMLEditor.EditError.isTable(["t"])) { try editor.set(["t"], to: .integer(2)) }
    #expect(throws: TOMLEditor.EditError.notFound(["t", "z"])) { try editor.remove(["t", "z"]) }
    #expect(throws: TOMLEditor.EditError.emptyPath) { try editor.remove([]) }
    #expect(editor.document.text == text)
  }

  @Test(arguments: Soak.seeds(1...4, soak: 2_000)) func `set then parse gives the value and keeps every other byte`(
    _ seed: UInt64
  ) throws {
    var random = SeededGenerator(seed)
    for name in try TestData.tomlCases("valid/") {
      let document = try TOMLDocument(parsing: TestData.tomlCase(name))
      guard let path = Self.randomPath(in: document.root, &random) else { continue }
      let value = Self.randomValue(&random)
      var editor = TOMLEditor(document)
      do { try editor.set(path, to: value) } catch TOMLEditor.EditError.isTable { continue } catch TOMLEditor.EditError
        .isArrayOfTables
      { continue }
      #expect(editor.document.node(at: path)?.value == value, "\(name) \(path)")
      #expect(editor.document.root.value == Self.setting(document.root.value, path[...], value), "\(name) \(path)")
      Self.expectOneChange(document, editor.document, replaced: document.node(at: path)?.range, "\(name) \(path)")
      let once = editor.document.bytes
      try editor.set(path, to: value)
      #expect(editor.document.bytes == once, "setting again changed \(name)")
      if document.node(at: path) == nil {
        try editor.remove(path)
        #expect(editor.document.node(at: path) == nil, "\(name) \(path)")
      }
    }
  }

  /// All bytes before and behind one place are the same, and that place is the old value's or empty.
  private static func expectOneChange(
    _ before: TOMLDocument, _ after: TOMLDocument, replaced: Range<Int>?, _ what: Comment
  ) {
    let head = zip(before.bytes, after.bytes).prefix { $0 == $1 }.count
    if let replaced {
      #expect(head >= replaced.lowerBound, what)
      #expect(
        after.bytes.suffix(before.bytes.count - replaced.upperBound) == before.bytes[replaced.upperBound...], what)
    } else {
      let inserted = after.bytes.count - before.bytes.count
      #expect(inserted > 0, what)
      #expect(after.bytes[(min(head + inserted, after.bytes.count))...] == before.bytes[head...], what)
    }
  }

  /// An existing path, or one with a new key at a random depth.
  private static func randomPath(in root: TOMLTable, _ random: inout SeededGenerator) -> [String]? {
    var path: [String] = []
    var table = root
    while true {
      guard let entry = table.entries.randomElement(using: &random), Int.random(in: 0..<4, using: &random) > 0 else {
        return path + (Bool.random(using: &random) ? ["new key", "deep"] : ["new-key"])
      }
      path.append(entry.key)
      switch entry.node.content {
      case .table(let next): table = next
      case .scalar, .array: return path
      case .arrayOfTables: return nil
      }
    }
  }

  private static func randomValue(_ random: inout SeededGenerator) -> TOMLValue {
    switch Int.random(in: 0..<6, using: &random) {
    case 0: .string(["", "a \"quoted\" \\ text\n\u{1}", "ü ∂ 🏠"].randomElement(using: &random) ?? "")
    case 1: .integer(Int64.random(in: .min ... .max, using: &random))
    case 2: .float(Double.random(in: -1e9...1e9, using: &random))
    case 3: .boolean(Bool.random(using: &random))
    case 4: .array([.integer(1), .array([.string("x")])])
    default: .table([TOMLField("k k", .string("v")), TOMLField("e", .table([]))])
    }
  }

  private static func setting(_ value: TOMLValue, _ path: ArraySlice<String>, _ new: TOMLValue) -> TOMLValue {
    guard let key = path.first else { return new }
    guard case .table(var fields) = value else { return value }
    if let index = fields.firstIndex(where: { $0.key == key }) {
      fields[index].value = setting(fields[index].value, path.dropFirst(), new)
    } else {
      fields.append(TOMLField(key, setting(.table([]), path.dropFirst(), new)))
    }
    return .table(fields)
  }
}
