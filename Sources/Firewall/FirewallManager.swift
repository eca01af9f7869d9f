import Glibc
public import Household
import Netlink
public import Wire

/// Keeps the kernel's packet filter as the household wants it, in one network namespace: that of the thread that makes it, and keeps it.
///
/// Every change is one transaction: packets meet the old rules or the new, never a mixture. Only tables named `lares` are touched. Nothing is
/// removed when this object goes; only ``teardown()`` does that.
public final class FirewallManager {
  /// What a call has done.
  public struct Report: Sendable, Equatable {
    /// False: the kernel had everything already, and nothing was sent.
    public var changed: Bool
    /// What the transactions have cost.
    public var traffic: FirewallTraffic
    /// Flows that the new rules no longer allow and that were ended.
    public var flowsEnded: Int
  }

  private let kernel: KernelFirewall
  private let conntrack: Conntrack
  private let routes: RouteSession
  private var model: HouseholdModel?
  private var dynamic = FirewallDynamics()
  /// What the kernel was last seen to have, and in which generation; nil: to be read.
  private var applied: (ruleset: Ruleset, generation: UInt32?)?
  /// Whether flows may run that the rules in force refuse: from the start, and from each change that can take rights, until they have been looked at.
  private var mustCheckFlows = true

  /// Needs CAP_NET_ADMIN in the network namespace.
  public init() throws(FirewallError) {
    do throws(NetlinkError) {
      kernel = try KernelFirewall()
      conntrack = try Conntrack()
      routes = try RouteSession()
    } catch {
      throw .failed(error)
    }
  }

  /// Makes sure that nothing gets in before any configuration is known. Rules of an earlier run are left as they are: they are at least as
  /// good, and what they let through keeps flowing.
  @discardableResult
  public func closed() throws(FirewallError) -> Report {
    let present = try reading { () throws(NetlinkError) in try kernel.table(.inet) }
    let isGuarded = ["input", "forward"].allSatisfy { name in
      guard let chain = present?.chains[name] else { return false }
      return chain.policy == Chain.Policy.drop.rawValue && chain.hook != nil && !chain.rules.isEmpty
    }
    if isGuarded { return Report(changed: false, traffic: FirewallTraffic(), flowsEnded: 0) }
    return try apply(FirewallPolicy.closed)
  }

  /// Makes the kernel's rules those of this household. Where they are already, nothing is sent; where only elements of sets differ, such as the members
  /// of an address list, only those elements are. Flows that the household no longer allows end.
  @discardableResult
  public func apply(model: HouseholdModel, dynamic: FirewallDynamics) throws(FirewallError) -> Report {
    let old = mustCheckFlows ? nil : applied?.ruleset
    let report = try apply(FirewallPolicy(model: model, dynamic: dynamic).ruleset)
    self.model = model
    self.dynamic = dynamic
    return try endFlows(report, old: old)
  }

  /// Follows new dynamics under the model that was last applied: elements of sets come and go, rules stay.
  ///
  /// Without a model, or where somebody else has changed the tables, this is a no-op or a full ``apply(model:dynamic:)``.
  @discardableResult
  public func update(dynamic: FirewallDynamics) throws(FirewallError) -> Report {
    guard let model else { return Report(changed: false, traffic: FirewallTraffic(), flowsEnded: 0) }
    guard let old = applied?.ruleset else { return try apply(model: model, dynamic: dynamic) }
    var ruleset = old
    ruleset.replace(FirewallPolicy(model: model, dynamic: dynamic).dynamicSets)
    guard let changes = ruleset.elementChanges(from: old) else { return try apply(model: model, dynamic: dynamic) }
    let isOldChecked = !mustCheckFlows
    do throws(FirewallError) {
      let report = try send(changes)
      applied?.ruleset = ruleset
      self.dynamic = dynamic
      return try endFlows(report, old: isOldChecked ? old : nil)
    } catch .refused {
      applied = nil
      return try apply(model: model, dynamic: dynamic)
    }
  }

