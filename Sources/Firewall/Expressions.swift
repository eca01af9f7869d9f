import CNftnl
import Wire

/// Builds the expressions of one rule: libnftnl's names for what ``Match`` and ``Action`` say, in the form that nft(8) itself writes.
struct ExpressionBuilder {
  private let rule: OpaquePointer
  private let name: String
  /// What the rule has made sure of already, so that it is not tested again.
  private var guards: Set<Guard> = []

  private enum Guard: Hashable {
    case family(UInt8)
    case transport(UInt8)
    case ethernet
  }

  private let count: RuleCount

  /// - Parameter count: Where the rule's counter begins.
  init(_ rule: OpaquePointer, name: String, count: RuleCount) {
    self.rule = rule
    self.name = name
    self.count = count
  }

  mutating func add(_ match: Match) {
    switch (match.fields.first, match.test) {
    case (.family, .equal(let value)): return require(.family(value[0]))
    case (.transport, .equal(let value)): return require(.transport(value[0]))
    default: break
    }
    load(match.fields)
    add(match.test, width: match.fields.reduce(0) { $0 + $1.width })
  }

  mutating func add(_ action: Action) {
    switch action {
    case .count:
      append("counter") {
        guard count != RuleCount() else { return }
        $0.set(NFTNL_EXPR_CTR_PACKETS, count.packets)
        $0.set(NFTNL_EXPR_CTR_BYTES, count.bytes)
      }
    case .log:
      append("log") {
        $0.set(NFTNL_EXPR_LOG_PREFIX, FirewallLog.prefix + name)
        $0.set(NFTNL_EXPR_LOG_GROUP, FirewallLog.group)
        $0.set(NFTNL_EXPR_LOG_SNAPLEN, FirewallLog.copyBytes)
      }
    case .limit(let name):
      append("objref") {
        $0.set(NFTNL_EXPR_OBJREF_IMM_TYPE, UInt32(NFT_OBJECT_LIMIT))
        $0.set(NFTNL_EXPR_OBJREF_IMM_NAME, name)
      }
    case .rate(let rate, let burst): append("limit") { $0.setLimit(rate, burst, isOver: false) }
    case .over(let rate, let burst, let fields, let set):
      addMeter(fields, set, "limit", refreshes: true) { $0.setLimit(rate, burst, isOver: true) }
    case .overFlows(let count, let fields, let set):
      addMeter(fields, set, "connlimit", refreshes: false) {
        $0.set(NFTNL_EXPR_CONNLIMIT_COUNT, count)
        $0.set(NFTNL_EXPR_CONNLIMIT_FLAGS, UInt32(1))
      }
    case .clampSegmentSize: addSegmentClamp()
    case .masquerade: append("masq") { _ in }
    case .redirect(let field, let map): addRedirect(field, map)
    }
  }

  mutating func add(_ verdict: Verdict) {
    append("immediate") {
      $0.set(NFTNL_EXPR_IMM_DREG, UInt32(NFT_REG_VERDICT.rawValue))
      $0.set(NFTNL_EXPR_IMM_VERDICT, UInt32(bitPattern: verdict.rawValue))
    }
  }

  private func append(_ name: String, _ body: (ExpressionAttributes) -> Void) {
    guard let expression = nftnl_expr_alloc(name) else { return }
    body(ExpressionAttributes(pointer: expression))
    nftnl_rule_add_expr(rule, expression)
  }
}

// Loading fields into registers.
extension ExpressionBuilder {
  private static let register1 = UInt32(NFT_REG_1.rawValue)

  /// The register of 4 bytes that stands `offset` bytes behind the start of register 1.
  private static func register(at offset: Int) -> UInt32 {
    offset == 0 ? register1 : UInt32(NFT_REG32_00.rawValue) + UInt32(offset / 4)
  }

  private mutating func load(_ fields: [Field]) {
    for field in fields { require(field) }
    var offset = 0
    for field in fields {
      load(field, into: Self.register(at: offset))
      offset += (field.width + 3) & ~3
    }
  }

