import GitFormat
import TestSupport

@testable import VersionedStore

extension TOMLDocument: Editable {
  static var empty: TOMLDocument { sample }
  static var isAssociative: Bool { false }

  private static let sample: TOMLDocument = {
    let text = """
      # The house.
      name = "home"   # short

      [network.home]
      # where it is
      address = "192.0.2.1/24"
      hosts = [
        "a", # first
        "b",
      ]

      [[rule]]
      from = 'x'
      [rule.more]
      deep.key = { a = 1 }

      [[rule]]
      from = '''
      [no header]
      '''

      """
    guard let document = try? TOMLDocument(decoding: Array(text.utf8)) else {
      preconditionFailure("the sample is none")
    }
    return document
  }()

  mutating func edit(_ editor: inout Editor) throws {
    var lines = String(decoding: encoded, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false).map(
      String.init)
    let key = editor.pick(["name", "address", "size", "a.b", "\"quoted key\""])!
    let place = editor.below(lines.count)
    switch editor.below(5) {
    case 0: lines.insert("\(key) = \(editor.below(99))", at: place)
    case 1: lines.append("[table\(editor.below(4))]\n\(key) = \"x\"")
    case 2: lines.append("[[rule]]\nfrom = \(editor.below(9))")
    case 3: lines.insert("# note \(editor.below(9))", at: place)
    default:
      if lines[place].contains(" = ") { lines[place] = "\(lines[place].prefix { $0 != "=" })= \(editor.below(99))" }
    }
    // An edit that makes no TOML is none.
    if let edited = try? TOMLDocument(decoding: Array(lines.joined(separator: "\n").utf8)) { self = edited }
  }
}

extension ContentDocument: Editable {
  static var empty: ContentDocument { sample }
  static var isAssociative: Bool { false }

  static let text = """
    BEGIN:VCALENDAR
    VERSION:2.0
    PRODID:-//Example//1//EN
    BEGIN:VEVENT
    UID:one@example
    DTSTAMP:20260101T000000Z
    SUMMARY:Dinner with a text that is so long that it goes on on the
      next line
    ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:ada@home.arpa
    ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:bob@home.arpa
    SEQUENCE:1
    X-UNKNOWN;A="b:c":d
    BEGIN:VALARM
    ACTION:DISPLAY
    TRIGGER:-PT15M
    END:VALARM
    END:VEVENT
    END:VCALENDAR

    """

  private static let sample: ContentDocument = {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\r\n")
    guard let document = try? ContentDocument(decoding: Array(lines.utf8)) else {
      preconditionFailure("the sample is none")
    }
    return document
  }()

  mutating func edit(_ editor: inout Editor) throws {
    var lines = String(decoding: encoded, as: UTF8.self).split(
      separator: "\r\n", omittingEmptySubsequences: false
    ).map(String.init)
    let place = 1 + editor.below(lines.count - 3)
    switch editor.below(7) {
    case 0: lines.insert("X-NEW\(editor.below(4)):\(editor.below(9))", at: place)
    case 1: lines.insert("CATEGORIES:\(editor.pick(["home", "work", "école"])!)", at: place)
    case 2:
      lines.insert(
        "BEGIN:VEVENT\r\nUID:\(editor.below(5))\r\nSUMMARY:new \(editor.below(9))\r\nEND:VEVENT", at: lines.count - 2)
    case 3: lines.insert("item\(1 + editor.below(2)).TEL:\(editor.below(999))", at: place)
    case 4: lines = lines.map { $0.hasPrefix("SEQUENCE:") ? "SEQUENCE:\(editor.below(200))" : $0 }
    case 5: lines = lines.map { $0.hasPrefix("DTSTAMP:") ? "DTSTAMP:2026010\(1 + editor.below(9))T000000Z" : $0 }
    default: if !lines[place].contains("BEGIN"), !lines[place].contains("END") { lines.remove(at: place) }
    }
    if let edited = try? ContentDocument(decoding: Array(lines.joined(separator: "\r\n").utf8)) { self = edited }
  }
}
