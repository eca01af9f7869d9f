/// An annotated tag: a name for an object, with who gave it and why. Like a commit, it keeps the bytes that it was read from.
public struct TagObject: Hashable, Sendable {
  public var object: ObjectID
  public var kind: ObjectKind
  public var nameBytes: [UInt8]
  /// The oldest tags have none.
  public var tagger: Signature?
  /// Lines between the tagger and the message, without the last end of line.
  public var extraHeaders: [UInt8]
  /// The message, with a signature at its end where it is signed.
  public var messageBytes: [UInt8]
  /// Whether an empty line ends the headers.
  private var hasEmptyLine = true

  public init(object: ObjectID, kind: ObjectKind, name: String, tagger: Signature?, message: String) {
    self.object = object
    self.kind = kind
    nameBytes = Array(name.utf8)
    self.tagger = tagger
    extraHeaders = []
    messageBytes = Array(message.utf8)
  }

  /// Reads a tag object's bytes.
  ///
  /// - Throws: where one of the lines that every tag has is missing or not at its place.
  public init(_ bytes: [UInt8], _ format: ObjectFormat) throws(FormatError) {
    self = try bytes.span.bytes.withUnsafeBytes { bytes throws(FormatError) in try Self(bytes, format) }
  }

  public init(_ bytes: UnsafeRawBufferPointer, _ format: ObjectFormat) throws(FormatError) {
    var reader = HeaderReader(bytes)
    guard let line = reader.value(of: "object"), let object = ObjectID(format, lowercase: line) else {
      throw FormatError("tag object", "its first line names no object")
    }
    guard let kind = reader.value(of: "type").flatMap({ ObjectKind(word: $0) }) else {
      throw FormatError("tag object", "it does not say what kind of object it names")
    }
    guard let name = reader.value(of: "tag") else { throw FormatError("tag object", "it has no name") }
    self.object = object
    self.kind = kind
    nameBytes = Array(name)
    if let line = reader.value(of: "tagger") {
      guard let tagger = Signature(line: line) else { throw FormatError("tag object", "its tagger has no address") }
      self.tagger = tagger
    }
    let remainder = try reader.remainder(of: "tag object")
    extraHeaders = remainder.lines
    messageBytes = remainder.message
    hasEmptyLine = remainder.hasEmptyLine
  }

  /// The name as UTF-8, with a replacement character for what is none.
  public var name: String { String(decoding: nameBytes, as: UTF8.self) }

  /// The message as UTF-8, with a replacement character for what is none.
  public var message: String { String(decoding: messageBytes, as: UTF8.self) }

  /// The bytes of the tag object.
  public var bytes: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(256 + messageBytes.count)
    bytes.append("object ")
    object.appendHex(to: &bytes)
    bytes.append("\ntype ")
    bytes.append(kind.word)
    bytes.append("\ntag ")
    bytes.append(contentsOf: nameBytes)
    if let tagger {
      bytes.append("\ntagger ")
      bytes.append(contentsOf: tagger.bytes)
    }
    HeaderRemainder(
      lines: extraHeaders, message: messageBytes, hasEmptyLine: hasEmptyLine || !messageBytes.isEmpty
    ).append(to: &bytes)
    return bytes
  }
}

extension ObjectKind {
  /// Reads the word of an object's header, or of a tag.
  init?(word: UnsafeRawBufferPointer) {
    guard let kind = Self.allCases.first(where: { $0.word ~= word }) else { return nil }
    self = kind
  }
}
