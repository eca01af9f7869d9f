public import Household
public import Wire

/// Which name each lease has in the zone. A pure function of the leases and of the names they had before.
///
/// A client may ask for any host name. It never gets one that the household has given away, nor one that programs trust blindly (`wpad`, `isatap`,
/// `localhost`), nor anything that is no label of RFC 1123. The first holder of a name keeps it; others get `name-2`, `name-3` …
public struct LeaseNames: Sendable, Equatable {
  /// The label of each lease that has one, in lower case.
  public internal(set) var labels: [IPv4Address: String]

  /// Names before the first lease.
  public static let none = LeaseNames(labels: [:])

  /// The names that facts of an earlier run tell, so that a restart changes none.
  public init(facts: some Sequence<NameFact>) {
    labels = [:]
    for fact in facts where fact.source == NameSource.lease.rawValue {
      let label = fact.name.prefix { $0 != "." }
      for address in fact.addresses.compactMap(\.v4) { labels[address] = String(label) }
    }
  }

  init(labels: [IPv4Address: String]) { self.labels = labels }
}

/// The places where leases get names, and the labels that are not theirs to have.
struct LeaseNameRules: Sendable {
  /// A domain with leases in it.
  struct Place: Sendable {
    var domain: DomainName
    /// Labels that the configuration uses there.
    var configured: Set<String>
  }

  /// The household's domain; a host name that ends in it is taken without it.
  let household: DomainName
  private(set) var places: [Place] = []
  /// The place of each network: the household's domain, or the network's own where it is isolated.
  private var placeOfNetwork: [String: Int] = [:]
  /// Labels that no lease gets anywhere.
  private let reserved: Set<String>

  /// Names that programs trust without asking: proxy discovery, IPv6 transition, the machine itself (RFC 6761, RFC 5214).
  static let dangerous: Set<String> = ["wpad", "isatap", "localhost"]

  /// - Parameters:
  ///   - domains: where each network's leases have their names.
  ///   - taken: labels that the household has given away, in any case.
  init(household: DomainName, domains: [String: DomainName], taken: [String], configured: [DomainName: Set<String>]) {
    self.household = household
    reserved = Self.dangerous.union(taken.map { $0.lowercased() })
    for (network, domain) in domains {
      if let known = places.firstIndex(where: { $0.domain == domain }) {
        placeOfNetwork[network] = known
      } else {
        placeOfNetwork[network] = places.count
        places.append(Place(domain: domain, configured: configured[domain] ?? []))
      }
    }
  }

  /// The domain of a network's leases.
  func domain(ofNetwork network: String) -> DomainName? { placeOfNetwork[network].map { places[$0].domain } }

  /// Gives each lease its name.
  ///
  /// - Parameter previous: names given before. A lease keeps its name while it asks for it; without that, the older lease comes first.
  func assign(_ leases: some Sequence<Lease>, keeping previous: LeaseNames) -> LeaseNames {
    var names = LeaseNames.none
    var taken = Array(repeating: Set<String>(), count: places.count)
    var waiting = leases.compactMap { wish(of: $0) }.sorted { $0.order < $1.order }
    waiting.removeAll { wish in
      guard let kept = previous.labels[wish.address], Self.isVariant(kept, of: wish.label),
        !isReserved(kept, in: wish.place), taken[wish.place].insert(kept).inserted
      else { return false }
      names.labels[wish.address] = kept
      return true
    }
    var next = Array(repeating: [String: Int](), count: places.count)
    for wish in waiting {
      var number = next[wish.place][wish.label] ?? 1
      var name = Self.variant(of: wish.label, number)
      while isReserved(name, in: wish.place) || !taken[wish.place].insert(name).inserted {
        number += 1
        name = Self.variant(of: wish.label, number)
      }
      next[wish.place][wish.label] = number + 1
      names.labels[wish.address] = name
    }
    return names
  }

  /// A name that a lease asks for and may have.
  private struct Wish {
    var address: IPv4Address
    var since: UnixTime
    var label: String
    var place: Int

    var order: (UnixTime, IPv4Address) { (since, address) }
  }

  private func wish(of lease: Lease) -> Wish? {
    guard lease.state == .active, let text = lease.hostName, let place = placeOfNetwork[lease.network],
      let label = hostLabel(of: text, in: places[place].domain), !isReserved(label, in: place)
    else { return nil }
    return Wish(address: lease.address, since: lease.since, label: label, place: place)
  }

  /// The first label of a host name (option 12) or of a full name (option 81) in our own domain, in lower case.
  private func hostLabel(of text: String, in domain: DomainName) -> String? {
    let dot = text.utf8.firstIndex(of: UInt8(ascii: ".")) ?? text.endIndex
    guard isHostLabel(text[..<dot]) else { return nil }
    let rest = text[dot...].dropFirst()
    if !rest.isEmpty {
      guard let rest = DomainName(String(rest)), rest == domain || rest == household else { return nil }
    }
    return text[..<dot].lowercased()
  }

  private func isReserved(_ label: String, in place: Int) -> Bool {
    reserved.contains(label) || places[place].configured.contains(label)
  }

  /// `name` for 1, else `name-2` …, cut so that it stays a label.
  private static func variant(of label: String, _ number: Int) -> String {
    guard number > 1 else { return label }
    let suffix = "-\(number)"
    var stem = label.utf8.prefix(63 - suffix.utf8.count)
    while stem.last == UInt8(ascii: "-") { stem = stem.dropLast() }
    return String(Substring(stem)) + suffix
  }

  /// True for what `variant` gives.
  private static func isVariant(_ name: String, of label: String) -> Bool {
    if name == label { return true }
    guard let hyphen = name.utf8.lastIndex(of: UInt8(ascii: "-")), let number = Int(name[name.index(after: hyphen)...])
    else { return false }
    return number > 1 && variant(of: label, number) == name
  }
}
