/// The order of keys in a merge of things with an order that people gave them.
enum OrderedKeys {
  /// All keys that are kept, in the order of a side that alone changed it, or else of the base with each side's new keys
  /// behind the key that they followed there.
  ///
  /// The same with the sides exchanged. Keys stand once in each list.
  static func merge<Key: Hashable>(
    base: [Key], ours: [Key], theirs: [Key], keeping kept: Set<Key>, by precedes: (Key, Key) -> Bool
  ) -> [Key] {
    if ours == theirs || base == theirs, kept.isSubset(of: ours) { return ours.filter(kept.contains) }
    if base == ours, kept.isSubset(of: theirs) { return theirs.filter(kept.contains) }
    let old = Set(base)
    let (left, right) = (additions(ours, old), additions(theirs, old))
    var order: [Key] = []
    var placed: Set<Key> = []
    func place(_ keys: some Sequence<Key>) {
      for key in keys where kept.contains(key) && placed.insert(key).inserted { order.append(key) }
    }
    for key in [nil] + base.map(Optional.some) {
      if let key { place([key]) }
      let (mine, yours) = (left[key] ?? [], right[key] ?? [])
      let isMineFirst = !yours.lexicographicallyPrecedes(mine, by: precedes)
      place(isMineFirst ? mine + yours : yours + mine)
    }
    return order
  }

  /// New keys by the last key before them that is in the base; nil where there is none.
  private static func additions<Key: Hashable>(_ keys: [Key], _ base: Set<Key>) -> [Key?: [Key]] {
    var additions: [Key?: [Key]] = [:]
    var anchor: Key?
    for key in keys {
      if base.contains(key) { anchor = key } else { additions[anchor, default: []].append(key) }
    }
    return additions
  }
}
