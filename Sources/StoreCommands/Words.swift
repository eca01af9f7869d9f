import GitFormat
import HostSystem
import VersionedStore

/// How names, times and commits stand in text for people.
enum Words {
  /// As it is, where a line of a terminal can have it; else in quotes with C's escapes, as Git has it (git-config,
  /// `core.quotePath`).
  static func quoted(_ bytes: [UInt8]) -> [UInt8] {
    let isText = String(validating: bytes, as: UTF8.self) != nil
    let needsNone = bytes.allSatisfy { isPlain($0, isText: isText) }
    return needsNone ? bytes : [UInt8(ascii: "\"")] + bytes.flatMap { escaped($0, isText) } + [UInt8(ascii: "\"")]
  }

  private static func isPlain(_ byte: UInt8, isText: Bool) -> Bool {
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), 0..<0x20, 0x7F: false
    default: byte < 0x80 || isText
    }
  }

  private static func escaped(_ byte: UInt8, _ isText: Bool) -> [UInt8] {
    let backslash = UInt8(ascii: "\\")
    switch byte {
    case _ where isPlain(byte, isText: isText): return [byte]
    case UInt8(ascii: "\n"): return [backslash, UInt8(ascii: "n")]
    case UInt8(ascii: "\t"): return [backslash, UInt8(ascii: "t")]
    case UInt8(ascii: "\""), backslash: return [backslash, byte]
    default: return [backslash] + [byte >> 6, byte >> 3 & 7, byte & 7].map { UInt8(ascii: "0") + $0 }
    }
  }

  static func quoted(_ path: Path) -> String { String(decoding: quoted(path.bytes), as: UTF8.self) }

  /// One line, without control characters.
  static func line(_ text: some StringProtocol) -> String {
    let scalars = text.unicodeScalars.map { scalar -> Unicode.Scalar in
      scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value) ? " " : scalar
    }
    var line = String.UnicodeScalarView()
    line.append(contentsOf: scalars)
    return String(line)
  }

  /// The first paragraph of a commit's message as one line (git-commit, "DISCUSSION").
  static func subject(_ commit: Commit) -> String {
    let lines = commit.message.split(separator: "\n", omittingEmptySubsequences: false).lazy
      .map { line in line.drop { $0.isWhitespace } }.drop { $0.isEmpty }.prefix { !$0.isEmpty }
    return line(lines.joined(separator: " "))
  }

  static func short(_ id: ObjectID) -> String { String(id.hex.prefix(10)) }

  /// `2026-11-22 19:51 +0100`, by the clock of who signed. Times beyond the year 9999 are shown as its end.
  static func time(_ signature: Signature) -> String {
    let zone = signature.zone
    let local = calendar(min(max(0, signature.time), lastSecond) + Int64(zone) * 60)
    let offset = "\(zone < 0 ? "-" : "+")\(twoDigits(abs(zone) / 60))\(twoDigits(abs(zone) % 60))"
    return "\(local.prefix(10)) \(local.dropFirst(11).prefix(5)) \(offset)"
  }

  /// `20261122T195109Z`, for names.
  static func stamp(_ seconds: Int64) -> String { calendar(seconds).prefix(19).filter { $0 != "-" && $0 != ":" } + "Z" }

  private static let lastSecond: Int64 = 253_402_300_799

  private static func calendar(_ seconds: Int64) -> String {
    TimeText.utc(milliseconds: min(max(0, seconds), lastSecond) * 1_000)
  }

  private static func twoDigits(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}

extension Path {
  /// For sentences.
  var words: String { isRoot ? "the root" : Words.quoted(self) }
}
