/// Changes a document's values and nothing else: comments, order, blank lines and the writing of other values stay.
public struct TOMLEditor: Sendable {
  public private(set) var document: TOMLDocument

  public init(_ document: TOMLDocument) { self.document = document }

  /// Why an edit is not possible. The document is then unchanged.
  public enum EditError: Error, Sendable, Equatable {
    /// The path has no keys.
    case emptyPath
    /// There is nothing at the path.
    case notFound([String])
    /// The path goes through a value that has no keys.
    case notATable([String])
    /// There is a table at the path, and the new value is none.
    case isTable([String])
    /// The path goes into an array of tables, whose elements have no names.
    case isArrayOfTables([String])
    /// The document would not be TOML any more, e.g. because it would nest too deep.
    case wouldBreak(TOMLErrors)
  }

  /// Sets the value at a path. Setting the value that is there changes nothing. A table replaces a table that has a
  /// header of its own key by key.
  ///
  /// Tables that are missing are made, behind the last table of the same parent.
  ///
  /// - Parameters:
  ///   - text: how to write the value; by default its shortest form on one line.
  ///   - headerDepth: tables of at most so many keys get a header, deeper ones are written inline. Without it the
  ///     parents of the value get headers, and the value does not.
  public mutating func set(
    _ path: [String], to value: TOMLValue, text: String? = nil, headerDepth: Int? = nil
  ) throws(EditError) {
    guard !path.isEmpty else { throw .emptyPath }
    let found = try locate(path)
    guard let node = found.node else {
      if case .table(let fields) = value, let headerDepth, path.count <= headerDepth, found.takesHeaders {
        return try insert(header: path, members: fields.map { Self.memberText([$0.key], dotted: false, "\($0.value)") })
      }
      return try insert(path, text: text ?? value.description, found: found, headerDepth: headerDepth)
    }
    guard node.value != value else { return }
    if case .arrayOfTables = node.content { throw .isArrayOfTables(path) }
    if let table = node.table, !table.isInline {
      guard case .table(let fields) = value else { throw .isTable(path) }
      return try replace(table, at: path, with: fields, headerDepth: headerDepth)
    }
    try apply(node.range, text ?? value.description)
  }

  /// Removes a key, or a table with everything in it. A key's line goes with the comment on it; other comments stay.
  public mutating func remove(_ path: [String]) throws(EditError) {
    guard !path.isEmpty else { throw .emptyPath }
    guard try locate(path).node != nil else { throw .notFound(path) }
    while document.node(at: path) != nil {
      guard let range = nextRemoval(of: path) else { throw .notFound(path) }
      try apply(range, "")
    }
  }

  private mutating func replace(
    _ table: TOMLTable, at path: [String], with fields: [TOMLField], headerDepth: Int?
  ) throws(EditError) {
    let before = self
    do throws(EditError) {
      for entry in table.entries where !fields.contains(where: { $0.key == entry.key }) {
        try remove(path + [entry.key])
      }
      for field in fields { try set(path + [field.key], to: field.value, headerDepth: headerDepth) }
    } catch {
      self = before
      throw error
    }
  }

  private mutating func apply(_ range: Range<Int>, _ text: String) throws(EditError) {
    var bytes = document.bytes
    bytes.replaceSubrange(range, with: text.utf8)
    do throws(TOMLErrors) { document = try TOMLDocument(parsing: bytes) } catch { throw .wouldBreak(error) }
  }

  // MARK: Finding

  /// How far a path leads, and where the bytes are to which a new key below belongs.
  private struct Found {
    /// What is at the path, if all of it is there.
    var node: TOMLNode?
    /// Keys of the path that are there.
    var depth = 0
    /// What holds the lines or members of the deepest table.
    var container = Container.section(-1)
    /// Keys of the path up to that container.
    var containerDepth = 0

    /// Whether a table below can have a header: not inside of an inline table or one of dotted keys.
    var takesHeaders: Bool {
      if case .inline = container { return false }
      return depth == containerDepth
    }
  }

  private enum Container {
    case section(Int)
    /// A table without a header and without members of its own.
    case implied
    case inline(TOMLNode, [TOMLMember])
  }

