import HostSystem
import TestSupport
import Testing

@testable import NameService

/// Bytes that no list ought to have: whatever they are, every line is counted and nothing traps.
@Suite struct BlockListFuzzTests {
  private static let folder =
    #filePath.split(separator: "/").dropLast(2).reduce("") { $0 + "/" + $1 } + "/Fuzz/blocklist/corpus"

  private static func corpus() throws -> [[UInt8]] {
    try File.list(folder).map { try File.read(folder + "/" + $0) }
  }

  @Test func theCorpusIsReadAndCounted() throws {
    let corpus = try Self.corpus()
    #expect(corpus.count >= 8)
    for bytes in corpus { Self.check(bytes) }
  }

  @Test(arguments: Soak.seeds(0...3, soak: 400))
  func mutationsOfTheCorpusNeverTrap(seed: UInt64) throws {
    var random = SeededGenerator(seed)
    let corpus = try Self.corpus()
    let tokens = [
      "||", "@@", "^", "$", "0.0.0.0 ", " CNAME ", ".", "*.", "$ORIGIN ", "(", ")", "\"", ";", "\n", "\r", "\0", "rpz-",
      "##",
    ]
    for _ in 0..<400 {
      var bytes = corpus.randomElement(using: &random)!
      for _ in 0..<Int.random(in: 1...12, using: &random) {
        let place = Int.random(in: 0...bytes.count, using: &random)
        switch Int.random(in: 0..<5, using: &random) {
        case 0 where place < bytes.count: bytes[place] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes.insert(contentsOf: Array(tokens.randomElement(using: &random)!.utf8), at: place)
        case 2 where place < bytes.count: bytes.remove(at: place)
        case 3: bytes.removeLast(min(bytes.count, Int.random(in: 0...40, using: &random)))
        default:
          let other = corpus.randomElement(using: &random)!
          bytes.insert(contentsOf: other.prefix(Int.random(in: 0...200, using: &random)), at: place)
        }
      }
      Self.check(bytes)
    }
  }

  /// Every line has one outcome, and each name taken is in the table.
  private static func check(_ bytes: [UInt8]) {
    var builder = BlockListBuilder(key: testKey)
    let report = bytes.withUnsafeBytes { builder.read("fuzz", bytes: $0) }
    let table = builder.build()
    let newlines = bytes.count { $0 == 0x0a }
    #expect(report.lines == newlines + (bytes.isEmpty || bytes.last == 0x0a ? 0 : 1))
    #expect(report.malformed + report.unsupported + report.cosmetic <= report.lines + 1)
    #expect(table.count <= report.blocked + report.exceptions)
    #expect((table.count == 0) == (report.blocked + report.exceptions == 0))
    #expect(report.firstMalformed.count == min(report.malformed, BlockListReport.reportedLines))
  }
}
