import GitFormat
import TestSupport
import Testing
import VersionedStore

@testable import StoreSync

/// Messages that are meant to do harm.
@Suite struct HostileTests {
  private func receive(_ pack: [UInt8], _ limits: ReceiveLimits = ReceiveLimits()) throws -> ReceivedPack? {
    try PackReceiver(for: MemoryBackend(), limits: limits).receive(from: BufferedInput(MemoryStream(pack)))
  }

  @Test func anEntryThatIsLongerThanItSaysIsRefusedBeforeItIsRead() throws {
    var entry: [UInt8] = []
    PackEntry.appendHeader(.object(.blob), size: 10, to: &entry)
    entry += Deflate.compress([UInt8](repeating: 0, count: 1 << 20))
    var maker = PackMaker()
    maker.append(raw: entry)
    #expect(throws: StoreError.self) { try receive(maker.finish()) }
  }

  @Test func aDeltaThatSaysItIsHugeIsRefused() throws {
    var maker = PackMaker()
    let base = Array("0123456789abcdef".utf8)
    maker.append(.object(.blob), base)
    // A base of 16 bytes, a target of 2^40, copied 64 KiB at a time.
    let delta: [UInt8] = [16, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20, 0x90, 16]
    maker.append(.offsetDelta(distance: maker.offset - 12), delta)
    #expect(throws: StoreError.self) { try receive(maker.finish()) }
  }

  @Test func deltasThatGrowAreStoppedAtTheLimitOfAll() throws {
    var maker = PackMaker()
    maker.append(.object(.blob), [UInt8](repeating: 1, count: 0x1000))
    // Sixteen times a base of 4 KiB, and a byte of its own: little to send, much to keep.
    for number in 0..<20 {
      var delta: [UInt8] = [0x80, 0x20, 0x81, 0x80, 0x04]
      for _ in 0..<16 { delta += [0xA0, 0x10] }
      maker.append(.offsetDelta(distance: maker.offset - 12), delta + [1, UInt8(number)])
    }
    #expect(try receive(maker.finish())?.count == 21)
    var limits = ReceiveLimits()
    limits.unpackedBytes = 100_000
    #expect(throws: StoreError.self) { try receive(maker.finish(), limits) }
  }

  @Test(arguments: ["itself", "before the pack", "nothing", "a cycle of names"])
  func aDeltaOfWhatIsNoBaseIsRefused(_ base: String) throws {
    var maker = PackMaker()
    let delta = try #require(Delta.Index(Array("0123456789".utf8)).delta(to: Array("0123456789!".utf8), limit: 100))
    let (a, b) = (ObjectID(hex: String(repeating: "a", count: 40))!, ObjectID(hex: String(repeating: "b", count: 40))!)
    switch base {
    case "itself": maker.append(.delta(base: try GitObject(.blob, Array("0123456789!".utf8)).id(.sha1)), delta)
    case "before the pack": maker.append(.offsetDelta(distance: 100), delta)
    case "nothing": maker.append(.delta(base: a), delta)
    default:
      maker.append(.delta(base: a), delta)
      maker.append(.delta(base: b), delta)
    }
    #expect(throws: StoreError.self) { try receive(maker.finish()) }
  }

  @Test func aCountThatIsALieIsRefused() throws {
    var maker = PackMaker()
    maker.append(.object(.blob), [1])
    for count in [0, 2, 1_000_000, UInt32.max] {
      #expect(throws: StoreError.self) { try receive(maker.finish(announced: count)) }
    }
    maker.append(.object(.blob), [1])
    #expect(throws: StoreError.self) { try receive(maker.finish()) }
  }

  @Test func basesThatAreTooManyForMemoryWaitInAFile() throws {
    // A chain in which each base has two deltas: all of it waits while the first goes down.
    var maker = PackMaker()
    var random = SeededGenerator(7)
    var base = (0..<2_000).map { _ in UInt8.random(in: 0...255, using: &random) }
    var offset = maker.offset
    var objects = [base]
    maker.append(.object(.blob), base)
    for number in 0..<30 {
      let next = base + [UInt8(number)]
      let side = [UInt8(number)] + base
      let index = Delta.Index(base)
      let start = maker.offset
      maker.append(.offsetDelta(distance: start - offset), try #require(index.delta(to: next, limit: 1_000)))
      maker.append(.offsetDelta(distance: maker.offset - offset), try #require(index.delta(to: side, limit: 1_000)))
      objects += [next, side]
      (base, offset) = (next, start)
    }
    var limits = ReceiveLimits()
    limits.waitingBytes = 5_000
    let pack = try #require(try receive(maker.finish(), limits))
    #expect(pack.count == 61)
    for object in objects { #expect(try pack.object(GitObject(.blob, object).id(.sha1)).bytes == object) }
  }

  @Test(arguments: ["refs/heads/a\u{1B}b", "refs/heads/../x", "HEAD", "refs/heads/x.lock", "x", "refs/heads/ "])
  func namesThatGitWouldRefuseAreRefused(_ name: String) throws {
    let zero = String(repeating: "0", count: 40)
    let one = String(repeating: "1", count: 40)
    #expect(throws: StoreError.self) { try PushCommand(line: Array("\(zero) \(one) \(name)".utf8)[...], .sha1) }
    if name != "HEAD" {
      #expect(try RemoteReference(line: Array("\(one) \(name)".utf8)[...], .sha1) == nil)
    }
  }

  @Test func aFloodOfWantsIsAnsweredOnce() throws {
    let repository = SampleRepository()
    let commits = try repository.history(3)
    var bytes: [UInt8] = []
    for packet in [.line("command=fetch"), .delimiter] as [Packet] { PacketLine.append(packet, to: &bytes) }
    for number in 0..<20_000 { PacketLine.append(.line("want \(commits[number % 3])"), to: &bytes) }
    for packet in [.line("done"), .flush] as [Packet] { PacketLine.append(packet, to: &bytes) }
    let answer = MemoryStream()
    try UploadPackServer(repository.backend, .test, version: .two, isStateless: true).answer(
      PacketReader(MemoryStream(bytes)), answer)
    #expect(answer.output.count < 100_000)
  }

  @Test func aServerWhoseHistoryHasNoBeginningSaysSo() throws {
    let place = try RemoteClientTests.Place(.init(peer: .ours, format: .sha1, version: .two))
    let part = MemoryBackend()
    var fetch = FetchOptions([try RefSpec("+refs/heads/*:refs/heads/*")], who: RemoteClientTests.who)
    fetch.deepening = .depth(4)
    _ = try place.client.fetch(into: part, fetch)
    for version in [ProtocolVersion.zero, .two] {
      var options = RemoteOptions()
      options.version = version
      let clone = MemoryBackend()
      _ = try RemoteClient(.backend(part, .test), options: options).clone(into: clone, who: RemoteClientTests.who)
      #expect(try RemoteClientTests.count(clone) == 4)
      let git = try StockGit()
      let serving = try Serving(upload: part, version: version)
      try git.run("clone", "-q", "fd::3", "clone", connection: serving.client)
      #expect(try git.run("rev-list", "--count", "HEAD", in: "clone") == "4")
      try git.fsck("clone")
    }
  }
}
