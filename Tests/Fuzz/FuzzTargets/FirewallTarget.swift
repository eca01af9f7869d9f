#if DEBUG || FUZZING
  import Netlink
  import Wire

  @testable import Firewall

  extension FuzzTarget {
    /// What the kernel says of the packet filter: a table agrees with itself, a set's elements are in order, a dropped packet is
    /// described or passed over.
    static let firewall = FuzzTarget("firewall") { bytes in
      for family in [TableFamily.inet, .bridge] { try checkTable(bytes, family) }
      for shape in [
        ElementTable(keyLength: 4), ElementTable(keyLength: 4, isRanges: true),
        ElementTable(keyLength: 4, valueLength: 6),
        ElementTable(keyLength: 16, isRanges: true),
      ] {
        var elements = KernelElements(like: shape)
        var reader = MessageReader(bytes.span.bytes)
        while let message = reader.next() { elements.absorb(message) }
        try checkOrder(elements.table)
      }
      var reader = MessageReader(bytes.span.bytes)
      while let message = reader.next() {
        guard let packet = LoggedPacket(message) else { continue }
        let directory = FirewallDirectory(model: nil, dynamic: FirewallDynamics())
        let entry = directory.entry(packet, now: 1) { "if\($0)" }
        try promise(entry == nil || packet.prefix.hasPrefix("lares:"), "an entry for somebody else's rule")
      }
      _ = PacketHeader(bytes.span.bytes)
      _ = RuleComment.decode(bytes)
    }

    private static func checkTable(_ bytes: [UInt8], _ family: TableFamily) throws {
      let table = bytes.withUnsafeBytes { KernelTable($0, family) }
      try promise(
        table.differences(from: table, family).count == table.strangers.count, "a table differs from itself: \(table)")
      let missing = table.differences(from: KernelTable(), family)
      let parts = table.strangers.count + table.chains.count + table.sets.count + table.limits.count
      try promise(missing.count == parts, "\(parts) strange things and \(missing.count) sentences")
    }

    private static func checkOrder(_ table: ElementTable) throws {
      for index in 0..<table.count {
        let record = table.record(index)
        try promise(record.count == table.recordLength, "an element of another length")
        guard index > 0 else { continue }
        try promise(
          table.record(index - 1).lexicographicallyPrecedes(record), "elements out of order or twice: \(table)")
      }
      try promise(table.changes(from: table).added.isEmpty, "a set differs from itself")
    }
  }
#endif
