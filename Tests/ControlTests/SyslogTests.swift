import HostSystem
import Household
import TestSupport
import Testing

@testable import Control

/// Messages for syslog receivers, against RFC 5424.
@Suite struct SyslogTests {
  private static let time: Int64 = 1_732_287_000_123

  private func message(
    _ text: String, _ level: LogLevel = .info, time: Int64 = SyslogTests.time, fields: [String: String] = [:]
  ) -> String {
    let line = LogLine(time: time, daemon: "names", level: level, message: text, fields: fields)
    return String(decoding: Syslog.message(line, host: "router.home.arpa"), as: UTF8.self)
  }

  @Test(
    arguments: [
      ("hello", LogLevel.info, [:], "<30>1 2024-11-22T14:50:00.123Z router.home.arpa lares-names - - - \u{feff}hello"),
      ("", .debug, [:], "<31>1 2024-11-22T14:50:00.123Z router.home.arpa lares-names - - - \u{feff}"),
      (
        "größer", .notice, ["b": "2", "a": "1"],
        "<29>1 2024-11-22T14:50:00.123Z router.home.arpa lares-names - - [lares@32473 a=\"1\" b=\"2\"] \u{feff}größer"
      ),
      (
        "no \"escape\" ] here", .warning, ["path": "C:\\x \"y\" [z]"],
        "<28>1 2024-11-22T14:50:00.123Z router.home.arpa lares-names - - "
          + "[lares@32473 path=\"C:\\\\x \\\"y\\\" [z\\]\"] \u{feff}no \"escape\" ] here"
      ),
      (
        "two\nlines\u{7f}", .error, ["a b=\"]é": "\0\t", "": "empty"],
        "<27>1 2024-11-22T14:50:00.123Z router.home.arpa lares-names - - "
          + "[lares@32473 _=\"empty\" a_b_____=\"#000#011\"] \u{feff}two#012lines#177"
      ),
    ] as [(String, LogLevel, [String: String], String)]) func goldenLines(
      _ text: String, _ level: LogLevel, _ fields: [String: String], _ expected: String
    )
  {
    #expect(message(text, level, fields: fields) == expected)
    Self.expectGrammar(Array(expected.utf8))
  }

  @Test(
    arguments: [
      (0, "1970-01-01T00:00:00.000Z"), (951_782_399_999, "2000-02-28T23:59:59.999Z"),
      (951_782_400_000, "2000-02-29T00:00:00.000Z"), (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
    ] as [(Int64, String)]) func timesAreThoseOfRFC3339(_ time: Int64, _ expected: String)
  {
    #expect(message("", time: time).contains(" \(expected) "))
  }

  @Test(arguments: ["x", "é", "👩‍👩‍👧", "\n", "]"])
  func longMessagesAndFieldsAreCutBetweenCharacters(_ text: String) {
    let long = String(repeating: text, count: 2_000)
    for fields in [[:], ["a": long], ["a": String(long.prefix(60)), "b": long, "c": "kept"]] {
      let line = LogLine(
        time: 0, daemon: String(repeating: "d", count: 32), level: .info, message: long, fields: fields)
      let bytes = Syslog.message(line, host: String(repeating: "h", count: 255))
      #expect((1_150...Syslog.byteLimit).contains(bytes.count))
      #expect(String(validating: bytes, as: UTF8.self) != nil)
      Self.expectGrammar(bytes)
    }
  }

  @Test func twoFieldsNeverHaveOneName() {
    let text = message("", fields: ["a b": "1", "a_b": "2", String(repeating: "k", count: 40): "3"])
    #expect(text.contains("[lares@32473 a_b=\"1\" \(String(repeating: "k", count: 32))=\"3\"] "))
  }

  /// Checks a message against the grammar, its size, and that it has no control character.
  static func expectGrammar(_ bytes: [UInt8], _ location: SourceLocation = #_sourceLocation) {
    let text = String(decoding: bytes, as: UTF8.self)
    #expect(SyslogGrammar.accepts(text), "\(text)", sourceLocation: location)
    #expect(bytes.count <= Syslog.byteLimit, sourceLocation: location)
    #expect(text.unicodeScalars.allSatisfy { $0.value >= 32 && $0.value != 127 }, sourceLocation: location)
  }
}
