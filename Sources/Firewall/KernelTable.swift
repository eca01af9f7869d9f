import CNetlinkShims
import CNftnl
import Glibc
import Netlink
import Wire

/// One of our tables as nftables messages describe it: read back from the kernel, or from a transaction that was not sent. Both are read by
/// the same code, so that they can be compared.
struct KernelTable: Equatable {
  var chains: [String: KernelChain] = [:]
  var sets: [String: KernelSet] = [:]
  var limits: [String: KernelAttributes] = [:]
  /// Things that no ruleset of ours has: flowtables, other objects.
  var strangers: [String] = []
}

struct KernelChain: Equatable {
  var hook: UInt32?
  var priority: Int32?
  var policy: UInt32?
  var kind: String?
  var rules: [KernelRule] = []

  func hasSameHook(as other: KernelChain) -> Bool {
    hook == other.hook && priority == other.priority && kind == other.kind
  }
}

struct KernelRule: Equatable {
  /// The comment; nil: somebody else's rule.
  var name: String?
  var expressions: [KernelExpression] = []
  var count = RuleCount()
}

/// One expression: its attributes by the path of their types, a byte for each level.
struct KernelExpression: Equatable {
  var name: String
  var attributes = KernelAttributes()
}

/// A few attributes by number: so few that looking for one among them is faster than hashing, and many tables of them are made.
struct KernelAttributes: Equatable {
  private(set) var all: [Attribute] = []

  struct Attribute: Equatable {
    let number: UInt32
    let value: [UInt8]
  }

  subscript(number: UInt32) -> [UInt8]? {
    get { all.first { $0.number == number }?.value }
    set {
      all.removeAll { $0.number == number }
      if let newValue { all.append(Attribute(number: number, value: newValue)) }
    }
  }
}

struct KernelSet: Equatable {
  /// By attribute type, those of ``KernelTable/setAttributes``.
  var attributes: [Int: [UInt8]] = [:]
  /// How many elements there is room for (NFTA_SET_DESC_SIZE); 0: as many as come.
  var size: UInt32 = 0

  /// How many elements it has to hold, where it is one that is wanted.
  var needed: UInt32 = 0
  /// How many elements the kernel counts in it; nil where it does not tell.
  var count: UInt32?

  /// Whether a set that is wanted like `other` may stay as it is. The room that it was made with is its own affair: a list that has grown or shrunk
  /// by element stays until it is full.
  func canServe(as other: KernelSet) -> Bool {
    attributes == other.attributes && (size == 0 || size >= other.needed)
  }
}

extension KernelTable {
  /// What a set is, and cannot be changed: flags, key and value with their lengths, timeout.
  private static let setAttributes = [
    NFTA_SET_FLAGS, NFTA_SET_KEY_TYPE, NFTA_SET_KEY_LEN, NFTA_SET_DATA_TYPE, NFTA_SET_DATA_LEN, NFTA_SET_TIMEOUT,
  ].map { Int($0.rawValue) }

  /// NFTA_SET_COUNT, which kernels have from 6.16 on and not all headers know.
  private static let setCount = 20

  /// Takes in one message of `family`; others, and what is malformed, are passed over.
  mutating func absorb(_ message: borrowing Message, _ family: TableFamily) {
    guard message.type >> 8 == UInt16(NFNL_SUBSYS_NFTABLES), message.payload.byteCount >= 4,
      message.payload.unsafeLoad(as: UInt8.self) == family.rawValue
    else { return }
    let attributes = message.attributes(after: 4)
    switch UInt32(message.type & 0xff) {
    case NFT_MSG_NEWCHAIN.rawValue: absorbChain(attributes)
    case NFT_MSG_NEWRULE.rawValue: absorbRule(attributes)
    case NFT_MSG_NEWSET.rawValue: absorbSet(attributes)
    case NFT_MSG_NEWOBJ.rawValue: absorbObject(attributes)
    case NFT_MSG_NEWFLOWTABLE.rawValue: absorbFlowtable(attributes)
    default: break
    }
  }

  private mutating func absorbChain(_ reader: consuming AttributeReader) {
    var chain = KernelChain()
    var name: String?
    var isOurs = false
    while let attribute = reader.next() {
      switch attribute.type {
      case Int(NFTA_CHAIN_TABLE.rawValue): isOurs = attribute.text == Table.name
      case Int(NFTA_CHAIN_NAME.rawValue): name = attribute.text
      case Int(NFTA_CHAIN_POLICY.rawValue): chain.policy = attribute.bigEndian()
      case Int(NFTA_CHAIN_TYPE.rawValue): chain.kind = attribute.text
      case Int(NFTA_CHAIN_HOOK.rawValue):
        var inner = attribute.nested
        while let field = inner.next() {
          switch field.type {
          case Int(NFTA_HOOK_HOOKNUM.rawValue): chain.hook = field.bigEndian()
          case Int(NFTA_HOOK_PRIORITY.rawValue): chain.priority = field.bigEndian(Int32.self)
          default: break
          }
        }
      default: break
      }
    }
    guard isOurs, let name else { return }
    chain.rules = chains[name]?.rules ?? []
    chains[name] = chain
  }

  private mutating func absorbRule(_ reader: consuming AttributeReader) {
    var rule = KernelRule()
    var chain: String?
    var isOurs = false
    while let attribute = reader.next() {
      switch attribute.type {
      case Int(NFTA_RULE_TABLE.rawValue): isOurs = attribute.text == Table.name
      case Int(NFTA_RULE_CHAIN.rawValue): chain = attribute.text
      case Int(NFTA_RULE_USERDATA.rawValue): rule.name = RuleComment.decode(attribute.payload.array)
      case Int(NFTA_RULE_EXPRESSIONS.rawValue):
        var inner = attribute.nested
        while let element = inner.next() { rule.expressions.append(KernelExpression(element.nested)) }
      default: break
      }
    }
    guard isOurs, let chain else { return }
    rule.takeCount()
    chains[chain, default: KernelChain()].rules.append(rule)
  }

