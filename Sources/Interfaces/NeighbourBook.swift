public import Household
public import Netlink
public import Wire

/// Who has been seen on the home networks: the kernel's neighbour tables (ARP and ND), with the devices they belong to.
///
/// Anybody on a network can make up addresses, so the book is bounded: by how many it holds, by how fast it changes once it is full, and by how
/// long strangers stay.
public struct NeighbourBook: Sendable {
  /// By address.
  public private(set) var facts: [IPAddress: NeighbourFact] = [:]
  /// Hardware addresses seen before, and when last.
  private var known: [MACAddress: UnixTime] = [:]
  /// What the kernel still has and the book does not keep: it counts again when it answers.
  private var passedOver: [IPAddress: MACAddress] = [:]
  /// The minute of the last newcomers, and how many were told of in it.
  private var told: (minute: UnixTime, count: Int) = (0, 0)

  /// How long a named device that is silent stays in the book, in seconds.
  public static let retention: UnixTime = 7 * 86_400
  /// The same for strangers, and for link-local addresses of anybody, which say little and are learnt again with the next packet.
  public static let shortRetention: UnixTime = 3_600
  /// Entries of one network; named devices come first, then who was seen last.
  public static let capacity = 1_024
  /// Addresses of one hardware address on one network: what IPv6 privacy extensions use in a week (RFC 8981), and some more.
  public static let addressesPerHardware = 24
  /// Hardware addresses that are remembered, so that nobody is a newcomer twice.
  static let knownCapacity = 4_096
  /// Newcomers told of in a minute; of more at a time only the facts tell.
  public static let noticesPerMinute = 10

  public init() {}

  /// Addresses that named devices have now, with the devices' names.
  public var deviceAddresses: [IPAddress: String] { facts.compactMapValues(\.device) }

  /// Takes up what the neighbour tables hold now.
  ///
  /// - Parameters:
  ///   - networks: name of the home network by interface index; neighbours elsewhere are nobody's business.
  ///   - devices: the named devices, for recognition by hardware address.
  ///   - leases: active leases, for recognition by a lease's client identifier.
  /// - Returns: hardware addresses that have not been seen before and belong to no named device, at most ``noticesPerMinute``.
  public mutating func update(
    _ neighbours: [Neighbour], networks: [Int32: String], devices: [Device], leases: [Lease], now: UnixTime
  ) -> [NeighbourFact] {
    let directory = Directory(devices, leases)
    let minute = now / 60 * 60
    var silent: [IPAddress: MACAddress] = [:]
    for neighbour in neighbours {
      guard let hardware = neighbour.hardware, !hardware.isGroup, hardware.value != 0,
        let network = networks[neighbour.link], !neighbour.state.isDisjoint(with: .known)
      else { continue }
      let address = neighbour.address
      // A stale entry tells of the past: it does not count as being seen again.
      let answers = neighbour.state.contains(.reachable)
      if !answers {
        silent[address] = hardware
        if passedOver[address] == hardware { continue }
      }
      let before = facts[address].flatMap { $0.hardware == hardware ? $0 : nil }
      facts[address] = NeighbourFact(
        address: address, hardware: hardware, network: network, device: directory.device(hardware, address),
        firstSeen: before?.firstSeen ?? now, lastSeen: answers ? minute : before?.lastSeen ?? minute)
    }
    facts = facts.filter { $0.value.lastSeen + Self.retention(of: $0.value) > now }
    keepWithinBounds()
    passedOver = silent.filter { facts[$0.key]?.hardware != $0.value }
    return newcomers(minute)
  }

  private static func retention(of fact: NeighbourFact) -> UnixTime {
    fact.device == nil || fact.address.v6?.isLinkLocal == true ? shortRetention : retention
  }

  /// Drops what is beyond the bounds. Among those that were seen in the same minute the first ones stay, so that a full book changes once a minute
  /// however many addresses somebody makes up.
  private mutating func keepWithinBounds() {
    guard facts.count > Self.addressesPerHardware else { return }
    var perHardware: [Place: Int] = [:]
    var perNetwork: [String: Int] = [:]
    var kept: [IPAddress: NeighbourFact] = [:]
    for fact in facts.values.sorted(by: Self.precedes) {
      let place = Place(network: fact.network, hardware: fact.hardware)
      guard perHardware[place, default: 0] < Self.addressesPerHardware,
        perNetwork[fact.network, default: 0] < Self.capacity
      else { continue }
      perHardware[place, default: 0] += 1
      perNetwork[fact.network, default: 0] += 1
      kept[fact.address] = fact
    }
    facts = kept
  }

  private struct Place: Hashable {
    var network: String
    var hardware: MACAddress
  }

  /// Whether the book rather has `a` than `b`.
  private static func precedes(_ a: NeighbourFact, _ b: NeighbourFact) -> Bool {
    if (a.device == nil) != (b.device == nil) { return a.device != nil }
    if a.lastSeen != b.lastSeen { return a.lastSeen > b.lastSeen }
    return (a.firstSeen, a.address) < (b.firstSeen, b.address)
  }

  /// Remembers who is in the book, and answers the strangers that were not known, as far as they are to be told of.
  private mutating func newcomers(_ minute: UnixTime) -> [NeighbourFact] {
    if told.minute != minute { told = (minute, 0) }
    var strangers: [NeighbourFact] = []
    for fact in facts.values {
      let isNew = known.updateValue(max(fact.lastSeen, known[fact.hardware] ?? 0), forKey: fact.hardware) == nil
      if isNew, fact.device == nil, told.count < Self.noticesPerMinute {
        told.count += 1
        strangers.append(fact)
      }
    }
    if known.count > Self.knownCapacity {
      let latest = known.sorted { $0.value > $1.value }.prefix(Self.knownCapacity * 3 / 4)
      known = Dictionary(uniqueKeysWithValues: latest.map { ($0.key, $0.value) })
    }
    return strangers.sorted { $0.address < $1.address }
  }
}

extension NeighbourBook {
  /// Whose an address is.
  private struct Directory {
    private var byHardware: [MACAddress: String]
    private var leases: [IPAddress: Lease]

    init(_ devices: [Device], _ leases: [Lease]) {
      byHardware = Dictionary(devices.flatMap { device in device.hardware.map { ($0, device.name) } }) { first, _ in
        first
      }
      self.leases = Dictionary(leases.filter { $0.state == .active }.map { (.v4($0.address), $0) }) { first, _ in first
      }
    }

    func device(_ hardware: MACAddress, _ address: IPAddress) -> String? {
      byHardware[hardware] ?? leases[address].flatMap { $0.hardware == hardware ? $0.device : nil }
    }
  }
}
