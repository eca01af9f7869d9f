import CNetlinkShims
import Glibc
import HostSystem
import TestSupport
import Testing
import Wire

@testable import Netlink

/// Whatever stands in a datagram, reading it neither traps nor runs on forever. Seeded, so that a failure comes again.
@Suite struct FuzzTests {
  @Test(arguments: Soak.seeds(0...3, soak: 20_000))
  func mutatedMessagesNeverTrap(seed: UInt64) {
    var random = SeededGenerator(seed)
    var parsed = 0
    for _ in 0..<5_000 {
      var bytes = Self.seeds.randomElement(using: &random)!
      for _ in 0..<Int.random(in: 0...6, using: &random) { Self.mutate(&bytes, using: &random) }
      parsed += Self.readEverything(bytes)
    }
    #expect(parsed > 1_000, "the mutations leave something to parse")
  }

  @Test func randomBytesNeverTrap() {
    var random = SeededGenerator(99)
    for _ in 0..<5_000 {
      let count = Int.random(in: 0...120, using: &random)
      var bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
      if count >= 20 { bytes.replaceSubrange(0..<4, with: [UInt8(count), 0, 0, 0]) }
      _ = Self.readEverything(bytes)
    }
  }

  @Test func everyTruncationOfEveryMessageIsRead() {
    for seed in Self.seeds {
      for count in 0...seed.count {
        var bytes = Array(seed.prefix(count))
        if count >= 4 {
          bytes.replaceSubrange(0..<4, with: [UInt8(count & 0xff), UInt8(count >> 8), 0, 0])
        }
        _ = Self.readEverything(bytes)
      }
    }
  }

  /// What a kernel really said, one message a file; every one of them is understood.
  @Test(arguments: try Corpus.files("netlink"))
  func theCorpusIsUnderstood(file: Corpus.File) {
    #expect(Self.readEverything(file.bytes) > 0 || file.isEndOfDump)
  }

  /// The corpus, and one message of each kind from the encoder and by hand.
  private static let seeds: [[UInt8]] = encoded + ((try? Corpus.files("netlink")) ?? []).map(\.bytes)

  private static var encoded: [[UInt8]] {
    let link = LinkID(index: 3, name: "lan0")
    let tuple = FlowTuple(
      source: .v6(.loopback), destination: .v6(.loopback), transport: 58,
      echo: FlowTuple.EchoKey(identifier: 1, type: 128, code: 0))
    var flow = MessageWriter(type: Conntrack.type(IPCTNL_MSG_CT_NEW.rawValue), flags: 0)
    flow.netfilterHeader(.v6)
    for type in [CTA_TUPLE_ORIG, CTA_TUPLE_REPLY] { flow.nest(Int(type.rawValue)) { tuple.write(to: &$0) } }
    for type in [CTA_COUNTERS_ORIG, CTA_COUNTERS_REPLY] {
      flow.nest(Int(type.rawValue)) { counters in
        counters.put(Int(CTA_COUNTERS_PACKETS.rawValue), bigEndian: UInt64(5))
        counters.put(Int(CTA_COUNTERS_BYTES.rawValue), bigEndian: UInt64(500))
      }
    }
    var logged = MessageWriter(type: PacketLog.type(NFULNL_MSG_PACKET.rawValue), flags: 0)
    logged.netfilterHeader(.v4, resource: 5)
    logged.put(Int(NFULA_PACKET_HDR.rawValue), [8, 0, 1, 0])
    logged.put(Int(NFULA_PREFIX.rawValue), "input.drop")
    logged.put(Int(NFULA_HWADDR.rawValue), [0, 6, 0, 0, 2, 0, 0, 0, 0, 1, 0, 0])
    logged.put(Int(NFULA_TIMESTAMP.rawValue), [UInt8](repeating: 0x7f, count: 16))
    logged.put(Int(NFULA_PAYLOAD.rawValue), [0x45, 0, 0, 20])
    let requests: [NetlinkRequest] = [
      .create("lan0.20", .vlan(parent: link, tag: 20)), .create("br-a", .bridge(BridgeOptions())),
      .change(port: link, BridgePortOptions(isIsolated: true)),
      .add(InterfaceAddress(.v6(.loopback), length: 128)!, to: link, lifetime: AddressLifetime(valid: 2, preferred: 1)),
      .add(Route(to: IPPrefix(.v4(.any), length: 0)!, gateway: .v6(.loopback), link: 3, mtu: 1400)),
      .replace(Neighbour(link: 3, address: .v4(.loopback), hardware: MACAddress(value: 1), state: .permanent)),
    ]
    let acknowledgement = golden(
      """
      38000000 0200 0002 09000000 05000000 ffffffff 18000000 1400 0506 09000000 05000000 0000000000000000
      0c00 0100 74616b656e 00 0000
      """)
    return requests.map { $0.message.bytes } + [flow.bytes, logged.bytes, acknowledgement]
  }

  private static func mutate(_ bytes: inout [UInt8], using random: inout SeededGenerator) {
    guard !bytes.isEmpty else { return }
    let index = Int.random(in: 0..<bytes.count, using: &random)
    switch Int.random(in: 0..<5, using: &random) {
    case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
    case 1: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
    case 2: bytes[index] = [0, 1, 3, 4, 0x7f, 0x80, 0xff].randomElement(using: &random)!
    case 3: bytes.removeLast(min(index % 8, bytes.count))
    default: bytes.insert(bytes[index], at: index)
    }
  }

  /// How many of the readers made something of it.
  private static func readEverything(_ bytes: [UInt8]) -> Int {
    var count = 0
    var reader = MessageReader(bytes.span.bytes)
    while let message = reader.next() {
      count += RouteEvent(message) == nil ? 0 : 1
      count += LinkCounters(message) == nil ? 0 : 1
      count += Flow(message) == nil ? 0 : 1
      count += LoggedPacket(message) == nil ? 0 : 1
      count += Acknowledgement(message) == nil ? 0 : 1
    }
    return count
  }
}

/// Committed bytes to begin with: Tests/Fuzz, a folder for each kind.
enum Corpus {
  struct File: Sendable, CustomTestStringConvertible {
    var name: String
    var bytes: [UInt8]
    var testDescription: String { name }
    /// The last neighbour is the kernel's NLMSG_DONE.
    var isEndOfDump: Bool { bytes.count == 20 }
  }

  static func files(_ kind: String) throws -> [File] {
    let tests = "\(#filePath)".split(separator: "/").dropLast(2).joined(separator: "/")
    let folder = "/\(tests)/Fuzz/\(kind)/corpus"
    guard let stream = opendir(folder) else { throw SystemError("opening \(folder)") }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if name.hasSuffix(".bin") { names.append(name) }
    }
    return try names.sorted().map { File(name: $0, bytes: try HostSystem.File.read("\(folder)/\($0)")) }
  }
}
