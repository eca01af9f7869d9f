import Household
import Wire

/// The schema of lares.toml: what every key is called, what it takes, means and is without it.
public enum HouseholdSchema {
  /// The tables at the top, in the order of the reference page.
  static let sections: [Section] =
    [household] + [uplinks, networks, people, devices, forwards, allows, addressLists] + [
      firewall, names, metrics, log, history,
    ]

  /// The root of the schema: the keys and tables at the top of the file.
  public static let root = SchemaNode(
    typeName: "configuration", expected: "the tables of lares.toml", form: .table,
    fields: [formatField, includeField] + sections.map(\.field), accepts: { _, _ in true })

  /// Every key of every table with its path, in the order of the reference page; tables stand before their keys.
  public static let keys: [SchemaKey] = flatten(root, path: ConfigurationPath())

  /// The field at a path; names stand where the schema has placeholders: `network.home.address`.
  public static func field(at path: ConfigurationPath) -> SchemaField? { root.field(at: path.keys) }

  /// The household without a single line of configuration.
  static let blank = HouseholdModel(domain: DomainName("home.arpa") ?? .root)

  static let formatField = SchemaField(
    key: "format", help: "Version of this format, for files that outlive it.", defaultValue: .integer(1), example: "1",
    isRequired: false, words: nil, node: ValueType.integer(1...ConfigurationFormat.current.version).node)

  static let includeField = SchemaField(
    key: "include", help: "Further files of the configuration's folder. A table stands in one of the files only.",
    defaultValue: .array([]), example: "[\"devices.toml\"]", isRequired: false, words: nil,
    node: ValueType<String>.fileName.list("file names").node)

  /// Tables that have a key of this name: where somebody meant to put it.
  static func tables(withKey key: String) -> [String] {
    sections.filter { $0.fields.contains { $0.key == key } }.map { $0.isCollection ? "\($0.key).NAME" : $0.key }
  }

  /// What keys are called, in whichever table, whose values are secrets.
  static let secretKeys = Set(
    keys.filter { $0.field.node.form == .secret }.compactMap { ConfigurationPath($0.path)?.keys.last })

  private static func flatten(_ node: SchemaNode, path: ConfigurationPath) -> [SchemaKey] {
    node.fields.flatMap { field in
      let path = path.appending(field.key)
      return [SchemaKey(path: path.description, field: field)] + flatten(field.node, path: path)
    }
  }
}

/// A table at the top of the file, or a collection of named tables.
struct Section: Sendable {
  let key: String
  let isCollection: Bool
  let field: SchemaField
  /// Reads one table into the model.
  let read: @Sendable (TOMLTable.Entry, inout HouseholdModel, inout ConfigurationReader) -> Bool
  /// What the model has: one table, or one for each name.
  let write: @Sendable (HouseholdModel) -> [(name: String?, fields: [TOMLField])]

  /// The keys of the table, or of each table of the collection.
  var fields: [SchemaField] { isCollection ? field.node.fields[0].node.fields : field.node.fields }

  /// `[key]`, read into a part of the model.
  static func table<Target>(
    _ key: String, _ keyPath: any WritableKeyPath<HouseholdModel, Target> & Sendable, _ schema: TableSchema<Target>,
    _ help: String
  ) -> Section {
    Section(
      key: key, isCollection: false,
      field: SchemaField(
        key: key, help: help, defaultValue: nil, example: "", isRequired: false, words: nil,
        node: schema.type("table", blank: HouseholdSchema.blank[keyPath: keyPath]).node),
      read: { entry, model, reader in schema.read(entry.node, into: &model[keyPath: keyPath], &reader) },
      write: { [(nil, schema.write($0[keyPath: keyPath]))] })
  }

  /// `[key]`, which may be absent altogether.
  static func optionalTable<Target>(
    _ key: String, _ keyPath: any WritableKeyPath<HouseholdModel, Target?> & Sendable, blank: Target,
    _ schema: TableSchema<Target>, _ help: String
  ) -> Section {
    Section(
      key: key, isCollection: false,
      field: SchemaField(
        key: key, help: help, defaultValue: nil, example: "", isRequired: false, words: nil,
        node: schema.type("table", blank: blank).node),
      read: { entry, model, reader in
        var target = blank
        guard schema.read(entry.node, into: &target, &reader) else { return false }
        model[keyPath: keyPath] = target
        return true
      },
      write: { model in model[keyPath: keyPath].map { [(nil, schema.write($0))] } ?? [] })
  }

  /// `[key.NAME]`, read into drafts that become elements of the model.
  static func collection<Element, Draft: Sendable>(
    _ key: String, _ keyPath: any WritableKeyPath<HouseholdModel, [Element]> & Sendable, _ schema: TableSchema<Draft>,
    blank: @escaping @Sendable (String) -> Draft, build: @escaping @Sendable (Draft) -> Element,
    draft: @escaping @Sendable (Element) -> Draft, name: any KeyPath<Element, String> & Sendable, _ help: String
  ) -> Section {
    let element = schema.type("table", blank: blank("NAME")).node
    let node = SchemaNode(
      typeName: "tables by name", expected: "tables [\(key).NAME]", form: .named,
      fields: [
        SchemaField(
          key: "NAME", help: help, defaultValue: nil, example: "", isRequired: false, words: nil, node: element)
      ],
      accepts: { node, _ in node.table != nil })
    return Section(
      key: key, isCollection: true,
      field: SchemaField(
        key: key, help: help, defaultValue: nil, example: "", isRequired: false, words: nil, node: node),
      read: { entry, model, reader in
        var target = blank(entry.key)
        guard schema.read(entry.node, into: &target, &reader) else { return false }
        model[keyPath: keyPath].append(build(target))
        return true
      },
      write: { model in model[keyPath: keyPath].map { ($0[keyPath: name], schema.write(draft($0))) } })
  }

  /// `[key.NAME]`, read into elements of the model.
  static func collection<Element: Sendable>(
    _ key: String, _ keyPath: any WritableKeyPath<HouseholdModel, [Element]> & Sendable,
    _ schema: TableSchema<Element>, blank: @escaping @Sendable (String) -> Element,
    name: any KeyPath<Element, String> & Sendable, _ help: String
  ) -> Section {
    collection(key, keyPath, schema, blank: blank, build: { $0 }, draft: { $0 }, name: name, help)
  }
}
