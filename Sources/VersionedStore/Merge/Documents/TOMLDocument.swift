public import GitFormat

/// A TOML 1.0 text, merged by table and key. Values are compared by their text; comments and empty lines before a key go
/// with it; what nobody changed keeps its bytes. A result that would not be TOML is a conflict.
public struct TOMLDocument: Mergeable, Hashable {
  /// One `key = value`, or the header of a table.
  struct Statement: Hashable, Sendable {
    /// The comments and empty lines before it.
    var lead: [UInt8]
    /// It, with what follows on its line.
    var text: [UInt8]
  }

  /// A table from its header to the next. The statements before the first header are one without a header.
  struct Table: Hashable, Sendable {
    var path: [[UInt8]]
    var isArrayElement: Bool
    var header: Statement?
    var keys: [[[UInt8]]] = []
    var statements: [[[UInt8]]: Statement] = [:]
  }

  /// What belongs together in the file: one table, or one element of an array of tables with the tables in it.
  typealias Block = [Table]

  /// A place in the file that blocks can have.
  struct Place: Hashable, Sendable {
    var path: [[UInt8]]
    var isArray: Bool
  }

  /// The place of each block, in the order of the file: an array of tables stands as often as it has elements.
  private(set) var places: [Place] = []
  private(set) var blocks: [Place: [Block]] = [:]
  /// Comments after the last statement.
  private(set) var tail: [UInt8] = []

  /// An empty document.
  public init() { add([Table(path: [], isArrayElement: false)], at: Place(path: [], isArray: false)) }

  /// - Throws: where the text is no TOML as far as its lines go, defines something twice, or has tables of an array's element
  ///   apart from it.
  public init(decoding bytes: [UInt8]) throws(FormatError) {
    var scanner = TOMLScanner(bytes)
    var tables = [Table(path: [], isArrayElement: false)]
    while true {
      let lead = scanner.trivia()
      guard let (statement, text) = try scanner.statement() else {
        tail = lead
        break
      }
      switch statement {
      case .header(let path, let isArray):
        tables.append(Table(path: path, isArrayElement: isArray, header: Statement(lead: lead, text: text)))
      case .key(let path):
        guard tables[tables.count - 1].set(path, Statement(lead: lead, text: text)) else {
          throw FormatError("TOML", "\(Self.name(path)) is set twice")
        }
      }
    }
    try group(tables)
    try TOMLDefinitions.check(self)
  }

  public var encoded: [UInt8] {
    var text: [UInt8] = []
    func append(_ part: [UInt8]) {
      // The last line of a file may lack its end.
      if let last = text.last, last != UInt8(ascii: "\n"), !part.isEmpty { text.append(UInt8(ascii: "\n")) }
      text += part
    }
    var used: [Place: Int] = [:]
    for place in places {
      let index = used[place, default: 0]
      used[place] = index + 1
      for table in blocks[place]?[index] ?? [] {
        for statement in table.all {
          append(statement.lead)
          append(statement.text)
        }
      }
    }
    append(tail)
    return text
  }

  private mutating func group(_ tables: [Table]) throws(FormatError) {
    var array: Place?
    var block: Block = []
    func isInside(_ path: [[UInt8]]) -> Bool {
      array.map { path.count > $0.path.count && path.starts(with: $0.path) } ?? false
    }
    for table in tables {
      if isInside(table.path) {
        block.append(table)
        continue
      }
      if let array { add(block, at: array) }
      (array, block) = (nil, [])
      if table.isArrayElement {
        (array, block) = (Place(path: table.path, isArray: true), [table])
      } else {
        let place = Place(path: table.path, isArray: false)
        guard blocks[place] == nil else { throw FormatError("TOML", "[\(Self.name(table.path))] stands twice") }
        add([table], at: place)
      }
    }
    if let array { add(block, at: array) }
  }

  private mutating func add(_ block: Block, at place: Place) {
    places.append(place)
    blocks[place, default: []].append(block)
  }

  static func name(_ path: [[UInt8]]) -> String {
    path.map { String(decoding: $0, as: UTF8.self) }.joined(separator: ".")
  }

  static func precedes(_ left: [[UInt8]], _ right: [[UInt8]]) -> Bool {
    left.lexicographicallyPrecedes(right, by: [UInt8].precedes)
  }
}

extension TOMLDocument.Table {
  /// The header and what is under it.
  var all: [TOMLDocument.Statement] { [header].compactMap { $0 } + keys.compactMap { statements[$0] } }

  /// Adds a statement, or changes it; false where there is one.
  mutating func set(_ key: [[UInt8]], _ statement: TOMLDocument.Statement) -> Bool {
    guard statements.updateValue(statement, forKey: key) == nil else { return false }
    keys.append(key)
    return true
  }
}

extension TOMLDocument {
  public static let merge = MergeFunction<TOMLDocument> { (base, ours, theirs) throws(MergeFailure) in
    if ours == theirs { return ours }
    let old = try base.value()
    if old == ours { return theirs }
    if old == theirs { return ours }
    var merged = TOMLDocument(places: [], blocks: [:], tail: [])
    let blocks = try TOMLMerge.blocks(old?.blocks ?? [:], ours.blocks, theirs.blocks)
    let order = OrderedKeys.merge(
      base: unique(old?.places ?? []), ours: unique(ours.places), theirs: unique(theirs.places),
      keeping: Set(blocks.keys)
    ) { precedes($0.path, $1.path) }
    for place in order { for block in blocks[place] ?? [] { merged.add(block, at: place) } }
    merged.tail = try TOMLMerge.text(old?.tail, ours.tail, theirs.tail, "the comment at the end")
    do throws(FormatError) { try TOMLDefinitions.check(merged) } catch {
      throw .conflict("both sides together are no TOML: \(error.why)")
    }
    return merged
  }

  /// Each place once: the elements of an array stand together in a merged text.
  private static func unique(_ places: [Place]) -> [Place] {
    var seen: Set<Place> = []
    return places.filter { seen.insert($0).inserted }
  }

  private init(places: [Place], blocks: [Place: [Block]], tail: [UInt8]) {
    (self.places, self.blocks, self.tail) = (places, blocks, tail)
  }
}
