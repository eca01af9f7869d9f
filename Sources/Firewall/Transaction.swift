import CNetlinkShims
import CNftnl
import Glibc
import Netlink

/// What one message of a transaction is about, for the error that names it.
enum TransactionStep: Sendable, Equatable {
  case batch
  case table
  case chain(String)
  case set(String)
  case elements(of: String)
  case limit(String)
  case rule(String)

  var words: String {
    switch self {
    case .batch: "the transaction"
    case .table: "the table \(Table.name)"
    case .chain(let name): "chain \(name)"
    case .set(let name): "set \(name)"
    case .elements(let name): "elements of set \(name)"
    case .limit(let name): "limit \(name)"
    case .rule(let name): "rule \(name)"
    }
  }
}

/// One batch of nftables messages in one buffer, built in place by libnftnl and sent as one datagram: the kernel takes all of it or nothing.
final class Transaction {
  private var buffer: UnsafeMutableRawBufferPointer
  private(set) var byteCount = 0
  /// What each message is about; its index is the message's sequence number less ``firstSequence``.
  private(set) var steps: [TransactionStep] = []
  private var firstSequence: UInt32
  private var lastHeader = 0

  /// Room that must be free before a message is begun: an attribute has 65,535 bytes at most, and a message little beside one.
  private static let headroom = 1 << 17

  /// - Parameter generation: The number that the kernel's ruleset must still have, or it refuses with ERESTART; nil: whatever it has.
  init(firstSequence: UInt32 = 1, generation: UInt32? = nil, capacity: Int = 1 << 18) {
    self.firstSequence = firstSequence
    buffer = .allocate(byteCount: max(capacity, Self.headroom), alignment: 16)
    begin(generation)
  }

  deinit { buffer.deallocate() }

  private func begin(_ generation: UInt32?) {
    add(.batch) { start, sequence in
      let header = nftnl_batch_begin(start, sequence)
      if let generation {
        mnl_attr_put_u32(header, UInt16(NFNL_BATCH_GENID.rawValue), generation.bigEndian)
      }
      return header
    }
  }

  /// Begins anew in the same buffer.
  func reset(firstSequence: UInt32, generation: UInt32?) {
    self.firstSequence = firstSequence
    byteCount = 0
    steps.removeAll(keepingCapacity: true)
    begin(generation)
  }

  /// Bytes of the buffer.
  var capacity: Int { buffer.count }

  /// True where nothing was added.
  var isEmpty: Bool { steps.count == 1 }

  /// Adds a message of the nftables subsystem.
  func add(
    _ step: TransactionStep, _ type: nf_tables_msg_types, _ family: TableFamily, _ flags: Int32 = 0,
    _ body: (UnsafeMutablePointer<nlmsghdr>) -> Void
  ) {
    add(step) { start, sequence in
      let header = nftnl_nlmsg_build_hdr(
        start, UInt16(truncatingIfNeeded: type.rawValue), UInt16(family.rawValue), UInt16(truncatingIfNeeded: flags),
        sequence)
      if let header { body(header) }
      return header
    }
  }

  /// Ends the batch: the last message asks for an acknowledgement, so that one answer says that all is well.
  func seal() {
    let header = buffer.baseAddress!.advanced(by: lastHeader).assumingMemoryBound(to: nlmsghdr.self)
    header.pointee.nlmsg_flags |= UInt16(NLM_F_ACK)
    add(.batch) { nftnl_batch_end($0, $1) }
  }

  /// The messages so far. Valid until the next one is added.
  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: buffer[..<byteCount]) }

  /// Sequence number of the message that ``seal()`` made ask for an acknowledgement.
  var acknowledgedSequence: UInt32 { firstSequence &+ UInt32(steps.count - 2) }

  func step(of sequence: UInt32) -> TransactionStep? {
    let index = Int(sequence &- firstSequence)
    return steps.indices.contains(index) ? steps[index] : nil
  }

  private func add(
    _ step: TransactionStep, build: (UnsafeMutablePointer<CChar>, UInt32) -> UnsafeMutablePointer<nlmsghdr>?
  ) {
    if buffer.count - byteCount < Self.headroom { grow() }
    let start = buffer.baseAddress!.advanced(by: byteCount)
    guard let header = build(start.assumingMemoryBound(to: CChar.self), firstSequence &+ UInt32(steps.count)) else {
      return
    }
    lastHeader = byteCount
    byteCount += (Int(header.pointee.nlmsg_len) + 3) & ~3
    steps.append(step)
  }

  private func grow() {
    let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: buffer.count * 2, alignment: 16)
    larger.copyMemory(from: bytes)
    buffer.deallocate()
    buffer = larger
  }
}