  /// Changes single members of an address list that is in force and has only single addresses in their families, for who knows them and not the whole list: what
  /// ``apply(model:dynamic:)`` does with a list that was edited, without the work of finding the difference. The next one brings the list back to
  /// what its model says.
  @discardableResult
  public func changeList(
    _ name: String, adding: [IPAddress] = [], removing: [IPAddress] = []
  ) throws(FirewallError) -> Report {
    var changes: [SetChange] = []
    for family in [IPFamily.v4, .v6] {
      let keys = [adding, removing].map { $0.filter { $0.family == family }.map(\.bytes) }
      if keys[0].isEmpty, keys[1].isEmpty { continue }
      let set = FirewallPolicy.listSet(name, family)
      guard let change = applied?.ruleset.change(ofKeysIn: set, adding: keys[0], removing: keys[1]) else {
        throw .noSuchList(name)
      }
      if !change.elements.isEmpty { changes.append(change) }
    }
    let isOldChecked = !mustCheckFlows
    let report = try send(changes)
    applied?.ruleset.take(changes)
    return try endFlows(report, old: isOldChecked ? applied?.ruleset.beforeTaking(changes) : nil)
  }

  /// Rules with their hits, by name in the order of the chains; rules of one name are added up.
  public func counters() throws(FirewallError) -> [RuleFact] {
    let summaries = applied?.ruleset.summaries ?? [:]
    var facts: [RuleFact] = []
    var positions: [String: Int] = [:]
    for family in TableFamily.allCases {
      let table = try reading { () throws(NetlinkError) in try kernel.table(family) }
      let chains = (table?.chains ?? [:]).sorted { ($0.value.order, $0.key) < ($1.value.order, $1.key) }
      for rule in chains.flatMap(\.value.rules) where rule.expressions.contains(where: { $0.name == "counter" }) {
        guard let name = rule.name else { continue }
        let position = positions[name] ?? facts.count
        if position == facts.count {
          positions[name] = position
          facts.append(RuleFact(name: name, summary: summaries[name] ?? "", packets: 0, bytes: 0))
        }
        facts[position].packets &+= rule.count.packets
        facts[position].bytes &+= rule.count.bytes
      }
    }
    return facts
  }

  /// How the kernel's rules and elements, of lists of any length, differ from what was last applied, and whether flows have still to end, a sentence
  /// for each difference; empty: not at all. After differences the next ``apply(model:dynamic:)`` starts from what the kernel has.
  public func verify() throws(FirewallError) -> [String] {
    var found: [String] = []
    // Who changes something while this compares is met by the next comparison.
    let generation = try currentGeneration()
    for table in applied?.ruleset.tables ?? [] { found += try readPlan(table).allDifferences }
    guard found.isEmpty else {
      applied?.generation = nil
      // What should not have been let through meanwhile may run.
      mustCheckFlows = true
      return found
    }
    applied?.generation = generation
    return mustCheckFlows && model != nil ? ["flows have not been looked at since the last change"] : []
  }

  /// The number of all tables' rules in this network namespace: it grows with each change by anybody.
  public func generation() throws(FirewallError) -> UInt32 { try currentGeneration() }

  /// The ``generation()`` that the last change from here led to; nil: not known. Where the two differ, somebody else has changed tables.
  public var ownGeneration: UInt32? { applied?.generation }

  /// Removes our tables, and with them every rule; none are no error.
  public func teardown() throws(FirewallError) {
    let transaction = kernel.beginTransaction()
    for family in TableFamily.allCases {
      let present = try reading { () throws(NetlinkError) in try kernel.table(family) }
      if present != nil { RulesetEncoder(transaction: transaction).deleteTable(family) }
    }
    applied = nil
    model = nil
    if !transaction.isEmpty { try kernel.commit(transaction) }
  }
}

extension FirewallManager {
  /// How often an apply begins anew when other programs change tables meanwhile.
  private static let attempts = 5

