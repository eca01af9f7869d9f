public import Household

/// What is different between two households, for people and for programs.
public struct ConfigurationDiff: Sendable, Equatable {
  /// In the order of the schema. Empty: both mean the same, whatever their files look like.
  public let changes: [Change]

  public struct Change: Sendable, Equatable, Codable {
    /// `device.nas.address`; of something that came or went as a whole, its table: `forward.web`.
    public var path: String
    /// As it stood in a file; nil: it was not there.
    public var old: String?
    /// As it stands in a file; nil: it is gone.
    public var new: String?
    /// `device nas: address 192.168.77.10 → 192.168.77.11`.
    public var words: String
  }

  public init(from old: HouseholdModel, to new: HouseholdModel) {
    changes = HouseholdSchema.sections.flatMap { section in
      Self.changes(of: section, section.write(old), section.write(new))
    }
  }

  private typealias Tables = [(name: String?, fields: [TOMLField])]

  private static func changes(of section: Section, _ old: Tables, _ new: Tables) -> [Change] {
    let gone = old.filter { table in !new.contains { $0.name == table.name } }
    return gone.map { whole(section, $0.name, old: $0.fields, new: nil) }
      + new.flatMap { table -> [Change] in
        guard let before = old.first(where: { $0.name == table.name }) else {
          return [whole(section, table.name, old: nil, new: table.fields)]
        }
        return changes(of: section, table.name, before.fields, table.fields)
      }
  }

  /// A table that came or went.
  private static func whole(_ section: Section, _ name: String?, old: [TOMLField]?, new: [TOMLField]?) -> Change {
    let summary = TableSummary.of(section.key, old ?? new ?? [])
    return Change(
      path: ConfigurationPath(keys: [section.key] + (name.map { [$0] } ?? [])).description,
      old: old.map { TOMLValue.table($0).description }, new: new.map { TOMLValue.table($0).description },
      words: "\(title(section, name)): \(old == nil ? "added" : "removed")\(summary.isEmpty ? "" : " (\(summary))")")
  }

  private static func title(_ section: Section, _ name: String?) -> String {
    name.map { "\(section.key == "addresses" ? "address list" : section.key) \($0)" } ?? section.key
  }

  private static func changes(
    of section: Section, _ name: String?, _ old: [TOMLField], _ new: [TOMLField]
  ) -> [Change] {
    let before = leaves(old, section.fields, [])
    let after = leaves(new, section.fields, [])
    let gone = before.filter { leaf in !after.contains { $0.keys == leaf.keys } }
    let pairs: [(old: Leaf?, new: Leaf?)] =
      gone.map { (old: $0, new: nil) }
      + after.map { leaf in (old: before.first { $0.keys == leaf.keys }, new: leaf) }
    return pairs.compactMap { old, new in
      guard old?.value != new?.value, let leaf = new ?? old else { return nil }
      let path = [section.key] + (name.map { [$0] } ?? []) + leaf.keys
      return Change(
        path: ConfigurationPath(keys: path).description, old: old?.value.description, new: new?.value.description,
        words: "\(title(section, name)): \(words(leaf, old?.value, new?.value))")
    }
  }

  // MARK: Values

  private struct Leaf {
    let keys: [String]
    let value: TOMLValue
    let field: SchemaField
  }

  /// The values of a table and of the tables in it. Empty lists are absent.
  private static func leaves(_ fields: [TOMLField], _ schema: [SchemaField], _ path: [String]) -> [Leaf] {
    fields.flatMap { field -> [Leaf] in
      guard let known = schema.first(where: { $0.key == field.key }) else { return [] }
      let keys = path + [field.key]
      switch (field.value, known.node.form) {
      case (.table(let inner), .table): return leaves(inner, known.node.fields, keys)
      case (.table(let inner), .named):
        return inner.compactMap { entry in
          known.node.fields.first.map { Leaf(keys: keys + [entry.key], value: entry.value, field: $0) }
        }
      case (.array(let elements), _) where elements.isEmpty: return []
      default: return [Leaf(keys: keys, value: field.value, field: known)]
      }
    }
  }

  private static func words(_ leaf: Leaf, _ old: TOMLValue?, _ new: TOMLValue?) -> String {
    let key = TOMLValue.keyPath(leaf.keys)
    if let words = leaf.field.words, case .boolean(let flag)? = new {
      return flag ? "now \(words.on)" : "no longer \(words.on)"
    }
    let before = elements(old)
    let after = elements(new)
    if before.count > 1 || after.count > 1 { return "\(key) \(listWords(before, after))" }
    return switch (before.first, after.first) {
    case (let old?, let new?): "\(key) \(old) → \(new)"
    case (nil, let new?): "\(key) now \(new)"
    case (let old?, nil): "\(key) no longer set (was \(old))"
    case (nil, nil): "\(key) changed"
    }
  }

  private static func listWords(_ before: [String], _ after: [String]) -> String {
    let (old, new) = (Set(before), Set(after))
    let added = after.filter { !old.contains($0) }
    let removed = before.filter { !new.contains($0) }
    let parts = [("added", added), ("removed", removed)].filter { !$0.1.isEmpty }
    return parts.isEmpty
      ? "in the order \(after.joined(separator: ", "))"
      : parts.map { "\($0.0) \(some($0.1))" }.joined(separator: ", ")
  }

  /// The first few, and how many more there are.
  private static func some(_ words: [String]) -> String {
    let shown = words.prefix(5).joined(separator: ", ")
    return words.count > 5 ? "\(shown) and \(words.count - 5) more" : shown
  }

  private static func elements(_ value: TOMLValue?) -> [String] {
    switch value {
    case nil: []
    case .array(let elements): elements.map(plain)
    case let value?: [plain(value)]
    }
  }

  /// A value without quotes, as people say it.
  static func plain(_ value: TOMLValue) -> String {
    switch value {
    case .string(let text): text
    case .array(let elements): elements.map(plain).joined(separator: ", ")
    default: value.description
    }
  }
}

/// A table in a few words: what somebody would say to remind another of it.
private enum TableSummary {
  static func of(_ section: String, _ fields: [TOMLField]) -> String {
    func text(_ key: String) -> String {
      fields.first { $0.key == key }.map { ConfigurationDiff.plain($0.value) } ?? ""
    }
    func count(_ key: String) -> String {
      if case .array(let elements)? = fields.first(where: { $0.key == key })?.value {
        "\(elements.count) \(key)"
      } else {
        ""
      }
    }
    let parts: [String] =
      switch section {
      case "uplink": [text("method"), "on", text("interface")]
      case "network": [text("address"), "on", text("interfaces")]
      case "person": [text("full-name")]
      case "device": [text("address"), text("hardware")]
      case "forward": [text("from"), text("protocol"), text("port"), "→", text("to")]
      case "allow": [text("from"), "→", text("to"), text("protocol"), text("port")]
      case "addresses": [count("members")]
      case "metrics": ["on", text("listen")]
      default: []
      }
    return parts.filter { !$0.isEmpty }.joined(separator: " ")
  }
}
