extension ObjectCheck {
  static func checkCommit(
    _ bytes: UnsafeRawBufferPointer, _ format: ObjectFormat, _ limits: Limits
  ) throws(FormatError) {
    let what = "commit object"
    try checkShape(bytes, what, limits)
    guard !bytes.contains(0) else { throw FormatError(what, "its message has a zero byte") }
    var reader = HeaderReader(bytes)
    try checkIdentifier(reader.value(of: "tree"), format, what, "tree")
    var parents = 0
    while let parent = reader.value(of: "parent") {
      parents += 1
      guard parents <= limits.parents else { throw FormatError(what, "it has more than \(limits.parents) parents") }
      try checkIdentifier(parent, format, what, "parent")
    }
    try checkPerson(reader.value(of: "author"), what, "author")
    guard reader.value(of: "author") == nil else { throw FormatError(what, "it has two authors") }
    try checkPerson(reader.value(of: "committer"), what, "committer")
  }

  static func checkTag(
    _ bytes: UnsafeRawBufferPointer, _ format: ObjectFormat, _ limits: Limits
  ) throws(FormatError) {
    let what = "tag object"
    try checkShape(bytes, what, limits)
    var reader = HeaderReader(bytes)
    try checkIdentifier(reader.value(of: "object"), format, what, "object")
    guard let type = reader.value(of: "type") else { throw FormatError(what, "it has no type") }
    guard ObjectKind(word: type) != nil else { throw FormatError(what, "its type is unknown") }
    guard reader.value(of: "tag") != nil else { throw FormatError(what, "it has no name") }
    if let tagger = reader.value(of: "tagger") { try checkPerson(tagger, what, "tagger") }
  }

  /// The headers end, are not too long, and have no zero byte; neither is the message too long.
  private static func checkShape(
    _ bytes: UnsafeRawBufferPointer, _ what: String, _ limits: Limits
  ) throws(FormatError) {
    var reader = HeaderReader(bytes)
    while !reader.isAtEnd {
      guard let line = reader.line() else { throw FormatError(what, "a header line has no end") }
      guard !line.contains(0) else { throw FormatError(what, "a header line has a zero byte") }
      guard reader.position <= limits.headers else {
        throw FormatError(what, "its headers are longer than \(limits.headers) bytes")
      }
    }
    guard reader.rest.count <= limits.message else {
      throw FormatError(what, "its message is longer than \(limits.message) bytes")
    }
  }

  private static func checkIdentifier(
    _ value: UnsafeRawBufferPointer?, _ format: ObjectFormat, _ what: String, _ key: String
  ) throws(FormatError) {
    guard let value else { throw FormatError(what, "it has no \(key) where one belongs") }
    guard ObjectID(format, lowercase: value) != nil else { throw FormatError(what, "its \(key) is no identifier") }
  }

  /// A name, a space, an address in brackets, a space, seconds, a space, a time zone.
  private static func checkPerson(
    _ value: UnsafeRawBufferPointer?, _ what: String, _ key: String
  ) throws(FormatError) {
    guard let value else { throw FormatError(what, "it has no \(key) where one belongs") }
    func isBracket(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "<") || byte == UInt8(ascii: ">") }
    func refuse(_ why: String) -> FormatError { FormatError(what, "its \(key) \(why)") }
    guard let open = value.firstIndex(where: isBracket) else { throw refuse("has no address") }
    guard value[open] == UInt8(ascii: "<") else { throw refuse("has a > in the name") }
    guard open > 0 else { throw refuse("has no name before the address") }
    guard value[open - 1] == UInt8(ascii: " ") else { throw refuse("has no space before the address") }
    guard let close = value[(open + 1)...].firstIndex(where: isBracket), value[close] == UInt8(ascii: ">") else {
      throw refuse("has an address without an end")
    }
    let date = value[(close + 1)...]
    guard date.first == UInt8(ascii: " ") else { throw refuse("has no space before the date") }
    let seconds = date.dropFirst().prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    guard !seconds.isEmpty else { throw refuse("has no date") }
    guard seconds.count == 1 || seconds.first != UInt8(ascii: "0") else {
      throw refuse("has a date that begins with a zero")
    }
    guard Int64(String(decoding: seconds, as: UTF8.self)) != nil else { throw refuse("has a date beyond all time") }
    let zone = value[seconds.endIndex...]
    guard zone.count == 6, zone.first == UInt8(ascii: " "),
      zone.dropFirst().first == UInt8(ascii: "+") || zone.dropFirst().first == UInt8(ascii: "-"),
      zone.dropFirst(2).allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
    else { throw refuse("has no time zone of four digits") }
  }
}
