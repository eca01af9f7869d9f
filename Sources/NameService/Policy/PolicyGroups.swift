public import Household
public import Wire

/// Clients that the name service treats alike. Part of the cache's key, so there are as few as the policy needs.
public struct PolicyGroup: RawRepresentable, Sendable, Hashable {
  /// Bit 0: asks with blocklists. Above it the number of the isolated network, from 1; 0 for all other networks.
  public let rawValue: UInt8

  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Asks without blocklists.
  public static let open = PolicyGroup(rawValue: 0)
  /// Asks with blocklists.
  public static let filtered = PolicyGroup(rawValue: 1)

  /// The number of an isolated network that is not known: its clients see nothing of the house.
  public static let unknownIsolation = 127

  public var usesBlocklists: Bool { rawValue & 1 != 0 }
  /// The number of the isolated network, in the order of the configuration from 1; 0 for a network that sees the household's names.
  public var isolation: Int { Int(rawValue >> 1) }
  public var isIsolated: Bool { isolation != 0 }

  /// The same with regard to blocklists, in the isolated network of this number.
  public func isolated(_ number: Int) -> PolicyGroup {
    PolicyGroup(rawValue: UInt8(clamping: min(number, Self.unknownIsolation) << 1) | rawValue & 1)
  }

  /// The same network, with or without blocklists.
  func filtered(_ usesBlocklists: Bool) -> PolicyGroup {
    PolicyGroup(rawValue: rawValue & ~1 | (usesBlocklists ? 1 : 0))
  }
}

/// Which group a client is in, by its address: its device's setting, else its network's.
///
/// A client is only recognised here, not proven: good enough to take away, as blocking does. Immutable; a new one replaces it when leases,
/// neighbours or the configuration change.
public final class PolicyGroups: Sendable {
  /// Unowned access for the hit path. Valid as long as somebody keeps the `PolicyGroups`.
  public let view: View

  /// - Parameters:
  ///   - leases: those of recognised devices tell their addresses now.
  ///   - neighbours: the same for addresses that devices gave themselves.
  public init(_ model: HouseholdModel, leases: [Lease] = [], neighbours: [NeighbourFact] = []) {
    var networks: [Network?] = []
    var isolated = 0
    for network in model.networks {
      var group = PolicyGroup.open.filtered(network.blocking)
      if network.isolated {
        isolated += 1
        group = group.isolated(isolated)
      }
      networks += network.prefixes.map { Network(prefix: $0, group: group) }
    }
    networks += [
      Network(prefix: IPPrefix(.v4(.loopback), length: 8), group: .open),
      Network(prefix: IPPrefix(.v6(.loopback), length: 128), group: .open),
      // A link-local source tells no network, so it may be in the isolated one.
      Network(
        prefix: IPPrefix("fe80::/10"),
        group: isolated == 0 ? .filtered : .filtered.isolated(PolicyGroup.unknownIsolation)),
    ]
    let addresses = Self.exceptions(model, leases, neighbours).sorted { ($0.high, $0.low) < ($1.high, $1.low) }
    view = View(networks: networks.compactMap(\.self), clients: addresses)
  }

  deinit {
    view.networks.deallocate()
    view.clients.deallocate()
  }

  /// The group of a client; nil for an address in no network of the household, which is to be refused.
  public func group(of address: IPAddress) -> PolicyGroup? { view.group(of: address) }

  /// Addresses whose device says other than its network.
  private static func exceptions(_ model: HouseholdModel, _ leases: [Lease], _ neighbours: [NeighbourFact]) -> [Client]
  {
    var groups: [IPAddress: Bool] = [:]
    let settings = [String: Bool](
      model.devices.compactMap { device in device.blocking.map { (device.name, $0) } }, uniquingKeysWith: { $1 })
    func note(_ address: IPAddress, _ device: String?) {
      guard let device, let blocking = settings[device] else { return }
      groups[address] = blocking
    }
    for neighbour in neighbours { note(neighbour.address, neighbour.device) }
    for lease in leases where lease.state == .active { note(.v4(lease.address), lease.device) }
    for device in model.devices {
      for address in device.addresses { note(address, device.name) }
    }
    return groups.map { address, usesBlocklists in
      let (high, low) = halves(address)
      return Client(high: high, low: low, usesBlocklists: usesBlocklists)
    }
  }

  /// An address of either family as 128 bits; IPv4 as `::ffff:0:0/96` (RFC 4291 section 2.5.5.2).
  @inline(__always)
  fileprivate static func halves(_ address: IPAddress) -> (UInt64, UInt64) {
    switch address {
    case .v4(let address): (0, 0xffff_0000_0000 | UInt64(address.value))
    case .v6(let address): (address.high, address.low)
    }
  }

  fileprivate struct Client {
    var high, low: UInt64
    var usesBlocklists: Bool
  }

  fileprivate struct Network {
    var high, low, highMask, lowMask: UInt64
    var group: PolicyGroup

    init?(prefix: IPPrefix?, group: PolicyGroup) {
      guard let prefix else { return nil }
      (high, low) = PolicyGroups.halves(prefix.address)
      let length = prefix.family == .v4 ? prefix.length + 96 : prefix.length
      highMask = length == 0 ? 0 : .max << UInt64(max(64 - length, 0))
      lowMask = length <= 64 ? 0 : .max << UInt64(128 - length)
      self.group = group
    }
  }

  /// The tables without ownership: copying it touches no reference count.
  public struct View: @unchecked Sendable {
    // Never written after `init`, so threads may share them.
    fileprivate let networks: UnsafeBufferPointer<Network>
    fileprivate let clients: UnsafeBufferPointer<Client>

    fileprivate init(networks: [Network], clients: [Client]) {
      self.networks = UnsafeBufferPointer(copying: networks)
      self.clients = UnsafeBufferPointer(copying: clients)
    }

    /// The group of a client; nil for an address in no network of the household. Allocates nothing.
    public func group(of address: IPAddress) -> PolicyGroup? {
      let (high, low) = PolicyGroups.halves(address)
      return group(high, low)
    }

    /// The same for an address as a socket gives it, IPv4-mapped or not.
    public func group(of address: IPv6Address) -> PolicyGroup? { group(address.high, address.low) }

    private func group(_ high: UInt64, _ low: UInt64) -> PolicyGroup? {
      guard let network = networks.first(where: { $0.high == high & $0.highMask && $0.low == low & $0.lowMask })
      else { return nil }
      var range = 0..<clients.count
      while !range.isEmpty {
        let middle = (range.lowerBound + range.upperBound) / 2
        let client = clients[middle]
        if client.high == high, client.low == low { return network.group.filtered(client.usesBlocklists) }
        range = (client.high, client.low) < (high, low) ? middle + 1..<range.upperBound : range.lowerBound..<middle
      }
      return network.group
    }
  }
}

extension UnsafeBufferPointer {
  /// A copy of an array that somebody has to deallocate.
  init(copying elements: [Element]) {
    let buffer = UnsafeMutableBufferPointer<Element>.allocate(capacity: elements.count)
    _ = buffer.initialize(from: elements)
    self.init(buffer)
  }
}