  /// Makes sure that the packet has the field at all.
  private mutating func require(_ field: Field) {
    switch field {
    case .source(let family), .destination(let family): require(.family(family.netfilter))
    case .hopLimit: require(.family(IPFamily.v6.netfilter))
    case .icmpType(let family), .icmpCode(let family):
      require(.family(family.netfilter))
      require(.transport(family == .v4 ? 1 : 58))
    case .hardwareSource: require(.ethernet)
    default: break
    }
  }

  private mutating func require(_ condition: Guard) {
    guard guards.insert(condition).inserted else { return }
    switch condition {
    case .family(let number):
      loadMeta(NFT_META_NFPROTO, into: Self.register1)
      compare(NFT_CMP_EQ, [number])
    case .transport(let number):
      loadMeta(NFT_META_L4PROTO, into: Self.register1)
      compare(NFT_CMP_EQ, [number])
    case .ethernet:
      loadMeta(NFT_META_IFTYPE, into: Self.register1)
      compare(NFT_CMP_EQ, native(UInt16(1)))
    }
  }

  private func load(_ field: Field, into register: UInt32) {
    switch field {
    case .inputInterface: loadMeta(NFT_META_IIFNAME, into: register)
    case .outputInterface: loadMeta(NFT_META_OIFNAME, into: register)
    case .family: loadMeta(NFT_META_NFPROTO, into: register)
    case .transport: loadMeta(NFT_META_L4PROTO, into: register)
    case .hardwareSource: loadPayload(NFT_PAYLOAD_LL_HEADER, 6, field.width, register)
    case .source(let family): loadPayload(NFT_PAYLOAD_NETWORK_HEADER, family == .v4 ? 12 : 8, field.width, register)
    case .destination(let family):
      loadPayload(NFT_PAYLOAD_NETWORK_HEADER, family == .v4 ? 16 : 24, field.width, register)
    case .hopLimit: loadPayload(NFT_PAYLOAD_NETWORK_HEADER, 7, field.width, register)
    case .sourcePort, .icmpType: loadPayload(NFT_PAYLOAD_TRANSPORT_HEADER, 0, field.width, register)
    case .icmpCode: loadPayload(NFT_PAYLOAD_TRANSPORT_HEADER, 1, field.width, register)
    case .destinationPort: loadPayload(NFT_PAYLOAD_TRANSPORT_HEADER, 2, field.width, register)
    case .tcpFlags: loadPayload(NFT_PAYLOAD_TRANSPORT_HEADER, 13, field.width, register)
    case .connectionState: loadConnection(NFT_CT_STATE, into: register)
    case .connectionStatus: loadConnection(NFT_CT_STATUS, into: register)
    case .originalDestinationPort: loadConnection(NFT_CT_PROTO_DST, ofOriginal: true, into: register)
    case .destinationKind: loadRoute(NFT_FIB_RESULT_ADDRTYPE, NFTA_FIB_F_DADDR.rawValue, register)
    case .reversePath:
      let flags = NFTA_FIB_F_SADDR.rawValue | NFTA_FIB_F_IIF.rawValue | NFTA_FIB_F_PRESENT.rawValue
      loadRoute(NFT_FIB_RESULT_OIF, flags, register)
    }
  }

  private func loadMeta(_ key: nft_meta_keys, into register: UInt32) {
    append("meta") {
      $0.set(NFTNL_EXPR_META_KEY, UInt32(key.rawValue))
      $0.set(NFTNL_EXPR_META_DREG, register)
    }
  }

  private func loadPayload(_ base: nft_payload_bases, _ offset: UInt32, _ length: Int, _ register: UInt32) {
    append("payload") {
      $0.set(NFTNL_EXPR_PAYLOAD_DREG, register)
      $0.set(NFTNL_EXPR_PAYLOAD_BASE, UInt32(base.rawValue))
      $0.set(NFTNL_EXPR_PAYLOAD_OFFSET, offset)
      $0.set(NFTNL_EXPR_PAYLOAD_LEN, UInt32(length))
    }
  }

