import CNetlinkShims
import CNftnl

extension KernelTable {
  /// How this, read back from the kernel, differs from what is wanted, elements of sets aside: one sentence for each difference.
  func differences(from wanted: KernelTable, _ family: TableFamily) -> [String] {
    var found = strangers.map { "\($0) is not ours" }
    for (name, chain) in wanted.chains.sorted(by: { $0.key < $1.key }) {
      guard let mine = chains[name] else {
        found.append("chain \(name) is missing")
        continue
      }
      found += mine.differences(from: chain, name)
    }
    for (name, set) in wanted.sets.sorted(by: { $0.key < $1.key }) {
      if let mine = sets[name] {
        if !mine.canServe(as: set) { found.append("set \(name) is of another type") }
      } else {
        found.append("set \(name) is missing")
      }
    }
    for (name, limit) in wanted.limits.sorted(by: { $0.key < $1.key })
    where limits[name].map({ $0.agrees(with: limit) }) != true {
      found.append("limit \(name) \(limits[name] == nil ? "is missing" : "has other values")")
    }
    found += chains.keys.filter { wanted.chains[$0] == nil }.sorted().map { "chain \($0) is not ours" }
    found += sets.keys.filter { wanted.sets[$0] == nil }.sorted().map { "set \($0) is not ours" }
    found += limits.keys.filter { wanted.limits[$0] == nil }.sorted().map { "limit \($0) is not ours" }
    return found
  }
}

extension KernelChain {
  fileprivate func differences(from wanted: KernelChain, _ name: String) -> [String] {
    var found: [String] = []
    if !hasSameHook(as: wanted) { found.append("chain \(name) is at another hook") }
    if policy != wanted.policy { found.append("chain \(name) has another policy") }
    if rules.count == wanted.rules.count {
      for (mine, rule) in zip(rules, wanted.rules) where !mine.agrees(with: rule) {
        found.append("rule \(rule.name ?? "") in chain \(name) is not as it was made")
      }
    } else {
      let names = rules.map { $0.name ?? "?" }.difference(from: wanted.rules.map { $0.name ?? "?" })
      found += names.removals.map { "rule \($0.element) is missing in chain \(name)" }
      found += names.insertions.map {
        $0.element == "?"
          ? "chain \(name) has a rule that is not ours" : "rule \($0.element) is there again in chain \(name)"
      }
    }
    return found
  }
}

extension KernelRule {
  fileprivate func agrees(with wanted: KernelRule) -> Bool {
    name == wanted.name && expressions.count == wanted.expressions.count
      && zip(expressions, wanted.expressions).allSatisfy { mine, other in
        mine.name == other.name
          && mine.attributes.agrees(with: other.attributes, besides: KernelExpression.filledIn[mine.name])
      }
  }
}

extension KernelExpression {
  /// Attributes that the kernel fills in by itself, by expression.
  fileprivate static let filledIn: [String: Set<UInt32>] = [
    "nat": [NFTA_NAT_REG_ADDR_MAX.rawValue, NFTA_NAT_REG_PROTO_MAX.rawValue, NFTA_NAT_FLAGS.rawValue]
  ]
}

extension KernelAttributes {
  /// Equal, but for attributes that the kernel adds: those named, and those that say 0.
  fileprivate func agrees(with wanted: Self, besides filledIn: Set<UInt32>? = nil) -> Bool {
    wanted.all.allSatisfy { self[$0.number] == $0.value }
      && all.allSatisfy {
        wanted[$0.number] != nil || filledIn?.contains($0.number) == true || $0.value.allSatisfy { $0 == 0 }
      }
  }
}

extension CollectionDifference.Change {
  fileprivate var element: ChangeElement {
    switch self {
    case .insert(_, let element, _), .remove(_, let element, _): element
    }
  }
}
