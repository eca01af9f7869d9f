/// Elements that go from a set and elements that come into it.
struct ElementChange: Sendable, Equatable {
  var removed: ElementTable
  var added: ElementTable

  var isEmpty: Bool { removed.isEmpty && added.isEmpty }
}

/// The change of one set in a ruleset whose rules stay. It is found once: what is sent, what is remembered and which flows are looked at follow
/// from it.
struct SetChange: Sendable, Equatable {
  /// Index of the table.
  var table: Int
  /// Index of the set in its table.
  var set: Int
  var elements: ElementChange
}

extension Ruleset {
  /// What must change in the sets to make `old` this; nil where more than elements differ.
  func elementChanges(from old: Ruleset) -> [SetChange]? {
    guard hasSameRules(as: old) else { return nil }
    return tables.indices.flatMap { table in
      tables[table].sets.indices.compactMap { set in
        let elements = tables[table].sets[set].elements.changes(from: old.tables[table].sets[set].elements)
        return elements.isEmpty ? nil : SetChange(table: table, set: set, elements: elements)
      }
    }
  }

  /// Whether only elements of sets differ.
  private func hasSameRules(as other: Ruleset) -> Bool {
    tables.count == other.tables.count
      && zip(tables, other.tables).allSatisfy { mine, theirs in
        mine.family == theirs.family && mine.limits == theirs.limits && mine.chains == theirs.chains
          && mine.sets.count == theirs.sets.count
          && zip(mine.sets, theirs.sets).allSatisfy { $0.hasSameShape(as: $1) }
      }
  }

  /// What is to be done to a set of single keys: keys to be added that are not there, keys to be removed that are. Nil where there is no such set.
  func change(ofKeysIn name: String, adding: [[UInt8]], removing: [[UInt8]]) -> SetChange? {
    for (table, sets) in tables.map(\.sets).enumerated() {
      guard let set = sets.firstIndex(where: { $0.name == name }), sets[set].filling == .keys else { continue }
      return SetChange(
        table: table, set: set, elements: sets[set].elements.change(adding: adding, removing: removing))
    }
    return nil
  }

  /// Carries out changes of a few elements.
  mutating func take(_ changes: [SetChange]) {
    for change in changes { tables[change.table].sets[change.set].elements.take(change.elements) }
  }

  /// This as it was before these changes were carried out.
  func beforeTaking(_ changes: [SetChange]) -> Ruleset {
    var ruleset = self
    for change in changes {
      let inverse = ElementChange(removed: change.elements.added, added: change.elements.removed)
      ruleset.tables[change.table].sets[change.set].elements.take(inverse)
    }
    return ruleset
  }

  /// Whether the changes, which these sets have taken, can have taken a right from anybody: then flows may have to end.
  func losesRights(by changes: [SetChange]) -> Bool {
    changes.contains { change in
      let effect = tables[change.table].sets[change.set].effect
      return effect.contains(.permits) && !change.elements.removed.isEmpty
        || effect.contains(.blocks) && !change.elements.added.isEmpty
    }
  }
}
