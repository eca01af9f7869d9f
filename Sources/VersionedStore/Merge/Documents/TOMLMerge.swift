/// The merge of the parts of TOML documents.
enum TOMLMerge {
  typealias Table = TOMLDocument.Table
  typealias Statement = TOMLDocument.Statement
  typealias Block = TOMLDocument.Block
  typealias Place = TOMLDocument.Place

  static func blocks(
    _ base: [Place: [Block]], _ ours: [Place: [Block]], _ theirs: [Place: [Block]]
  ) throws(MergeFailure) -> [Place: [Block]] {
    var merged: [Place: [Block]] = [:]
    let places = Set(ours.keys).union(theirs.keys).sorted { TOMLDocument.precedes($0.path, $1.path) }
    for place in places {
      let name = place.path.isEmpty ? "the part before the first table" : "[\(TOMLDocument.name(place.path))]"
      merged[place] = try option(base[place], ours[place], theirs[place], name) {
        (old, mine, yours) throws(MergeFailure) in
        if place.isArray {
          return try SequenceMerge.elements(old ?? [], mine, yours, of: name, bytes: bytes) {
            (old, mine, yours) throws(MergeFailure) in
            try element(old, mine, yours, name)
          }
        }
        guard let mine = mine.first?.first, let yours = yours.first?.first else { return [] }
        return [[try table(old?.first?.first, mine, yours, name)]]
      }
    }
    return merged
  }

  /// Something that may be absent; `both` merges it where it is on both sides and differs.
  private static func option<Value: Equatable>(
    _ base: Value?, _ ours: Value?, _ theirs: Value?, _ name: String,
    _ both: (Value?, Value, Value) throws(MergeFailure) -> Value
  ) throws(MergeFailure) -> Value? {
    if ours == theirs || base == theirs { return ours }
    if base == ours { return theirs }
    guard let ours, let theirs else {
      guard base != nil else { return ours ?? theirs }
      throw .conflict("one side removed \(name), the other changed it")
    }
    return try both(base, ours, theirs)
  }

  /// One element: its tables by their paths; those that are arrays themselves only as a whole.
  private static func element(
    _ base: Block, _ ours: Block, _ theirs: Block, _ name: String
  ) throws(MergeFailure) -> Block {
    if ours == theirs || base == theirs { return ours }
    if base == ours { return theirs }
    guard ours.map(\.path) == theirs.map(\.path), ours.map(\.path) == base.map(\.path) else {
      throw .conflict("both sides changed the tables in an element of \(name)")
    }
    var merged: Block = []
    for (old, (mine, yours)) in zip(base, zip(ours, theirs)) { merged.append(try table(old, mine, yours, name)) }
    return merged
  }

  private static func table(
    _ base: Table?, _ ours: Table, _ theirs: Table, _ name: String
  ) throws(MergeFailure) -> Table {
    var merged = Table(path: ours.path, isArrayElement: ours.isArrayElement)
    merged.header = try option(base?.header, ours.header, theirs.header, name) {
      (old, mine, yours) throws(MergeFailure) in
      try statement(old, mine, yours, name)
    }
    for key in Set(ours.keys).union(theirs.keys).sorted(by: TOMLDocument.precedes) {
      let name = "\(TOMLDocument.name(ours.path + key))"
      merged.statements[key] = try option(
        base?.statements[key], ours.statements[key], theirs.statements[key], name
      ) { (old, mine, yours) throws(MergeFailure) in
        try statement(old, mine, yours, name)
      }
    }
    merged.keys = OrderedKeys.merge(
      base: base?.keys ?? [], ours: ours.keys, theirs: theirs.keys, keeping: Set(merged.statements.keys),
      by: TOMLDocument.precedes)
    return merged
  }

  private static func statement(
    _ base: Statement?, _ ours: Statement, _ theirs: Statement, _ name: String
  ) throws(MergeFailure) -> Statement {
    Statement(
      lead: try text(base?.lead, ours.lead, theirs.lead, "the comment before \(name)"),
      text: try text(base?.text, ours.text, theirs.text, name))
  }

  static func text(
    _ base: [UInt8]?, _ ours: [UInt8], _ theirs: [UInt8], _ name: String
  ) throws(MergeFailure) -> [UInt8] {
    do throws(MergeFailure) {
      return try MergeFunction<[UInt8]>.idempotent(base: base, ours: ours, theirs: theirs)
    } catch {
      throw .conflict("both sides changed \(name)")
    }
  }

  private static func bytes(_ blocks: ArraySlice<Block>) -> [UInt8] {
    blocks.joined().flatMap(\.all).flatMap { $0.lead + $0.text }
  }
}