  /// Makes the kernel have exactly these tables. Ends no flows.
  @discardableResult
  func apply(_ ruleset: Ruleset) throws(FirewallError) -> Report {
    let before = kernel.traffic
    var generation = try currentGeneration()
    if let applied, applied.generation == generation,
      let changes = ruleset.elementChanges(from: applied.ruleset), let report = try? send(changes)
    {
      self.applied?.ruleset = ruleset
      return report
    }
    for _ in 0..<Self.attempts {
      let (transaction, plans) = try plan(ruleset, generation)
      do throws(FirewallError) {
        if !transaction.isEmpty { try commit(transaction, canTakeRights: true) }
      } catch .refused(_, let error) where error.code == ERESTART {
        // Somebody changed tables since they were read.
        generation = try currentGeneration()
        continue
      }
      applied = (ruleset, transaction.isEmpty ? generation : generation &+ 1)
      if plans.contains(where: { !$0.differences.isEmpty }) { try confirm(plans) }
      return report(since: before)
    }
    throw .restless
  }

  /// The transaction that leads from what the kernel has in a generation to a ruleset, and the plans that it carries out.
  private func plan(
    _ ruleset: Ruleset, _ generation: UInt32
  ) throws(FirewallError) -> (transaction: Transaction, plans: [TablePlan]) {
    let transaction = kernel.beginTransaction(generation: generation, capacity: ruleset.roughByteCount)
    let encoder = RulesetEncoder(transaction: transaction)
    var plans: [TablePlan] = []
    for table in ruleset.tables {
      let plan = try readPlan(table)
      plan.write(to: encoder)
      plans.append(plan)
    }
    for family in TableFamily.allCases where ruleset.table(family) == nil {
      let present = try reading { () throws(NetlinkError) in try kernel.table(family) }
      if present != nil { encoder.deleteTable(family) }
    }
    return (transaction, plans)
  }

  /// Sends changes of the elements that are in force, as one transaction; nothing where there are none.
  private func send(_ changes: [SetChange]) throws(FirewallError) -> Report {
    let before = kernel.traffic
    guard let ruleset = applied?.ruleset, !changes.isEmpty else { return report(since: before) }
    let tables = ruleset.tables
    let transaction = kernel.beginTransaction()
    let encoder = RulesetEncoder(transaction: transaction)
    for change in changes {
      let (set, family) = (tables[change.table].sets[change.set].name, tables[change.table].family)
      encoder.deleteElements(change.elements.removed, from: set, family)
      encoder.addElements(change.elements.added, to: set, family)
    }
    try commit(transaction, canTakeRights: ruleset.losesRights(by: changes))
    applied?.generation? &+= 1
    return report(since: before)
  }

  /// Flows are to be looked at from here on, but for a transaction that the kernel has refused as a whole.
  private func commit(_ transaction: Transaction, canTakeRights: Bool) throws(FirewallError) {
    let mustCheckAlready = mustCheckFlows
    mustCheckFlows = mustCheckAlready || canTakeRights
    do throws(FirewallError) {
      try kernel.commit(transaction)
    } catch {
      if case .refused = error { mustCheckFlows = mustCheckAlready }
      throw error
    }
  }

  /// Elements of a set beyond which an apply reads back only how many there are. The kernel has acknowledged them with the rest; for showing them it
  /// passes the whole set for every 2,000 of them, so the time grows with the square of the length: half of the whole apply at 100,000
  /// (docs/firewall.md). ``verify()`` reads them all.
  private static let longestReadBack = 10_000

  /// Reads back what was just sent, and compares.
  private func confirm(_ plans: [TablePlan]) throws(FirewallError) {
    var differences: [String] = []
    for plan in plans {
      differences += try readPlan(
        plan.wanted, wantedKernel: plan.wantedKernel, longest: Self.longestReadBack
      ).allDifferences
    }
    guard differences.isEmpty else {
      applied = nil
      throw .notAsWanted(differences)
    }
  }

