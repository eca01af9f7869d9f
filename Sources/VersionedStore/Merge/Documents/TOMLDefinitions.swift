import GitFormat

/// What a TOML document defines, so that nothing is defined twice, or as two things (TOML 1.0, "Keys" and "Table").
struct TOMLDefinitions {
  private enum Kind { case value, header, array, dotted }

  private var kinds: [[[UInt8]]: Kind] = [:]
  /// Tables that exist because a longer path goes through them.
  private var passed: Set<[[UInt8]]> = []

  static func check(_ document: TOMLDocument) throws(FormatError) {
    var definitions = TOMLDefinitions()
    for place in document.blocks.keys.sorted(by: { TOMLDocument.precedes($0.path, $1.path) }) {
      if place.isArray {
        try definitions.define(place.path, .array)
        for block in document.blocks[place] ?? [] { try check(element: block, of: place.path) }
      } else {
        try definitions.add(document.blocks[place]?.first ?? [], below: [])
      }
    }
  }

  /// An element of an array of tables. Arrays in it may have several elements, so that what is in them is not looked at.
  private static func check(element: TOMLDocument.Block, of path: [[UInt8]]) throws(FormatError) {
    var definitions = TOMLDefinitions()
    let arrays = Set(element.dropFirst().filter(\.isArrayElement).map(\.path))
    for array in arrays { try definitions.define(array, .array) }
    func isOutside(_ table: TOMLDocument.Table) -> Bool {
      !(1...table.path.count).contains { arrays.contains(Array(table.path.prefix($0))) }
    }
    try definitions.add(element.filter(isOutside), below: path)
  }

  private mutating func add(_ tables: [TOMLDocument.Table], below root: [[UInt8]]) throws(FormatError) {
    for table in tables {
      if table.header != nil, table.path != root { try define(table.path, .header) }
      for key in table.keys {
        for length in 1..<max(1, key.count) { try define(table.path + key.prefix(length), .dotted) }
        try define(table.path + key, .value)
      }
    }
  }

  private mutating func define(_ path: [[UInt8]], _ kind: Kind) throws(FormatError) {
    for length in 1..<max(1, path.count) {
      let prefix = Array(path.prefix(length))
      guard kinds[prefix] != .value else { throw Self.error(path, "goes through a value") }
      guard kinds[prefix] != .array else { throw Self.error(path, "stands apart from the element that it is in") }
      passed.insert(prefix)
    }
    if kind == .value, passed.contains(path) { throw Self.error(path, "is a table and a value") }
    if kind == .array, passed.contains(path) { throw Self.error(path, "is a table and an array of tables") }
    guard let old = kinds.updateValue(kind, forKey: path) else { return }
    // Dotted keys may meet in one table again and again.
    guard old == .dotted, kind == .dotted else { throw Self.error(path, "is defined twice") }
  }

  private static func error(_ path: [[UInt8]], _ why: String) -> FormatError {
    FormatError("TOML", "\(TOMLDocument.name(path)) \(why)")
  }
}
