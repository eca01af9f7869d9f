import GitFormat
import TestSupport
import Testing

@testable import VersionedStore

/// Three versions of a document, and what becomes of them; nil: a conflict.
struct DocumentCase: CustomTestStringConvertible, Sendable {
  var testDescription: String
  var base: String
  var ours: String
  var theirs: String
  var merged: String?
}

@Suite struct DocumentMergeTests {
  private func check<Value: Mergeable>(_ type: Value.Type, _ row: DocumentCase, newline: String = "\n") throws {
    func read(_ text: String) throws -> Value {
      try Value(
        decoding: Array(text.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: newline).utf8))
    }
    let (base, ours, theirs) = (try read(row.base), try read(row.ours), try read(row.theirs))
    for (mine, yours) in [(ours, theirs), (theirs, ours)] {
      var merged: String?
      do throws(MergeFailure) {
        let text = String(decoding: try Value.merge(base: base, ours: mine, theirs: yours).encoded, as: UTF8.self)
        merged =
          newline == "\n"
          ? text : text.split(separator: "\r\n", omittingEmptySubsequences: false).joined(separator: "\n")
      } catch {
        guard case .conflict = error else { throw error }
      }
      #expect(merged == row.merged)
    }
  }

  static let json: [DocumentCase] = [
    DocumentCase(
      testDescription: "members of both, numbers as they are spelled", base: #"{"a":1.0,"z":1e2}"#,
      ours: #"{"a":1.00,"z":1e2}"#, theirs: #"{"a":1.0,"b":{"c":[]},"z":1e2}"#,
      merged: #"{"a":1.00,"b":{"c":[]},"z":1e2}"#),
    DocumentCase(
      testDescription: "members below members", base: #"{"a":{"b":1,"c":1}}"#, ours: #"{"a":{"b":2,"c":1}}"#,
      theirs: #"{"a":{"b":1,"c":2}}"#, merged: #"{"a":{"b":2,"c":2}}"#),
    DocumentCase(
      testDescription: "the same member", base: #"{"a":1}"#, ours: #"{"a":2}"#, theirs: #"{"a":3}"#, merged: nil),
    DocumentCase(
      testDescription: "removed here, changed there", base: #"{"a":1,"b":1}"#, ours: #"{"b":1}"#,
      theirs: #"{"a":2,"b":1}"#, merged: nil),
    DocumentCase(
      testDescription: "elements of arrays", base: "[1,2,3]", ours: "[0,1,2,3]", theirs: "[1,2,4]", merged: "[0,1,2,4]"),
    DocumentCase(
      testDescription: "elements added at one place", base: "[1]", ours: "[1,3]", theirs: "[1,2]", merged: "[1,2,3]"),
    DocumentCase(
      testDescription: "objects in arrays", base: #"[{"a":1,"b":1}]"#, ours: #"[{"a":2,"b":1}]"#,
      theirs: #"[{"a":1,"b":2}]"#, merged: #"[{"a":2,"b":2}]"#),
    DocumentCase(
      testDescription: "a layout of its own", base: "{\n\t\"a\": 1\n}\n", ours: "{\n\t\"a\": 2\n}\n",
      theirs: "{\n\t\"a\": 1,\n\t\"b\": []\n}\n", merged: "{\n\t\"a\": 2,\n\t\"b\": []\n}\n"),
  ]

  @Test(arguments: json) func jsonIsMergedByKey(_ row: DocumentCase) throws { try check(JSONDocument.self, row) }

  @Test(arguments: [
    "", "{", "[1,]", "{\"a\":1,\"a\":2}", "01", "1.", "\"\\x\"", "\"\\u12g4\"", "\"a\nb\"", "nul", "1 2", "{a:1}",
    String(repeating: "[", count: 100_000),
  ]) func whatIsNoJSONIsRefused(_ text: String) {
    #expect(throws: FormatError.self) { try JSONDocument(decoding: Array(text.utf8)) }
  }

  private static let house =
    "# The house.\nname = \"home\"\n\n[network.home]\n# where\naddress = 1\nhosts = [\n  \"a\",\n]\n\n[dns]\nport = 53\n"

  static let toml: [DocumentCase] = [
    DocumentCase(
      testDescription: "keys of two tables", base: house, ours: house.replacing("port = 53", with: "port = 54"),
      theirs: house.replacing("address = 1", with: "address = 2 # new"),
      merged: house.replacing("port = 53", with: "port = 54").replacing("address = 1", with: "address = 2 # new")),
    DocumentCase(
      testDescription: "neighbouring keys", base: "a = 1\nb = 1\n", ours: "a = 2\nb = 1\n", theirs: "a = 1\nb = 2\n",
      merged: "a = 2\nb = 2\n"),
    DocumentCase(
      testDescription: "a comment and its key", base: "# old\na = 1\n", ours: "# new\na = 1\n",
      theirs: "# old\na = 2\n",
      merged: "# new\na = 2\n"),
    DocumentCase(
      testDescription: "the same key", base: "a = 1\n", ours: "a = 2\n", theirs: "a = 3\n", merged: nil),
    DocumentCase(
      testDescription: "one key in two spellings", base: "a = 1\n", ours: "a = 1\nb.c = 2\n",
      theirs: "a = 1\n\"b\" . 'c' = 3\n", merged: nil),
    DocumentCase(
      testDescription: "new tables on both sides", base: "a = 1\n", ours: "a = 1\n[x]\nb = 1\n",
      theirs: "a = 1\n[y]\nb = 1\n", merged: "a = 1\n[x]\nb = 1\n[y]\nb = 1\n"),
    DocumentCase(
      testDescription: "a table removed here, changed there", base: "[x]\na = 1\n[y]\n", ours: "[y]\n",
      theirs: "[x]\na = 2\n[y]\n", merged: nil),
    DocumentCase(
      testDescription: "a table here and a value there", base: "z = 1\n", ours: "z = 1\na = 1\n",
      theirs: "z = 1\n[a]\nb = 1\n", merged: nil),
    DocumentCase(
      testDescription: "a table in two ways", base: "z = 1\n", ours: "z = 1\na.b = 1\n", theirs: "z = 1\n[a]\nc = 1\n",
      merged: nil),
    DocumentCase(
      testDescription: "elements of an array of tables", base: "[[r]]\na = 1\n[[r]]\na = 2\n",
      ours: "[[r]]\na = 0\n[[r]]\na = 1\n[[r]]\na = 2\n", theirs: "[[r]]\na = 1\n[[r]]\na = 2\n[r.s]\nb = 1\n",
      merged: "[[r]]\na = 0\n[[r]]\na = 1\n[[r]]\na = 2\n[r.s]\nb = 1\n"),
    DocumentCase(
      testDescription: "keys of one element", base: "[[r]]\na = 1\nb = 1\n", ours: "[[r]]\na = 2\nb = 1\n",
      theirs: "[[r]]\na = 1\nb = 2\n", merged: "[[r]]\na = 2\nb = 2\n"),
    DocumentCase(
      testDescription: "values over several lines", base: "a = [\n  1, # ]\n]\nb = '''\n[no]\n'''\n",
      ours: "a = [\n  1, # ]\n  2,\n]\nb = '''\n[no]\n'''\n",
      theirs: "a = [\n  1, # ]\n]\nb = \"\"\"\n[x] = \\\"\"\"\"\n",
      merged: "a = [\n  1, # ]\n  2,\n]\nb = \"\"\"\n[x] = \\\"\"\"\"\n"),
    DocumentCase(
      testDescription: "a last line without an end", base: "a = 1", ours: "a = 1\nb = 1", theirs: "c = 1\na = 1",
      merged: "c = 1\na = 1\nb = 1"),
  ]

  @Test(arguments: toml) func tomlIsMergedByTableAndKey(_ row: DocumentCase) throws {
    try check(TOMLDocument.self, row)
  }

  @Test(arguments: [
    "a", "a =", "= 1", "[a", "[[a]", "a = [", "a = \"x", "a = 'x\n'", "a = 1\na = 2", "[a]\n[a]", "a = 1\n[a]", "a = ]",
    "a = '''x", "a = 1\na.b = 2", "[a.b]\n[a]\nb = 1", "[[a]]\n[b]\n[a.c]", "a.b = 1\n[a]", "[a] x", "\"\\q\" = 1",
  ]) func whatIsNoTOMLIsRefused(_ text: String) {
    #expect(throws: FormatError.self) { try TOMLDocument(decoding: Array(text.utf8)) }
  }

  @Test(arguments: [
    house, "", "\n", "# only a comment", "a = 1 # x\r\n[b]\r\n", "a = \"\"\"x\"\"\"\"\"\nb = 1\n",
    "[[a]]\n[b]\n[[a]]\n",
    "[a.b]\n[a]\n", "[[a]]\n[[a.b]]\nx = 1\n[a.b.c]\n[[a.b]]\n[a.b.c]\n", "\"\\u00e9\".x = {a = [1, 2], b = \"]\"}\n",
    "a.b = 1\na.c = 2\n",
  ]) func tomlKeepsItsBytes(_ text: String) throws {
    #expect(try TOMLDocument(decoding: Array(text.utf8)).encoded == Array(text.utf8))
  }

  private static func card(_ lines: String...) -> String {
    "BEGIN:VCARD\nVERSION:4.0\nUID:one\n" + lines.map { $0 + "\n" }.joined() + "END:VCARD\n"
  }

  static let cards: [DocumentCase] = [
    DocumentCase(
      testDescription: "numbers added on both sides, the later REV",
      base: card("FN:Ada", "TEL:1", "REV:20260101T000000Z"),
      ours: card("FN:Ada", "TEL:1", "TEL:2", "REV:20260301T000000Z"),
      theirs: card("FN:Ada L.", "TEL;TYPE=home:1", "TEL:3", "REV:2026-02-01T00:00:00Z"),
      merged: card("FN:Ada L.", "TEL;TYPE=home:1", "TEL:2", "TEL:3", "REV:20260301T000000Z")),
    DocumentCase(
      testDescription: "unknown properties stay", base: card("FN:Ada"), ours: card("FN:Ada", "X-OURS:1"),
      theirs: card("FN:Ada", "X-THEIRS:1"), merged: card("FN:Ada", "X-OURS:1", "X-THEIRS:1")),
    DocumentCase(
      testDescription: "both set the name", base: card("FN:Ada"), ours: card("FN:Ada 1"), theirs: card("FN:Ada 2"),
      merged: nil),
    DocumentCase(
      testDescription: "one number changed in two ways is two numbers", base: card("FN:A", "TEL:1"),
      ours: card("FN:A", "TEL:2"), theirs: card("FN:A", "TEL:3"), merged: card("FN:A", "TEL:2", "TEL:3")),
    DocumentCase(
      testDescription: "one number with two types", base: card("FN:A", "TEL:1"), ours: card("FN:A", "TEL;TYPE=home:1"),
      theirs: card("FN:A", "TEL;TYPE=work:1"), merged: nil),
    DocumentCase(
      testDescription: "only folded in another way", base: card("NOTE:a long text", "FN:A"),
      ours: card("NOTE:a lo\n ng text", "FN:A"), theirs: card("NOTE:a long text", "FN:B"),
      merged: card("NOTE:a lo\n ng text", "FN:B")),
    DocumentCase(
      testDescription: "folded there, removed here", base: card("NOTE:a long text", "FN:A"), ours: card("FN:A"),
      theirs: card("NOTE:a lo\n ng text", "FN:A"), merged: card("FN:A")),
    DocumentCase(
      testDescription: "one new group for two things", base: card("FN:A"),
      ours: card("FN:A", "item1.TEL:1", "item1.X-ABLabel:ours"),
      theirs: card("FN:A", "item1.TEL:2", "item1.X-ABLabel:theirs"),
      merged: card("FN:A", "item1.TEL:1", "item1.X-ABLabel:ours", "item2.TEL:2", "item2.X-ABLabel:theirs")),
    DocumentCase(
      testDescription: "cards added and removed", base: card("FN:A") + "BEGIN:VCARD\nUID:2\nEND:VCARD\n",
      ours: card("FN:A"), theirs: card("FN:B") + "BEGIN:VCARD\nUID:2\nEND:VCARD\nBEGIN:VCARD\nUID:3\nEND:VCARD\n",
      merged: card("FN:B") + "BEGIN:VCARD\nUID:3\nEND:VCARD\n"),
  ]

  private static func calendar(_ lines: String...) -> String {
    "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\n" + lines.map { $0 + "\n" }.joined() + "END:VCALENDAR\n"
  }

  private static func event(_ id: String, _ lines: String...) -> String {
    "BEGIN:VEVENT\nUID:\(id)\n" + lines.map { $0 + "\n" }.joined() + "END:VEVENT"
  }

  static let calendars: [DocumentCase] = [
    DocumentCase(
      testDescription: "two events", base: calendar(event("1", "SUMMARY:a"), event("2", "SUMMARY:a")),
      ours: calendar(event("1", "SUMMARY:b"), event("2", "SUMMARY:a")),
      theirs: calendar(event("1", "SUMMARY:a"), event("2", "SUMMARY:c"), event("3")),
      merged: calendar(event("1", "SUMMARY:b"), event("2", "SUMMARY:c"), event("3"))),
    DocumentCase(
      testDescription: "the higher SEQUENCE, the answers of two people",
      base: calendar(event("1", "SEQUENCE:9", "ATTENDEE:a", "ATTENDEE:b", "DTSTAMP:20260101T000000Z")),
      ours: calendar(
        event("1", "SEQUENCE:10", "ATTENDEE;PARTSTAT=ACCEPTED:a", "ATTENDEE:b", "DTSTAMP:20260102T000000Z")),
      theirs: calendar(
        event("1", "SEQUENCE:11", "ATTENDEE:a", "ATTENDEE;PARTSTAT=DECLINED:b", "DTSTAMP:20260101T120000Z")),
      merged: calendar(
        event(
          "1", "SEQUENCE:11", "ATTENDEE;PARTSTAT=ACCEPTED:a", "ATTENDEE;PARTSTAT=DECLINED:b",
          "DTSTAMP:20260102T000000Z"))),
    DocumentCase(
      testDescription: "one day of a series", base: calendar(event("1", "RRULE:FREQ=DAILY")),
      ours: calendar(event("1", "RRULE:FREQ=DAILY"), event("1", "RECURRENCE-ID:20260101", "SUMMARY:x")),
      theirs: calendar(event("1", "RRULE:FREQ=WEEKLY"), event("1", "RECURRENCE-ID:20260102", "SUMMARY:y")),
      merged: calendar(
        event("1", "RRULE:FREQ=WEEKLY"), event("1", "RECURRENCE-ID:20260101", "SUMMARY:x"),
        event("1", "RECURRENCE-ID:20260102", "SUMMARY:y"))),
    DocumentCase(
      testDescription: "an event removed here, changed there", base: calendar(event("1", "SUMMARY:a"), event("2")),
      ours: calendar(event("2")), theirs: calendar(event("1", "SUMMARY:b"), event("2")), merged: nil),
    DocumentCase(
      testDescription: "alarms", base: calendar(event("1", "BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT1H\nEND:VALARM")),
      ours: calendar(event("1", "BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT1H\nDESCRIPTION:x\nEND:VALARM")),
      theirs: calendar(
        event(
          "1", "BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT1H\nEND:VALARM",
          "BEGIN:VALARM\nACTION:AUDIO\nTRIGGER:-PT2H\nEND:VALARM")),
      merged: calendar(
        event(
          "1", "BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT1H\nDESCRIPTION:x\nEND:VALARM",
          "BEGIN:VALARM\nACTION:AUDIO\nTRIGGER:-PT2H\nEND:VALARM"))),
  ]

  @Test(arguments: cards + calendars) func cardsAndCalendarsAreMergedByProperty(_ row: DocumentCase) throws {
    try check(ContentDocument.self, row, newline: "\r\n")
  }

  @Test(arguments: [
    "", "\r\n", "FN:A", "BEGIN:VCARD\r\n", "BEGIN:VCARD\r\nEND:VEVENT\r\n", "END:VCARD",
    "BEGIN:VCARD\r\nFN\r\nEND:VCARD",
    "BEGIN:VCARD\r\n:x\r\nEND:VCARD", "BEGIN:VCARD\r\n.FN:x\r\nEND:VCARD", " BEGIN:VCARD\r\nEND:VCARD",
    String(repeating: "BEGIN:VCARD\r\n", count: 10_000),
  ]) func whatIsNoCardIsRefused(_ text: String) {
    #expect(throws: FormatError.self) { try ContentDocument(decoding: Array(text.utf8)) }
  }

  @Test(arguments: [
    "BEGIN:VCARD\nFN:A\nEND:VCARD", "\r\nbegin:vcard\r\nfn:A\r\n\r\nEnd:vCard\r\n\r\n",
    "BEGIN:VCARD\r\nitem1.TEL;X=\"a:b;c\":\r\n 1\r\n\t2\r\nEND:VCARD\r\n",
  ]) func cardsKeepTheirBytes(_ text: String) throws {
    #expect(try ContentDocument(decoding: Array(text.utf8)).encoded == Array(text.utf8))
  }
}