  private mutating func absorbSet(_ reader: consuming AttributeReader) {
    var set = KernelSet()
    var name: String?
    var isOurs = false
    while let attribute = reader.next() {
      switch attribute.type {
      case Int(NFTA_SET_TABLE.rawValue): isOurs = attribute.text == Table.name
      case Int(NFTA_SET_NAME.rawValue): name = attribute.text
      case Int(NFTA_SET_DESC.rawValue):
        var inner = attribute.nested
        while let field = inner.next() {
          if field.type == Int(NFTA_SET_DESC_SIZE.rawValue) { set.size = field.bigEndian() ?? 0 }
        }
      case Self.setCount: set.count = attribute.bigEndian()
      case let type where Self.setAttributes.contains(type):
        // The kernel leaves out what is 0.
        let value = attribute.payload.array
        if value.contains(where: { $0 != 0 }) { set.attributes[type] = value }
      default: break
      }
    }
    if isOurs, let name { sets[name] = set }
  }

  private mutating func absorbObject(_ reader: consuming AttributeReader) {
    var data = KernelAttributes()
    var name: String?
    var type: UInt32?
    var isOurs = false
    while let attribute = reader.next() {
      switch attribute.type {
      case Int(NFTA_OBJ_TABLE.rawValue): isOurs = attribute.text == Table.name
      case Int(NFTA_OBJ_NAME.rawValue): name = attribute.text
      case Int(NFTA_OBJ_TYPE.rawValue): type = attribute.bigEndian()
      case Int(NFTA_OBJ_DATA.rawValue):
        var inner = attribute.nested
        while let field = inner.next() { data[UInt32(field.type)] = field.payload.array }
      default: break
      }
    }
    guard isOurs, let name else { return }
    if type == UInt32(NFT_OBJECT_LIMIT) { limits[name] = data } else { strangers.append("object \(name)") }
  }

  private mutating func absorbFlowtable(_ reader: consuming AttributeReader) {
    var name = ""
    var isOurs = false
    while let attribute = reader.next() {
      switch attribute.type {
      case Int(NFTA_FLOWTABLE_TABLE.rawValue): isOurs = attribute.text == Table.name
      case Int(NFTA_FLOWTABLE_NAME.rawValue): name = attribute.text
      default: break
      }
    }
    if isOurs { strangers.append("flowtable \(name)") }
  }
}

extension KernelExpression {
  /// Whether an attribute holds attributes. The inside of a verdict and of an expression within one nest once more, as type 2.
  private func isNested(_ type: Int) -> Bool {
    switch name {
    case "cmp": type == Int(NFTA_CMP_DATA.rawValue)
    case "bitwise": type == Int(NFTA_BITWISE_MASK.rawValue) || type == Int(NFTA_BITWISE_XOR.rawValue)
    case "immediate": type == Int(NFTA_IMMEDIATE_DATA.rawValue)
    case "dynset": type == Int(NFTA_DYNSET_EXPR.rawValue)
    default: false
    }
  }

  /// Reads the inside of a list element: a name and data.
  fileprivate init(_ reader: consuming AttributeReader) {
    name = ""
    while let attribute = reader.next() {
      switch attribute.type {
      case Int(NFTA_EXPR_NAME.rawValue): name = attribute.text
      case Int(NFTA_EXPR_DATA.rawValue):
        var inner = attribute.nested
        while let field = inner.next() {
          let path = UInt32(field.type & 0xff)
          if isNested(field.type) {
            flatten(field.nested, path, depth: 0)
          } else if name == "objref", field.type == Int(NFTA_OBJREF_IMM_NAME.rawValue) {
            // libnftnl sends the name without the NUL that the kernel shows.
            attributes[path] = Array(field.text.utf8)
          } else {
            attributes[path] = field.payload.array
          }
        }
      default: break
      }
    }
  }

  private mutating func flatten(_ reader: consuming AttributeReader, _ path: UInt32, depth: Int) {
    while let attribute = reader.next() {
      let deeper = path << 8 | UInt32(attribute.type & 0xff)
      if attribute.type == 2, depth < 2, name != "cmp", name != "bitwise" {
        flatten(attribute.nested, deeper, depth: depth + 1)
      } else {
        attributes[deeper] = attribute.payload.array
      }
    }
  }
}

extension KernelRule {
  /// Moves what the counter says out of the expressions, where it would make equal rules differ.
  fileprivate mutating func takeCount() {
    for index in expressions.indices where expressions[index].name == "counter" {
      let attributes = expressions[index].attributes
      count.packets = attributes[UInt32(NFTA_COUNTER_PACKETS.rawValue)].flatMap(UInt64.init(network:)) ?? 0
      count.bytes = attributes[UInt32(NFTA_COUNTER_BYTES.rawValue)].flatMap(UInt64.init(network:)) ?? 0
      expressions[index].attributes = KernelAttributes()
    }
  }
}

extension UInt64 {
  /// Reads eight bytes in network byte order; nil for any other length.
  init?(network bytes: [UInt8]) {
    guard bytes.count == 8 else { return nil }
    self = bytes.reduce(0) { $0 << 8 | UInt64($1) }
  }
}

extension KernelTable {
  /// Reads messages that stand one behind the other.
  init(_ bytes: UnsafeRawBufferPointer, _ family: TableFamily) {
    self.init()
    var reader = MessageReader(bytes.bytes)
    while let message = reader.next() { absorb(message, family) }
  }
}
