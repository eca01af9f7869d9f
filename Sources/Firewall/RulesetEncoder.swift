import CNetlinkShims
import CNftnl
import Glibc

/// Adds to a transaction the messages that make parts of a ruleset.
struct RulesetEncoder {
  let transaction: Transaction

  func addTable(_ family: TableFamily) {
    guard let table = nftnl_table_alloc() else { return }
    defer { nftnl_table_free(table) }
    nftnl_table_set_str(table, UInt16(NFTNL_TABLE_NAME.rawValue), Table.name)
    transaction.add(.table, NFT_MSG_NEWTABLE, family, NLM_F_CREATE) { nftnl_table_nlmsg_build_payload($0, table) }
  }

  func deleteTable(_ family: TableFamily) {
    guard let table = nftnl_table_alloc() else { return }
    defer { nftnl_table_free(table) }
    nftnl_table_set_str(table, UInt16(NFTNL_TABLE_NAME.rawValue), Table.name)
    transaction.add(.table, NFT_MSG_DELTABLE, family) { nftnl_table_nlmsg_build_payload($0, table) }
  }

  func add(_ chain: Chain, _ family: TableFamily) {
    withChain(chain.name) { pointer in
      nftnl_chain_set_u32(pointer, UInt16(NFTNL_CHAIN_HOOKNUM.rawValue), chain.hook.rawValue)
      nftnl_chain_set_s32(pointer, UInt16(NFTNL_CHAIN_PRIO.rawValue), chain.priority)
      nftnl_chain_set_u32(pointer, UInt16(NFTNL_CHAIN_POLICY.rawValue), chain.policy.rawValue)
      nftnl_chain_set_str(pointer, UInt16(NFTNL_CHAIN_TYPE.rawValue), chain.kind.rawValue)
      transaction.add(.chain(chain.name), NFT_MSG_NEWCHAIN, family, NLM_F_CREATE) {
        nftnl_chain_nlmsg_build_payload($0, pointer)
      }
    }
  }

  func deleteChain(_ name: String, _ family: TableFamily) {
    withChain(name) { pointer in
      transaction.add(.chain(name), NFT_MSG_DELCHAIN, family) { nftnl_chain_nlmsg_build_payload($0, pointer) }
    }
  }

  func add(_ limit: NamedLimit, _ family: TableFamily) {
    withLimit(limit.name) { pointer in
      nftnl_obj_set_u64(pointer, UInt16(NFTNL_OBJ_LIMIT_RATE), limit.rate)
      nftnl_obj_set_u64(pointer, UInt16(NFTNL_OBJ_LIMIT_UNIT), 1)
      nftnl_obj_set_u32(pointer, UInt16(NFTNL_OBJ_LIMIT_BURST), limit.burst)
      nftnl_obj_set_u32(pointer, UInt16(NFTNL_OBJ_LIMIT_TYPE), UInt32(NFT_LIMIT_PKTS.rawValue))
      nftnl_obj_set_u32(pointer, UInt16(NFTNL_OBJ_LIMIT_FLAGS), 0)
      transaction.add(.limit(limit.name), NFT_MSG_NEWOBJ, family, NLM_F_CREATE) {
        nftnl_obj_nlmsg_build_payload($0, pointer)
      }
    }
  }

  func deleteLimit(_ name: String, _ family: TableFamily) {
    withLimit(name) { pointer in
      transaction.add(.limit(name), NFT_MSG_DELOBJ, family) { nftnl_obj_nlmsg_build_payload($0, pointer) }
    }
  }

  /// Adds a rule behind those of its chain; its counter begins at `count`.
  func add(_ rule: Rule, to chain: String, _ family: TableFamily, count: RuleCount = RuleCount()) {
    guard let pointer = nftnl_rule_alloc() else { return }
    defer { nftnl_rule_free(pointer) }
    nftnl_rule_set_str(pointer, UInt16(NFTNL_RULE_TABLE.rawValue), Table.name)
    nftnl_rule_set_str(pointer, UInt16(NFTNL_RULE_CHAIN.rawValue), chain)
    nftnl_rule_set_u32(pointer, UInt16(NFTNL_RULE_FAMILY.rawValue), UInt32(family.rawValue))
    let comment = RuleComment.encode(rule.name)
    nftnl_rule_set_data(pointer, UInt16(NFTNL_RULE_USERDATA.rawValue), comment, UInt32(comment.count))
    var builder = ExpressionBuilder(pointer, name: rule.name, count: count)
    for match in rule.matches { builder.add(match) }
    for action in rule.actions { builder.add(action) }
    if let verdict = rule.verdict { builder.add(verdict) }
    transaction.add(.rule(rule.name), NFT_MSG_NEWRULE, family, NLM_F_CREATE | NLM_F_APPEND) {
      nftnl_rule_nlmsg_build_payload($0, pointer)
    }
  }

  /// Removes every rule of the table.
  func deleteRules(_ family: TableFamily) {
    guard let pointer = nftnl_rule_alloc() else { return }
    defer { nftnl_rule_free(pointer) }
    nftnl_rule_set_str(pointer, UInt16(NFTNL_RULE_TABLE.rawValue), Table.name)
    nftnl_rule_set_u32(pointer, UInt16(NFTNL_RULE_FAMILY.rawValue), UInt32(family.rawValue))
    transaction.add(.table, NFT_MSG_DELRULE, family) { nftnl_rule_nlmsg_build_payload($0, pointer) }
  }

  private func withChain(_ name: String, _ body: (OpaquePointer) -> Void) {
    guard let pointer = nftnl_chain_alloc() else { return }
    defer { nftnl_chain_free(pointer) }
    nftnl_chain_set_str(pointer, UInt16(NFTNL_CHAIN_TABLE.rawValue), Table.name)
    nftnl_chain_set_str(pointer, UInt16(NFTNL_CHAIN_NAME.rawValue), name)
    body(pointer)
  }

  private func withLimit(_ name: String, _ body: (OpaquePointer) -> Void) {
    guard let pointer = nftnl_obj_alloc() else { return }
    defer { nftnl_obj_free(pointer) }
    nftnl_obj_set_str(pointer, UInt16(NFTNL_OBJ_TABLE), Table.name)
    nftnl_obj_set_str(pointer, UInt16(NFTNL_OBJ_NAME), name)
    nftnl_obj_set_u32(pointer, UInt16(NFTNL_OBJ_TYPE), UInt32(NFT_OBJECT_LIMIT))
    body(pointer)
  }
}

/// What a rule's counter says.
struct RuleCount: Sendable, Equatable {
  var packets: UInt64 = 0
  var bytes: UInt64 = 0
}

/// A rule's name in the form of nft(8)'s comments: type 0, length, text, NUL.
enum RuleComment {
  /// Bytes of text that a comment holds (NFTNL_UDATA_COMMENT_MAXLEN less the NUL).
  private static let limit = 127

  static func encode(_ name: String) -> [UInt8] {
    let text = Array(name.utf8.prefix(limit))
    return [0, UInt8(text.count + 1)] + text + [0]
  }

  /// The comment of a rule's user data; nil where there is none.
  static func decode(_ data: [UInt8]) -> String? {
    var position = 0
    while position + 2 <= data.count {
      let end = position + 2 + Int(data[position + 1])
      guard end <= data.count else { return nil }
      if data[position] == 0 { return String(decoding: data[position + 2..<end].prefix { $0 != 0 }, as: UTF8.self) }
      position = end
    }
    return nil
  }
}