  private func loadConnection(_ key: nft_ct_keys, ofOriginal: Bool = false, into register: UInt32) {
    append("ct") {
      $0.set(NFTNL_EXPR_CT_KEY, UInt32(key.rawValue))
      $0.set(NFTNL_EXPR_CT_DREG, register)
      if ofOriginal { $0.set(NFTNL_EXPR_CT_DIR, UInt8(0)) }
    }
  }

  private func loadRoute(_ result: nft_fib_result, _ flags: UInt32, _ register: UInt32) {
    append("fib") {
      $0.set(NFTNL_EXPR_FIB_DREG, register)
      $0.set(NFTNL_EXPR_FIB_RESULT, UInt32(result.rawValue))
      $0.set(NFTNL_EXPR_FIB_FLAGS, flags)
    }
  }
}

// Testing what register 1 holds.
extension ExpressionBuilder {
  private func add(_ test: Match.Test, width: Int) {
    switch test {
    case .equal(let value): compare(NFT_CMP_EQ, value)
    case .masked(let mask, let value):
      apply(mask: mask)
      compare(NFT_CMP_EQ, value)
    case .anyBit(let mask):
      apply(mask: mask)
      compare(NFT_CMP_NEQ, [UInt8](repeating: 0, count: width))
    case .between(let low, let high):
      compare(NFT_CMP_GTE, low)
      compare(NFT_CMP_LTE, high)
    case .member(let set): look(up: set, flags: 0)
    case .notMember(let set): look(up: set, flags: UInt32(NFT_LOOKUP_F_INV.rawValue))
    }
  }

  private func compare(_ operation: nft_cmp_ops, _ value: [UInt8]) {
    append("cmp") {
      $0.set(NFTNL_EXPR_CMP_SREG, Self.register1)
      $0.set(NFTNL_EXPR_CMP_OP, UInt32(operation.rawValue))
      $0.set(NFTNL_EXPR_CMP_DATA, value)
    }
  }

  private func apply(mask: [UInt8]) {
    append("bitwise") {
      $0.set(NFTNL_EXPR_BITWISE_SREG, Self.register1)
      $0.set(NFTNL_EXPR_BITWISE_DREG, Self.register1)
      $0.set(NFTNL_EXPR_BITWISE_LEN, UInt32(mask.count))
      $0.set(NFTNL_EXPR_BITWISE_MASK, mask)
      $0.set(NFTNL_EXPR_BITWISE_XOR, [UInt8](repeating: 0, count: mask.count))
    }
  }

  private func look(up set: String, flags: UInt32) {
    append("lookup") {
      $0.set(NFTNL_EXPR_LOOKUP_SREG, Self.register1)
      $0.set(NFTNL_EXPR_LOOKUP_SET, set)
      if flags != 0 { $0.set(NFTNL_EXPR_LOOKUP_FLAGS, flags) }
    }
  }
}

// Actions of several expressions.
extension ExpressionBuilder {
  /// Keeps `expression` per key in a dynamic set, and goes on as it says.
  private mutating func addMeter(
    _ fields: [Field], _ set: String, _ expression: String, refreshes: Bool, _ body: (ExpressionAttributes) -> Void
  ) {
    load(fields)
    append("dynset") {
      $0.set(NFTNL_EXPR_DYNSET_SREG_KEY, Self.register1)
      let operation = refreshes ? NFT_DYNSET_OP_UPDATE : NFT_DYNSET_OP_ADD
      $0.set(NFTNL_EXPR_DYNSET_OP, UInt32(operation.rawValue))
      $0.set(NFTNL_EXPR_DYNSET_SET_NAME, set)
      guard let inner = nftnl_expr_alloc(expression) else { return }
      body(ExpressionAttributes(pointer: inner))
      nftnl_expr_add_expr($0.pointer, UInt32(NFTNL_EXPR_DYNSET_EXPR), inner)
    }
  }

