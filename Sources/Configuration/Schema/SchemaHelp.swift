extension SchemaKey {
  /// What a person is told who asks about the key: a few lines, the last without a line end.
  public var helpText: String {
    var facts = [field.node.expected]
    if field.isRequired { facts.append("required") }
    if let value = field.defaultValue, value != .array([]), value != .table([]) { facts.append("without it \(value)") }
    let example = field.example.isEmpty ? "" : "\n  for example: \(field.key) = \(field.example)"
    return "\(path)\n  \(field.help)\n  takes \(facts.joined(separator: "; "))\(example)"
  }
}

extension HouseholdSchema {
  /// The key at a path, where names may stand for the schema's placeholders: `network.home.address`.
  public static func key(at path: String) -> SchemaKey? {
    guard let parsed = ConfigurationPath(path), let field = field(at: parsed) else { return nil }
    return SchemaKey(path: path, field: field)
  }
}
