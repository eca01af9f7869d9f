import Household
import Wire

/// Which address is whose.
extension DHCPServer {
  /// The address for a client, best first (RFC 2131 section 4.3.1): its static one, the one it has or had, the one it
  /// was offered, the one it asks for, one that nobody ever had, the one longest out of use, the oldest open offer.
  mutating func choose(
    for exchange: DHCPExchange, requested: IPv4Address?, avoiding: Set<IPv4Address> = []
  ) -> IPv4Address? {
    let (client, scope, now) = (exchange.client, exchange.scope, exchange.now)
    let preferred = [
      client.device.flatMap { table.scopes[scope].reservations[$0] }, table.address(of: client.key, scope: scope),
      offers.address(for: client.key, scope: scope),
    ]
    for case .some(let address) in preferred where !avoiding.contains(address) && accepts(address, exchange) {
      return address
    }
    if let requested, table.scopes[scope].pool.isFree(requested), !avoiding.contains(requested) { return requested }
    // An avoided address has been marked as used, so a free one is none of them.
    if let free = table.scopes[scope].pool.firstFree(from: client.key.stableHash) { return free }
    let reusable = table.leastRecentlyUsed(in: scope, now: now.wall) { [offers, configuration] address in
      offers[address] == nil && !avoiding.contains(address) && configuration.scopes[scope].reservations[address] == nil
    }
    if let reusable { return reusable }
    let limit = now.instant.advanced(milliseconds: -limits.offerTheftSeconds * 1_000)
    return offers.oldest(in: scope, madeUntil: limit) { [table, probes, configuration] address in
      // An offer may also stand for a lease that its client has or had, or for a static address.
      table[address] == nil && probes.index(of: address) == nil && !avoiding.contains(address)
        && configuration.scopes[scope].reservations[address] == nil
    }
  }

  /// Whether the client may have the address: it fits the configuration, and nobody else has it.
  func accepts(_ address: IPv4Address, _ exchange: DHCPExchange) -> Bool {
    let settings = configuration.scopes[exchange.scope]
    if let reserved = exchange.client.device.flatMap({ table.scopes[exchange.scope].reservations[$0] }),
      reserved != address, isAvailable(reserved, exchange), !isHeldByAnotherInterface(reserved, exchange)
    {
      return false
    }
    let isOwn = settings.reservations[address] != nil && settings.reservations[address] == exchange.client.device
    return (isOwn || settings.pool.contains(address)) && isAvailable(address, exchange)
  }

  /// Whether the device has its static address already, on another of its interfaces.
  private func isHeldByAnotherInterface(_ address: IPv4Address, _ exchange: DHCPExchange) -> Bool {
    table[address].map { $0.isActive(at: exchange.now.wall) && $0.key != exchange.client.key } ?? false
  }

  /// Whether nobody but the client uses the address, or has a right to it.
  private func isAvailable(_ address: IPv4Address, _ exchange: DHCPExchange) -> Bool {
    let (scope, client) = (table.scopes[exchange.scope], exchange.client)
    if let owner = scope.settings.reservations[address] {
      guard owner == client.device, !scope.settings.excluded.contains(address) else { return false }
    } else if scope.unavailable.contains(address) {
      return false
    }
    if let offer = offers[address], offer.client != client.key { return false }
    guard let lease = table[address] else { return true }
    switch lease.state {
    case .released, .expired: return true
    case .active: return !lease.isActive(at: exchange.now.wall) || lease.belongs(to: client)
    case .declined: return lease.expires <= exchange.now.wall
    }
  }

  /// Seconds of a new lease: what the client asks for, within bounds.
  func leaseSeconds(_ message: borrowing DHCPv4View, scope: Int) -> UInt32 {
    let limit = configuration.scopes[scope].leaseSeconds
    return min(max(message.uint32(.leaseTime) ?? limit, Self.minimumLeaseSeconds), limit)
  }

  /// Makes the address the client's, or says how long it still is; nil where nothing can be promised now.
  mutating func grant(_ address: IPv4Address, seconds: UInt32, to exchange: DHCPExchange) -> UInt32? {
    let (client, now) = (exchange.client, exchange.now.wall)
    let held = table[address].flatMap { $0.isActive(at: now) && $0.key == client.key ? $0 : nil }
    if let held, isReadOnly || isRepeat(held, of: client, seconds: seconds, now: now) {
      return UInt32(clamping: held.expires - now)
    }
    guard !isReadOnly else {
      counters.unstored += 1
      return nil
    }
    if let old = table.address(of: client.key, scope: exchange.scope), old != address { giveBack(old, now) }
    withdrawOffer(to: client.key, scope: exchange.scope)
    let before = table[address].flatMap { $0.key == client.key && $0.state != .declined ? $0 : nil }
    table.set(
      Lease(
        address: address, hardware: client.hardware, clientIdentifier: client.identifier.map(hexadecimal),
        hostName: client.hostName ?? before?.hostName, network: configuration.scopes[exchange.scope].name,
        device: client.device, state: .active, since: before?.since ?? now, renewed: now, expires: now + Int64(seconds))
    )
    exhausted[configuration.scopes[exchange.scope].name] = nil
    return seconds
  }

  private func isRepeat(_ held: Lease, of client: DHCPClient, seconds: UInt32, now: UnixTime) -> Bool {
    0...limits.repeatSeconds ~= now - held.renewed && held.expires - held.renewed == Int64(seconds)
      && held.hardware == client.hardware && held.device == client.device
      && (client.hostName == nil || client.hostName == held.hostName)
  }

  /// The client does not use the address any more.
  mutating func giveBack(_ address: IPv4Address, _ now: UnixTime) {
    guard var lease = table[address], lease.state == .active else { return }
    lease.state = .released
    lease.renewed = now
    lease.expires = min(lease.expires, now)
    table.set(lease)
  }

  /// Somebody else uses the address: leaves it alone for a while.
  mutating func quarantine(_ address: IPv4Address, user: MACAddress, scope: Int, _ now: UnixTime) {
    counters.conflicts += 1
    if let offer = offers.remove(address) { table.setOffered(address, false, scope: offer.scope) }
    table.set(
      Lease(
        address: address, hardware: user, clientIdentifier: nil, hostName: nil,
        network: configuration.scopes[scope].name, device: nil, state: .declined, since: now, renewed: now,
        expires: now + limits.quarantineSeconds))
  }

  mutating func hold(_ address: IPv4Address, for client: DHCPClientKey, scope: Int, now: Instant) {
    if let other = offers.address(for: client, scope: scope), other != address {
      withdrawOffer(to: client, scope: scope)
    }
    offers.make(address, for: client, scope: scope, now: now)
    table.setOffered(address, true, scope: scope)
  }

  mutating func withdrawOffer(to client: DHCPClientKey, scope: Int) {
    guard let address = offers.address(for: client, scope: scope) else { return }
    offers.remove(address)
    table.setOffered(address, false, scope: scope)
  }
}
