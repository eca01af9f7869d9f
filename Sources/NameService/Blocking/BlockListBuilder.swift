import Glibc
public import HostSystem
public import Wire

/// Reads blocklists in hosts, adblock, RPZ or plain syntax and joins them into a `BlockList`.
///
/// Each line is recognised by itself, so lists may mix the syntaxes. No input makes it fail: what it cannot use, it counts. Whether a name also
/// covers the names below it is as its syntax says: hosts lines and plain names do not, `||name^` and `*.name` do, RPZ as written.
///
/// A list is `begin`, `append` for each piece, `finish`; or one `read`.
public struct BlockListBuilder: ~Copyable {
  var table: SuffixTableBuilder
  var report = BlockListReport(name: "")
  var zone = ResponsePolicyZone()
  let scratch = NameScratch()
  private var lists: [String] = []
  /// The beginning of a line whose end has not come yet.
  private var partial: [UInt8] = []
  /// Inside a line that is longer than `maximumLine`.
  private var skipsLine = false

  /// Longer lines are no names; they are counted as unsupported and skipped.
  public static let maximumLine = 4096

  /// - Parameter key: the process's secret; see `NameHashKey`.
  public init(key: NameHashKey) { table = SuffixTableBuilder(key: key) }

  /// Names that are never blocked, with everything below them.
  public mutating func allow(_ names: [DomainName]) {
    for name in names { name.canonical.wire.withUnsafeBytes { table.add($0, marks: .allow) } }
  }

  /// Starts a list.
  ///
  /// - Parameter name: what people call it, e.g. the file's name. It appears in Extended DNS Errors.
  public mutating func begin(_ name: String) {
    lists.append(name)
    report = BlockListReport(name: name)
    zone = ResponsePolicyZone()
    partial.removeAll(keepingCapacity: true)
    skipsLine = false
  }

  /// The next bytes of the list, cut anywhere.
  public mutating func append(_ piece: UnsafeRawBufferPointer) {
    var rest = piece
    while let base = rest.baseAddress, let newline = memchr(base, 0x0a, rest.count) {
      let length = UnsafeRawPointer(newline) - base
      endLine(with: rest.part(0..<length))
      rest = rest.dropping(length + 1)
    }
    keep(rest)
  }

  /// Ends the list and says what was found in it.
  public mutating func finish() -> BlockListReport {
    if skipsLine || !partial.isEmpty { endLine(with: UnsafeRawBufferPointer(start: nil, count: 0)) }
    if zone.isInsideParentheses {
      let problem: StaticString = "end of the list inside a parenthesis"
      problem.withUTF8Buffer { report.noteMalformed(UnsafeRawBufferPointer($0)) }
    }
    return report
  }

  /// Reads a list from memory.
  public mutating func read(_ name: String, bytes: UnsafeRawBufferPointer) -> BlockListReport {
    begin(name)
    append(bytes)
    return finish()
  }

  /// Reads a list from a file, in pieces, so that the file never stands in memory as a whole.
  public mutating func read(_ name: String, file path: String) throws(SystemError) -> BlockListReport {
    begin(name)
    let file = try Descriptor(opening: path, O_RDONLY)
    var status = stat()
    // At least 16 bytes a name, so that the entries need not move while they grow; pages that stay empty are none.
    if fstat(file.number, &status) == 0 { table.reserve(Int(clamping: min(status.st_size, 1 << 30) / 16)) }
    let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
    defer { piece.deallocate() }
    while true {
      let count = try systemCall("reading \(path)") { Glibc.read(file.number, piece.baseAddress, piece.count) }
      if count == 0 { return finish() }
      append(UnsafeRawBufferPointer(rebasing: piece[..<count]))
    }
  }

  /// Sorts and joins what was read: a tenth of a second for a million names, to be spent off the thread that answers.
  public consuming func build() -> BlockList { BlockList(lists: lists, table: table.build()) }

  private var list: UInt8 { UInt8(min(lists.count, BlockList.maximumLists) - 1) }

  /// Takes a name with marks from the current list.
  mutating func take(_ name: UnsafeRawBufferPointer, _ marks: SuffixMark) {
    if marks.isDisjoint(with: .allow) { report.blocked += 1 } else { report.exceptions += 1 }
    table.add(name, list: list, marks: marks)
  }

  private mutating func keep(_ rest: UnsafeRawBufferPointer) {
    guard !rest.isEmpty, !skipsLine else { return }
    if partial.count + rest.count > Self.maximumLine {
      partial.removeAll(keepingCapacity: true)
      skipsLine = true
    } else {
      partial.append(contentsOf: rest)
    }
  }

  private mutating func endLine(with end: UnsafeRawBufferPointer) {
    report.lines += 1
    if skipsLine || partial.count + end.count > Self.maximumLine {
      report.unsupported += 1
    } else if partial.isEmpty {
      readLine(end)
    } else {
      partial.append(contentsOf: end)
      let line = partial
      line.withUnsafeBytes { readLine($0) }
    }
    partial.removeAll(keepingCapacity: true)
    skipsLine = false
  }

  private mutating func readLine(_ line: UnsafeRawBufferPointer) {
    let isFirst = report.lines == 1
    let line = isFirst && line.hasPrefix("\u{feff}") ? line.dropping(3) : line
    switch readRule(line) {
    case .done: break
    case .cosmetic: report.cosmetic += 1
    case .unsupported: report.unsupported += 1
    case .malformed: report.noteMalformed(line.trimmed)
    }
  }
}
