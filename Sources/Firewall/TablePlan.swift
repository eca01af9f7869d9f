/// The way from what the kernel has to what is wanted, for one table: computed, not yet sent.
struct TablePlan {
  let wanted: Table
  /// What the kernel has; nil: no such table.
  let actual: KernelTable?
  /// The elements that it has, by set, as far as they were read.
  var elements: [String: ElementTable] = [:]

  /// `wanted` as the kernel would show it.
  let wantedKernel: KernelTable
  /// Sentences; empty: everything but perhaps elements is as wanted.
  let differences: [String]

  /// - Parameter wantedKernel: What an earlier plan for the same table found; nil: nothing yet.
  init(wanted: Table, actual: KernelTable?, wantedKernel: KernelTable? = nil) {
    self.wanted = wanted
    self.actual = actual
    let kernel = wantedKernel ?? KernelTable(wanted)
    self.wantedKernel = kernel
    differences = actual.map { $0.differences(from: kernel, wanted.family) } ?? ["table \(Table.name) is missing"]
  }

  /// The same, and what is wrong with elements; of sets whose elements were not read, with their number.
  var allDifferences: [String] { differences + keptSets.flatMap(differences(in:)) }

  private func differences(in set: NamedSet) -> [String] {
    guard let present = elements[set.name] else {
      guard set.filling == .keys, let count = actual?.sets[set.name]?.count, count != set.elements.count else {
        return []
      }
      return ["set \(set.name) has \(count) elements instead of \(set.elements.count)"]
    }
    let changes = set.elements.changes(from: present)
    var found: [String] = []
    if !changes.added.isEmpty { found.append("set \(set.name) misses \(changes.added.count) elements") }
    if !changes.removed.isEmpty {
      found.append("set \(set.name) has \(changes.removed.count) elements that it should not have")
    }
    return found
  }

  /// Sets that stay, so that their elements are compared one by one.
  var keptSets: [NamedSet] {
    guard let actual, actual.strangers.isEmpty else { return [] }
    return wanted.sets.filter { isKept(set: $0.name) }
  }

  /// Adds what is to be done; nothing where all is as wanted.
  func write(to encoder: RulesetEncoder) {
    guard let actual, actual.strangers.isEmpty else { return writeAll(to: encoder) }
    let family = wanted.family
    if !differences.isEmpty { prepare(actual, encoder) }
    for set in wanted.sets where !isKept(set: set.name) {
      encoder.add(set, family)
      encoder.addElements(set.elements, to: set.name, family)
    }
    for set in keptSets where !set.isDynamic {
      guard let present = elements[set.name] else { continue }
      let changes = set.elements.changes(from: present)
      encoder.deleteElements(changes.removed, from: set.name, family)
      encoder.addElements(changes.added, to: set.name, family)
    }
    guard !differences.isEmpty else { return }
    for chain in wanted.chains {
      let wantedChain = wantedKernel.chains[chain.name]
      let actualChain = actual.chains[chain.name]
      if actualChain?.policy != wantedChain?.policy || !isKept(chain.name) { encoder.add(chain, family) }
      addRules(of: chain, encoder, counts: actualChain)
    }
  }

  /// Takes away all rules and whatever is in the way; in the same transaction the new rules follow, so that no packet sees it.
  private func prepare(_ actual: KernelTable, _ encoder: RulesetEncoder) {
    let family = wanted.family
    encoder.deleteRules(family)
    for name in actual.chains.keys.sorted() where !isKept(name) { encoder.deleteChain(name, family) }
    for name in actual.sets.keys.sorted() where !isKept(set: name) { encoder.deleteSet(name, family) }
    let limits = Dictionary(uniqueKeysWithValues: wanted.limits.map { ($0.name, $0) })
    for name in actual.limits.keys.sorted() where limits[name] == nil || isDifferent(limit: name) {
      encoder.deleteLimit(name, family)
    }
    for limit in wanted.limits where actual.limits[limit.name] == nil || isDifferent(limit: limit.name) {
      encoder.add(limit, family)
    }
  }

  private func isKept(_ chain: String) -> Bool {
    guard let mine = actual?.chains[chain], let other = wantedKernel.chains[chain] else { return false }
    return mine.hasSameHook(as: other)
  }

  private func isKept(set name: String) -> Bool {
    guard let mine = actual?.sets[name], let other = wantedKernel.sets[name] else { return false }
    return mine.canServe(as: other)
  }

  private func isDifferent(limit name: String) -> Bool {
    differences.contains { $0.hasPrefix("limit \(name) ") }
  }

  /// The table from nothing, whatever stands there now.
  private func writeAll(to encoder: RulesetEncoder) {
    let family = wanted.family
    if actual != nil { encoder.deleteTable(family) }
    encoder.addTable(family)
    for limit in wanted.limits { encoder.add(limit, family) }
    for set in wanted.sets {
      encoder.add(set, family)
      encoder.addElements(set.elements, to: set.name, family)
    }
    for chain in wanted.chains {
      encoder.add(chain, family)
      addRules(of: chain, encoder, counts: actual?.chains[chain.name])
    }
  }

  /// Counters go on where rules of their names stood: the n-th of a name takes over from the n-th.
  private func addRules(of chain: Chain, _ encoder: RulesetEncoder, counts: KernelChain?) {
    var counts = Dictionary(grouping: counts?.rules ?? []) { $0.name }.mapValues { $0.map(\.count)[...] }
    for rule in chain.rules {
      let count = counts[rule.name]?.popFirst() ?? RuleCount()
      encoder.add(rule, to: chain.name, wanted.family, count: count)
    }
  }
}

extension KernelTable {
  /// What the kernel will show of `table`, elements of sets aside.
  init(_ table: Table) {
    let transaction = Transaction()
    let encoder = RulesetEncoder(transaction: transaction)
    for limit in table.limits { encoder.add(limit, table.family) }
    for set in table.sets { encoder.add(set, table.family) }
    for chain in table.chains {
      encoder.add(chain, table.family)
      for rule in chain.rules { encoder.add(rule, to: chain.name, table.family) }
    }
    self.init(transaction.bytes, table.family)
    for set in table.sets {
      sets[set.name]?.needed = set.isDynamic ? set.capacity ?? 0 : UInt32(clamping: set.elements.count)
    }
  }
}
