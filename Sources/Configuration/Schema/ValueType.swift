/// The typed side of a schema node: how a value becomes one of the model, and how the model's value is written.
struct ValueType<Value>: Sendable {
  private(set) var node: SchemaNode
  /// The model's value; nil, with the faults reported, where there is none.
  let read: @Sendable (TOMLNode, inout ConfigurationReader) -> Value?
  /// How the value stands in a file; nil where it is absent.
  let write: @Sendable (Value) -> TOMLValue?

  init(
    _ typeName: String, expected: String, form: SchemaNode.Form, fields: [SchemaField] = [],
    read: @escaping @Sendable (TOMLNode, inout ConfigurationReader) -> Value?,
    write: @escaping @Sendable (Value) -> TOMLValue?
  ) {
    node = SchemaNode(
      typeName: typeName, expected: expected, form: form, fields: fields,
      accepts: { node, reader in read(node, &reader) != nil })
    self.read = read
    self.write = write
  }
}

/// Why a string is not the value that it should be.
struct Refusal: Error {
  /// Instead of "found …, expected …".
  var problem: String? = nil
  var hint: String? = nil
}

extension ValueType {
  /// A value that stands in a file as a string.
  static func text(
    _ typeName: String, expected: String, form: SchemaNode.Form = .text,
    parse: @escaping @Sendable (String) throws(Refusal) -> Value, print: @escaping @Sendable (Value) -> String
  ) -> ValueType {
    ValueType(
      typeName, expected: expected, form: form,
      read: { node, reader in
        guard case .scalar(.string(let text)) = node.content else {
          reader.reportUnexpected(node, expected: expected)
          return nil
        }
        do throws(Refusal) { return try parse(text) } catch {
          if let problem = error.problem {
            reader.report(
              problem, at: node.range.lowerBound, found: node.shortDescription, expected: expected, hint: error.hint)
          } else {
            reader.reportUnexpected(node, expected: expected, hint: error.hint)
          }
          return nil
        }
      },
      write: { .string(print($0)) })
  }

  /// The same value, known to be the name of a member of these collections.
  func naming(_ collections: String...) -> ValueType {
    var type = self
    type.node.refersTo = collections
    return type
  }

  /// The same value, which may be absent.
  func optional() -> ValueType<Value?> {
    var type = ValueType<Value?>(
      node.typeName, expected: node.expected, form: node.form, fields: node.fields,
      read: { node, reader in read(node, &reader).map(Optional.some) },
      write: { value in value.flatMap { write($0) } })
    type.node.refersTo = node.refersTo
    return type
  }

  /// An array of such values.
  func list(_ plural: String) -> ValueType<[Value]> {
    sequence(plural, expected: "an array of \(plural)", single: false)
  }

  /// One such value, or an array of them. None is written as absent.
  func oneOrMore(_ plural: String) -> ValueType<[Value]> {
    sequence("\(node.typeName), or list", expected: "\(node.expected), or an array of \(plural)", single: true)
  }

  private func sequence(_ typeName: String, expected: String, single: Bool) -> ValueType<[Value]> {
    ValueType<[Value]>(
      single ? typeName : "list of \(typeName)", expected: expected, form: .list(node.form),
      read: { node, reader in
        guard case .array(let elements) = node.content else {
          if single { return read(node, &reader).map { [$0] } }
          reader.reportUnexpected(node, expected: expected)
          return nil
        }
        let values = elements.enumerated().map { index, element in
          elements.count == 1
            ? read(element, &reader) : reader.within(.index(index)) { reader in read(element, &reader) }
        }
        return values.contains { $0 == nil } ? nil : values.compactMap { $0 }
      },
      write: { values in
        let written = values.compactMap { write($0) }
        if single, written.count < 2 { return written.first }
        return .array(written)
      })
  }
}

