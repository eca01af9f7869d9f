/// Puts headers and members together to tables, and refuses what TOML 1.0.0 forbids: a key twice, a table defined
/// twice, and additions to what is closed.
struct TOMLTreeBuilder {
  private let root = Table(.section(-1))
  private var section: Table

  init() { section = root }

  private final class Table {
    var definition: TOMLTable.Definition
    var entries: [Entry] = []
    var index: [[UInt8]: Int] = [:]

    init(_ definition: TOMLTable.Definition) { self.definition = definition }

    subscript(key: TOMLKeyPart) -> Slot? { index[Array(key.name.utf8)].map { entries[$0].slot } }

    /// Where the key stands first.
    func key(_ key: TOMLKeyPart) -> TOMLKeyPart? { index[Array(key.name.utf8)].map { entries[$0].key } }

    func append(_ key: TOMLKeyPart, _ slot: Slot) {
      index[Array(key.name.utf8)] = entries.count
      entries.append(Entry(key: key, slot: slot))
    }
  }

  private struct Entry {
    let key: TOMLKeyPart
    let slot: Slot
  }

  private enum Slot {
    case value(TOMLNode)
    case table(Table)
    case tables(ElementList)
  }

  private struct Element {
    let table: Table
    let range: Range<Int>
  }

  /// An array of tables; it has at least one element.
  private final class ElementList {
    var elements: [Element]
    init(_ first: Element) { elements = [first] }
    var last: Element { elements[elements.count - 1] }
  }

  /// Lets the members that follow go nowhere: their header could not be read.
  mutating func openUnknown() {
    section = Table(.implied)
  }

  /// `[path]` or `[[path]]`, standing in the statement of that index.
  mutating func open(_ path: [TOMLKeyPart], isArray: Bool, statement: Int) throws(TOMLParser.Failure) {
    guard let last = path.last else { return }
    var table = root
    for key in path.dropLast() {
      switch table[key] {
      case nil:
        let child = Table(.implied)
        table.append(key, .table(child))
        table = child
      case .table(let child): table = child
      case .tables(let list): table = list.last.table
      case .value: throw notATable(key, path)
      }
    }
    let range = path[0].range.lowerBound..<last.range.upperBound
    let opened = isArray ? nil : try existingTable(table, last, path)
    section = opened ?? Table(.section(statement))
    section.definition = .section(statement)
    guard opened == nil else { return }
    if isArray {
      try append(section, range, to: table, last, path)
    } else {
      table.append(last, .table(section))
    }
  }

  /// The table that a header defines after headers below it have implied it; nil where it is new.
  private func existingTable(
    _ parent: Table, _ key: TOMLKeyPart, _ path: [TOMLKeyPart]
  ) throws(TOMLParser.Failure) -> Table? {
    switch parent[key] {
    case nil: return nil
    case .table(let table):
      if case .implied = table.definition { return table }
      throw duplicate(
        "the table [\(name(path))] is already there", path[0].range, earlier: parent.key(key),
        hint: "join the two, or rename one")
    case .tables: throw duplicate("[\(name(path))] is an array of tables already", path[0].range)
    case .value: throw notATable(key, path)
    }
  }

  private func append(
    _ element: Table, _ range: Range<Int>, to parent: Table, _ key: TOMLKeyPart, _ path: [TOMLKeyPart]
  ) throws(TOMLParser.Failure) {
    switch parent[key] {
    case nil: parent.append(key, .tables(ElementList(Element(table: element, range: range))))
    case .tables(let list): list.elements.append(Element(table: element, range: range))
    case .table, .value:
      throw duplicate("\(name(path)) is already something else than an array of tables", path[0].range)
    }
  }

  /// `path = value` in the section that was opened last.
  mutating func add(_ member: TOMLMember) throws(TOMLParser.Failure) {
    var table = section
    for key in member.path.dropLast() {
      switch table[key] {
      case nil:
        let child = Table(.dotted)
        table.append(key, .table(child))
        table = child
      case .table(let child):
        // No section is opened twice, so the dotted keys that made a table are of this section.
        guard case .dotted = child.definition else {
          throw duplicate(
            "the table \(name(member.path.dropLast())) is defined elsewhere", key.range,
            hint: "write the key below that table's own header")
        }
        table = child
      case .tables, .value: throw notATable(key, member.path)
      }
    }
    guard let last = member.path.last else { return }
    if let earlier = table.key(last) {
      throw duplicate(
        "the key \(name(member.path)) is already set", last.range, earlier: earlier, hint: "remove one of the two")
    }
    table.append(last, .value(member.value))
  }

  private func name(_ path: some Sequence<TOMLKeyPart>) -> String { TOMLValue.keyPath(path.map(\.name)) }

  private func notATable(_ key: TOMLKeyPart, _ path: [TOMLKeyPart]) -> TOMLParser.Failure {
    TOMLParser.Failure(
      offset: key.range.lowerBound, problem: "\(name(path)): \(name([key])) is already a value and takes no more keys")
  }

  private func duplicate(
    _ problem: String, _ range: Range<Int>, earlier: TOMLKeyPart? = nil, hint: String? = nil
  ) -> TOMLParser.Failure {
    TOMLParser.Failure(offset: range.lowerBound, problem: problem, hint: hint, earlier: earlier?.range.lowerBound)
  }

  // MARK: Result

  /// The finished table.
  func finish(as definition: TOMLTable.Definition? = nil) -> TOMLTable { Self.freeze(root, as: definition) }

  private static func freeze(_ table: Table, as definition: TOMLTable.Definition? = nil) -> TOMLTable {
    let entries = table.entries.map { entry in
      TOMLTable.Entry(key: entry.key.name, keyRange: entry.key.range, node: freeze(entry))
    }
    return TOMLTable(entries: entries, definition: definition ?? table.definition)
  }

  private static func freeze(_ entry: Entry) -> TOMLNode {
    switch entry.slot {
    case .value(let node): node
    case .table(let table): TOMLNode(range: entry.key.range, content: .table(freeze(table)))
    case .tables(let list):
      TOMLNode(
        range: entry.key.range,
        content: .arrayOfTables(list.elements.map { TOMLNode(range: $0.range, content: .table(freeze($0.table))) }))
    }
  }
}
