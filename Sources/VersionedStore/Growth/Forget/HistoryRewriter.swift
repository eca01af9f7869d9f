import GitFormat

/// Makes a history without what is to be forgotten: each commit and each tag once, parents before children. Commits that
/// become empty stay, so that the history keeps its shape.
struct HistoryRewriter {
  private let objects: RewrittenObjects
  private let people: PeopleFilter
  private let shallow: Set<ObjectID>
  private(set) var trees: TreeRewriter
  /// What commits, tags and trees that were named became; most, what they were.
  private(set) var map: [ObjectID: ObjectID] = [:]
  /// Commits and tags whose signatures were dropped, by their old names.
  private(set) var unsigned: [ObjectID] = []
  /// Trees of rewritten commits, before and after.
  private(set) var roots: [ObjectID: ObjectID] = [:]
  private(set) var rewrittenCommits = 0
  private(set) var rewrittenTags = 0

  private static let longestTagChain = 64

  init(_ objects: RewrittenObjects, _ plan: ForgetPlan, shallow: Set<ObjectID>) {
    self.objects = objects
    self.shallow = shallow
    people = PeopleFilter(plan.people)
    let patterns = plan.patterns.flatMap { [$0, $0.amongChunks, $0.amongConflicts] }
    trees = TreeRewriter(objects, patterns, dropping: plan.objects)
  }

  /// What an object becomes that a reference or a reflog names.
  mutating func rewrite(_ id: ObjectID) throws(StoreError) -> ObjectID {
    if let known = map[id] { return known }
    let object = try objects.object(id)
    switch object.kind {
    case .commit: return try rewrite(commit: id)
    case .tag: return try rewrite(tag: id)
    case .tree:
      let new = try trees.rewrite(root: id)
      roots[id] = new
      map[id] = new
      return new
    case .blob: return id
    }
  }

  /// A signature in a reflog, without a person who is forgotten.
  func neutral(_ signature: Signature) -> Signature { people.neutral(signature) }
  func neutral(text: [UInt8]) -> [UInt8] { people.neutral(text: text) }

  private func parse<Value>(_ body: () throws(FormatError) -> Value) throws(StoreError) -> Value {
    do { return try body() } catch { throw .malformed(error) }
  }

  // MARK: - Commits

  private mutating func rewrite(commit id: ObjectID) throws(StoreError) -> ObjectID {
    var open = [id]
    while let next = open.last {
      guard map[next] == nil else {
        open.removeLast()
        continue
      }
      let bytes = try objects.bytes(next, .commit)
      let commit = try parse { () throws(FormatError) in try CommitObject(bytes, objects.format) }
      let waiting = shallow.contains(next) ? [] : commit.parents.filter { map[$0] == nil }
      if waiting.isEmpty {
        open.removeLast()
        map[next] = try rewrite(commit, next)
      } else {
        open += waiting.reversed()
      }
    }
    return map[id] ?? id
  }

  private mutating func rewrite(_ old: CommitObject, _ id: ObjectID) throws(StoreError) -> ObjectID {
    var new = old
    new.tree = try trees.rewrite(root: old.tree)
    new.parents = old.parents.map { map[$0] ?? $0 }
    new.author = people.neutral(old.author)
    new.committer = people.neutral(old.committer)
    new.messageBytes = translated(people.neutral(text: old.messageBytes))
    new.extraHeaders = translated(people.neutral(text: old.extraHeaders))
    guard new != old else { return id }
    rewrittenCommits += 1
    roots[old.tree] = new.tree
    let lines = Self.withoutSignatures(new.extraHeaders)
    if lines.count != new.extraHeaders.count { unsigned.append(id) }
    new.extraHeaders = lines
    return try settled(.commit, new.bytes)
  }

  /// Writes what was rewritten. Rewriting that would change nothing.
  private mutating func settled(_ kind: ObjectKind, _ bytes: [UInt8]) throws(StoreError) -> ObjectID {
    let id = try objects.write(kind, bytes)
    map[id] = id
    return id
  }

  /// Header lines without those that sign the commit, or quote a signed tag of a parent: they would be wrong now.
  private static func withoutSignatures(_ lines: [UInt8]) -> [UInt8] {
    let keys = ["gpgsig ", "gpgsig-sha256 ", "mergetag "]
    var kept: [ArraySlice<UInt8>] = []
    var isDropping = false
    for line in lines.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      // A line that begins with a space goes on with the one before.
      if line.first != UInt8(ascii: " ") { isDropping = keys.contains { line.starts(with: $0.utf8) } }
      if !isDropping { kept.append(line) }
    }
    return Array(kept.joined(separator: [UInt8(ascii: "\n")]))
  }

  /// A text with the names of rewritten commits for those that it mentions, so that “This reverts commit …” stays true.
  private func translated(_ text: [UInt8]) -> [UInt8] {
    let digits = objects.format.digits
    guard rewrittenCommits > 0, text.count >= digits else { return text }
    var output = text
    var start = 0
    for position in 0...text.count {
      if position < text.count, Self.isHexDigit(text[position]) { continue }
      if position - start == digits, let id = ObjectID(objects.format, hex: text[start..<position]), let new = map[id] {
        var hex: [UInt8] = []
        new.appendHex(to: &hex)
        output.replaceSubrange(start..<position, with: hex)
      }
      start = position + 1
    }
    return output
  }

  private static func isHexDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
  }

  // MARK: - Tags

  private mutating func rewrite(tag id: ObjectID) throws(StoreError) -> ObjectID {
    var chain: [(id: ObjectID, tag: TagObject)] = []
    var next = id
    while map[next] == nil, case let object = try objects.object(next), object.kind == .tag {
      guard chain.count < Self.longestTagChain else { throw .tooLarge("the chain of tags at \(id)") }
      let tag = try parse { () throws(FormatError) in try TagObject(object.bytes, objects.format) }
      chain.append((next, tag))
      next = tag.object
    }
    _ = try rewrite(next)
    while let (id, old) = chain.popLast() {
      var new = old
      new.object = map[old.object] ?? old.object
      new.tagger = old.tagger.map { people.neutral($0) }
      new.messageBytes = people.neutral(text: old.messageBytes)
      guard new != old else {
        map[id] = id
        continue
      }
      rewrittenTags += 1
      let message = Self.withoutSignature(new.messageBytes)
      let lines = Self.withoutSignatures(new.extraHeaders)
      if message.count != new.messageBytes.count || lines.count != new.extraHeaders.count { unsigned.append(id) }
      new.messageBytes = message
      new.extraHeaders = lines
      map[id] = try settled(.tag, new.bytes)
    }
    return map[id] ?? id
  }

  /// A tag's signature stands at the end of its message (gitformat-signature).
  private static func withoutSignature(_ message: [UInt8]) -> [UInt8] {
    let begins = ["-----BEGIN PGP SIGNATURE-----", "-----BEGIN SSH SIGNATURE-----", "-----BEGIN SIGNED MESSAGE-----"]
    var start = 0
    while start < message.count {
      if begins.contains(where: { message[start...].starts(with: $0.utf8) }) { return Array(message[..<start]) }
      start = message[start...].firstIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? message.count
    }
    return message
  }
}
