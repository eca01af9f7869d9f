// `lares set`, `lares delete`, and what a form does: text in, text out.
extension ConfigurationText {
  /// The configuration with one value changed, every other byte as it was. Setting what is set changes nothing.
  ///
  /// The value is checked alone, so that several edits may lead through states that `check()` refuses.
  ///
  /// - Parameters:
  ///   - path: keys joined by dots: `network.guest.isolated`, `dns.forward."corp.example"`.
  ///   - valueText: TOML (`"192.168.1.1/24"`, `["lan0", "lan1"]`), or plain words where the schema has text (`lan0`),
  ///     joined by commas where it has a list (`lan0,lan1`).
  public func setting(_ path: String, to valueText: String) throws(ConfigurationErrors) -> ConfigurationText {
    let (path, field) = try Self.editableField(path)
    let sources = try readableSources()
    guard let file = sources.locate(path)?.file else { throw ConfigurationErrors(sources.diagnostics) }
    let present = file.document.node(at: path.keys)
    let (value, text) = try Self.value(of: valueText, for: field, at: path, present: present)
    return try editing(file, path) { (editor) throws(TOMLEditor.EditError) in
      try editor.set(path.keys, to: value, text: text, headerDepth: Self.headerDepth(of: path))
    }
  }

  /// The configuration without a key, or without a table and everything in it.
  public func removing(_ path: String) throws(ConfigurationErrors) -> ConfigurationText {
    guard let path = ConfigurationPath(path) else { throw Self.notAPath(path) }
    let sources = try readableSources()
    let holders = sources.files.filter { $0.document.node(at: path.keys) != nil }
    guard !holders.isEmpty else {
      throw ConfigurationErrors([TOMLEditor.EditError.notFound(path.keys).diagnostic(path: path, file: nil)])
    }
    var result = self
    for file in holders {
      result = try result.editing(file, path) { (editor) throws(TOMLEditor.EditError) in try editor.remove(path.keys) }
    }
    return result
  }

  private func editing(
    _ file: SourceFile, _ path: ConfigurationPath, _ edit: (inout TOMLEditor) throws(TOMLEditor.EditError) -> Void
  ) throws(ConfigurationErrors) -> ConfigurationText {
    var editor = TOMLEditor(file.document)
    do throws(TOMLEditor.EditError) { try edit(&editor) } catch {
      throw ConfigurationErrors([error.diagnostic(path: path, file: file.name)])
    }
    var result = self
    result.files[file.name] = editor.document.text
    return result
  }

  /// The files; throws what is wrong with them, because an edit needs to know where everything stands.
  private func readableSources() throws(ConfigurationErrors) -> ConfigurationSources {
    let sources = ConfigurationSources(files, main: main)
    guard sources.diagnostics.isEmpty else { throw ConfigurationErrors(sources.diagnostics) }
    return sources
  }

  /// `[network.home]` and `[dns]` have headers; tables below them are written inline.
  private static func headerDepth(of path: ConfigurationPath) -> Int {
    HouseholdSchema.sections.contains { $0.key == path.keys.first && $0.isCollection } ? 2 : 1
  }

  // MARK: Paths

  private static func notAPath(_ text: String) -> ConfigurationErrors {
    ConfigurationErrors([
      Diagnostic(
        path: "", problem: "\(TOMLValue.quoted(text)) is no path of a key", found: text,
        hint: "keys are joined by dots: network.home.address")
    ])
  }

  /// The schema's word about a path that can be set.
  private static func editableField(_ text: String) throws(ConfigurationErrors) -> (ConfigurationPath, SchemaField) {
    guard let path = ConfigurationPath(text) else { throw notAPath(text) }
    guard let field = HouseholdSchema.field(at: path) else { throw unknown(path) }
    guard path.keys.count > 1 || field.node.form != .named && field.node.form != .table else {
      throw ConfigurationErrors([
        Diagnostic(
          path: path.description, problem: "this is a table, and not set as a whole",
          hint:
            "name a key in it: \(HouseholdSchema.keys.first { $0.path.hasPrefix("\(text).") && !$0.field.example.isEmpty }?.path ?? text)"
        )
      ])
    }
    return (path, field)
  }

  private static func unknown(_ path: ConfigurationPath) -> ConfigurationErrors {
    var node = HouseholdSchema.root
    var known = ConfigurationPath()
    for key in path.keys {
      guard let next = node.field(key) else {
        let near = node.nearestKey(to: key)
        let isValue = node.fields.isEmpty
        return ConfigurationErrors([
          Diagnostic(
            path: known.appending(key).description,
            problem: isValue ? "\(known) is a value and has no keys" : "unknown key", found: key,
            hint: near.map { "did you mean \"\($0)\"?" }
              ?? (isValue ? nil : "known: \(node.fields.map(\.key).joined(separator: ", "))"))
        ])
      }
      known = known.appending(key)
      node = next.node
    }
    return notAPath(path.description)
  }

  // MARK: Values

  /// The first reading of the text that the schema accepts, with the way to write it.
  private static func value(
    of text: String, for field: SchemaField, at path: ConfigurationPath, present: TOMLNode?
  ) throws(ConfigurationErrors) -> (TOMLValue, String) {
    var refusals: [Diagnostic]?
    for candidate in readings(of: text, for: field, present: present) {
      guard let node = node(of: candidate) else { continue }
      var reader = ConfigurationReader(path: path)
      if field.node.accepts(node, &reader), reader.diagnostics.isEmpty { return (node.value, candidate) }
      refusals = refusals ?? reader.diagnostics
    }
    throw ConfigurationErrors(
      refusals ?? [
        Diagnostic(path: path.description, problem: "this is no value", expected: field.node.expected, hint: nil)
      ])
  }

  /// The ways in which the text may be meant, as TOML, the most literal first.
  private static func readings(of text: String, for field: SchemaField, present: TOMLNode?) -> [String] {
    let literal = literalText(of: text)
    let single = [literal, TOMLValue.quoted(text)].compactMap { $0 }
    guard case .list = field.node.form else { return single }
    let words = text.split(separator: ",").map { word in String(word.drop { $0 == " " }) }
    let several = words.map { literalText(of: $0) ?? TOMLValue.quoted($0) }
    let arrays = ["[\(several.joined(separator: ", "))]", "[\(words.map(TOMLValue.quoted).joined(separator: ", "))]"]
    if case .array? = present?.content {
      return (literal.map { [$0] } ?? []).filter { $0.hasPrefix("[") } + arrays + single
    }
    return single + arrays
  }

  /// The text itself where it is exactly one TOML value.
  private static func literalText(of text: String) -> String? {
    guard let document = try? TOMLDocument(parsing: "x = \(text)"), document.root.entries.count == 1,
      let node = document.root["x"], !(node.table.map { !$0.isInline } ?? false)
    else { return nil }
    return document.text(in: node.range)
  }

  private static func node(of text: String) -> TOMLNode? { (try? TOMLDocument(parsing: "x = \(text)"))?.root["x"] }
}
