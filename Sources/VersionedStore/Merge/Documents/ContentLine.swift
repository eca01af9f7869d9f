import GitFormat

/// One property of a vCard or iCalendar object: `item1.TEL;TYPE=home:+1 555 0100`, perhaps folded over several lines
/// (RFC 6350 section 3.2, RFC 5545 section 3.1).
struct ContentLine: Hashable, Sendable {
  /// The bytes of the file, with folds, the end of the line and empty lines after it.
  private(set) var raw: [UInt8]
  /// Without folds and the end.
  private(set) var text: [UInt8]
  /// As it is spelled; nil: the property is in no group.
  private(set) var group: [UInt8]?
  /// In capitals.
  let name: String
  /// Where the value begins in `text`.
  private var valueStart: Int

  var value: ArraySlice<UInt8> { text[valueStart...] }

  init(raw: [UInt8], text: [UInt8]) throws(FormatError) {
    (self.raw, self.text) = (raw, text)
    guard let colon = Self.valueColon(in: text) else { throw FormatError("content line", "it has no value") }
    valueStart = colon + 1
    let head = text[..<colon].prefix { $0 != UInt8(ascii: ";") }
    let parts = head.split(separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
    guard let last = parts.last, parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy(Self.isNameByte) }) else {
      throw FormatError("content line", "it begins with no name")
    }
    group = parts.count > 1 ? Array(parts[0]) : nil
    name = String(decoding: last.map(Self.upper), as: UTF8.self)
  }

  /// All lines of a text.
  static func lines(_ bytes: [UInt8]) throws(FormatError) -> [ContentLine] {
    var lines: [ContentLine] = []
    var raw: [UInt8] = [], text: [UInt8] = []
    for line in TextMerge.lines(bytes) {
      var content = line
      if content.last == UInt8(ascii: "\n") { content.removeLast() }
      if content.last == UInt8(ascii: "\r") { content.removeLast() }
      let isFold = content.first == 0x20 || content.first == 0x09
      if isFold, !text.isEmpty {
        text += content.dropFirst()
      } else if !content.isEmpty {
        if !text.isEmpty { lines.append(try ContentLine(raw: raw, text: text)) }
        // Empty lines before the first one go with it.
        raw = text.isEmpty ? raw : []
        text = Array(content)
      }
      raw += line
    }
    guard !text.isEmpty else { throw FormatError("content lines", "there are none") }
    lines.append(try ContentLine(raw: raw, text: text))
    return lines
  }

  /// The same property in another group; unchanged where the line is folded before its group's end.
  func moved(to group: [UInt8]) -> ContentLine {
    guard let old = self.group else { return self }
    let prefix = old + [UInt8(ascii: ".")]
    guard let start = raw.firstIndex(where: { $0 != UInt8(ascii: "\r") && $0 != UInt8(ascii: "\n") }),
      raw[start...].starts(with: prefix)
    else { return self }
    var line = self
    line.raw.replaceSubrange(start..<start + old.count, with: group)
    line.text.replaceSubrange(0..<old.count, with: group)
    line.group = group
    line.valueStart += group.count - old.count
    return line
  }

  /// The first colon that is in no quoted parameter.
  private static func valueColon(in text: [UInt8]) -> Int? {
    var isQuoted = false
    for (index, byte) in text.enumerated() {
      if byte == UInt8(ascii: "\"") { isQuoted.toggle() }
      if byte == UInt8(ascii: ":"), !isQuoted { return index }
    }
    return nil
  }

  static func upper(_ byte: UInt8) -> UInt8 {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) ? byte & 0xDF : byte
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    let isDigit = (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    return isDigit || byte == UInt8(ascii: "-") || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(upper(byte))
  }
}

/// What stands between a `BEGIN` and its `END`: a card, a calendar, an event.
struct ContentComponent: Hashable, Sendable {
  enum Item: Hashable, Sendable {
    case property(ContentLine)
    case component(ContentComponent)
  }

  var begin: ContentLine
  var items: [Item] = []
  var end: ContentLine

  /// In capitals: `VEVENT`.
  var name: String { String(decoding: begin.value.map(ContentLine.upper), as: UTF8.self) }

  var properties: [ContentLine] {
    items.compactMap { if case .property(let line) = $0 { line } else { nil } }
  }

  /// The value of the first property with this name.
  func value(_ name: String) -> [UInt8]? { properties.first { $0.name == name }.map { Array($0.value) } }

  /// The lines from begin to end.
  var lines: [ContentLine] {
    [begin] + items.flatMap { if case .property(let line) = $0 { [line] } else { Self.lines(of: $0) } } + [end]
  }

  private static func lines(of item: Item) -> [ContentLine] {
    if case .component(let component) = item { component.lines } else { [] }
  }
}
