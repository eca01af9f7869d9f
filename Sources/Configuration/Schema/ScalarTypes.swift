import Household
import Wire

// Types of single values that are not addresses.

extension ValueType where Value == Bool {
  static let toggle = ValueType(
    "boolean", expected: "true or false", form: .toggle,
    read: { node, reader in
      guard case .scalar(.boolean(let flag)) = node.content else {
        reader.reportUnexpected(
          node, expected: "true or false", hint: reader.quotesHint(node))
        return nil
      }
      return flag
    },
    write: { .boolean($0) })
}

extension ValueType where Value == Int {
  static func integer(_ range: ClosedRange<Int>) -> ValueType {
    let expected = "an integer from \(range.lowerBound) to \(range.upperBound)"
    return ValueType(
      "integer", expected: expected, form: .integer(range),
      read: { node, reader in
        guard case .scalar(.integer(let number)) = node.content, let value = Int(exactly: number), range.contains(value)
        else {
          reader.reportUnexpected(node, expected: expected, hint: reader.quotesHint(node))
          return nil
        }
        return value
      },
      write: { .integer(Int64($0)) })
  }
}

extension ValueType where Value == UInt32 {
  /// A time in seconds, written like `12h` or `1h30m`.
  static func duration(_ range: ClosedRange<UInt32>) -> ValueType {
    let bounds = "\(DurationText(seconds: range.lowerBound)) to \(DurationText(seconds: range.upperBound))"
    return .text(
      "duration", expected: "a duration from \(bounds), such as \"12h\", \"90s\" or \"1d\"",
      parse: { text throws(Refusal) in
        guard let duration = DurationText(text) else {
          throw Refusal(hint: "the units are s, m, h, d and w")
        }
        guard range.contains(duration.seconds) else { throw Refusal() }
        return duration.seconds
      },
      print: { DurationText(seconds: $0).description })
  }
}

/// A time in seconds as people write it: `12h`, `90s`, `1d`, `1h30m`.
public struct DurationText: Sendable, Hashable, LosslessStringConvertible {
  public var seconds: UInt32

  private static let units: [(letter: UInt8, seconds: UInt32)] = [
    (UInt8(ascii: "w"), 604_800), (UInt8(ascii: "d"), 86_400), (UInt8(ascii: "h"), 3_600), (UInt8(ascii: "m"), 60),
    (UInt8(ascii: "s"), 1),
  ]

  public init(seconds: UInt32) { self.seconds = seconds }

  /// Numbers with a unit each, larger units first, none twice. Nil for everything else, and above 2³² - 1 seconds.
  public init?(_ text: String) {
    var total: UInt32 = 0
    var number: UInt32?
    var remaining = Self.units[...]
    for byte in text.utf8 {
      if byte &- 48 < 10 {
        let (tens, isLarge) = (number ?? 0).multipliedReportingOverflow(by: 10)
        let (sum, isLarger) = tens.addingReportingOverflow(UInt32(byte - 48))
        guard !isLarge, !isLarger else { return nil }
        number = sum
        continue
      }
      guard let count = number, let unit = remaining.firstIndex(where: { $0.letter == byte }) else { return nil }
      let (part, isLarge) = count.multipliedReportingOverflow(by: Self.units[unit].seconds)
      let (sum, isLarger) = total.addingReportingOverflow(part)
      guard !isLarge, !isLarger else { return nil }
      (total, number, remaining) = (sum, nil, remaining[(unit + 1)...])
    }
    guard number == nil, !text.isEmpty else { return nil }
    seconds = total
  }

  /// In the largest unit that divides it; weeks are written as days.
  public var description: String {
    guard seconds > 0 else { return "0s" }
    for unit in Self.units.dropFirst() where seconds % unit.seconds == 0 {
      return "\(seconds / unit.seconds)\(Character(Unicode.Scalar(unit.letter)))"
    }
    return "\(seconds)s"
  }
}

extension ValueType where Value == String {
  /// Text for people, 1 to 200 characters.
  static let plainText = ValueType.text(
    "text", expected: "a text of 1 to 200 characters",
    parse: { text throws(Refusal) in
      guard (1...200).contains(text.count) else { throw Refusal() }
      return text
    }, print: { $0 })

  /// One label of a name (RFC 1123 section 2.1).
  static let hostLabel = ValueType.text(
    "name", expected: "a name of letters, digits and inner hyphens, at most 63",
    parse: { text throws(Refusal) in
      guard isHostLabel(text) else { throw Refusal() }
      return text
    }, print: { $0 })

