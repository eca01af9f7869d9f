/// The merge of the parts of vCards and iCalendar objects.
enum ContentMerge {
  typealias Item = ContentComponent.Item

  /// What an item is known by among its neighbours.
  private struct Key: Hashable, Comparable {
    var name: String
    var group: [UInt8]
    var identity: [UInt8]
    /// Counts items that are otherwise alike.
    var occurrence = 0

    static func < (left: Self, right: Self) -> Bool {
      if left.name != right.name { return left.name.utf8.lexicographicallyPrecedes(right.name.utf8) }
      if left.group != right.group { return left.group.lexicographicallyPrecedes(right.group) }
      if left.identity != right.identity { return left.identity.lexicographicallyPrecedes(right.identity) }
      return left.occurrence < right.occurrence
    }
  }

  static func items(_ base: [Item], _ ours: [Item], _ theirs: [Item]) throws(MergeFailure) -> [Item] {
    let (mine, yours) = ContentGroups.apart(base, ours, theirs)
    let (old, left, right) = (keyed(base), keyed(mine), keyed(yours))
    var merged: [Key: Item] = [:]
    for key in Set(left.items.keys).union(right.items.keys).sorted() {
      switch (left.items[key], right.items[key]) {
      case (let mine?, let yours?): merged[key] = try item(old.items[key], mine, yours, key)
      case (let kept?, nil), (nil, let kept?):
        guard let before = old.items[key] else {
          merged[key] = kept
          continue
        }
        guard isSame(before, kept) else { throw .conflict("one side removed \(key.name), the other changed it") }
      case (nil, nil): continue
      }
    }
    let order = OrderedKeys.merge(base: old.keys, ours: left.keys, theirs: right.keys, keeping: Set(merged.keys), by: <)
    return order.compactMap { merged[$0] }
  }

  private static func keyed(_ items: [Item]) -> (keys: [Key], items: [Key: Item]) {
    var keys: [Key] = []
    var byKey: [Key: Item] = [:]
    var counts: [Key: Int] = [:]
    for item in items {
      var key = key(item)
      let count = counts[key, default: 0]
      counts[key] = count + 1
      key.occurrence = count
      keys.append(key)
      byKey[key] = item
    }
    return (keys, byKey)
  }

  private static func key(_ item: Item) -> Key {
    switch item {
    case .property(let line):
      let isRepeated = repeatedProperties.contains(line.name)
      return Key(
        name: line.name, group: (line.group ?? []).map(ContentLine.upper), identity: isRepeated ? Array(line.value) : []
      )
    case .component(let component):
      // No group has a colon, so that a component is no property of the same name.
      return Key(name: component.name, group: [UInt8(ascii: ":")], identity: component.identity)
    }
  }

  /// Whether nothing changed but the folding.
  private static func isSame(_ left: Item, _ right: Item) -> Bool {
    switch (left, right) {
    case (.property(let left), .property(let right)): left.text == right.text
    case (.component(let left), .component(let right)): left.lines.map(\.text) == right.lines.map(\.text)
    default: false
    }
  }

  private static func item(_ base: Item?, _ ours: Item, _ theirs: Item, _ key: Key) throws(MergeFailure) -> Item {
    if ours == theirs || base == theirs { return ours }
    if base == ours { return theirs }
    switch (ours, theirs) {
    case (.property(let mine), .property(let yours)):
      var old: ContentLine?
      if case .property(let line)? = base { old = line }
      return .property(try property(old, mine, yours))
    case (.component(let mine), .component(let yours)):
      var old: ContentComponent?
      if case .component(let component)? = base { old = component }
      var merged = mine
      merged.begin = try property(old?.begin, mine.begin, yours.begin)
      merged.end = try property(old?.end, mine.end, yours.end)
      merged.items = try items(old?.items ?? [], mine.items, yours.items)
      return .component(merged)
    default: throw .conflict("\(key.name) is a property here and a component there")
    }
  }

  private static func property(
    _ base: ContentLine?, _ ours: ContentLine, _ theirs: ContentLine
  ) throws(MergeFailure) -> ContentLine {
    if ours.text == theirs.text {
      if base?.raw == ours.raw { return theirs }
      if base?.raw == theirs.raw { return ours }
      return [UInt8].precedes(theirs.raw, ours.raw) ? theirs : ours
    }
    if base?.text == theirs.text { return ours }
    if base?.text == ours.text { return theirs }
    guard let rank = ranks[ours.name] else { throw .conflict("both sides changed \(ours.name)") }
    let (left, right) = (rank(ours.value), rank(theirs.value))
    if left == right { return [UInt8].precedes(ours.text, theirs.text) ? theirs : ours }
    return left.lexicographicallyPrecedes(right) ? theirs : ours
  }

