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
  /// Domain of each network's leases: the household's, or the network's own where it is isolated.
  var domains: [String: DomainName]
  /// Labels that no lease gets anywhere.
  var reserved: Set<String>
  /// Labels that are in use in a domain by configuration.
  var configured: [DomainName: Set<String>]
  /// The household's domain; a host name that ends in it is taken without it.
  var household: DomainName

  /// Names that programs trust without asking: proxy discovery, IPv6 transition, the machine itself (RFC 6761, RFC 5214).
  static let dangerous: Set<String> = ["wpad", "isatap", "localhost"]

  /// The label that a lease asks for; nil where it may not have it, or asks for none.
  func label(for lease: Lease) -> String? {
    guard lease.state == .active, let text = lease.hostName, let domain = domains[lease.network],
      let label = hostLabel(of: text, in: domain), !isReserved(label, in: domain)
    else { return nil }
    return label
  }

  /// The first label of a host name (option 12) or of a full name (option 81) in our own domain, in lower case.
  private func hostLabel(of text: String, in domain: DomainName) -> String? {
    let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard let first = parts.first, isHostLabel(first) else { return nil }
    if parts.count == 2, !parts[1].isEmpty {
      guard let rest = DomainName(String(parts[1])), rest == domain || rest == household else { return nil }
    }
    return first.lowercased()
  }

  private func isReserved(_ label: String, in domain: DomainName) -> Bool {
    Self.dangerous.contains(label) || reserved.contains(label) || configured[domain]?.contains(label) == true
  }

  /// Gives each lease its name.
  ///
  /// - Parameter previous: names given before. A lease keeps its name while it asks for it; without that, the older lease comes first.
  func assign(_ leases: some Sequence<Lease>, keeping previous: LeaseNames) -> LeaseNames {
    var names = LeaseNames.none
    var taken: [DomainName: Set<String>] = [:]
    var waiting: [(lease: Lease, label: String, domain: DomainName)] = []
    for lease in leases {
      guard let label = label(for: lease), let domain = domains[lease.network] else { continue }
      waiting.append((lease, label, domain))
    }
    waiting.sort { ($0.lease.since, $0.lease.address) < ($1.lease.since, $1.lease.address) }
    waiting.removeAll { candidate in
      guard let kept = previous.labels[candidate.lease.address], Self.isVariant(kept, of: candidate.label),
        !isReserved(kept, in: candidate.domain), taken[candidate.domain, default: []].insert(kept).inserted
      else { return false }
      names.labels[candidate.lease.address] = kept
      return true
    }
    var next: [DomainName: [String: Int]] = [:]
    for (lease, label, domain) in waiting {
      var number = next[domain]?[label] ?? 1
      var name = Self.variant(of: label, number)
      while isReserved(name, in: domain) || !taken[domain, default: []].insert(name).inserted {
        number += 1
        name = Self.variant(of: label, number)
      }
      next[domain, default: [:]][label] = number + 1
      names.labels[lease.address] = name
    }
    return names
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