/// One key of a table that is read into a `Target`.
struct Field<Target>: Sendable {
  let field: SchemaField
  let read: @Sendable (TOMLNode, inout Target, inout ConfigurationReader) -> Bool
  let write: @Sendable (Target) -> TOMLValue?

  var key: String { field.key }

  init<Value>(
    _ key: String, _ keyPath: any WritableKeyPath<Target, Value> & Sendable, _ type: ValueType<Value>,
    required: Bool = false, words: SchemaField.Words? = nil, blank: Target, example: String, _ help: String
  ) {
    field = SchemaField(
      key: key, help: help, defaultValue: required ? nil : type.write(blank[keyPath: keyPath]), example: example,
      isRequired: required, words: words, node: type.node)
    read = { node, target, reader in
      guard let value = type.read(node, &reader) else { return false }
      target[keyPath: keyPath] = value
      return true
    }
    write = { type.write($0[keyPath: keyPath]) }
  }
}

/// The keys of one kind of table, and what a table without any of them means.
struct TableSchema<Target: Sendable>: Sendable {
  let fields: [Field<Target>]

  /// Reads the keys of a table into `target`. False where a required one is missing or wrong.
  func read(_ node: TOMLNode, into target: inout Target, _ reader: inout ConfigurationReader) -> Bool {
    guard let table = node.table else {
      reader.reportUnexpected(node, expected: "a table")
      return false
    }
    var isComplete = true
    let misspelt = reportUnknownKeys(of: table, &reader)
    for field in fields {
      guard let entry = table.entry(field.key) else {
        guard field.field.isRequired else { continue }
        isComplete = false
        guard !misspelt.contains(field.key) else { continue }
        reader.report(
          "the key \"\(field.key)\" is missing", at: node.range.lowerBound, expected: field.field.node.expected,
          hint: "for example: \(field.key) = \(field.field.example)")
        continue
      }
      let isRead = reader.within(.key(field.key)) { reader in field.read(entry.node, &target, &reader) }
      if !isRead, field.field.isRequired { isComplete = false }
    }
    return isComplete
  }

  /// Notes the keys that the schema does not have, and returns those that were meant instead.
  private func reportUnknownKeys(of table: TOMLTable, _ reader: inout ConfigurationReader) -> [String] {
    let known = fields.map(\.key)
    return table.entries.filter { !known.contains($0.key) }.compactMap { entry in
      reader.within(.key(entry.key)) { reader in reader.reportUnknownKey(entry, among: known) }
    }
  }

  /// The table that says `target`, without what is absent.
  func write(_ target: Target) -> [TOMLField] {
    fields.compactMap { field in field.write(target).map { TOMLField(field.key, $0) } }
  }

  /// The table as the value of a key.
  func type(_ typeName: String, blank: Target) -> ValueType<Target> {
    ValueType(
      typeName, expected: "a table", form: .table, fields: fields.map(\.field),
      read: { node, reader in
        var target = blank
        return read(node, into: &target, &reader) ? target : nil
      },
      write: { .table(write($0)) })
  }
}

extension ConfigurationReader {
  /// Notes a key that the schema does not have, and returns the one that was meant; the present path ends in it.
  mutating func reportUnknownKey(_ entry: TOMLTable.Entry, among known: [String]) -> String? {
    let near = SchemaNode.nearest(to: entry.key, among: known)
    let hint =
      if let near {
        "did you mean \"\(near)\"?"
      } else if path.keys.count > 1,
        HouseholdSchema.root.fields.contains(where: { $0.key == entry.key && $0.node.fields.isEmpty })
      {
        "it belongs at the top of the file, before the first table"
      } else if let table = HouseholdSchema.tables(withKey: entry.key).first {
        "it belongs in [\(table)]"
      } else {
        "known here: \(known.joined(separator: ", "))"
      }
    let isTable = entry.node.table.map { !$0.isInline } ?? false
    report("unknown \(isTable ? "table" : "key")", at: entry.keyRange.lowerBound, found: entry.key, hint: hint)
    return near
  }
}
