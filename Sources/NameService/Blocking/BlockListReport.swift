/// What reading one blocklist found, for the log and for `lares dns`.
public struct BlockListReport: Sendable, Equatable {
  /// A line that fits no syntax.
  public struct MalformedLine: Sendable, Equatable {
    /// Counted from 1.
    public var number: Int
    /// The line's beginning, with everything but printable ASCII as `?`.
    public var text: String
  }

  public var name: String
  public var lines = 0
  /// Names taken to be blocked, repetitions included.
  public var blocked = 0
  /// Exceptions taken, repetitions included.
  public var exceptions = 0
  /// Rules that only a browser can apply: they hide parts of pages.
  public var cosmetic = 0
  /// Well-formed rules that say more than a name service can do, or than this one does.
  public var unsupported = 0
  public var malformed = 0
  /// The first malformed lines, at most `reportedLines`.
  public var firstMalformed: [MalformedLine] = []

  /// Malformed lines that are kept with their text.
  public static let reportedLines = 5

  public init(name: String) { self.name = name }

  mutating func noteMalformed(_ line: UnsafeRawBufferPointer) {
    malformed += 1
    guard firstMalformed.count < Self.reportedLines else { return }
    let printable = line.prefix(80).map { (0x20...0x7e).contains($0) ? $0 : UInt8(ascii: "?") }
    firstMalformed.append(MalformedLine(number: lines, text: String(decoding: printable, as: UTF8.self)))
  }
}

extension BlockListReport: CustomStringConvertible {
  /// `ads.txt: 1000000 names, 3 exceptions; skipped 12 unsupported, 4 cosmetic, 1 malformed (line 7: "a..b")`.
  public var description: String {
    var text = "\(name): \(blocked) names, \(exceptions) exceptions"
    let skipped = [(unsupported, "unsupported"), (cosmetic, "cosmetic"), (malformed, "malformed")].filter { $0.0 > 0 }
    if !skipped.isEmpty { text += "; skipped " + skipped.map { "\($0.0) \($0.1)" }.joined(separator: ", ") }
    if !firstMalformed.isEmpty {
      text += " (" + firstMalformed.map { "line \($0.number): \"\($0.text)\"" }.joined(separator: ", ") + ")"
    }
    return text
  }
}