  /// What the kernel has beside what is wanted.
  private func readPlan(
    _ table: Table, wantedKernel: KernelTable? = nil, longest: Int = .max
  ) throws(FirewallError) -> TablePlan {
    try reading { () throws(NetlinkError) in
      var plan = TablePlan(wanted: table, actual: try kernel.table(table.family), wantedKernel: wantedKernel)
      for set in plan.keptSets where !set.isDynamic && set.elements.count <= longest {
        plan.elements[set.name] = try kernel.elements(of: set.name, table.family, like: set.elements)
      }
      return plan
    }
  }

  private func currentGeneration() throws(FirewallError) -> UInt32 {
    try reading { () throws(NetlinkError) in try kernel.generation() }
  }

  private func reading<Value>(_ body: () throws(NetlinkError) -> Value) throws(FirewallError) -> Value {
    do throws(NetlinkError) { return try body() } catch { throw .failed(error) }
  }

  private func report(since before: FirewallTraffic) -> Report {
    let traffic = kernel.traffic - before
    return Report(changed: traffic.transactions > 0, traffic: traffic, flowsEnded: 0)
  }

  /// Ends what the rules in force do not allow, where there may be such flows. Where that fails, the next change, or the next time that the same is
  /// applied, does it: a process that died in between is followed by one that looks at its start.
  ///
  /// - Parameter old: The rules with which the flows were last looked at; nil: not known. Asked for only where there are flows.
  private func endFlows(_ report: Report, old: @autoclosure () -> Ruleset?) throws(FirewallError) -> Report {
    guard mustCheckFlows, let model, let new = applied?.ruleset else { return report }
    return try reading { () throws(NetlinkError) in
      var report = report
      if try conntrack.count() > 0 {
        let local = Set(try routes.addresses().map(\.address.address))
        let termination = FlowTermination(
          old: old(), new: new, model: model, dynamic: dynamic, local: local, senders: try senders())
        report.flowsEnded = try conntrack.delete(termination.flowsToEnd(try conntrack.flows()))
      }
      mustCheckFlows = false
      return report
    }
  }
}

extension FirewallManager {
  /// Who has which address, by the kernel's neighbour tables; those of uplinks included.
  private func senders() throws(NetlinkError) -> [IPAddress: FlowTermination.Sender] {
    let names = Dictionary(try routes.links().map { ($0.id.index, $0.id.name) }) { $1 }
    let known = try routes.neighbours().compactMap { neighbour -> (IPAddress, FlowTermination.Sender)? in
      guard let hardware = neighbour.hardware, !neighbour.state.isDisjoint(with: .known),
        let interface = names[neighbour.link]
      else { return nil }
      return (neighbour.address, FlowTermination.Sender(interface: interface, hardware: hardware))
    }
    return Dictionary(known) { first, _ in first }
  }
}

extension Ruleset {
  /// Puts the sets in the place of those of their names.
  mutating func replace(_ sets: [NamedSet]) {
    let byName = Dictionary(sets.map { ($0.name, $0) }) { $1 }
    for table in tables.indices {
      for index in tables[table].sets.indices {
        if let set = byName[tables[table].sets[index].name] { tables[table].sets[index] = set }
      }
    }
  }

  var summaries: [String: String] {
    Dictionary(allRules.map { ($0.rule.name, $0.rule.summary) }) { first, _ in first }
  }

  /// About as many bytes as its messages have.
  var roughByteCount: Int {
    tables.reduce(1 << 18) { sum, table in
      sum + table.chains.reduce(0) { $0 + $1.rules.count * 1024 }
        + table.sets.reduce(0) { $0 + $1.elements.count * ($1.elements.recordLength + 24) * 2 }
    }
  }
}

extension KernelChain {
  /// Chains in the order in which a packet meets them.
  fileprivate var order: Int64 { Int64(hook ?? .max) << 32 + Int64(priority ?? 0) }
}
