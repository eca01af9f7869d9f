import FoundationEssentials
import TestSupport
import Testing

@testable import Configuration

/// Wrong bytes never stop the reader, and right ones are kept.
@Suite struct FuzzTests {
  static func corpus() throws -> [[UInt8]] {
    let folder = "\(TestData.packageRoot)/Tests/Fuzz/toml/corpus"
    return try FileManager.default.contentsOfDirectory(atPath: folder).sorted().map {
      try TestData.bytes("\(folder)/\($0)")
    }
  }

  @Test func `the corpus holds what the tests share`() throws {
    let corpus = try Self.corpus()
    #expect(corpus.contains(Array(Households.smallest.utf8)) && corpus.contains(Array(Households.everything.utf8)))
    #expect(corpus.count >= 12)
  }

  @Test(arguments: Soak.seeds(1...2, soak: 1_000)) func `mutated documents are read or refused`(_ seed: UInt64) throws {
    var random = SeededGenerator(seed)
    let names = try TestData.tomlCases("valid/") + TestData.tomlCases("invalid/")
    let seeds = try Self.corpus() + names.map(TestData.tomlCase)
    var accepted = 0
    for _ in 0..<4_000 {
      var bytes = seeds.randomElement(using: &random) ?? []
      let other = seeds.randomElement(using: &random) ?? []
      for _ in 0...Int.random(in: 0..<4, using: &random) { Self.mutate(&bytes, other, &random) }
      if Self.exercise(bytes) { accepted += 1 }
    }
    #expect((100..<3_900).contains(accepted), "the mutations do not reach both sides: \(accepted)")
  }

  @Test(arguments: Soak.seeds(3...4, soak: 1_000)) func `mutated households are read or refused with places`(
    _ seed: UInt64
  ) throws {
    var random = SeededGenerator(seed)
    let seeds = try Self.corpus()
    for _ in 0..<400 {
      var bytes = seeds.randomElement(using: &random) ?? []
      let other = seeds.randomElement(using: &random) ?? []
      for _ in 0...Int.random(in: 0..<3, using: &random) { Self.mutate(&bytes, other, &random) }
      let report = ConfigurationText(files: ["lares.toml": String(decoding: bytes, as: UTF8.self)]).check()
      #expect((report.model == nil) == !report.errors.isEmpty)
      #expect(report.diagnostics.allSatisfy { $0.line != nil && $0.column != nil && !$0.problem.isEmpty })
    }
  }

  @Test func `deep nesting and long keys are refused, not followed`() {
    let deep = String(repeating: "[", count: 100_000)
    let tables = String(repeating: "{a=", count: 100_000)
    let keys = String(repeating: "a.", count: 100_000) + "b"
    for text in ["x = \(deep)", "x = \(tables)", "\(keys) = 1", "[\(keys)]"] {
      #expect(throws: TOMLErrors.self) { try TOMLDocument(parsing: text) }
    }
    let most = String(repeating: "[", count: 64) + String(repeating: "]", count: 64)
    #expect(throws: Never.self) { try TOMLDocument(parsing: "x = \(most)") }
  }

  @Test func `many errors and many tables take time in proportion`() {
    let errors = String(repeating: "x\n", count: 100_000)
    let found = #expect(throws: TOMLErrors.self) { try TOMLDocument(parsing: errors) }
    #expect(found?.errors.count == TOMLDocument.maximumErrors)
    let tables = (0..<20_000).map { "[t.x\($0)]\n[[a]]\n" }.joined()
    #expect(throws: Never.self) { try TOMLDocument(parsing: tables) }
  }

  /// Reads a document, and where that works checks what must hold of every one. True where it was accepted.
  private static func exercise(_ bytes: [UInt8]) -> Bool {
    do {
      let document = try TOMLDocument(parsing: bytes)
      #expect(document.render() == bytes)
      var editor = TOMLEditor(document)
      let path = ["zz", "new"]
      if (try? editor.set(path, to: .integer(7))) != nil {
        #expect(editor.document.node(at: path)?.value == .integer(7))
      }
      return true
    } catch {
      #expect(error.errors.allSatisfy { $0.line >= 1 && $0.column >= 1 && (0...bytes.count).contains($0.offset) })
      return false
    }
  }

  private static func mutate(_ bytes: inout [UInt8], _ other: [UInt8], _ random: inout SeededGenerator) {
    let place = Int.random(in: 0...bytes.count, using: &random)
    let end = min(bytes.count, place + Int.random(in: 0..<12, using: &random))
    switch Int.random(in: 0..<6, using: &random) {
    case 0: bytes.removeSubrange(place..<end)
    case 1: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
    case 2: if place < bytes.count { bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random) }
    case 3: bytes.insert(contentsOf: bytes[place..<end], at: place)
    case 4:
      let tokens = [
        "[", "]]", "{", "}", "\"", "'''", "\"\"\"", "=", ".", "\n", "\r\n", "#", ",", "\\u", "0x", "1e", "-",
      ]
      bytes.insert(contentsOf: Array((tokens.randomElement(using: &random) ?? "").utf8), at: place)
    default:
      let from = Int.random(in: 0...other.count, using: &random)
      bytes.replaceSubrange(place..<end, with: other[from..<min(other.count, from + 40)])
    }
  }
}
