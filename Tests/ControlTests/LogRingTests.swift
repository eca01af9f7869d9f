import Glibc
import HostSystem
import Household
import TestSupport
import Testing
import Wire

@testable import Control

/// Lines of the log as bytes, on disk, and as they are asked for.
@Suite struct LogRingTests {
  private let folder: TemporaryFolder
  private var path: String { folder.path + "/log" }

  init() throws { folder = try TemporaryFolder() }

  private func line(
    _ message: String, _ daemon: String = "names", _ level: LogLevel = .info, time: Int64 = 0,
    fields: [String: String] = [:]
  ) -> LogLine {
    LogLine(time: time, daemon: daemon, level: level, message: message, fields: fields)
  }

  private func query(_ parameters: String = "") throws -> LogQuery {
    try LogQuery(HTTPRequestHead(method: "GET", target: "/v1/log?\(parameters)", fields: []))
  }

  private func messages(_ ring: LogRing, _ parameters: String = "") throws -> [String] {
    ring.answer(try query(parameters)).lines.map(\.message)
  }

  @Test func theNewestLinesAreKeptInAFewFilesAlsoOverARestart() throws {
    let limits = LogRing.Limits(segmentBytes: 1_000, segments: 4)
    var ring = LogRing(folder: path, limits: limits)
    for number in 0..<200 {
      ring.append(line("message \(number)"))
      if number % 30 == 0 { ring = LogRing(folder: path, limits: limits) }
      let files = File.list(path)
      #expect(files.count <= 4)
      for file in files { #expect(try File.read(path + "/" + file).count <= 1_000) }
    }
    let kept = try messages(ring, "limit=1000")
    #expect(kept == (200 - kept.count..<200).map { "message \($0)" })
    #expect(kept.count > 25, "\(kept.count) lines in 4 kB")
    #expect(try messages(ring, "limit=3") == ["message 197", "message 198", "message 199"])
    #expect(ring.problem == nil)
  }

  @Test(arguments: ["{\"time\":1,\"daemon\":\"na", "\0\0\0\0\0", "{}\n[]\n\n", String(repeating: "x", count: 20_000)])
  func whatAPowerCutLeftIsSkipped(_ torn: String) throws {
    LogRing(folder: path).append(line("before"))
    let file = path + "/1.log"
    let whole = try File.read(file)
    try File.replace(file, with: whole + Array(torn.utf8), durable: false)
    let ring = LogRing(folder: path)
    #expect(try messages(ring) == ["before"])
    ring.append(line("after"))
    #expect(try messages(ring) == ["before", "after"])
    #expect(try messages(ring, "after=0.0") == ["before", "after"])
  }

  @Test func aCutAnywhereLosesOneLineAtMost() throws {
    let first = LogRing(folder: path)
    for number in 0..<3 { first.append(line("line \(number)")) }
    let file = path + "/1.log"
    let whole = try File.read(file)
    for count in 0...whole.count {
      try File.replace(file, with: whole.prefix(count), durable: false)
      let ring = LogRing(folder: path)
      ring.append(line("new"))
      let intact = whole.prefix(count).count { $0 == UInt8(ascii: "\n") }
      let isWholeWithoutItsEnd = count < whole.count && whole[count] == UInt8(ascii: "\n")
      let expected = (0..<intact + (isWholeWithoutItsEnd ? 1 : 0)).map { "line \($0)" } + ["new"]
      #expect(try messages(ring) == expected, "cut at \(count)")
    }
  }

  @Test func whoGoesOnFromAnAnswerSeesEachLineOnce() throws {
    let ring = LogRing(folder: path, limits: LogRing.Limits(segmentBytes: 600, segments: 100))
    var random = SeededGenerator(Soak.seed(7))
    var next = ring.answer(try query()).next.description
    var seen: [String] = []
    for number in 0..<100 {
      ring.append(line("\(number)"))
      guard Int.random(in: 0..<5, using: &random) == 0 || number == 99 else { continue }
      while case let answer = ring.answer(try query("limit=2&after=\(next)")), !answer.lines.isEmpty {
        seen += answer.lines.map(\.message)
        next = answer.next.description
      }
    }
    #expect(seen == (0..<100).map(String.init))
    #expect(try messages(ring, "after=99999.0&limit=1") == ["99"], "a place that was never reached")
  }

  @Test(arguments: [
    ("", "abcd"), ("daemon=names", "bc"), ("level=warning", "cd"), ("level=error&daemon=control", "d"),
    ("text=LEASE", "ac"),
    ("text=uplink%3dwan", "b"), ("text=nothing", ""), ("since=2", "cd"), ("since=3", ""), ("limit=1&text=lease", "c"),
    ("daemon=", "abcd"),
  ]) func filtersNarrow(_ parameters: String, _ expected: String) throws {
    let ring = LogRing(folder: path)
    ring.append(line("a: lease", "addresses", time: 0))
    ring.append(line("b", "names", time: 1_999, fields: ["uplink": "wan"]))
    ring.append(line("c: Leases", "names", .warning, time: 2_000))
    ring.append(line("d", "control", .error, time: 2_001))
    #expect(try messages(ring, parameters).map { String($0.prefix(1)) }.joined() == expected)
  }

  @Test(arguments: [
    "level=loud", "limit=0", "limit=1001", "limit=x", "since=-1", "since=yesterday", "since=9223372036854775807",
    "after=3",
    "after=-1.2", "after=1.99999999999999999999",
  ]) func wrongParametersAreRefusedByName(_ parameters: String) throws {
    #expect {
      _ = try query(parameters)
    } throws: { error in
      "\(error)".hasPrefix(parameters)
    }
  }

