import HostSystem
import Household
import TestSupport
import Testing
import Wire

@testable import NameService

/// Reads one list, with the names that the household allows, and gives the table and what was found.
func read(_ text: String, allowed: [String] = []) -> (list: BlockList, report: BlockListReport) {
  var builder = BlockListBuilder(key: testKey)
  builder.allow(allowed.map { name($0) })
  let report = Array(text.utf8).withUnsafeBytes { builder.read("list.txt", bytes: $0) }
  return (builder.build(), report)
}

extension BlockList {
  /// The names of `candidates` that are blocked.
  func blocked(of candidates: [String]) -> [String] {
    candidates.filter { if case .blocked = match(DomainName($0)!) { true } else { false } }
  }
}

@Suite struct BlockListSyntaxTests {
  private static let candidates = [
    "ads.example", "www.ads.example", "a.b.ads.example", "example", "xads.example", "ads.example.org", "ok.ads.example",
    "x.ok.ads.example",
  ]
  private static let below = ["www.ads.example", "a.b.ads.example", "ok.ads.example", "x.ok.ads.example"]

  private static let cases: [(text: String, blocked: [String])] = [
    // hosts: the names themselves.
    ("0.0.0.0 ads.example", ["ads.example"]),
    ("127.0.0.1\tads.example www.ads.example # both", ["ads.example", "www.ads.example"]),
    (":: ADS.Example.#x", ["ads.example"]),
    ("::1 ads.example#tight", ["ads.example"]),
    ("  0.0.0.0   ads.example  \r", ["ads.example"]),
    ("\u{feff}0.0.0.0 ads.example", ["ads.example"]),
    // Plain names: themselves; with a star, everything below too.
    ("ads.example", ["ads.example"]),
    ("ads.example # why", ["ads.example"]),
    ("*.ads.example", ["ads.example"] + below),
    // adblock: with everything below.
    ("||ads.example^", ["ads.example"] + below),
    ("||ads.example^|", ["ads.example"] + below),
    ("||ads.example", ["ads.example"] + below),
    ("||ADS.example^$important", ["ads.example"] + below),
    ("||ads.example^$all", ["ads.example"] + below),
    ("||*.ads.example^", below),
    ("||ads.example^\n@@||ok.ads.example^", ["ads.example", "www.ads.example", "a.b.ads.example"]),
    ("@@||ok.ads.example^$important\n||ads.example^", ["ads.example", "www.ads.example", "a.b.ads.example"]),
    // RPZ: as written.
    ("ads.example CNAME .", ["ads.example"]),
    ("*.ads.example CNAME .", below),
    ("ads.example 300 IN CNAME *.", ["ads.example"]),
    ("ads.example IN 1h CNAME rpz-drop.", ["ads.example"]),
    ("ads.example. CNAME .\n ; nothing\n\tCNAME . ; the same owner", ["ads.example"]),
    (
      "*.ads.example CNAME .\nok.ads.example CNAME rpz-passthru.",
      ["www.ads.example", "a.b.ads.example", "x.ok.ads.example"]
    ),
    ("$ORIGIN rpz.test.\nads.example CNAME .", ["ads.example"]),
    ("$ORIGIN rpz.test.\nads.example.rpz.test. CNAME .", ["ads.example"]),
    (
      "$ORIGIN rpz.test.\n@ SOA a. b. (1 2\n3 ;)\n 4 5)\n@ NS a.\n$ORIGIN example.rpz.test.\nads CNAME .",
      ["ads.example"]
    ),
    ("rpz.test. IN SOA a. b. 1 2 3 4 5\n*.ads.example.rpz.test. CNAME .", below),
    // All in one.
    (
      "! c\n# c\n; c\n[Adblock Plus 2.0]\n\n0.0.0.0 ads.example\n||www.ads.example^",
      ["ads.example", "www.ads.example"]
    ),
  ]

  @Test(arguments: cases)
  func blocksWhatItSays(text: String, blocked: [String]) {
    let (list, report) = read(text)
    #expect(list.blocked(of: Self.candidates) == blocked, "\(text)")
    #expect(report.malformed == 0 && report.unsupported == 0, "\(report)")
  }

  @Test(arguments: [
    "||ads.example^$third-party", "||ads.example^$important,script", "||ads.example^$", "||ads.example/path^",
    "||ads.*^",
    "|https://ads.example|", "/banner[0-9]+/", "ads.example/banner.gif", "@@||ads.example^$document", "@@ads.example",
    "-banner-ad-*", "&ad_slot=", "203.0.113.1 ads.example", "ads.example A 192.0.2.1",
    "ads.example CNAME walled.garden.",
    "ads.example TXT \"why\"", "ads.example CNAME rpz-tcp-only.", "32.1.2.0.192.rpz-ip CNAME .",
    "ns.ads.example.rpz-nsdname CNAME .", "* CNAME .", "*.rpz-ip CNAME .", "$GENERATE 1-9 a$ CNAME .", "$INCLUDE other",
    "$ORIGIN rpz.test.\n*.rpz.test. CNAME .", "ads.example$$script", String(repeating: "a", count: 5000),
  ])
  func countsWhatANameServiceCannotDo(text: String) {
    let (list, report) = read(text)
    #expect(list.count == 0)
    #expect(report.unsupported == 1 && report.malformed == 0, "\(report)")
  }

