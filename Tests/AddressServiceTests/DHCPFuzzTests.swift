import HostSystem
import Household
import TestSupport
import Testing
import Wire

@testable import AddressService

/// Bytes that nobody should send: the codec and the server never trap, and never do more than their bounds allow.
///
/// `make soak` multiplies the counts; `LARES_SEED` starts elsewhere.
@Suite struct DHCPFuzzTests {
  private static let corpus =
    #filePath.split(separator: "/").dropLast(2).map { "/" + $0 }.joined() + "/Fuzz/dhcp-server/corpus"

  /// Committed messages, each of which once mattered or shows one feature.
  private static func samples() throws -> [[UInt8]] {
    try File.list(corpus).map { try File.read(corpus + "/" + $0) }
  }

  @Test func theCorpusIsThere() throws {
    let samples = try Self.samples()
    #expect(samples.count >= 10)
    var readable = 0
    for sample in samples where (try? DHCPv4View(sample.span.bytes)) != nil { readable += 1 }
    #expect(readable >= 6 && readable < samples.count, "some are meant to be refused")
  }

  @Test func mutatedMessagesNeverTrap() throws {
    let seed = Soak.seed(42)
    let count = Soak.count(4_000, soak: 100_000)
    var generator = SeededGenerator(seed)
    var samples = try Self.samples()
    var script = DHCPScript(probeQuestions: 2)
    for _ in 0..<count {
      var message = samples.randomElement(using: &generator) ?? []
      mutate(&message, &generator)
      exercise(message)
      script.output = DHCPOutput()
      script.server.receive(
        message.span.bytes,
        DHCPArrival(
          network: Bool.random(using: &generator) ? "home" : "guest", wasBroadcast: Bool.random(using: &generator)),
        now: script.now, into: &script.output)
      for reply in script.output.replies { #expect((try? DHCPv4View(reply.message.span.bytes)) != nil) }
      if generator.next() % 64 == 0 { try script.wait(milliseconds: Int64(generator.next() % 2_000_000)) }
      // What was readable is worth keeping for a while.
      if samples.count < 200, (try? DHCPv4View(message.span.bytes)) != nil { samples.append(message) }
    }
    #expect(script.server.leases.count <= 21, "bounded by the pools and the static addresses, seed \(seed)")
    #expect(script.server.probes.pending.count <= 64)
  }

  @Test func randomBytesNeverTrap() {
    var generator = SeededGenerator(Soak.seed(7))
    for _ in 0..<Soak.count(2_000, soak: 50_000) {
      let length = Int(generator.next() % 700)
      var message = (0..<length).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
      if length >= 240, Bool.random(using: &generator) {
        message.replaceSubrange(0..<3, with: [1, 1, 6])
        message.replaceSubrange(236..<240, with: [0x63, 0x82, 0x53, 0x63])
      }
      exercise(message)
      _ = UDPv4FrameView(message.span.bytes)
      _ = ARPProbe.answer(in: message.span.bytes)
      _ = DHCPv4Route.decode(message)
      _ = DHCPv4DomainSearch.decode(message)
      _ = DHCPv4ClientFQDN(message)?.firstLabel
    }
  }

  /// Every accessor over every option.
  private func exercise(_ message: [UInt8]) {
    guard let view = try? DHCPv4View(message.span.bytes) else { return }
    for code in view.optionCodes {
      _ = view.uint8(code)
      _ = view.uint16(code)
      _ = view.uint32(code)
      _ = view.addresses(code)
      _ = view.text(code)
      _ = view.option(code).flatMap { DHCPv4Route.decode($0) }
      _ = view.option(code).flatMap { DHCPv4DomainSearch.decode($0) }
    }
    _ = view.clientIdentifier
    _ = view.messageLimit
  }

  private func mutate(_ message: inout [UInt8], _ generator: inout SeededGenerator) {
    for _ in 0..<generator.next() % 4 {
      guard !message.isEmpty else { return }
      let place = Int(generator.next() % UInt64(message.count))
      switch generator.next() % 5 {
      case 0: message[place] = UInt8(truncatingIfNeeded: generator.next())
      case 1: message[place] ^= 1 << UInt8(generator.next() % 8)
      case 2: message.removeSubrange(place..<min(message.count, place + Int(generator.next() % 8)))
      case 3: message.insert(contentsOf: repeatElement(message[place], count: Int(generator.next() % 8)), at: place)
      default:
        // Options begin at 240: their codes and lengths are where mistakes would be.
        let start = min(240, message.count - 1)
        message[start + Int(generator.next() % UInt64(message.count - start))] = UInt8(generator.next() % 122)
      }
    }
  }
}