  private func locate(_ path: [String]) throws(EditError) -> Found {
    var found = Found()
    var table = document.root
    while found.depth < path.count, let node = table[path[found.depth]] {
      found.depth += 1
      guard found.depth < path.count else {
        found.node = node
        break
      }
      switch node.content {
      case .table(let next): table = next
      case .arrayOfTables: throw .isArrayOfTables(Array(path.prefix(found.depth)))
      case .scalar, .array: throw .notATable(Array(path.prefix(found.depth)))
      }
      switch table.definition {
      case .dotted: continue
      case .section(let statement): found.container = .section(statement)
      case .implied: found.container = .implied
      case .inline(let members): found.container = .inline(node, members)
      }
      found.containerDepth = found.depth
    }
    return found
  }

  // MARK: Inserting

  private mutating func insert(
    _ path: [String], text: String, found: Found, headerDepth: Int?
  ) throws(EditError) {
    let headerKeys = min(path.count - 1, headerDepth ?? .max)
    let throughDotted = found.depth > found.containerDepth
    switch found.container {
    case .inline(let node, let members):
      let member = Self.memberText(path[found.containerDepth...], dotted: throughDotted, text)
      try insert(member, into: node, members)
    case .section(let statement):
      if throughDotted || headerKeys <= found.depth {
        let member = Self.memberText(path[found.containerDepth...], dotted: throughDotted, text)
        try insert(line: member, inSection: statement)
      } else {
        try insert(
          header: Array(path.prefix(headerKeys)), members: [Self.memberText(path[headerKeys...], dotted: false, text)])
      }
    case .implied:
      let headerKeys = max(found.depth, headerKeys)
      try insert(
        header: Array(path.prefix(headerKeys)), members: [Self.memberText(path[headerKeys...], dotted: false, text)])
    }
  }

  /// `a.b = text`, or `a = { b = text }`.
  private static func memberText(_ keys: ArraySlice<String>, dotted: Bool, _ text: String) -> String {
    if dotted { return "\(TOMLValue.keyPath(keys)) = \(text)" }
    let outer = keys.dropLast().map { "\(TOMLValue.key($0)) = { " }.joined()
    return outer + "\(TOMLValue.keyPath(keys.suffix(1))) = \(text)" + String(repeating: " }", count: keys.count - 1)
  }

  private mutating func insert(
    _ member: String, into node: TOMLNode, _ members: [TOMLMember]
  ) throws(EditError) {
    if let last = members.last {
      let end = last.range.upperBound
      try apply(end..<end, ", \(member)")
    } else {
      let place = node.range.lowerBound + 1
      try apply(place..<place, " \(member)" + (place == node.range.upperBound - 1 ? " " : ""))
    }
  }

  private mutating func insert(line: String, inSection statement: Int) throws(EditError) {
    let statements = document.statements
    guard let last = lastMember(ofSection: statement) ?? (statement >= 0 ? statement : nil) else {
      return try insertAtTop(line)
    }
    let end = statements[last].range.upperBound
    let indentation = indentation(of: last)
    try apply(end..<end, "\(lineEndMissing(at: end))\(indentation)\(line)\(lineEnd)")
  }

  /// A key of the root where there is none yet: behind the comment at the file's head, before everything else.
  private mutating func insertAtTop(_ line: String) throws(EditError) {
    let statements = document.statements
    var index = 0
    while index < statements.count, case .comment = statements[index].content { index += 1 }
    let isHead = index > 0 && index < statements.count && statements[index].isBlank
    index = isHead ? index + 1 : 0
    let mark = document.bytes.starts(with: TOMLParser.byteOrderMark) ? TOMLParser.byteOrderMark.count : 0
    let place = max(mark, index < statements.count ? statements[index].range.lowerBound : document.bytes.count)
    let isFollowed = index < statements.count && !statements[index].isBlank
    try apply(place..<place, "\(lineEndMissing(at: place))\(line)\(lineEnd)\(isFollowed ? lineEnd : "")")
  }

  private mutating func insert(header: [String], members: [String]) throws(EditError) {
    let place = placeForSection(header)
    let blank = place > 0 ? lineEnd : ""
    let text = (["[\(TOMLValue.keyPath(header))]"] + members).map { $0 + lineEnd }.joined()
    let follows = document.statements.first { $0.range.lowerBound >= place }
    let after = follows.map { $0.isBlank ? "" : lineEnd } ?? ""
    try apply(place..<place, "\(lineEndMissing(at: place))\(blank)\(text)\(after)")
  }

