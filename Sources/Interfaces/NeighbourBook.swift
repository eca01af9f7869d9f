public import Household
public import Netlink
public import Wire

/// Who has been seen on the home networks: the kernel's neighbour tables (ARP and ND), with the devices they belong to.
public struct NeighbourBook: Sendable {
  /// By address.
  public private(set) var facts: [IPAddress: NeighbourFact] = [:]
  private var known: Set<MACAddress> = []

  /// How long somebody who is silent stays in the book, in seconds.
  public static let retention: UnixTime = 7 * 86_400

  public init() {}

  /// Takes up what the neighbour tables hold now.
  ///
  /// - Parameters:
  ///   - networks: name of the home network by interface index; neighbours elsewhere are nobody's business.
  ///   - devices: the named devices, for recognition by hardware address.
  ///   - leases: active leases, for recognition by a lease's client identifier.
  /// - Returns: hardware addresses that have not been seen before and belong to no named device.
  public mutating func update(
    _ neighbours: [Neighbour], networks: [Int32: String], devices: [Device], leases: [Lease], now: UnixTime
  ) -> [NeighbourFact] {
    var strangers: [NeighbourFact] = []
    for neighbour in neighbours {
      guard let hardware = neighbour.hardware, !hardware.isGroup, hardware.value != 0,
        let network = networks[neighbour.link], !neighbour.state.isDisjoint(with: .known)
      else { continue }
      let device = Self.device(hardware, neighbour.address, devices, leases)
      let before = facts[neighbour.address].flatMap { $0.hardware == hardware ? $0 : nil }
      // A stale entry tells of the past: it does not count as being seen again.
      let isFresh = before == nil || neighbour.state.contains(.reachable)
      let fact = NeighbourFact(
        address: neighbour.address, hardware: hardware, network: network, device: device,
        firstSeen: before?.firstSeen ?? now, lastSeen: isFresh ? now / 60 * 60 : before?.lastSeen ?? now)
      facts[neighbour.address] = fact
      if known.insert(hardware).inserted, device == nil { strangers.append(fact) }
    }
    facts = facts.filter { $0.value.lastSeen + Self.retention > now }
    return strangers
  }

  private static func device(
    _ hardware: MACAddress, _ address: IPAddress, _ devices: [Device], _ leases: [Lease]
  ) -> String? {
    if let device = devices.first(where: { $0.hardware.contains(hardware) }) { return device.name }
    return leases.first { .v4($0.address) == address && $0.hardware == hardware && $0.state == .active }?.device
  }
}
