/// The whole packet filter as a value: what the kernel shall have in the tables that are ours, and nothing else.
///
/// The same description has two readers: ``RulesetEncoder`` makes nftables messages of it, ``Ruleset/fate(of:in:)`` computes what it
/// does to a packet. So what tests say about the description is said about the kernel too.
public struct Ruleset: Sendable, Equatable {
  public var tables: [Table]

  public init(tables: [Table]) { self.tables = tables }

  /// The table of a family, or nil.
  public func table(_ family: TableFamily) -> Table? { tables.first { $0.family == family } }
}

/// The family of a table (NFPROTO_…).
public enum TableFamily: UInt8, Sendable, CaseIterable {
  /// IPv4 and IPv6.
  case inet = 1
  /// Frames that a bridge passes between its ports.
  case bridge = 7
}

/// One table. Ours are all named `lares`, one per family.
public struct Table: Sendable, Equatable {
  /// The name of every table that is ours; tables of other names are never touched.
  public static let name = "lares"

  public var family: TableFamily
  public var limits: [NamedLimit]
  public var sets: [NamedSet]
  public var chains: [Chain]

  public init(family: TableFamily, limits: [NamedLimit] = [], sets: [NamedSet] = [], chains: [Chain] = []) {
    self.family = family
    self.limits = limits
    self.sets = sets
    self.chains = chains
  }

  public func set(named name: String) -> NamedSet? { sets.first { $0.name == name } }
}

/// A chain at a hook of the network stack. There are no others: every decision reads from top to bottom.
public struct Chain: Sendable, Equatable {
  public var name: String
  public var kind: Kind
  public var hook: Hook
  /// Chains of one hook run in ascending order.
  public var priority: Int32
  public var policy: Policy
  public var rules: [Rule]

  public enum Kind: String, Sendable { case filter, nat }

  /// NF_INET_…, and NF_BR_… with the same numbers.
  public enum Hook: UInt32, Sendable {
    case prerouting = 0
    case input, forward, output, postrouting
  }

  /// What becomes of a packet that no rule decides.
  public enum Policy: UInt32, Sendable {
    case drop = 0
    case accept = 1
  }

  public init(_ name: String, _ kind: Kind, _ hook: Hook, priority: Int32, policy: Policy, rules: [Rule]) {
    self.name = name
    self.kind = kind
    self.hook = hook
    self.priority = priority
    self.policy = policy
    self.rules = rules
  }
}

/// One rule: what it matches, what it does on the way, how it decides.
public struct Rule: Sendable, Equatable {
  /// Stable over changes of the household: `forward.web`, `allow.printer`. Rules that say one thing together (per family, per protocol)
  /// share it. Kept in the kernel as the rule's comment.
  public var name: String
  /// What it does, in words.
  public var summary: String
  public var matches: [Match]
  public var actions: [Action]
  /// Nil: the packet goes on to the next rule.
  public var verdict: Verdict?

  /// A rule that counts, and decides.
  public init(_ name: String, _ summary: String, _ matches: [Match], _ verdict: Verdict?) {
    self.init(name, summary, matches, [.count], verdict)
  }

  public init(_ name: String, _ summary: String, _ matches: [Match], _ actions: [Action], _ verdict: Verdict?) {
    self.name = name
    self.summary = summary
    self.matches = matches
    self.actions = actions
    self.verdict = verdict
  }
}

/// How a rule ends a packet's way through its chain.
public enum Verdict: Int32, Sendable {
  /// NF_DROP: nothing is answered.
  case drop = 0
  /// NF_ACCEPT: on to the next chain of the hook.
  case accept = 1
}

/// What a rule does to a packet that it matches, in order. Those that can say no end the rule there.
public enum Action: Sendable, Equatable {
  /// Counts the packet and its bytes.
  case count
  /// Reports the packet to NFLOG group ``FirewallLog/group``, as `lares:` and the rule's name.
  case log
  /// Goes on while the table's named limit is not used up.
  case limit(String)
  /// Goes on for `rate` packets a second, `burst` at once.
  case rate(UInt64, burst: UInt32)
  /// Goes on only for packets beyond `rate` a second (and `burst` at once) with equal `fields`, remembered in a dynamic set.
  case over(rate: UInt64, burst: UInt32, per: [Field], in: String)
  /// Goes on only for flows beyond `count` with equal `fields`, remembered in a dynamic set.
  case overFlows(count: UInt32, per: [Field], in: String)
  /// Lowers the maximum segment size of a SYN to what the path's MTU holds.
  case clampSegmentSize
  /// Replaces the source by the address of the interface that the packet leaves by.
  case masquerade
  /// Replaces the destination by the address and port that a map has for `field`; goes on only where it has one.
  case redirect(by: Field, map: String)
}

/// A limit that several rules share.
public struct NamedLimit: Sendable, Equatable {
  public var name: String
  /// Packets a second.
  public var rate: UInt64
  public var burst: UInt32

  public init(_ name: String, rate: UInt64, burst: UInt32) {
    self.name = name
    self.rate = rate
    self.burst = burst
  }
}

extension Ruleset {
  /// Every rule with its table and chain, in order.
  var allRules: [(table: Table, chain: Chain, rule: Rule)] {
    tables.flatMap { table in table.chains.flatMap { chain in chain.rules.map { (table, chain, $0) } } }
  }
}
