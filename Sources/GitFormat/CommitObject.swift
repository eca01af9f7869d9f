/// A commit: a tree, where it came from, who made it and why.
///
/// Nothing is lost: a commit that was read has the bytes that it was read from, whatever signatures, encodings and odd lines
/// it has.
public struct CommitObject: Hashable, Sendable {
  public var tree: ObjectID
  public var parents: [ObjectID]
  public var author: Signature
  public var committer: Signature
  /// Lines between the committer and the message that are none of the above (`encoding`, `gpgsig`, `mergetag`, …), each with its
  /// continuations and without the last end of line.
  public var extraHeaders: [UInt8]
  /// The message, which is UTF-8 unless an `encoding` header names another.
  public var messageBytes: [UInt8]
  /// Whether an empty line ends the headers. Old programs left it out where there was no message.
  private var hasEmptyLine = true

  public init(
    tree: ObjectID, parents: [ObjectID], author: Signature, committer: Signature? = nil, extraHeaders: [UInt8] = [],
    message: String
  ) {
    self.tree = tree
    self.parents = parents
    self.author = author
    self.committer = committer ?? author
    self.extraHeaders = extraHeaders
    messageBytes = Array(message.utf8)
  }

  /// Reads a commit object's bytes.
  ///
  /// - Throws: where one of the lines that every commit has is missing or not at its place. What else Git checks,
  ///   `ObjectCheck` does.
  public init(_ bytes: [UInt8], _ format: ObjectFormat) throws(FormatError) {
    self = try bytes.span.bytes.withUnsafeBytes { bytes throws(FormatError) in try Self(bytes, format) }
  }

  public init(_ bytes: UnsafeRawBufferPointer, _ format: ObjectFormat) throws(FormatError) {
    var reader = HeaderReader(bytes)
    guard let line = reader.value(of: "tree"), let tree = ObjectID(format, lowercase: line) else {
      throw FormatError("commit object", "its first line names no tree")
    }
    self.tree = tree
    parents = []
    while let line = reader.value(of: "parent") {
      guard let parent = ObjectID(format, lowercase: line) else {
        throw FormatError("commit object", "parent \(parents.count + 1) is no identifier")
      }
      parents.append(parent)
    }
    guard let author = reader.value(of: "author").flatMap({ Signature(line: $0) }) else {
      throw FormatError("commit object", "it has no author")
    }
    guard let committer = reader.value(of: "committer").flatMap({ Signature(line: $0) }) else {
      throw FormatError("commit object", "it has no committer")
    }
    self.author = author
    // Most are the same, and then share their memory.
    self.committer = committer == author ? author : committer
    let remainder = try reader.remainder(of: "commit object")
    extraHeaders = remainder.lines
    messageBytes = remainder.message
    hasEmptyLine = remainder.hasEmptyLine
  }

  /// The message as UTF-8, with a replacement character for what is none.
  public var message: String {
    get { String(decoding: messageBytes, as: UTF8.self) }
    set { messageBytes = Array(newValue.utf8) }
  }

  /// The bytes of the commit object.
  public var bytes: [UInt8] {
    let identifiers = (parents.count + 1) * (tree.format.digits + 8)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(
      identifiers + author.bytes.count + committer.bytes.count + extraHeaders.count + messageBytes.count + 32)
    bytes.append("tree ")
    tree.appendHex(to: &bytes)
    for parent in parents {
      bytes.append("\nparent ")
      parent.appendHex(to: &bytes)
    }
    bytes.append("\nauthor ")
    bytes.append(contentsOf: author.bytes)
    bytes.append("\ncommitter ")
    bytes.append(contentsOf: committer.bytes)
    HeaderRemainder(
      lines: extraHeaders, message: messageBytes, hasEmptyLine: hasEmptyLine || !messageBytes.isEmpty
    ).append(to: &bytes)
    return bytes
  }
}
