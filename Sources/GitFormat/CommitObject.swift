/// Who did something, and when: `Ada <ada@home.arpa> 1763800000 +0100`.
public struct Signature: Hashable, Sendable {
  public var name: String
  public var email: String
  /// Seconds since 1970, UTC.
  public var time: Int64
  /// Minutes east of Greenwich.
  public var zone: Int

  /// What would break the line (`<`, `>`, newlines, NUL) is left out of name and address, as Git does.
  public init(name: String, email: String, time: Int64, zone: Int = 0) {
    func clean(_ text: String) -> String {
      String(decoding: text.utf8.filter { $0 != 0x3C && $0 != 0x3E && $0 != 0x0A && $0 != 0 }, as: UTF8.self)
    }
    self.name = clean(name)
    self.email = clean(email)
    self.time = time
    self.zone = zone
  }

  /// Reads the part of the line after `author `. Dates that cannot be understood count as 0, as in Git.
  init?(line: some BidirectionalCollection<UInt8>) {
    guard let open = line.firstIndex(of: UInt8(ascii: "<")), let close = line.lastIndex(of: UInt8(ascii: ">")),
      open < close
    else { return nil }
    func text(_ bytes: some Sequence<UInt8>) -> String { String(decoding: Array(bytes), as: UTF8.self) }
    var name = text(line[..<open])
    if name.hasSuffix(" ") { name.removeLast() }
    let words = line[line.index(after: close)...].split(separator: UInt8(ascii: " ")).map { text($0) }
    let zone = words.count > 1 ? Int(words[1]) ?? 0 : 0
    self.name = name
    email = text(line[line.index(after: open)..<close])
    time = words.first.flatMap { Int64($0) } ?? 0
    self.zone = abs(zone) <= 9_999 ? zone / 100 * 60 + zone % 100 : 0
  }

  /// `Ada <ada@home.arpa> 1763800000 +0100`, as commits and reflogs have it.
  public func append(to bytes: inout [UInt8]) {
    bytes.append(contentsOf: (name.isEmpty ? "<" : "\(name) <").utf8)
    bytes.append(contentsOf: "\(email)> \(time) \(zone < 0 ? "-" : "+")".utf8)
    let digits = String(abs(zone) / 60 * 100 + abs(zone) % 60)
    bytes.append(contentsOf: (String(repeating: "0", count: max(0, 4 - digits.count)) + digits).utf8)
  }
}

/// A commit: a tree, where it came from, who made it and why.
public struct CommitObject: Hashable, Sendable {
  public var tree: ObjectID
  public var parents: [ObjectID]
  public var author: Signature
  public var committer: Signature
  /// Lines between the committer and the message that are none of the above (`encoding`, `gpgsig`, …), each with its
  /// continuations and without the last newline.
  public var extraHeaders: [UInt8]
  public var message: String

  public init(
    tree: ObjectID, parents: [ObjectID], author: Signature, committer: Signature? = nil, extraHeaders: [UInt8] = [],
    message: String
  ) {
    self.tree = tree
    self.parents = parents
    self.author = author
    self.committer = committer ?? author
    self.extraHeaders = extraHeaders
    self.message = message
  }

  /// Reads a commit object's bytes.
  public init(_ bytes: [UInt8], _ format: ObjectFormat) throws(FormatError) {
    var rest = bytes[...]
    /// The value of the next line if it has this key.
    func header(_ key: String) -> ArraySlice<UInt8>? {
      let prefix = Array(key.utf8) + [UInt8(ascii: " ")]
      guard rest.starts(with: prefix), let end = rest.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
      let value = rest[(rest.startIndex + prefix.count)..<end]
      rest = rest[(end + 1)...]
      return value
    }
    guard let line = header("tree"), let tree = ObjectID(format, hex: line) else {
      throw FormatError("commit object", "its first line names no tree")
    }
    var parents: [ObjectID] = []
    while let line = header("parent") {
      guard let parent = ObjectID(format, hex: line) else {
        throw FormatError("commit object", "parent \(parents.count + 1) is no identifier")
      }
      parents.append(parent)
    }
    guard let author = header("author").flatMap({ Signature(line: $0) }) else {
      throw FormatError("commit object", "it has no author")
    }
    guard let committer = header("committer").flatMap({ Signature(line: $0) }) else {
      throw FormatError("commit object", "it has no committer")
    }
    let extraStart = rest.startIndex
    while let first = rest.first, first != UInt8(ascii: "\n") {
      guard let end = rest.firstIndex(of: UInt8(ascii: "\n")) else {
        throw FormatError("commit object", "a header line has no end")
      }
      rest = rest[(end + 1)...]
    }
    self.init(
      tree: tree, parents: parents, author: author, committer: committer,
      extraHeaders: Array(bytes[extraStart..<rest.startIndex].dropLast()),
      message: String(decoding: rest.dropFirst(), as: UTF8.self))
  }

  /// The bytes of the commit object.
  public var bytes: [UInt8] {
    var bytes = Array("tree ".utf8)
    bytes.reserveCapacity(256 + message.utf8.count)
    tree.appendHex(to: &bytes)
    for parent in parents {
      bytes.append(contentsOf: "\nparent ".utf8)
      parent.appendHex(to: &bytes)
    }
    bytes.append(contentsOf: "\nauthor ".utf8)
    author.append(to: &bytes)
    bytes.append(contentsOf: "\ncommitter ".utf8)
    committer.append(to: &bytes)
    if !extraHeaders.isEmpty {
      bytes.append(UInt8(ascii: "\n"))
      bytes.append(contentsOf: extraHeaders)
    }
    bytes.append(contentsOf: "\n\n".utf8)
    bytes.append(contentsOf: message.utf8)
    return bytes
  }
}