  @Test(arguments: ["##.ad", "example.org##.banner > a", "example.org#@#.ad", "example.org#?#div:has(a)", "a.b#$#body"])
  func skipsWhatHidesPartsOfPages(text: String) {
    let (list, report) = read(text)
    #expect(list.count == 0 && report.unsupported == 0 && report.malformed == 0, "\(report)")
  }

  @Test(arguments: [
    "a..b", ".ads.example", "0.0.0.0", "0.0.0.0 a..b", "127.0.0.1 # nothing", "||^", "||a..b^", "ads example",
    "ädś.example", "%",
    "\u{1}", "$ORIGIN", "$TTL", "ads.example CNAME", "$ORIGIN a..b", "0.0.0.0 \(String(repeating: "a", count: 64))",
    String(repeating: "ab.", count: 86), "192.0.2.1", "$ORIGIN rpz.test.\nads.example.other. CNAME .", "<html><body>",
  ])
  func countsMalformedLines(text: String) {
    let (list, report) = read(text)
    #expect(list.count == 0)
    #expect(report.malformed == 1 && report.unsupported == 0 && report.blocked == 0, "\(text): \(report)")
  }

  @Test func reportsTheFirstMalformedLinesByNumber() {
    let (_, report) = read("ok.example\n" + String(repeating: "a..b\u{7}\n", count: 20))
    #expect(report.malformed == 20 && report.lines == 21)
    #expect(report.firstMalformed.count == BlockListReport.reportedLines)
    #expect(report.firstMalformed.first == BlockListReport.MalformedLine(number: 2, text: "a..b?"))
    #expect(report.description.hasPrefix("list.txt: 1 names, 0 exceptions; skipped 20 malformed (line 2: \"a..b?\", "))
  }

  @Test func aParenthesisLeftOpenIsReported() {
    let (_, report) = read("@ SOA a. b. ( 1 2 3\nads.example CNAME .\n")
    #expect(report.malformed == 1 && report.blocked == 0)
    // Where there is no record, a parenthesis means nothing.
    #expect(read("some words (and\nads.example\n").list.blocked(of: ["ads.example"]) == ["ads.example"])
  }

  @Test func aHostsFilesOwnNamesAreNotBlocked() {
    let (list, report) = read(
      "127.0.0.1 localhost localhost.localdomain\n::1 ip6-localhost ip6-loopback\n0.0.0.0 0.0.0.0\n127.0.0.1 local\n")
    #expect(list.count == 0 && report.malformed == 0 && report.blocked == 0)
  }

  @Test func theHouseholdsAllowedNamesWinOverEverything() {
    let (list, _) = read(
      "||ads.example^$important\n0.0.0.0 www.ok.example\nok.example CNAME .", allowed: ["OK.example"])
    #expect(list.match(name("www.ok.example")) == .allowed)
    #expect(list.match(name("ok.example")) == .allowed)
    #expect(list.match(name("ads.example")) == .blocked(list: 0))
    #expect(list.match(name("else.example")) == .none)
  }

  @Test func theAnswerNamesTheListAndExceptionsHoldAcrossLists() {
    var builder = BlockListBuilder(key: testKey)
    for (index, text) in ["a.example", "||b.example^\na.example", "@@||x.b.example^"].enumerated() {
      _ = Array(text.utf8).withUnsafeBytes { builder.read("list \(index)", bytes: $0) }
    }
    let list = builder.build()
    #expect(list.match(name("a.example")) == .blocked(list: 0))
    #expect(list.match(name("www.B.example")) == .blocked(list: 1))
    #expect(list.match(name("x.b.example")) == .allowed)
    #expect(list.name(ofList: 1) == "list 1")
  }

  @Test func manyListsShareTheLastNumber() {
    var builder = BlockListBuilder(key: testKey)
    for index in 0..<40 { _ = Array("n\(index).example".utf8).withUnsafeBytes { builder.read("\(index)", bytes: $0) } }
    let list = builder.build()
    #expect(list.match(name("n14.example")) == .blocked(list: 14))
    #expect(list.match(name("n39.example")) == .blocked(list: 15))
    #expect(list.name(ofList: 15) == "one of the later blocklists")
  }