  /// Properties of which the greater one stands, and what is greater: later times, higher numbers. PRODID only says which
  /// program wrote last.
  private static let ranks: [String: @Sendable (ArraySlice<UInt8>) -> [UInt8]] = [
    "REV": digits, "LAST-MODIFIED": digits, "DTSTAMP": digits, "SEQUENCE": number, "PRODID": { Array($0) },
  ]

  /// A time in its basic or extended form (ISO 8601): its digits.
  @Sendable private static func digits(_ value: ArraySlice<UInt8>) -> [UInt8] {
    value.filter { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
  }

  /// A whole number: how many digits it has, and they.
  @Sendable private static func number(_ value: ArraySlice<UInt8>) -> [UInt8] {
    let digits = digits(value).drop { $0 == UInt8(ascii: "0") }
    let count = UInt32(truncatingIfNeeded: digits.count)
    return (0..<4).map { UInt8(truncatingIfNeeded: count >> (24 - $0 * 8)) } + digits
  }

  /// Properties that may stand several times, with a meaning for each.
  private static let repeatedProperties: Set<String> = [
    // RFC 6350, RFC 6474, RFC 9554
    "TEL", "EMAIL", "ADR", "IMPP", "URL", "NOTE", "NICKNAME", "PHOTO", "KEY", "RELATED", "MEMBER", "LANG", "TITLE",
    "ROLE", "LOGO", "ORG", "SOUND", "FBURL", "CALADRURI", "CALURI", "SOURCE", "XML", "CLIENTPIDMAP", "SOCIALPROFILE",
    // RFC 5545, RFC 7986
    "ATTACH", "ATTENDEE", "CATEGORIES", "COMMENT", "CONTACT", "EXDATE", "RDATE", "RELATED-TO", "RESOURCES",
    "REQUEST-STATUS", "FREEBUSY", "CONFERENCE", "IMAGE",
  ]
}

extension ContentComponent {
  /// What a component is known by among those of its kind.
  fileprivate var identity: [UInt8] {
    switch name {
    case "VCALENDAR": []
    case "VTIMEZONE": value("TZID") ?? []
    case "STANDARD", "DAYLIGHT": value("DTSTART") ?? []
    case "VCARD": value("UID") ?? value("FN") ?? []
    case "VALARM": value("UID") ?? value("X-WR-ALARMUID") ?? Array((value("ACTION") ?? []) + (value("TRIGGER") ?? []))
    default: (value("UID") ?? []) + [0] + (value("RECURRENCE-ID") ?? [])
    }
  }
}

/// Groups tie properties together (`item1.TEL` and `item1.X-ABLabel`). Their names are made up by each program, so two
/// sides may take the same one for different things.
enum ContentGroups {
  private typealias Item = ContentComponent.Item

  /// Both sides, where of each new group that has one name on both and is not the same, the one with the greater bytes has
  /// a name of its own.
  static func apart(
    _ base: [ContentComponent.Item], _ ours: [ContentComponent.Item], _ theirs: [ContentComponent.Item]
  ) -> ([ContentComponent.Item], [ContentComponent.Item]) {
    let (old, mine, yours) = (groups(base), groups(ours), groups(theirs))
    var taken = Set(old.keys).union(mine.keys).union(yours.keys)
    var (left, right) = (ours, theirs)
    for (group, lines) in mine.sorted(by: { [UInt8].precedes($0.key, $1.key) }) where old[group] == nil {
      guard let others = yours[group], others != lines else { continue }
      let name = fresh(group, &taken)
      if lines.lexicographicallyPrecedes(others, by: [UInt8].precedes) {
        right = right.map { renamed($0, group, name) }
      } else {
        left = left.map { renamed($0, group, name) }
      }
    }
    return (left, right)
  }

  /// The texts of the properties in each group, by its name in capitals.
  private static func groups(_ items: [Item]) -> [[UInt8]: [[UInt8]]] {
    var groups: [[UInt8]: [[UInt8]]] = [:]
    for case .property(let line) in items {
      guard let group = line.group else { continue }
      groups[group.map(ContentLine.upper), default: []].append(line.text)
    }
    return groups
  }

  /// The group's name with the next number that is free.
  private static func fresh(_ group: [UInt8], _ taken: inout Set<[UInt8]>) -> [UInt8] {
    let isDigit = { (byte: UInt8) in (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
    let stem = Array(group[..<((group.lastIndex { !isDigit($0) } ?? -1) + 1)])
    var number = 1
    while !taken.insert(stem + Array("\(number)".utf8)).inserted { number += 1 }
    return stem + Array("\(number)".utf8)
  }

  private static func renamed(_ item: Item, _ group: [UInt8], _ name: [UInt8]) -> Item {
    guard case .property(let line) = item, line.group?.map(ContentLine.upper) == group else { return item }
    // As it is spelled: small letters stay small.
    let isLower = line.group?.contains { $0 != ContentLine.upper($0) } == true
    return .property(line.moved(to: isLower ? name.map { $0 | 0x20 } : name))
  }
}
