public import GitFormat

/// A JSON value (RFC 8259) with the spelling of its numbers and strings, and the order of its members.
public indirect enum JSONNode: Hashable, Sendable {
  /// One member of an object; `key` is spelled as in the text, without the quotes.
  public struct Member: Hashable, Sendable {
    public var key: [UInt8]
    public var value: JSONNode

    public init(key: [UInt8], value: JSONNode) {
      self.key = key
      self.value = value
    }
  }

  case object([Member])
  case array([JSONNode])
  /// The text between the quotes, escapes and all.
  case string([UInt8])
  /// A number as it is spelled.
  case number([UInt8])
  case literal(Literal)

  public enum Literal: String, Hashable, Sendable { case null, `true`, `false` }
}

/// A JSON text, merged by key. Members that only one side knows stay; numbers keep their spelling; the layout becomes
/// that of `JSONLayout`.
public struct JSONDocument: Mergeable, Hashable {
  public var root: JSONNode
  var layout: JSONLayout

  public init(_ root: JSONNode) {
    self.root = root
    layout = .pretty
  }

  /// - Throws: where the text is no JSON, two members of an object have one name, or it nests deeper than 128.
  public init(decoding bytes: [UInt8]) throws(FormatError) {
    var parser = JSONParser(bytes)
    root = try parser.document()
    layout = JSONLayout(of: bytes, holding: root)
  }

  public var encoded: [UInt8] {
    var text: [UInt8] = []
    layout.append(root, depth: 0, to: &text)
    if layout.endsInNewline { text.append(UInt8(ascii: "\n")) }
    return text
  }

  public static let merge = MergeFunction<JSONDocument> { (base, ours, theirs) throws(MergeFailure) in
    if ours == theirs { return ours }
    let old = try base.value()
    var merged = JSONDocument(try JSONMerge.merge(old?.root, ours.root, theirs.root, at: "the document"))
    let isOurs = old?.layout == theirs.layout || (old?.layout != ours.layout && !(theirs.layout < ours.layout))
    merged.layout = isOurs ? ours.layout : theirs.layout
    return merged
  }
}

/// How a JSON text is laid out: on one line, or a member on each line, indented by something.
struct JSONLayout: Hashable, Sendable, Comparable {
  /// What each level is indented by; nil: all on one line.
  var indent: [UInt8]?
  var endsInNewline: Bool

  static let pretty = JSONLayout(indent: Array("  ".utf8), endsInNewline: true)

  static func < (left: Self, right: Self) -> Bool {
    let (a, b) = (left.indent ?? [], right.indent ?? [])
    return a == b ? !left.endsInNewline && right.endsInNewline : a.lexicographicallyPrecedes(b)
  }
}

extension JSONLayout {
  /// The layout that a text seems to have: what follows its first brace or bracket tells. One that holds nothing is as good
  /// as `pretty`.
  init(of text: [UInt8], holding root: JSONNode) {
    self = .pretty
    endsInNewline = text.last == UInt8(ascii: "\n")
    switch root {
    case .object(let members) where !members.isEmpty: break
    case .array(let elements) where !elements.isEmpty: break
    default: return
    }
    let open = text.firstIndex { !JSONParser.isSpace($0) } ?? 0
    let space = text[(open + 1)...].prefix { JSONParser.isSpace($0) }
    indent = space.lastIndex(of: UInt8(ascii: "\n")).map { Array(space[($0 + 1)...].prefix(16)) }
  }

  func append(_ node: JSONNode, depth: Int, to text: inout [UInt8]) {
    switch node {
    case .literal(let literal): text += Array(literal.rawValue.utf8)
    case .number(let spelling): text += spelling
    case .string(let spelling): Self.append(quoted: spelling, to: &text)
    case .array(let elements):
      append(elements, between: ("[", "]"), depth, to: &text) { element, text in
        append(element, depth: depth + 1, to: &text)
      }
    case .object(let members):
      append(members, between: ("{", "}"), depth, to: &text) { member, text in
        Self.append(quoted: member.key, to: &text)
        text.append(UInt8(ascii: ":"))
        if indent != nil { text.append(UInt8(ascii: " ")) }
        append(member.value, depth: depth + 1, to: &text)
      }
    }
  }

  private func append<Part>(
    _ parts: [Part], between brackets: (Unicode.Scalar, Unicode.Scalar), _ depth: Int, to text: inout [UInt8],
    each: (Part, inout [UInt8]) -> Void
  ) {
    text.append(UInt8(ascii: brackets.0))
    for (index, part) in parts.enumerated() {
      if index > 0 { text.append(UInt8(ascii: ",")) }
      newLine(depth + 1, &text)
      each(part, &text)
    }
    if !parts.isEmpty { newLine(depth, &text) }
    text.append(UInt8(ascii: brackets.1))
  }

  private func newLine(_ depth: Int, _ text: inout [UInt8]) {
    guard let indent else { return }
    text.append(UInt8(ascii: "\n"))
    for _ in 0..<depth { text += indent }
  }

  private static func append(quoted spelling: [UInt8], to text: inout [UInt8]) {
    text.append(UInt8(ascii: "\""))
    text += spelling
    text.append(UInt8(ascii: "\""))
  }
}
