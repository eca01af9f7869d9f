import CNetlinkShims
import Household
import Netlink
import TestSupport
import Testing
import Wire

@testable import Firewall

/// Reading the kernel's answers, and what of them is wrong.
@Suite struct ReadBackTests {
  /// The messages of a whole ruleset: what a dump is made of.
  private static let messages: [UInt8] = {
    let transaction = Transaction()
    let encoder = RulesetEncoder(transaction: transaction)
    for table in FirewallPolicy(model: Models.everything, dynamic: Models.busy).ruleset.tables
    where table.family == .inet {
      for limit in table.limits { encoder.add(limit, table.family) }
      for set in table.sets {
        encoder.add(set, table.family)
        encoder.addElements(set.elements, to: set.name, table.family)
      }
      for chain in table.chains {
        encoder.add(chain, table.family)
        for rule in chain.rules { encoder.add(rule, to: chain.name, table.family) }
      }
    }
    return Array(transaction.bytes)
  }()

  private static func read(_ bytes: [UInt8]) -> KernelTable { bytes.withUnsafeBytes { KernelTable($0, .inet) } }

  private static func elements(_ bytes: [UInt8], like shape: ElementTable) -> ElementTable {
    var elements = KernelElements(like: shape)
    bytes.withUnsafeBytes {
      var reader = MessageReader($0.bytes)
      while let message = reader.next() { elements.absorb(message) }
    }
    return elements.table
  }

  @Test func whatIsWrittenIsRead() throws {
    let ruleset = FirewallPolicy(model: Models.everything, dynamic: Models.busy).ruleset
    let table = Self.read(Self.messages)
    #expect(table.differences(from: KernelTable(ruleset.tables[0]), .inet).isEmpty)
    for chain in ruleset.tables[0].chains {
      #expect(table.chains[chain.name]?.rules.map(\.name) == chain.rules.map(\.name))
      #expect(table.chains[chain.name]?.policy == chain.policy.rawValue)
      #expect(table.chains[chain.name]?.priority == chain.priority)
    }
    #expect(Set(table.sets.keys) == Set(ruleset.tables[0].sets.map(\.name)))
  }

  /// Answers with bytes changed, cut and repeated: nothing traps, and no difference is overlooked where the answer still reads.
  @Test(arguments: 0..<8) func brokenAnswersAreReadWithoutHarm(_ seed: UInt64) {
    var random = SeededGenerator(seed)
    let wanted = Self.read(Self.messages)
    for _ in 0..<60 {
      var bytes = Self.messages
      for _ in 0..<Int.random(in: 1...40, using: &random) {
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
        case 1:
          bytes[Int.random(in: bytes.indices, using: &random)] = [0, 0xff, 0x7f, 0x80].randomElement(using: &random)!
        case 2: bytes.removeLast(Int.random(in: 0..<bytes.count / 2, using: &random))
        default:
          let start = Int.random(in: bytes.indices, using: &random) & ~3
          bytes.insert(contentsOf: bytes[start..<min(start + 64, bytes.count)], at: start)
        }
      }
      let table = Self.read(bytes)
      if table != wanted { _ = table.differences(from: wanted, .inet) }
      for shape in [
        ElementTable(keyLength: 4), ElementTable(keyLength: 2, valueLength: 8),
        ElementTable(keyLength: 16, isRanges: true),
        ElementTable(keyLength: 4, isRanges: true),
      ] {
        let elements = Self.elements(bytes, like: shape)
        _ = elements.changes(from: shape)
      }
    }
  }

  @Test(arguments: 0..<8) func brokenPacketsAreReadWithoutHarm(_ seed: UInt64) throws {
    var random = SeededGenerator(seed)
    for _ in 0..<5_000 {
      var bytes = (0..<Int.random(in: 0...90, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
      if !bytes.isEmpty { bytes[0] = [0x45, 0x4f, 0x60, 0x46].randomElement(using: &random)! }
      if bytes.count > 6 { bytes[6] = [0, 43, 44, 60, 6, 17].randomElement(using: &random)! }
      let header = bytes.withUnsafeBytes { PacketHeader($0.bytes) }
      if let header { #expect(bytes.count >= (header.source.family == .v4 ? 20 : 40)) }
    }
  }

  @Test func portsAreReadBehindExtensionHeaders() {
    let addresses = [UInt8](repeating: 0x20, count: 16) + [UInt8](repeating: 0x30, count: 16)
    let head: [UInt8] = [0x60, 0, 0, 0, 0, 40, 0, 64]
    let ports: [UInt8] = [0x30, 0x39, 0, 80]
    let plain = head.replacing(at: 6, with: 6) + addresses + ports
    let hopByHop = head + addresses + [6, 0, 0, 0, 0, 0, 0, 0] + ports
    let fragment = head.replacing(at: 6, with: 44) + addresses + [17, 0, 0x01, 0x00, 0, 0, 0, 1] + ports
    let cut = head.replacing(at: 6, with: 6) + addresses + ports.prefix(3)
    func read(_ bytes: [UInt8]) -> PacketHeader? { bytes.withUnsafeBytes { PacketHeader($0.bytes) } }
    #expect(read(plain)?.destinationPort == 80)
    #expect(read(hopByHop)?.sourcePort == 12_345)
    #expect(read(hopByHop)?.transport == 6)
    #expect(read(fragment)?.transport == 17)
    #expect(read(fragment)?.destinationPort == nil)
    #expect(read(cut)?.sourcePort == 12_345)
    #expect(read(cut)?.destinationPort == nil)
    #expect(read([]) == nil)
    #expect(read([0x45] + [UInt8](repeating: 0, count: 18)) == nil)
  }

  @Test(arguments: [[UInt8](), [0], [0, 5, 65], [7, 0, 0, 2, 65, 0], [0, 3, 65, 66, 0], [255, 255]])
  func commentsOfAnyBytesAreRead(_ data: [UInt8]) {
    let expected: String? =
      switch data.count {
      case 6: "A"
      case 5: "AB"
      default: nil
      }
    #expect(RuleComment.decode(data) == expected)
  }

  @Test func aLongNameIsCutToACommentsLength() {
    let name = String(repeating: "n", count: 300)
    #expect(RuleComment.decode(RuleComment.encode(name)) == String(name.prefix(127)))
  }
}

extension [UInt8] {
  fileprivate func replacing(at index: Int, with value: UInt8) -> [UInt8] {
    var copy = self
    copy[index] = value
    return copy
  }
}