  @Test func aFileIsReadInPieces() throws {
    let folder = try TemporaryFolder()
    let text = (0..<30_000).map { "0.0.0.0 host\($0).ads.example" }.joined(separator: "\n")
    try File.replace(folder.path + "/list.txt", with: Array(text.utf8), durable: false)
    var builder = BlockListBuilder(key: testKey)
    let report = try builder.read("list.txt", file: folder.path + "/list.txt")
    #expect(report.blocked == 30_000 && report.lines == 30_000 && report.malformed == 0)
    #expect(throws: SystemError.self) { try builder.read("none", file: folder.path + "/none") }
    let list = builder.build()
    #expect(list.count == 30_000)
    #expect((0..<30_000).allSatisfy { list.match(name("host\($0).ads.example")) == .blocked(list: 0) })
    #expect((0..<30_000).allSatisfy { list.match(name("guest\($0).ads.example")) == .none })
  }
}

/// The table against a model that knows every name by itself.
@Suite struct BlockListPropertyTests {
  @Test(arguments: Soak.seeds(0...5, soak: 1_000))
  func matchesLikeAPlainSearch(seed: UInt64) {
    var random = SeededGenerator(seed)
    func randomName() -> String {
      (0..<Int.random(in: 1...4, using: &random)).map { _ in ["a", "b", "c", "dd"].randomElement(using: &random)! }
        .joined(separator: ".")
    }
    var rules: [(name: String, isException: Bool, coversName: Bool, coversBelow: Bool)] = []
    var text = ""
    for _ in 0..<Int.random(in: 0...60, using: &random) {
      let name = randomName()
      switch Int.random(in: 0..<5, using: &random) {
      case 0: (rules.append((name, false, true, false)), text += "0.0.0.0 \(name)\n").1
      case 1: (rules.append((name, false, true, true)), text += "||\(name)^\n").1
      case 2: (rules.append((name, true, true, true)), text += "@@||\(name)^\n").1
      case 3: (rules.append((name, false, false, true)), text += "*.\(name) CNAME .\n").1
      default: (rules.append((name, true, true, false)), text += "\(name) CNAME rpz-passthru.\n").1
      }
    }
    let list = read(text).list
    for _ in 0..<400 {
      let question = randomName()
      let hits = rules.filter {
        $0.name == question ? $0.coversName : $0.coversBelow && question.hasSuffix("." + $0.name)
      }
      let expected: BlockMatch =
        hits.contains(where: \.isException) ? .allowed : hits.isEmpty ? .none : .blocked(list: 0)
      #expect(list.match(name(question)) == expected, "\(question) in \(text)")
    }
  }

  @Test func piecesCutAnywhereReadTheSame() {
    let text =
      "0.0.0.0 a.example b.example\r\n||c.example^\n@@||d.example^\n$ORIGIN r.\ne.example CNAME .\n\tCNAME .\nbad..line\nlast.example"
    let whole = read(text)
    let bytes = Array(text.utf8)
    for cut in 0...bytes.count {
      var builder = BlockListBuilder(key: testKey)
      builder.begin("list.txt")
      bytes[..<cut].withUnsafeBytes { builder.append($0) }
      bytes[cut...].withUnsafeBytes { builder.append($0) }
      #expect(builder.finish() == whole.report)
      #expect(builder.build().count == whole.list.count)
    }
  }

  @Test func aTableFindsEveryEntryAndNoOther() {
    var random = SeededGenerator(5)
    for size in [0, 1, 2, 7, 100, 10_000] {
      var builder = SuffixTableBuilder(key: testKey)
      // Crowded at the end, so that the last ones stand past their place.
      let hashes = (0..<size).map { _ in random.next() | (Bool.random(using: &random) ? 0xffff_fff0_0000_0000 : 0) }
      for hash in hashes + hashes { builder.add(hash: hash, marks: .blockName) }
      let table = builder.build()
      #expect(table.count == Set(hashes.map { $0 >> 8 }).count)
      #expect(hashes.allSatisfy { table.view.find($0) != nil })
      let known = Set(hashes.map { $0 >> 8 })
      for _ in 0..<1_000 {
        let other = random.next()
        #expect((table.view.find(other) != nil) == known.contains(other >> 8))
      }
    }
  }

  /// A budget: a million names are 9.2 MB.
  @Test func aNameTakesTenBytesAtMost() {
    var random = SeededGenerator(6)
    var builder = SuffixTableBuilder(key: testKey)
    for _ in 0..<50_000 { builder.add(hash: random.next(), marks: .blockName) }
    let table = builder.build()
    #expect(table.byteCount <= table.count * 10)
  }

  @Test func hashesDependOnTheKeyAndOnEveryByte() {
    let names = [
      "", "a", "b", "a.b", "b.a", "ab", "abcdefg", "abcdefgh", "abcdefghi", "abcdefg.h", "a.bcdefgh", "aa.b", "a.ab",
    ]
    .map { $0.isEmpty ? DomainName.root : name($0) }
    let keys = [
      testKey, NameHashKey(low: testKey.low ^ 1, high: testKey.high),
      NameHashKey(low: testKey.low, high: testKey.high ^ 1),
    ]
    let hashes = keys.flatMap { key in names.map { $0.wire.withUnsafeBytes { key.hash(of: $0) } } }
    #expect(Set(hashes).count == hashes.count)
  }
}
