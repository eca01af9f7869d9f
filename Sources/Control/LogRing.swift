import Glibc
import HostSystem

/// The newest lines of the log on disk: files of a bounded size, of which the oldest goes when another is begun.
///
/// Nothing is synced, so a power cut may take the last seconds; a line that it tore is skipped on reading. Where a line
/// cannot be written, it is left out, `problem` says why, and the next one tries again.
final class LogRing {
  struct Limits: Sendable {
    var segmentBytes = 1 << 20
    var segments = 4
  }

  /// A place between two lines. Places grow, also over restarts.
  struct Position: Comparable, Sendable, CustomStringConvertible {
    var segment: Int
    /// Bytes from the segment's start.
    var offset: Int

    static func < (a: Self, b: Self) -> Bool { (a.segment, a.offset) < (b.segment, b.offset) }
    var description: String { "\(segment).\(offset)" }

    init(segment: Int, offset: Int) {
      self.segment = segment
      self.offset = offset
    }

    init?(_ text: String) {
      let numbers = text.split(separator: ".", omittingEmptySubsequences: false).map { Int($0) }
      guard numbers.count == 2, let segment = numbers[0], let offset = numbers[1], segment >= 0, offset >= 0 else {
        return nil
      }
      self.init(segment: segment, offset: offset)
    }
  }

  struct Answer {
    /// Oldest first.
    var lines: [LogLine] = []
    /// Where to go on from.
    var next: Position
  }

  /// Why the last line could not be kept; nil: it was.
  private(set) var problem: String?
  private let folder: String
  private let limits: Limits
  /// The newest segment; nil until it is opened and after it failed.
  private var output: Descriptor?
  private var end = Position(segment: 0, offset: 0)

  /// The most bytes of lines in one answer.
  private static var answerBytes: Int { 1 << 20 }

  init(folder: String, limits: Limits = Limits()) {
    self.folder = folder
    self.limits = limits
    attempt { () throws(SystemError) in try open() }
  }

  private func path(_ segment: Int) -> String { "\(folder)/\(segment).log" }

  /// Numbers of the segments there are, oldest first.
  private var segments: [Int] {
    File.list(folder).compactMap { $0.hasSuffix(".log") ? Int($0.dropLast(4)) : nil }
      .filter { (1..<Int.max).contains($0) }.sorted()
  }

  // MARK: - Writing

  func append(_ line: LogLine) {
    guard let json = try? line.json() else { return }
    let bytes = json + [UInt8(ascii: "\n")]
    attempt { () throws(SystemError) in
      if output == nil { try open() }
      if end.offset > 0, end.offset + bytes.count > limits.segmentBytes { try begin(end.segment + 1) }
      try output?.writeAll(bytes, to: path(end.segment))
      end.offset += bytes.count
    }
  }

  private func attempt(_ body: () throws(SystemError) -> Void) {
    do throws(SystemError) {
      try body()
      problem = nil
    } catch {
      problem = "the log is not kept: \(error)"
      // What was written of the line goes, or is ended when the segment is opened again.
      if let number = output?.number { ftruncate(number, off_t(end.offset)) }
      output = nil
    }
  }

  /// Goes on with the newest segment, behind its last whole line.
  private func open() throws(SystemError) {
    try File.makeFolder(folder, mode: 0o700)
    try begin(segments.last ?? 1)
  }

  private func begin(_ segment: Int) throws(SystemError) {
    output = nil
    for old in segments.filter({ $0 != segment }).dropLast(limits.segments - 1) { try File.remove(path(old)) }
    let file = try Descriptor(opening: path(segment), O_RDWR | O_APPEND | O_CREAT, mode: 0o600)
    let size = try systemCall("finding the end of \(path(segment))") { lseek(file.number, 0, SEEK_END) }
    end = Position(segment: segment, offset: Int(size))
    var last: UInt8 = 0
    if size > 0, pread(file.number, &last, 1, size - 1) == 1, last != UInt8(ascii: "\n") {
      try file.writeAll([UInt8(ascii: "\n")], to: path(segment))
      end.offset += 1
    }
    output = consume file
  }

  // MARK: - Reading

  /// The lines that a query asks for: the newest, or with `after` the oldest behind that place.
  func answer(_ query: LogQuery) -> Answer {
    if let after = query.after, after <= end { return oldest(query, after) }
    var answer = Answer(next: end)
    var room = Self.answerBytes
    for segment in segments.reversed() where room > 0 && answer.lines.count < query.limit {
      for line in Self.split(contents(segment, from: 0)).reversed() {
        guard let parsed = LogLine(parsing: line), query.filter.matches(parsed) else { continue }
        room -= line.count
        guard room > 0, answer.lines.count < query.limit else { break }
        answer.lines.append(parsed)
      }
    }
    answer.lines.reverse()
    return answer
  }

  private func oldest(_ query: LogQuery, _ after: Position) -> Answer {
    var answer = Answer(next: after)
    var room = Self.answerBytes
    for segment in segments where segment >= after.segment {
      let start = segment == after.segment ? after.offset : 0
      for line in Self.split(contents(segment, from: start)) {
        guard room > 0, answer.lines.count < query.limit else { return answer }
        answer.next = Position(segment: segment, offset: start + line.endIndex + 1)
        guard let parsed = LogLine(parsing: line), query.filter.matches(parsed) else { continue }
        room -= line.count
        answer.lines.append(parsed)
      }
    }
    return answer
  }

  /// A segment's bytes from an offset on; none where it cannot be read.
  private func contents(_ segment: Int, from offset: Int) -> [UInt8] {
    guard let file = try? Descriptor(opening: path(segment), O_RDONLY), lseek(file.number, off_t(offset), SEEK_SET) >= 0
    else { return [] }
    return (try? file.readToEnd(of: path(segment))) ?? []
  }

  /// The lines that end with a newline, without it.
  private static func split(_ bytes: [UInt8]) -> [ArraySlice<UInt8>] {
    bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropLast()
  }
}
