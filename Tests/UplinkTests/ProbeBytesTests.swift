import Netlink
import TestSupport
import Testing
import Wire

@testable import Uplink

/// The bytes of the probes, and what counts as an answer.
@Suite struct ProbeBytesTests {
  private static let own = MACAddress("02:00:00:00:00:01")!
  private static let other = MACAddress("02:00:00:00:00:02")!

  @Test("RFC 1035: the question for the root's name servers in 17 bytes")
  func query() {
    #expect(
      NameServerQuery(identifier: 0x1234).bytes == [
        0x12, 0x34,  // identifier
        0x01, 0x00,  // a query, recursion desired
        0, 1, 0, 0, 0, 0, 0, 0,  // one question
        0, 0, 2, 0, 1,  // the root, NS, IN
      ])
  }

  @Test(
    arguments: [
      ([0x12, 0x34, 0x81, 0x80, 0, 1, 0, 13, 0, 0, 0, 0, 0, 0, 2, 0, 1, 9, 9], 0),
      ([0x12, 0x34, 0x81, 0x82, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1], 2),
      ([0x12, 0x34, 0x81, 0x85, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1], 5),
      // Another identifier, a query, another question, no question, cut short, nothing.
      ([0x12, 0x35, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1], nil),
      ([0x12, 0x34, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1], nil),
      ([0x12, 0x34, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1], nil),
      ([0x12, 0x34, 0x81, 0x80, 0, 0, 0, 0, 0, 0, 0, 0], nil),
      ([0x12, 0x34, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0], nil), ([], nil),
    ] as [([UInt8], UInt8?)])
  func answers(bytes: [UInt8], code: UInt8?) {
    let found = NameServerQuery(identifier: 0x1234).responseCode(of: bytes.span.bytes)
    #expect(found?.rawValue == code)
  }

  @Test("an ARP question and its answer; the own question is no answer")
  func arp() throws {
    let (gateway, source) = (IPv4Address(203, 0, 113, 1), IPv4Address(203, 0, 113, 77))
    let question = try #require(NeighbourFrame.question(.v4(gateway), from: .v4(source), at: Self.own))
    #expect(question.count == 42 && question.prefix(6).allSatisfy { $0 == 0xff })
    #expect(!answers(question, for: .v4(gateway), to: Self.own))
    let asked = ARPMessage(operation: .request, senderHardware: Self.own, sender: source, target: gateway)
    let answer = NeighbourFrame.frame(asked.reply(from: Self.other))
    #expect(answers(answer, for: .v4(gateway), to: Self.own))
    #expect(!answers(answer, for: .v4(source), to: Self.own))
  }

  @Test("RFC 4861: a solicitation goes to the solicited-node group; only an advertisement of the target answers")
  func neighbourDiscovery() throws {
    let (gateway, source) = (IPv6Address("2001:db8::12:3456")!, IPv6Address("2001:db8::2")!)
    let question = try #require(NeighbourFrame.question(.v6(gateway), from: .v6(source), at: Self.own))
    #expect(question.prefix(6).elementsEqual([0x33, 0x33, 0xff, 0x12, 0x34, 0x56]))
    let sent = message(in: question)
    #expect(sent == NeighbourMessage(.solicitation, target: gateway, hardware: Self.own))
    #expect(!answers(question, for: .v6(gateway), to: Self.other))
  }

  private func answers(_ frame: [UInt8], for target: IPAddress, to hardware: MACAddress) -> Bool {
    NeighbourFrame.answers(frame.span.bytes, for: target, to: hardware)
  }

  private func message(in frame: [UInt8]) -> NeighbourMessage? {
    guard let frame = EthernetFrame(frame.span.bytes), let packet = IPv6Packet(frame.payload) else { return nil }
    return NeighbourMessage(packet)
  }

  @Test("RFC 5227 2.1.1: who has the address, who says so, and who is about to take it too")
  func claimants() {
    let address = IPv4Address(203, 0, 113, 77)
    func claimant(_ message: ARPMessage) -> MACAddress? {
      NeighbourFrame.claimant(of: address, in: NeighbourFrame.frame(message).span.bytes, except: Self.own)
    }
    #expect(claimant(.announcement(of: address, at: Self.other)) == Self.other)
    #expect(claimant(.probe(address, from: Self.other)) == Self.other)
    #expect(claimant(.probe(address, from: Self.own)) == nil, "the own probe")
    #expect(
      claimant(
        ARPMessage(operation: .request, senderHardware: Self.other, sender: IPv4Address(1, 2, 3, 4), target: address))
        == nil, "who merely asks for it does not have it")
  }

  @Test("no bytes break the readers of answers", arguments: Soak.seeds(1...4, soak: 1_000))
  func fuzz(seed: UInt64) {
    var random = SeededGenerator(seed)
    let target = IPv6Address("2001:db8::1")!
    let samples = [
      NeighbourFrame.question(.v6(target), from: .v6(target), at: Self.own)!,
      NeighbourFrame.frame(.probe(IPv4Address(203, 0, 113, 1), from: Self.other)),
      NameServerQuery(identifier: 1).bytes,
    ]
    var answers = 0
    for _ in 0..<2_000 {
      var bytes = samples.randomElement(using: &random)!
      for _ in 0..<Int.random(in: 0...4, using: &random) {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8(truncatingIfNeeded: random.next())
      }
      let cut = bytes.prefix(Int.random(in: 0...bytes.count, using: &random))
      let span = Array(cut)
      if NeighbourFrame.answers(span.span.bytes, for: .v6(target), to: Self.own) { answers += 1 }
      _ = NeighbourFrame.answers(span.span.bytes, for: .v4(IPv4Address(203, 0, 113, 1)), to: Self.own)
      _ = NeighbourFrame.claimant(of: IPv4Address(203, 0, 113, 1), in: span.span.bytes, except: Self.own)
      if NameServerQuery(identifier: 1).responseCode(of: span.span.bytes) != nil { answers += 1 }
    }
    #expect(answers < 20)
  }
}
