// `lares show`, and completion on the command line.
extension ConfigurationText {
  /// One value of the configuration.
  public struct Shown: Sendable, Equatable, Codable {
    /// `network.home.address`.
    public var path: String
    /// As it stands in the file, or as the default would.
    public var value: String
    /// The file that says so; nil: it is the default.
    public var file: String?
    public var line: Int?
  }

  /// The values at and below a path, in the order of the schema; with `defaults`, also those that no file sets. An empty
  /// path is everything. Secrets are shown by their names, which is all that stands there.
  public func show(_ path: String = "", defaults: Bool = false) throws(ConfigurationErrors) -> [Shown] {
    let sources = ConfigurationSources(files, main: main)
    guard sources.diagnostics.isEmpty else { throw ConfigurationErrors(sources.diagnostics) }
    let wanted = path.isEmpty ? ConfigurationPath() : ConfigurationPath(path)
    guard let wanted, wanted.elements.isEmpty || HouseholdSchema.field(at: wanted) != nil else {
      throw ConfigurationErrors([
        Diagnostic(path: path, problem: "unknown key", hint: "lares show without a path shows everything")
      ])
    }
    return Self.leaves(of: HouseholdSchema.root, at: ConfigurationPath(), sources, defaults: defaults)
      .filter { $0.path.keys.starts(with: wanted.keys) || wanted.keys.starts(with: $0.path.keys) }.map(\.shown)
  }

  private static func leaves(
    of node: SchemaNode, at path: ConfigurationPath, _ sources: ConfigurationSources, defaults: Bool
  ) -> [(path: ConfigurationPath, shown: Shown)] {
    let fields: [(String, SchemaField)] =
      node.form == .named
      ? sources.keys(at: path).compactMap { key in node.fields.first.map { (key, $0) } }
      : node.fields.map { ($0.key, $0) }
    return fields.flatMap { key, field -> [(path: ConfigurationPath, shown: Shown)] in
      let path = path.appending(key)
      if field.node.form == .table || field.node.form == .named {
        let isPresent = sources.files.contains { $0.document.node(at: path.keys) != nil }
        let isOptional = field.node.fields.contains(where: \.isRequired)
        return isPresent || defaults && !isOptional ? leaves(of: field.node, at: path, sources, defaults: defaults) : []
      }
      for file in sources.files {
        guard let value = file.document.node(at: path.keys) else { continue }
        let text =
          value.table.map { $0.isInline } ?? true ? file.document.text(in: value.range) : value.value.description
        let line = file.document.position(of: value.range.lowerBound).line
        return [(path, Shown(path: path.description, value: text, file: file.name, line: line))]
      }
      guard defaults, let value = field.defaultValue else { return [] }
      return [(path, Shown(path: path.description, value: value.description, file: nil, line: nil))]
    }
  }

  /// One way to go on with a word on the command line.
  public struct Completion: Sendable, Equatable, Codable {
    /// The whole word.
    public var text: String
    public var help: String
    /// More keys follow behind a dot.
    public var isTable: Bool
  }

  /// The paths that begin with what is typed: keys of the schema, and the names that the configuration has.
  public func completions(ofPath typed: String) -> [Completion] {
    let sources = ConfigurationSources(files, main: main)
    let dot = typed.lastIndex(of: ".")
    guard let parent = dot.map({ ConfigurationPath(String(typed[..<$0])) }) ?? ConfigurationPath() else { return [] }
    guard let node = parent.elements.isEmpty ? HouseholdSchema.root : HouseholdSchema.field(at: parent)?.node else {
      return []
    }
    let names = node.form == .named ? sources.keys(at: parent) : node.fields.map(\.key)
    return names.compactMap { name in
      let text = parent.appending(name).description
      guard text.hasPrefix(typed), let field = node.field(name) else { return nil }
      return Completion(text: text, help: field.help, isTable: !field.node.fields.isEmpty)
    }
  }

  /// The values that a key may be meant to have: its words, the names that it can refer to, or its default and example.
  public func completions(ofValueFor path: String) -> [String] {
    guard let path = ConfigurationPath(path), let field = HouseholdSchema.field(at: path) else { return [] }
    if !field.node.refersTo.isEmpty {
      let sources = ConfigurationSources(files, main: main)
      return field.node.refersTo.flatMap { sources.names(of: $0).sorted() }
    }
    switch field.node.form {
    case .toggle: return ["true", "false"]
    case .choice(let words): return words
    case .table, .named: return []
    case .integer, .text, .list, .secret:
      let values = [field.defaultValue?.description, field.example].compactMap { $0 }.filter { $0 != "[]" }
      return values.enumerated().filter { !values[..<$0.offset].contains($0.element) }.map(\.element)
    }
  }
}

extension ConfigurationSources {
  /// The keys of a table in all files, in their order.
  func keys(at path: ConfigurationPath) -> [String] {
    var seen: Set<String> = []
    return files.flatMap { $0.document.node(at: path.keys)?.table?.entries ?? [] }.map(\.key)
      .filter { seen.insert($0).inserted }
  }
}
