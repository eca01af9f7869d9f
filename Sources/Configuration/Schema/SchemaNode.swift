/// What may stand at one place of the configuration. The tree of these is the one schema: reading, checking, completion,
/// help, forms and the reference page all come from it.
public struct SchemaNode: Sendable {
  /// The type's name in the reference: `duration`, `list of interface names`.
  public let typeName: String
  /// What may stand there, as it completes "expected …".
  public let expected: String
  public let form: Form
  /// The keys of a table, in the order of the reference; for `.named` the one field that stands for each name.
  public let fields: [SchemaField]
  /// Collections of which the value names a member, e.g. `network` and `device`.
  public var refersTo: [String] = []
  /// Whether a value is one, with its faults reported.
  let accepts: @Sendable (TOMLNode, inout ConfigurationReader) -> Bool

  /// How a form or a completion asks for the value.
  public indirect enum Form: Sendable, Equatable {
    case toggle
    case integer(ClosedRange<Int>)
    case text
    case choice([String])
    /// An array. Where the element is text, one element may also stand alone.
    case list(Form)
    /// A table with the keys of `fields`.
    case table
    /// A table with names that the household chooses.
    case named
    /// `{ secret = "NAME" }`.
    case secret
  }

  /// What stands below a key: the field of that key, or the one for all names.
  public func field(_ key: String) -> SchemaField? {
    form == .named ? fields.first : fields.first { $0.key == key }
  }

  /// The field that the keys lead to.
  public func field(at keys: some Collection<String>) -> SchemaField? {
    guard let first = keys.first, let field = field(first) else { return nil }
    return keys.count == 1 ? field : field.node.field(at: keys.dropFirst())
  }

  /// The key that somebody who wrote `key` most likely meant; nil where none is near.
  func nearestKey(to key: String) -> String? { Self.nearest(to: key, among: fields.map(\.key)) }

  static func nearest(to word: String, among candidates: [String]) -> String? {
    let limit = max(1, word.utf8.count / 3)
    return candidates.map { (distance: editDistance(word, $0), word: $0) }.filter { $0.distance <= limit }
      .min { ($0.distance, $0.word) < ($1.distance, $1.word) }?.word
  }
}

/// One key of a table, as people are told about it.
public struct SchemaField: Sendable {
  /// The key, or the placeholder that stands for names, e.g. `NAME`.
  public let key: String
  /// One or two sentences.
  public let help: String
  /// What holds where the key is absent; nil: nothing.
  public let defaultValue: TOMLValue?
  /// A value as it may stand in a file.
  public let example: String
  public let isRequired: Bool
  /// What a switch is called when it is on and off, e.g. `isolated` and `not isolated`.
  public let words: Words?
  public let node: SchemaNode

  public struct Words: Sendable, Equatable {
    public let on: String
    public let off: String
  }
}

/// One key of the configuration with everything that is known of it.
public struct SchemaKey: Sendable {
  /// `network.NAME.address`.
  public let path: String
  public let field: SchemaField
}

/// The number of insertions, deletions, replacements and swaps of neighbours that make one word the other, letter case
/// apart (optimal string alignment). Both are cut off at 64 bytes.
func editDistance(_ a: String, _ b: String) -> Int {
  let a = Array(a.lowercased().utf8.prefix(64))
  let b = Array(b.lowercased().utf8.prefix(64))
  var beforeLast: [Int] = []
  var last = Array(0...b.count)
  for i in 0..<a.count {
    var row = [i + 1]
    for j in 0..<b.count {
      var cost = min(last[j] + (a[i] == b[j] ? 0 : 1), last[j + 1] + 1, row[j] + 1)
      if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, beforeLast[j - 1] + 1) }
      row.append(cost)
    }
    (beforeLast, last) = (last, row)
  }
  return last[b.count]
}