  /// The kernel's name of a network interface.
  static let interfaceName = ValueType.text(
    "interface name", expected: "the name of a network interface, such as \"eth0\"",
    parse: { text throws(Refusal) in
      if let problem = interfaceNameProblem(text) {
        throw Refusal(problem: "\(TOMLValue.quoted(text)) \(problem)", hint: "`ip link` lists the names")
      }
      return text
    }, print: { $0 })

  /// A file below the configuration's folder.
  static let fileName = ValueType.text(
    "file name", expected: "the name of a file in the configuration's folder",
    parse: { text throws(Refusal) in
      guard isFileName(text) else {
        throw Refusal(hint: "put the file into the configuration's folder and name it from there")
      }
      return text
    }, print: { $0 })

  /// The name of an address list, with or without its `@`.
  static let listName = ValueType.text(
    "address list", expected: "the name of an address list, such as \"@blocked\"",
    parse: { text throws(Refusal) in
      let name = text.hasPrefix("@") ? String(text.dropFirst()) : text
      guard isHostLabel(name) else { throw Refusal() }
      return name
    }, print: { "@\($0)" })
}

/// Why the kernel does not take a name for an interface, as a clause behind the name; nil where it does (dev_valid_name).
func interfaceNameProblem(_ name: String) -> String? {
  if name.isEmpty { return "is empty" }
  if name.utf8.count > 15 { return "has \(name.utf8.count) bytes, and the names of interfaces have at most 15" }
  if name == "." || name == ".." || name == "lo" { return "is not the name of a port" }
  guard name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && !"/:%\"\\".utf8.contains($0) }) else {
    return "has characters that names of interfaces do not have"
  }
  return nil
}

/// True for a relative path that does not lead out of its folder.
func isFileName(_ text: String) -> Bool {
  !text.isEmpty && text.utf8.count <= 255 && text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f }
    && text.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { $0 != "" && $0 != "." && $0 != ".." }
}

extension ValueType where Value: RawRepresentable & CaseIterable & Sendable, Value.RawValue == String {
  /// One of a few words; `later` are words that are known and not yet understood.
  static func choice(later: [String] = []) -> ValueType {
    let words = Value.allCases.map(\.rawValue)
    return .text(
      "word", expected: oneOf(words.map(TOMLValue.quoted)), form: .choice(words),
      parse: { text throws(Refusal) in
        if let value = Value(rawValue: text) { return value }
        if later.contains(text) {
          throw Refusal(
            problem: "\(TOMLValue.quoted(text)) arrives in a later version",
            hint: "for now it is \(oneOf(words.map(TOMLValue.quoted)))")
        }
        throw Refusal(hint: SchemaNode.nearest(to: text, among: words).map { "did you mean \"\($0)\"?" })
      },
      print: { $0.rawValue })
  }
}

/// `a, b or c`.
func oneOf(_ words: [String]) -> String {
  guard let last = words.last, words.count > 1 else { return words.joined() }
  return "\(words.dropLast().joined(separator: ", ")) or \(last)"
}

extension SecretName {
  /// What stands where a secret is meant.
  static let expected = "{ secret = \"NAME\" }"
  /// For who has written something else there.
  static let hint = "write \(expected) here, and store the value with: lares secret set NAME"
}

extension ValueType where Value == SecretName {
  /// `{ secret = "NAME" }`, never the secret itself.
  static let secret = ValueType(
    "secret", expected: SecretName.expected, form: .secret,
    read: { node, reader in
      guard let table = node.table else {
        // The value itself stays out of the message: it may be the secret.
        reader.report(
          "a secret does not stand in the configuration", at: node.range.lowerBound, expected: SecretName.expected,
          hint: SecretName.hint)
        return nil
      }
      guard table.entries.count == 1, case .scalar(.string(let name))? = table["secret"]?.content, isHostLabel(name)
      else {
        reader.report(
          "found another table, expected \(SecretName.expected)", at: node.range.lowerBound,
          expected: SecretName.expected, hint: "NAME has letters, digits and inner hyphens")
        return nil
      }
      return SecretName(name)
    },
    write: { .table([TOMLField("secret", .string($0.name))]) })
}

extension ConfigurationReader {
  /// For a string where something without quotes belongs. Words from a command line had no quotes.
  func quotesHint(_ node: TOMLNode) -> String? {
    node.isString && file != nil ? "write it without quotes" : nil
  }
}

extension TOMLNode {
  var isString: Bool { if case .scalar(.string) = content { true } else { false } }
}