  /// Behind the last section that shares the most keys with the path; the end of the file where none does.
  private func placeForSection(_ path: [String]) -> Int {
    var best = (shared: 0, statement: -1)
    for (index, statement) in document.statements.enumerated() {
      guard case .header(let keys, _) = statement.content else { continue }
      let shared = zip(keys, path).prefix { $0.name == $1 }.count
      if shared > 0, shared >= best.shared { best = (shared, index) }
    }
    guard best.shared > 0 else { return document.bytes.count }
    let statements = document.statements
    let last = lastMember(ofSection: best.statement) ?? best.statement
    var end = last + 1
    while end < statements.count, case .comment = statements[end].content { end += 1 }
    if end < statements.count, !statements[end].isBlank { end = last + 1 }
    return statements[end - 1].range.upperBound
  }

  /// The index of the last member's statement in the section whose header is that statement.
  private func lastMember(ofSection statement: Int) -> Int? {
    var last: Int?
    for index in (statement + 1)..<document.statements.count {
      switch document.statements[index].content {
      case .header: return last
      case .member: last = index
      case .blank, .comment: continue
      }
    }
    return last
  }

  private func indentation(of statement: Int) -> String {
    guard case .member(let member) = document.statements[statement].content else { return "" }
    let start = document.statements[statement].range.lowerBound
    let mark = document.bytes.starts(with: TOMLParser.byteOrderMark) && start == 0 ? TOMLParser.byteOrderMark.count : 0
    return document.text(in: start + mark..<member.range.lowerBound)
  }

  /// How the document ends its lines.
  private var lineEnd: String {
    guard let end = document.bytes.firstIndex(of: UInt8(ascii: "\n")), end > 0 else { return "\n" }
    return document.bytes[end - 1] == UInt8(ascii: "\r") ? "\r\n" : "\n"
  }

  private func lineEndMissing(at place: Int) -> String {
    let mark = document.bytes.starts(with: TOMLParser.byteOrderMark) ? TOMLParser.byteOrderMark.count : 0
    return place <= mark || document.bytes[place - 1] == UInt8(ascii: "\n") ? "" : lineEnd
  }

  // MARK: Removing

  /// The next stretch of bytes to cut so that nothing is left at the path.
  private func nextRemoval(of path: [String]) -> Range<Int>? {
    var section: [String] = []
    for (index, statement) in document.statements.enumerated() {
      switch statement.content {
      case .blank, .comment: continue
      case .header(let keys, _):
        section = keys.map(\.name)
        if section.starts(with: path) { return sectionRange(index) }
      case .member(let member):
        let full = section + member.path.map(\.name)
        if full.starts(with: path) { return statementRange(index) }
        if path.starts(with: full), let range = Self.removal(of: path, in: member.value, at: full) { return range }
      }
    }
    return nil
  }

  private func statementRange(_ index: Int) -> Range<Int> {
    let range = document.statements[index].range
    let hasMark = index == 0 && document.bytes.starts(with: TOMLParser.byteOrderMark)
    return hasMark ? range.lowerBound + TOMLParser.byteOrderMark.count..<range.upperBound : range
  }

  /// From a header to its last member, with the blank line before it where one follows too.
  private func sectionRange(_ header: Int) -> Range<Int> {
    let statements = document.statements
    let last = lastMember(ofSection: header) ?? header
    let isFollowed = last + 1 < statements.count && !statements[last + 1].isBlank
    let first = header > 0 && statements[header - 1].isBlank && !isFollowed ? header - 1 : header
    return statementRange(first).lowerBound..<statements[last].range.upperBound
  }

  private static func removal(of path: [String], in node: TOMLNode, at base: [String]) -> Range<Int>? {
    guard case .inline(let members)? = node.table?.definition else { return nil }
    for (index, member) in members.enumerated() {
      let full = base + member.path.map(\.name)
      if full.starts(with: path) {
        if index > 0 { return members[index - 1].range.upperBound..<member.range.upperBound }
        if members.count > 1 { return member.range.lowerBound..<members[1].range.lowerBound }
        return node.range.lowerBound + 1..<node.range.upperBound - 1
      }
      if path.starts(with: full), let range = removal(of: path, in: member.value, at: full) { return range }
    }
    return nil
  }
}

extension TOMLTable {
  var isInline: Bool { if case .inline = definition { true } else { false } }
}

extension TOMLStatement {
  var isBlank: Bool { if case .blank = content { true } else { false } }
}
