import CNetlinkShims
import CNftnl
import Glibc
import Netlink

/// The nftables of one network namespace: sends transactions and reads our tables back. It belongs to the thread that made it.
final class KernelFirewall {
  /// Reads; its answers come in dumps.
  private let reading: NetlinkSocket
  /// Writes; it does not block, because the kernel has answered when it returns from taking a batch.
  private let writing: NetlinkSocket
  private var sendBuffer = 0
  private var nextSequence: UInt32 = 1
  /// Bytes, messages and system calls of all transactions so far.
  private(set) var traffic = FirewallTraffic()

  init() throws(NetlinkError) {
    reading = try NetlinkSocket(.netfilter)
    writing = try NetlinkSocket(.netfilter, isBlocking: false)
    reading.setReceiveBuffer(bytes: 1 << 20)
    writing.setReceiveBuffer(bytes: 1 << 20)
  }

  /// - Parameter generation: What ``generation()`` said before the tables were read that the transaction starts from; nil: it starts from nothing.
  func beginTransaction(generation: UInt32? = nil, capacity: Int = 1 << 18) -> Transaction {
    guard let transaction = idle, transaction.capacity >= capacity else {
      return Transaction(firstSequence: nextSequence, generation: generation, capacity: capacity)
    }
    idle = nil
    transaction.reset(firstSequence: nextSequence, generation: generation)
    return transaction
  }

  /// Sends a transaction; returns when the kernel has taken all of it, throws where it has taken nothing.
  func commit(_ transaction: Transaction) throws(FirewallError) {
    transaction.seal()
    nextSequence = nextSequence &+ UInt32(transaction.steps.count)
    let bytes = transaction.bytes
    if bytes.count + 4096 > sendBuffer {
      sendBuffer = max(1 << 20, bytes.count * 2)
      writing.setSendBuffer(bytes: sendBuffer)
      traffic.systemCalls += 1
    }
    traffic.add(messages: transaction.steps.count, bytes: bytes.count)
    do throws(NetlinkError) {
      try writing.send(bytes, attempt: "changing the packet filter")
      try readVerdicts(transaction)
    } catch {
      throw .failed(error)
    }
    if transaction.capacity <= 1 << 20 { idle = transaction }
    if let refusal { throw refusal }
  }

  private var refusal: FirewallError?
  /// The last small transaction, whose buffer the next one uses.
  private var idle: Transaction?

  /// Reads until the last message is acknowledged, or until nothing more waits: then the kernel refused the batch as a whole.
  private func readVerdicts(_ transaction: Transaction) throws(NetlinkError) {
    refusal = nil
    var isAcknowledged = false
    while !isAcknowledged {
      traffic.systemCalls += 1
      let isDatagram = try writing.receive(attempt: "reading the packet filter's answer") { message in
        guard let verdict = Acknowledgement(message), let step = transaction.step(of: verdict.sequence) else { return }
        if let error = verdict.error("changing the packet filter"), refusal == nil {
          refusal = .refused(part: step.words, error)
        }
        if verdict.sequence == transaction.acknowledgedSequence { isAcknowledged = true }
      }
      guard isDatagram else { break }
    }
    if !isAcknowledged, refusal == nil {
      refusal = .failed(
        NetlinkError(code: EPROTO, attempt: "changing the packet filter", kernelText: "no acknowledgement came"))
    }
  }

  /// The number of the ruleset of all tables in this namespace; each transaction of anybody adds 1 (NFTA_GEN_ID).
  func generation() throws(NetlinkError) -> UInt32 {
    let request = NetlinkRequest(
      type: Self.type(NFT_MSG_GETGEN), attempt: "asking for the generation of the packet filter"
    ) { Self.writeHeader(&$0, family: 0) }
    let answers = try reading.request(request) { message -> UInt32? in
      var attributes = message.attributes(after: 4)
      while let attribute = attributes.next() {
        if attribute.type == Int(NFTA_GEN_ID.rawValue) { return attribute.bigEndian() }
      }
      return nil
    }
    return answers.first ?? 0
  }