  @Test func whereNothingCanBeWrittenStatusSaysSoAndItGoesOnLater() throws {
    try File.replace(path, with: [], durable: false)
    let ring = LogRing(folder: path)
    ring.append(line("lost"))
    #expect(ring.problem?.hasPrefix("the log is not kept: ") == true)
    #expect(try messages(ring) == [])
    try File.remove(path)
    ring.append(line("kept"))
    #expect(ring.problem == nil)
    #expect(try messages(ring) == ["kept"])
  }

  @Test func aFullDiskStopsTheRingOnly() throws {
    // Full from the first byte on, as the kernel has it.
    try File.makeFolder(path)
    #expect(symlink("/dev/full", path + "/1.log") == 0)
    let ring = LogRing(folder: path)
    #expect(ring.problem == nil)
    ring.append(line("lost"))
    #expect(
      ring.problem == "the log is not kept: writing \(path)/1.log: No space left on device", "\(ring.problem ?? "")")
    try File.remove(path + "/1.log")
    ring.append(line("room again"))
    #expect(ring.problem == nil)
    #expect(try messages(ring) == ["room again"])
  }

  // MARK: - Bytes

  @Test func aLineThatIsTooLongIsCutAndStaysALine() throws {
    for text in ["\u{1}", "é", "👩‍👩‍👧", "\"", "x"] {
      let long = line(String(repeating: text, count: 20_000), fields: ["a": String(repeating: text, count: 10_000)])
      let json = try long.json()
      #expect(json.count <= LogLine.byteLimit)
      let parsed = try #require(LogLine(parsing: json))
      #expect(parsed.message.hasPrefix(text) && parsed.message.hasSuffix(" …") && parsed.fields == [:])
    }
  }

  @Test(arguments: [
    "", "{}", "[]", "null", "\u{feff}{}", "{\"time\":1}",
    "{\"time\":-1,\"daemon\":\"names\",\"level\":\"info\",\"message\":\"\",\"fields\":{}}",
    "{\"time\":1e300,\"daemon\":\"names\",\"level\":\"info\",\"message\":\"\",\"fields\":{}}",
    "{\"time\":253402300800000,\"daemon\":\"names\",\"level\":\"info\",\"message\":\"\",\"fields\":{}}",
    "{\"time\":1,\"daemon\":\"\",\"level\":\"info\",\"message\":\"\",\"fields\":{}}",
    "{\"time\":1,\"daemon\":\"a b\",\"level\":\"info\",\"message\":\"\",\"fields\":{}}",
    "{\"time\":1,\"daemon\":\"names\",\"level\":\"loud\",\"message\":\"\",\"fields\":{}}",
    "{\"time\":1,\"daemon\":\"names\",\"level\":\"info\",\"message\":\"\",\"fields\":{\"a\":1}}",
    "{\"time\":1,\"daemon\":\"names\",\"level\":\"info\",\"message\":\"\",\"fields\":{},\"lost\":-1}",
    "{\"time\":1,\"daemon\":\"names\",\"level\":\"info\",\"message\":\"\",\"fields\":{},\"lost\":9223372036854775807}",
  ]) func whatIsNoLineIsRefused(_ text: String) { #expect(LogLine(parsing: Array(text.utf8)) == nil) }

  /// Whatever bytes come, what is taken can be written, read and sent, within its bounds.
  @Test func mutatedLinesAreRefusedOrWhole() throws {
    let seed = try line(
      "a \"lease\" \\ of [1] \n é", time: 1_732_287_000_123, fields: ["uplink": "wan", "a=]\"": "x\\]\""]
    ).json()
    var random = SeededGenerator(Soak.seed(41))
    var taken = 0
    let ring = LogRing(folder: path)
    for _ in 0..<Soak.count(3_000, soak: 300_000) {
      var bytes = seed
      for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes.remove(at: place)
        case 2: bytes.insert(contentsOf: bytes[0...place].suffix(9), at: place)
        default: bytes = Array(bytes.prefix(place + 1))
        }
      }
      guard let line = LogLine(parsing: bytes) else { continue }
      taken += 1
      ring.append(line)
      #expect(ring.answer(try query("limit=1")).lines == [line])
      SyslogTests.expectGrammar(Syslog.message(line, host: "router.home.arpa"))
    }
    #expect(taken > 100, "the mutations reach the inside: \(taken)")
  }
}
