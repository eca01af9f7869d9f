import GitFormat
import TestSupport
import Testing
import VersionedStore

@testable import StoreSync

/// Everything that comes over a connection, changed at random: each reader ends with an answer or with a typed error, and
/// a repository is as it was unless all of what came was right.
@Suite struct MutationTests {
  /// Changes some places of a message, and sometimes cuts it.
  static func mutated(_ bytes: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
      let place = Int.random(in: 0..<bytes.count, using: &random)
      switch Int.random(in: 0..<6, using: &random) {
      case 0: bytes[place] ^= 1 << UInt8.random(in: 0...7, using: &random)
      case 1: bytes[place] = UInt8.random(in: 0...255, using: &random)
      case 2: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
      case 3: bytes.remove(at: place)
      case 4: bytes.removeSubrange(place...)
      default:
        let end = min(bytes.count, place + Int.random(in: 1...100, using: &random))
        bytes.insert(contentsOf: bytes[place..<end], at: Int.random(in: 0...bytes.count, using: &random))
      }
    }
    return bytes
  }

  private static let seeds = Soak.seeds(1...3, soak: 100)
  private static let rounds = Soak.count(150, soak: 5_000)

  private static func packets(_ packets: [Packet]) -> [UInt8] {
    var bytes: [UInt8] = []
    for packet in packets { PacketLine.append(packet, to: &bytes) }
    return bytes
  }

  /// Runs something that may fail, but only as it says.
  private static func attempt(_ body: () throws(StoreError) -> Void) -> StoreError? {
    do throws(StoreError) {
      try body()
      return nil
    } catch {
      return error
    }
  }

  @Test(arguments: seeds)
  func requestsForObjects(_ seed: UInt64) throws {
    var random = SeededGenerator(seed)
    let repository = SampleRepository()
    let commits = try repository.history(4)
    let references = try repository.backend.references(under: "").map(\.id)
    let commands = Self.packets(
      [
        .line("command=ls-refs"), .line("agent=x"), .delimiter, .line("peel"), .line("symrefs"),
        .line("ref-prefix refs/"), .flush, .line("command=fetch"), .line("object-format=sha1"), .delimiter,
        .line("thin-pack"), .line("ofs-delta"), .line("include-tag"), .line("want \(commits[3])"),
        .line("shallow \(commits[1])"), .line("deepen 2"), .line("filter blob:limit=1k"), .line("have \(commits[1])"),
        .line("done"), .flush,
      ])
    let conversation = Self.packets(
      [
        .line("want \(commits[3]) multi_ack_detailed side-band-64k thin-pack ofs-delta deepen-since"),
        .line("shallow \(commits[1])"), .line("deepen 2"), .flush, .line("have \(commits[1])"), .flush,
        .line("have \(commits[0])"), .line("done"),
      ])
    for _ in 0..<Self.rounds {
      for (bytes, version) in [(commands, ProtocolVersion.two), (conversation, .zero)] {
        let server = UploadPackServer(repository.backend, .test, version: version, isStateless: false)
        let answer = MemoryStream()
        let request = MemoryStream(Self.mutated(bytes, &random), pieceLength: 50)
        _ = Self.attempt { () throws(StoreError) in try server.answer(PacketReader(request), answer) }
        #expect(answer.output.count < 100_000)
      }
    }
    #expect(try repository.backend.references(under: "").map(\.id) == references)
  }

  @Test(arguments: seeds)
  func pushes(_ seed: UInt64) throws {
    var random = SeededGenerator(seed)
    let repository = SampleRepository()
    let base = try repository.history(2)
    let next = SampleRepository()
    _ = try next.history(2)
    let new = try next.commit(["folder0/file0": "new\n"], parents: [base[1]], on: "refs/heads/main")
    var selection = ObjectSelection(in: next.backend)
    selection.wants = [new]
    selection.haves = [base[1]]
    try selection.run()
    let stream = MemoryStream()
    let writer = PacketWriter(stream)
    try PushRequest(
      commands: [PushCommand(.branch("main")!, from: base[1], to: new)],
      capabilities: Capabilities(["report-status", "side-band-64k", "object-format=sha1", "push-options"]),
      options: ["x"]
    ).write(to: writer, .sha1)
    try writer.send()
    try selection.writePack(to: stream, from: next.backend, PackOptions(isThin: true)) { _ throws(StoreError) in }
    for _ in 0..<Self.rounds / 3 {
      let target = MemoryBackend()
      try target.commit(
        Batch(
          objects: repository.backend.allObjects(),
          refs: [RefChange(.branch("main")!, from: nil, to: base[1], who: RemoteClientTests.who, why: "test")]))
      let request = MemoryStream(Self.mutated(stream.output, &random), pieceLength: 60)
      let answer = MemoryStream()
      let server = ReceivePackServer(target, .test, version: .zero)
      _ = Self.attempt { () throws(StoreError) in try server.answer(BufferedInput(request), answer) }
      // Whatever a reference names now, all of it is there.
      for (_, id) in try target.references(under: "") {
        try ObjectSelection.checkComplete([id], known: [], cut: [], in: target)
      }
    }
  }

  @Test(arguments: seeds)
  func answersOfServers(_ seed: UInt64) throws {
    var random = SeededGenerator(seed)
    let repository = SampleRepository()
    let commits = try repository.history(4)
    try repository.tag("v1", of: commits[1])
    for version in [ProtocolVersion.zero, .two] {
      let answers = Self.packets(
        version == .two
          ? [
            .line("version 2"), .line("ls-refs=unborn"), .line("fetch=shallow filter"), .line("object-format=sha1"),
            .flush, .line("\(commits[3]) HEAD symref-target:refs/heads/main"), .line("\(commits[3]) refs/heads/main"),
            .flush, .line("acknowledgments"), .line("NAK"), .line("ready"), .delimiter, .line("shallow-info"),
            .line("shallow \(commits[3])"), .delimiter, .line("packfile"),
          ]
          : [
            .line("\(commits[3]) HEAD\0side-band-64k symref=HEAD:refs/heads/main shallow object-format=sha1"),
            .line("\(commits[3]) refs/heads/main"), .flush, .line("NAK"),
          ])
      let stream = MemoryStream()
      try stream.write(answers)
      let band = SideBandWriter(stream, .large)
      var selection = ObjectSelection(in: repository.backend)
      selection.wants = [commits[3]]
      try selection.run()
      try band.progress("on the way\n")
      try selection.writePack(to: band, from: repository.backend, PackOptions()) { _ throws(StoreError) in }
      try band.sendPending()
      try stream.write(Array("0000".utf8))
      for round in 0..<Self.rounds / 3 {
        let bytes = round == 0 && version == .zero ? stream.output : Self.mutated(stream.output, &random)
        let clone = MemoryBackend()
        let error = Self.attempt { () throws(StoreError) in
          try Self.fetch(MemoryStream(bytes, pieceLength: 100), into: clone)
        }
        if round == 0, version == .zero { #expect(error == nil) }
        if error != nil { #expect(try clone.references(under: "").isEmpty) }
        for (_, id) in try clone.references(under: "") {
          try ObjectSelection.checkComplete([id], known: [], cut: clone.shallowCommits, in: clone)
        }
      }
    }
  }

  /// A fetch whose server says what is in a stream, whatever it is asked.
  private static func fetch(_ stream: MemoryStream, into clone: MemoryBackend) throws(StoreError) {
    let session = try RemoteSession(StreamConnection(stream) { nil }, .uploadPack, format: .sha1)
    let options = FetchOptions([try RefSpec("refs/heads/*:refs/heads/*")], who: RemoteClientTests.who)
    _ = try Fetch(session, clone, options, RemoteOptions()).run()
  }

  @Test(arguments: seeds)
  func reportsOfPushes(_ seed: UInt64) throws {
    var random = SeededGenerator(seed)
    let report = Self.packets([
      .line("unpack ok"), .line("ok refs/heads/main"), .line("option refname refs/heads/x"),
      .line("ng refs/heads/side it is late"), .flush,
    ])
    for _ in 0..<Self.rounds * 10 {
      let bytes = Self.mutated(report, &random)
      _ = Self.attempt { () throws(StoreError) in _ = try PushReport(PacketReader(MemoryStream(bytes))) }
    }
  }

  @Test(arguments: seeds)
  func bundles(_ seed: UInt64) throws {
    var random = SeededGenerator(seed)
    let repository = SampleRepository(.sha256)
    let commits = try repository.history(3)
    let stream = MemoryStream()
    try Bundle.write([.branch("main")!], of: repository.backend, excluding: [commits[0]], to: stream)
    for _ in 0..<Self.rounds / 3 {
      let backend = MemoryBackend(format: .sha256)
      try backend.commit(Batch(objects: repository.backend.allObjects()))
      let bytes = Self.mutated(stream.output, &random)
      _ = Self.attempt { () throws(StoreError) in
        try Bundle.fetch(
          MemoryStream(bytes), into: backend, [try RefSpec("refs/*:refs/*")], who: RemoteClientTests.who)
      }
      for (_, id) in try backend.references(under: "") {
        try ObjectSelection.checkComplete([id], known: [], cut: [], in: backend)
      }
    }
  }
}

extension MemoryBackend {
  /// All objects that references reach.
  func allObjects() throws -> [NewObject] {
    var selection = ObjectSelection(in: self)
    selection.wants = try references(under: "").map(\.id)
    try selection.run()
    let buffer = ObjectBuffer(over: MemoryBackend(format: format))
    for item in selection.selected {
      let object = try object(item.id)
      _ = try buffer.write(object.kind, object.bytes)
    }
    return buffer.objects
  }
}
