public import Household
public import Wire

/// Where a name of the zone comes from; the raw value stands in `NameFact.source`.
public enum NameSource: String, Sendable {
  case router, device, lease, record
}

/// The household's zone as the configuration makes it: what is the same whatever leases there are.
///
/// A snapshot is this and the leases of one moment. Making one is pure and quick (a few milliseconds for 1,000 leases), so it is simply made anew for
/// each change.
public struct HouseholdZone: Sendable {
  let domain: DomainName
  private let rules: LeaseNameRules
  private let apexes: [DomainName]
  private let cuts: [DomainName]
  /// The records of the configuration, as text and read.
  private let texts: [String]
  private let configured: [ZoneRecord]
  private let names: [HouseName]
  /// Places in `names` of devices by their name.
  private let devices: [String: Int]
  private let routerName: DomainName
  private let contact: DomainName

  /// - Parameters:
  ///   - services: labels of the household's services, which no lease may take.
  ///   - routerAddresses: addresses of the router by network, besides those that the model has.
  public init(
    _ model: HouseholdModel, services: [String] = [], routerAddresses: [String: [IPAddress]] = [:]
  ) throws(ZoneError) {
    let domain = model.domain.canonical
    guard let router = domain.prepending(model.routerName)?.canonical,
      let contact = domain.prepending("hostmaster")
    else { throw ZoneError(record: nil, problem: "the domain \(domain) is too long to have names in it") }
    self.domain = domain
    self.contact = contact
    routerName = router
    texts = model.names.records
    configured = try model.names.records.map { text throws(ZoneError) in
      try ZoneRecord(configured: text, in: domain)
    }
    let plan = NamePlan(model, domain: domain, router: router, routerAddresses)
    (names, devices) = (plan.names, plan.devices)
    cuts = model.names.forwardZones.map(\.domain.canonical).filter { $0 != domain }
    apexes = Self.apexes(model, domain, cuts)
    let labels = [model.routerName] + model.people.map(\.name) + model.devices.map(\.name) + services
    let isolated = model.networks.filter(\.isolated).map(\.name)
    rules = LeaseNameRules(
      household: domain, domains: plan.domains, taken: labels + isolated,
      configured: Self.labels(of: configured, in: Set(plan.domains.values)))
    try checkAliases()
  }

  /// The zone with the leases of one moment.
  ///
  /// - Parameters:
  ///   - leases: in any order; only active ones have names.
  ///   - previous: the lease names of the last snapshot, so that a name stays with its holder.
  ///   - serial: the SOA record's; it grows with each change.
  public func snapshot(
    leases: some Sequence<Lease>, keeping previous: LeaseNames = .none, serial: UInt32, key: NameHashKey
  ) -> ZoneSnapshot {
    let leases = Array(leases)
    let leaseNames = rules.assign(
      leases.filter { lease in lease.device.map { devices[$0] == nil } ?? true }, keeping: previous)
    let names = self.names(with: leases, leaseNames)
    let compiler = ZoneCompiler(
      ZoneCompiler.Input(apexes: apexes, cuts: cuts, records: records(of: names, serial: serial)), key: key)
    return ZoneSnapshot(compiler.tables(), key: key, names: names + configuredNames, leaseNames: leaseNames)
  }

  private var configuredNames: [HouseName] {
    configured.map { HouseName(name: $0.owner, addresses: $0.address.map { [$0] } ?? [], source: .record) }
  }

  private func names(with leases: [Lease], _ leaseNames: LeaseNames) -> [HouseName] {
    var names = self.names
    for lease in leases where lease.state == .active {
      let address = IPAddress.v4(lease.address)
      if let device = lease.device, let place = devices[device] {
        if let below = rules.domain(ofNetwork: lease.network), below != domain {
          // A guest may say any hardware address: what it gets by that stays with the guests.
          guard let name = below.prepending(device)?.canonical else { continue }
          names.append(HouseName(name: name, addresses: [address], source: .device))
        } else if names[place].addresses.count < ZoneCompiler.maximumAddresses,
          !names[place].addresses.contains(address)
        {
          names[place].addresses.append(address)
        }
      } else if let label = leaseNames.labels[lease.address], let below = rules.domain(ofNetwork: lease.network),
        let name = below.prepending(label)
      {
        names.append(HouseName(name: name, addresses: [address], source: .lease))
      }
    }
    return names
  }

  private func records(of names: [HouseName], serial: UInt32) -> [ZoneRecord] {
    var records = configured
    records.reserveCapacity(apexes.count * 2 + names.count * 2 + configured.count)
    let soa = startOfAuthority(serial: serial)
    for apex in apexes {
      records.append(ZoneRecord(owner: apex, type: .soa, data: soa))
      records.append(ZoneRecord(owner: apex, type: .ns, data: routerName.wire))
    }
    for name in names {
      for address in name.addresses { records.append(ZoneRecord(owner: name.name, address: address)) }
    }
    var reversed: Set<IPAddress> = []
    func reverse(_ address: IPAddress, to name: DomainName) {
      guard reversed.insert(address).inserted else { return }
      records.append(ZoneRecord(owner: ReverseName.of(address), type: .ptr, data: name.wire))
    }
    // What a person wrote down comes before what a client calls itself.
    for name in names where name.hasReverse && name.source != .lease {
      for address in name.addresses { reverse(address, to: name.name) }
    }
    for record in configured where record.owner.firstLabel != [UInt8(ascii: "*")] {
      if let address = record.address { reverse(address, to: record.owner) }
    }
    for name in names where name.source == .lease {
      for address in name.addresses { reverse(address, to: name.name) }
    }
    return records
  }

  /// An alias stands alone (RFC 1034 section 3.6.2) and leads somewhere.
  private func checkAliases() throws(ZoneError) {
    var owners: [DomainName: Int] = [:]
    let all = records(of: names, serial: 0)
    for record in all { owners[record.owner, default: 0] += 1 }
    for (record, text) in zip(configured, texts) where record.type == .cname {
      guard owners[record.owner] == 1 else {
        throw ZoneError(record: text, problem: "\(record.owner) is an alias (CNAME) and has another record too")
      }
    }
    let input = ZoneCompiler.Input(apexes: apexes, cuts: cuts, records: all)
    let circles = ZoneCompiler(input, key: NameHashKey(low: 0, high: 0)).circles
    for (record, text) in zip(configured, texts) where circles.contains(record.owner) {
      throw ZoneError(
        record: text,
        problem: "the alias goes round in circles, or over more than \(ZoneCompiler.longestChain) others")
    }
  }

  /// SOA data (RFC 1035 section 3.3.13). Its last number is how long "no such name" may be kept: short, as devices come at any time.
  private func startOfAuthority(serial: UInt32) -> [UInt8] {
    var writer = ByteWriter(capacity: 64)
    writer.write(contentsOf: routerName.wire)
    writer.write(contentsOf: contact.wire)
    for number: UInt32 in [serial, 3600, 600, 86_400, 10] { writer.write(number) }
    return writer.bytes
  }
}

/// A name that the household gives, and its addresses.
struct HouseName: Sendable {
  /// In lower case.
  var name: DomainName
  var addresses: [IPAddress]
  var source: NameSource
  /// Whether the addresses' reverse names may lead here; the first name that may has them.
  var hasReverse = true
  /// Whether people see it in lists.
  var isListed = true
}