  /// `tcp option maxseg size set rt mtu`.
  private func addSegmentClamp() {
    append("rt") {
      $0.set(NFTNL_EXPR_RT_KEY, UInt32(NFT_RT_TCPMSS.rawValue))
      $0.set(NFTNL_EXPR_RT_DREG, Self.register1)
    }
    append("byteorder") {
      $0.set(NFTNL_EXPR_BYTEORDER_SREG, Self.register1)
      $0.set(NFTNL_EXPR_BYTEORDER_DREG, Self.register1)
      $0.set(NFTNL_EXPR_BYTEORDER_OP, UInt32(NFT_BYTEORDER_HTON.rawValue))
      $0.set(NFTNL_EXPR_BYTEORDER_LEN, UInt32(2))
      $0.set(NFTNL_EXPR_BYTEORDER_SIZE, UInt32(2))
    }
    append("exthdr") {
      $0.set(NFTNL_EXPR_EXTHDR_SREG, Self.register1)
      $0.set(NFTNL_EXPR_EXTHDR_TYPE, UInt8(2))
      $0.set(NFTNL_EXPR_EXTHDR_OFFSET, UInt32(2))
      $0.set(NFTNL_EXPR_EXTHDR_LEN, UInt32(2))
      $0.set(NFTNL_EXPR_EXTHDR_OP, UInt32(NFT_EXTHDR_OP_TCPOPT.rawValue))
    }
  }

  /// `dnat ip to FIELD map @MAP`, where the map's value is an address and a port.
  private mutating func addRedirect(_ field: Field, _ map: String) {
    load([field])
    append("lookup") {
      $0.set(NFTNL_EXPR_LOOKUP_SREG, Self.register1)
      $0.set(NFTNL_EXPR_LOOKUP_DREG, Self.register1)
      $0.set(NFTNL_EXPR_LOOKUP_SET, map)
    }
    append("nat") {
      $0.set(NFTNL_EXPR_NAT_TYPE, UInt32(NFT_NAT_DNAT.rawValue))
      $0.set(NFTNL_EXPR_NAT_FAMILY, UInt32(IPFamily.v4.netfilter))
      $0.set(NFTNL_EXPR_NAT_REG_ADDR_MIN, Self.register1)
      $0.set(NFTNL_EXPR_NAT_REG_PROTO_MIN, Self.register(at: 4))
    }
  }
}

/// The attributes of one expression of libnftnl.
struct ExpressionAttributes {
  let pointer: OpaquePointer

  func set(_ attribute: Int, _ value: UInt8) { nftnl_expr_set_u8(pointer, UInt16(attribute), value) }
  func set(_ attribute: Int, _ value: UInt16) { nftnl_expr_set_u16(pointer, UInt16(attribute), value) }
  func set(_ attribute: Int, _ value: UInt32) { nftnl_expr_set_u32(pointer, UInt16(attribute), value) }
  func set(_ attribute: Int, _ value: UInt64) { nftnl_expr_set_u64(pointer, UInt16(attribute), value) }
  func set(_ attribute: Int, _ value: String) { nftnl_expr_set_str(pointer, UInt16(attribute), value) }
  func set(_ attribute: Int, _ value: [UInt8]) {
    nftnl_expr_set(pointer, UInt16(attribute), value, UInt32(value.count))
  }

  /// `limit rate [over] RATE/second burst BURST packets`.
  func setLimit(_ rate: UInt64, _ burst: UInt32, isOver: Bool) {
    set(NFTNL_EXPR_LIMIT_RATE, rate)
    set(NFTNL_EXPR_LIMIT_UNIT, UInt64(1))
    set(NFTNL_EXPR_LIMIT_BURST, burst)
    set(NFTNL_EXPR_LIMIT_TYPE, UInt32(NFT_LIMIT_PKTS.rawValue))
    set(NFTNL_EXPR_LIMIT_FLAGS, UInt32(isOver ? 1 : 0))
  }
}
