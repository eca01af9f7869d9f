import NameService
import Wire

extension FuzzTarget {
  /// Blocklists of every syntax: every line is counted, and where the bytes are cut into pieces does not matter.
  static let blockList = FuzzTarget("blocklist") { bytes in
    let (report, list) = read(bytes, inPiecesOf: max(bytes.count, 1))
    let newlines = bytes.count { $0 == UInt8(ascii: "\n") }
    let isUnended = !bytes.isEmpty && bytes.last != UInt8(ascii: "\n")
    try promise(report.lines == newlines + (isUnended ? 1 : 0), "\(report.lines) lines were counted")
    try promise(
      report.malformed + report.unsupported + report.cosmetic <= report.lines + 1, "a line counts twice: \(report)")
    try promise(list.count <= report.blocked + report.exceptions, "\(list.count) names came of \(report)")
    try promise((list.count == 0) == (report.blocked + report.exceptions == 0), "taken names are lost: \(report)")
    try promise(
      report.firstMalformed.count == min(report.malformed, BlockListReport.reportedLines), "wrong lines: \(report)")

    let (piecewise, sameList) = read(bytes, inPiecesOf: 1 + bytes.count % 13)
    try promise(piecewise == report, "pieces gave \(piecewise), the whole \(report)")
    try promise(sameList.count == list.count, "pieces gave \(sameList.count) names, the whole \(list.count)")
    for line in bytes.split(separator: UInt8(ascii: "\n")).prefix(64) {
      guard let name = DomainName(String(decoding: line, as: UTF8.self)) else { continue }
      try promise(list.match(name) == sameList.match(name), "pieces and the whole differ about \(name)")
    }
  }

  private static func read(_ bytes: [UInt8], inPiecesOf size: Int) -> (BlockListReport, BlockList) {
    var builder = BlockListBuilder(key: NameHashKey(low: 1, high: 2))
    builder.begin("list")
    for start in stride(from: 0, to: bytes.count, by: size) {
      bytes[start..<min(start + size, bytes.count)].withUnsafeBytes { builder.append($0) }
    }
    let report = builder.finish()
    return (report, builder.build())
  }
}