  /// Our table of a family as the kernel has it, elements of sets aside; nil where there is none.
  func table(_ family: TableFamily) throws(NetlinkError) -> KernelTable? {
    guard try hasTable(family) else { return nil }
    var table = KernelTable()
    for type in [NFT_MSG_GETCHAIN, NFT_MSG_GETRULE, NFT_MSG_GETSET, NFT_MSG_GETOBJ, NFT_MSG_GETFLOWTABLE] {
      do throws(NetlinkError) {
        table = try dump(type, family, into: table)
      } catch  where type == NFT_MSG_GETFLOWTABLE {
        // A kernel without flowtables has none.
      }
    }
    return table
  }

  /// The elements that a set has; `shape` is any table of its kind.
  func elements(of set: String, _ family: TableFamily, like shape: ElementTable) throws(NetlinkError) -> ElementTable {
    let request = NetlinkRequest(
      type: Self.type(NFT_MSG_GETSETELEM), flags: NLM_F_DUMP, attempt: "reading the elements of set \(set)"
    ) {
      Self.writeHeader(&$0, family: family.rawValue)
      $0.put(Int(NFTA_SET_ELEM_LIST_TABLE.rawValue), Table.name)
      $0.put(Int(NFTA_SET_ELEM_LIST_SET.rawValue), set)
    }
    return try reading.dump(request, into: KernelElements(like: shape)) { $0.absorb($1) }.table
  }

  private func hasTable(_ family: TableFamily) throws(NetlinkError) -> Bool {
    let request = NetlinkRequest(type: Self.type(NFT_MSG_GETTABLE), attempt: "looking for table \(Table.name)") {
      Self.writeHeader(&$0, family: family.rawValue)
      $0.put(Int(NFTA_TABLE_NAME.rawValue), Table.name)
    }
    do throws(NetlinkError) {
      try reading.perform(request)
      return true
    } catch  where error.code == ENOENT {
      return false
    }
  }

  /// What is known of our table, and what a dump says of it.
  private func dump(
    _ type: nf_tables_msg_types, _ family: TableFamily, into table: KernelTable
  ) throws(NetlinkError) -> KernelTable {
    let request = NetlinkRequest(type: Self.type(type), flags: NLM_F_DUMP, attempt: "reading the packet filter") {
      Self.writeHeader(&$0, family: family.rawValue)
      // NFTA_RULE_TABLE, NFTA_SET_TABLE, NFTA_OBJ_TABLE and NFTA_CHAIN_TABLE are all 1.
      $0.put(1, Table.name)
    }
    return try reading.dump(request, into: table) { $0.absorb($1, family) }
  }

  private static func type(_ message: nf_tables_msg_types) -> Int {
    Int(NFNL_SUBSYS_NFTABLES) << 8 | Int(message.rawValue)
  }

  /// struct nfgenmsg.
  private static func writeHeader(_ message: inout MessageWriter, family: UInt8) {
    message.field(family)
    message.field(UInt8(NFNETLINK_V0))
    message.field(UInt16(0))
  }
}

/// What transactions have cost.
public struct FirewallTraffic: Sendable, Equatable {
  public var transactions = 0
  public var messages = 0
  /// Bytes of netlink sent.
  public var bytes = 0
  /// send(2), recv(2) and setsockopt(2) of transactions; reading back is not counted.
  public var systemCalls = 0

  mutating func add(messages count: Int, bytes: Int) {
    transactions += 1
    messages += count
    self.bytes += bytes
    systemCalls += 1
  }

  static func - (a: Self, b: Self) -> Self {
    Self(
      transactions: a.transactions - b.transactions, messages: a.messages - b.messages, bytes: a.bytes - b.bytes,
      systemCalls: a.systemCalls - b.systemCalls)
  }
}
