import Wire

/// A set or a map of a table, changed element by element while the rules stay.
public struct NamedSet: Sendable, Equatable {
  public var name: String
  /// Parts of the key, one behind the other.
  public var key: [Datum]
  /// Parts of the value; empty: a set, not a map.
  public var value: [Datum]
  public var filling: Filling
  public var elements: ElementTable
  public var effect: Effect

  /// What it means to be in a set.
  public struct Effect: OptionSet, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Members may do what others may not: who leaves the set loses rights.
    public static let permits = Effect(rawValue: 1)
    /// Members may not do what others may: who comes into the set loses rights.
    public static let blocks = Effect(rawValue: 2)
  }

  public enum Filling: Sendable, Equatable {
    /// Elements are keys.
    case keys
    /// Elements are ranges of keys that neither meet nor overlap.
    case ranges
    /// Rules fill it; elements go `timeoutSeconds` after their last packet (0: when their flows have ended).
    case rules(timeoutSeconds: UInt32, size: UInt32)
  }

  /// One part of a key or a value: a type of nft(8).
  public enum Datum: UInt32, Sendable {
    case ipv4 = 7
    case ipv6 = 8
    case hardware = 9
    case port = 13
    case interface = 41

    var width: Int {
      switch self {
      case .ipv4: 4
      case .ipv6: 16
      case .hardware: 6
      case .port: 2
      case .interface: 16
      }
    }

    init(_ family: IPFamily) { self = family == .v4 ? .ipv4 : .ipv6 }
  }

  public init(
    _ name: String, key: [Datum], value: [Datum] = [], filling: Filling = .keys, elements: ElementTable? = nil,
    effect: Effect = .permits
  ) {
    self.name = name
    self.key = key
    self.value = value
    self.filling = filling
    self.effect = effect
    self.elements =
      elements
      ?? ElementTable(
        keyLength: Self.width(of: key), valueLength: Self.width(of: value), isRanges: filling == .ranges)
  }

  /// How many elements the kernel is told to make room for (NFTA_SET_DESC_SIZE), so that a long list is one array of buckets from the start; nil: it
  /// grows as it is filled. A list that has outgrown its room is made anew.
  ///
  /// The kernel takes the next power of two above 4/3 of this as its number of buckets. So this is 3/4 of a power of two: the most elements for those
  /// buckets, and the fewest that leave a quarter of the list free. Every bucket costs: reading the list back passes all of them many times.
  var capacity: UInt32? {
    switch filling {
    case .rules(_, let size): return size
    case .ranges: return nil
    case .keys:
      guard elements.count >= 1024 else { return nil }
      var room = 3 << 9
      while room < elements.count + elements.count / 4 { room *= 2 }
      return UInt32(clamping: room)
    }
  }

  var isDynamic: Bool { if case .rules = filling { true } else { false } }

  /// Whether the kernel could hold `other`'s elements in the set as it is.
  func hasSameShape(as other: NamedSet) -> Bool {
    name == other.name && key == other.key && value == other.value && filling == other.filling
  }

  /// Bytes of the parts in registers: each but a lone one is padded to 4.
  static func width(of parts: [Datum]) -> Int {
    parts.count == 1 ? parts[0].width : parts.reduce(0) { $0 + ($1.width + 3) & ~3 }
  }

  /// The bytes of the parts as registers hold them.
  static func join(_ parts: [[UInt8]]) -> [UInt8] {
    guard parts.count > 1 else { return parts.first ?? [] }
    return parts.flatMap { $0 + repeatElement(0, count: -$0.count & 3) }
  }
}

extension NamedSet {
  static func interfaces(_ name: String, _ members: [String]) -> NamedSet {
    NamedSet(name, key: [.interface], keys: members.map(interfaceName))
  }

  /// Addresses of one family; those of the other are left out.
  static func addresses(
    _ name: String, _ family: IPFamily, _ members: some Sequence<IPAddress>, effect: Effect = .permits
  ) -> NamedSet {
    NamedSet(
      name, key: [Datum(family)], keys: members.filter { $0.family == family }.map(\.bytes), effect: effect)
  }

  static func hardware(
    _ name: String, _ members: some Sequence<MACAddress>, effect: Effect = .permits
  ) -> NamedSet {
    NamedSet(name, key: [.hardware], keys: members.map(\.bytes), effect: effect)
  }

  /// Prefixes of one family as ranges; those of the other are left out.
  static func prefixes(_ name: String, _ family: IPFamily, _ members: [IPPrefix]) -> NamedSet {
    NamedSet(
      name, key: [Datum(family)], filling: .ranges, elements: ElementTable(prefixes: members, family: family))
  }

  /// The members of one family, any number of them: a hash where they are all single addresses, else ranges.
  static func list(_ name: String, _ family: IPFamily, _ members: [IPPrefix], effect: Effect) -> NamedSet {
    let isRanges = members.contains { $0.family == family && $0.length < family.bits }
    return NamedSet(
      name, key: [Datum(family)], filling: isRanges ? .ranges : .keys,
      elements: isRanges
        ? ElementTable(prefixes: members, family: family) : ElementTable(hosts: members, family: family),
      effect: effect)
  }

  private init(_ name: String, key: [Datum], keys: [[UInt8]], effect: Effect = .permits) {
    self.init(name, key: key, elements: ElementTable(keyLength: Self.width(of: key), records: keys), effect: effect)
  }
}
