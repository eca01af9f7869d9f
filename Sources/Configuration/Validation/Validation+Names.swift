import Household
import Wire

extension Validation {
  /// Names that clients look up by themselves: whoever holds them takes over part of their traffic (RFC 8375, and the
  /// block list of wpad and isatap that other servers have).
  static let reservedLabels: Set<String> = ["wpad", "isatap", "localhost"]
  /// Words that rules use for something else.
  static let ruleWords: Set<String> = ["router", "internet"]

  mutating func checkNames() {
    for section in HouseholdSchema.sections where section.isCollection {
      for name in sources.names(of: section.key).sorted() where !isHostLabel(name) {
        report(
          [section.key, name], "\(TOMLValue.quoted(name)) is no name", found: name,
          expected: "letters, digits and inner hyphens, at most 63",
          hint: Self.repaired(name).map { "write \(section.key).\($0)" } ?? "write it with letters, digits and hyphens")
      }
    }
    if model.domain == .root || model.domain == DomainName("local") || model.domain == DomainName("localhost") {
      report(
        ["household", "domain"], "\(model.domain) cannot be the household's domain", found: "\(model.domain)",
        hint: model.domain == DomainName("local")
          ? "local belongs to multicast DNS (RFC 6762); \"home.arpa\" is meant for homes (RFC 8375)"
          : "\"home.arpa\" is meant for homes (RFC 8375)")
    }
    checkLabels()
  }

  /// The name with hyphens for what cannot stand in it; nil where that is no name either.
  private static func repaired(_ name: String) -> String? {
    let hyphenated = String(name.map { isHostLabel(String($0)) ? $0 : "-" })
    return isHostLabel(hyphenated) ? hyphenated : nil
  }

  private struct Holder {
    let label: String
    let what: String
    let path: ConfigurationPath
  }

  /// Every label of the zone, and every word of the rules, has one meaning.
  private mutating func checkLabels() {
    let router = Holder(label: model.routerName, what: "the router", path: ["household", "router"])
    let people = model.people.map { Holder(label: $0.name, what: "person \($0.name)", path: ["person", $0.name]) }
    let networks = model.networks.map {
      (Holder(label: $0.name, what: "network \($0.name)", path: ["network", $0.name]), $0.isolated)
    }
    let devices = model.devices.map { Holder(label: $0.name, what: "device \($0.name)", path: ["device", $0.name]) }
    // Networks that are not isolated have no label in the zone, but rules name them beside devices.
    checkUnique([router] + people + networks.filter(\.1).map(\.0) + devices, use: "name in \(model.domain)")
    checkUnique(networks.filter { !$0.1 }.map(\.0) + devices, use: "word in rules")
    for holder in [router] + people + networks.map(\.0) + devices
    where Self.reservedLabels.contains(holder.label.lowercased()) {
      report(holder.path, "the name \(holder.label) is reserved", found: holder.label, hint: "choose another name")
    }
    for holder in networks.map(\.0) + devices where Self.ruleWords.contains(holder.label.lowercased()) {
      guard holder.label.lowercased() != model.routerName.lowercased() || holder.what.hasPrefix("network") else {
        continue  // said already, as a name that is taken
      }
      report(
        holder.path, "the name \(holder.label) has a meaning of its own in rules", found: holder.label,
        hint: "choose another name")
    }
  }

  private mutating func checkUnique(_ holders: [Holder], use: String) {
    var first: [String: Holder] = [:]
    for holder in holders {
      let label = holder.label.lowercased()
      guard let other = first[label] else {
        first[label] = holder
        continue
      }
      report(
        holder.path, "\(holder.what) and \(other.what) have the same \(use)", found: holder.label,
        hint: isPresent(other.path)
          ? "rename one of them; the other stands at \(place(other.path))" : "choose another name")
    }
  }
}
