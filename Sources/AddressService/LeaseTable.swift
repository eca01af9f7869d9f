public import Household
public import Wire

/// One lease before and after a message was handled; nil: none.
public struct LeaseChange: Sendable, Equatable {
  public var address: IPv4Address
  public var before: Lease?
  public var after: Lease?
}

/// All leases, with what finds one fast: by client in each scope, and unused ones in each pool.
///
/// There is at most one lease for each address, so memory is bounded by the pools' sizes.
struct LeaseTable: Sendable {
  /// A scope's part of the table.
  struct Scope: Sendable {
    let settings: DHCPScope
    /// Addresses that the pool does not give to just anybody: the router's, static ones, the prefix's first and last.
    let unavailable: Set<IPv4Address>
    /// Static addresses by the names of their devices.
    let reservations: [String: IPv4Address]
    var pool: AddressPool
    /// The address that each client has, or had last.
    var byClient: [DHCPClientKey: IPv4Address] = [:]
    /// Addresses that may be given to somebody else, least recently used last. Made when needed; checked when taken.
    var reusable: [IPv4Address] = []
    /// When `reusable` was last made.
    var reusableMade: UnixTime?

    init(_ settings: DHCPScope) {
      self.settings = settings
      unavailable = settings.excluded.union(settings.reservations.keys).union([settings.broadcast, settings.zero])
      reservations = Dictionary(settings.reservations.map { ($0.value, $0.key) }) { min($0, $1) }
      pool = AddressPool(settings.pool)
      for address in unavailable { pool.setUsed(address, true) }
    }
  }

  private(set) var leases: [IPv4Address: Lease] = [:]
  private(set) var scopes: [Scope] = []
  /// What changed since `takeChanges()`.
  private var changes: [LeaseChange] = []
  /// Leases whose times were set by this run's wall clock, and that move with it when it is set.
  private var dated: Set<IPv4Address> = []
  /// No lease ends before this.
  private(set) var nextEnd: UnixTime = .max

  init(_ leases: [Lease], scopes: [DHCPScope], now: UnixTime) {
    for lease in leases { self.leases[lease.address] = lease }
    serve(scopes)
    takeInDatesFromTheFuture(now)
    nextEnd = self.leases.values.compactMap(\.end).min() ?? .max
  }

  /// Serves other scopes from now on. Leases outside of them stay until they end.
  mutating func serve(_ settings: [DHCPScope]) {
    scopes = settings.map(Scope.init)
    // The latest lease of a client is the one it is found by.
    for lease in leases.values.sorted(by: { ($0.renewed, $0.address) < ($1.renewed, $1.address) }) { index(lease) }
  }

  subscript(address: IPv4Address) -> Lease? { leases[address] }

  func scopeIndex(containing address: IPv4Address) -> Int? {
    scopes.firstIndex { $0.settings.contains(address) }
  }

  /// The address that the client has or had last in the scope.
  func address(of key: DHCPClientKey, scope: Int) -> IPv4Address? { scopes[scope].byClient[key] }

  // MARK: Changes

  mutating func set(_ lease: Lease, isDated: Bool = true) {
    let before = leases[lease.address]
    guard before != lease else { return }
    changes.append(LeaseChange(address: lease.address, before: before, after: lease))
    put(lease.address, lease)
    if isDated { dated.insert(lease.address) }
  }

  mutating func remove(_ address: IPv4Address) {
    guard let before = leases[address] else { return }
    changes.append(LeaseChange(address: address, before: before, after: nil))
    put(address, nil)
  }

  mutating func takeChanges() -> [LeaseChange] {
    defer { changes.removeAll(keepingCapacity: true) }
    return changes
  }

  /// Puts back what was before changes that could not be made durable.
  mutating func undo(_ changes: [LeaseChange]) {
    for change in changes.reversed() { put(change.address, change.before) }
  }

  private mutating func put(_ address: IPv4Address, _ lease: Lease?) {
    if let old = leases[address], let scope = scopeIndex(containing: address),
      scopes[scope].byClient[old.key] == address
    {
      scopes[scope].byClient[old.key] = nil
    }
    leases[address] = lease
    if let lease {
      nextEnd = min(nextEnd, lease.end ?? .max)
      index(lease)
    } else {
      dated.remove(address)
      if let scope = scopeIndex(containing: address) { setOffered(address, false, scope: scope) }
    }
  }

  /// Keeps an address without a lease from being chosen for another client, or stops that.
  mutating func setOffered(_ address: IPv4Address, _ isOffered: Bool, scope: Int) {
    guard leases[address] == nil, !scopes[scope].unavailable.contains(address) else { return }
    scopes[scope].pool.setUsed(address, isOffered)
  }

  private mutating func index(_ lease: Lease) {
    guard let scope = scopeIndex(containing: lease.address) else { return }
    scopes[scope].pool.setUsed(lease.address, true)
    if lease.state != .declined { scopes[scope].byClient[lease.key] = lease.address }
  }

  // MARK: Time

  /// Marks leases that have run out, frees addresses whose quarantine is over, and forgets ended leases that no scope
  /// can use again.
  mutating func end(at now: UnixTime) {
    guard nextEnd <= now else { return }
    for lease in leases.values where lease.end.map({ $0 <= now }) ?? false {
      if lease.state == .declined || scopeIndex(containing: lease.address) == nil {
        remove(lease.address)
      } else {
        var ended = lease
        ended.state = .expired
        set(ended, isDated: dated.contains(lease.address))
      }
    }
    nextEnd = leases.values.compactMap(\.end).min() ?? .max
  }

  /// Keeps the time that clients of this run have left when the wall clock is set by `seconds`.
  mutating func moveDates(by seconds: Int64, now: UnixTime) {
    for address in dated {
      guard var lease = leases[address] else { continue }
      lease.renewed += seconds
      lease.expires += seconds
      lease.since = min(lease.since + seconds, lease.renewed)
      set(lease)
    }
    takeInDatesFromTheFuture(now)
    nextEnd = leases.values.compactMap(\.end).min() ?? .max
  }

  /// A lease that was renewed after now was dated by a clock that is ahead of this one. Counted from now, it lasts no
  /// shorter than its client believes, and not for years.
  private mutating func takeInDatesFromTheFuture(_ now: UnixTime) {
    for lease in leases.values where lease.renewed > now + ClockGuard.toleranceSeconds {
      var moved = lease
      moved.expires = now + max(0, lease.expires - lease.renewed)
      moved.renewed = now
      moved.since = min(lease.since, now)
      set(moved)
    }
  }

  // MARK: Reuse

  /// The pool's least recently used address that no client may use now: released ones first, then ended ones, and only
  /// then declined ones; active ones never.
  mutating func leastRecentlyUsed(in scope: Int, now: UnixTime, where isAllowed: (IPv4Address) -> Bool) -> IPv4Address?
  {
    for attempt in 0...1 {
      while let address = scopes[scope].reusable.popLast() {
        if let lease = leases[address], lease.reusePriority(at: now) != nil, isAllowed(address) { return address }
      }
      // Sorting a large pool for every message of a flood would starve the others.
      guard attempt == 0, scopes[scope].reusableMade != now else { return nil }
      makeReusable(scope, now)
    }
    return nil
  }

  private mutating func makeReusable(_ scope: Int, _ now: UnixTime) {
    let settings = scopes[scope].settings
    let candidates: [(priority: Int, renewed: UnixTime, address: IPv4Address)] = leases.values.compactMap { lease in
      guard settings.pool.contains(lease.address), let priority = lease.reusePriority(at: now) else { return nil }
      return (priority, lease.renewed, lease.address)
    }
    scopes[scope].reusable = candidates.sorted { $0 > $1 }.map(\.address)
    scopes[scope].reusableMade = now
  }
}

extension DHCPScope {
  /// The prefix's own address, which no host has.
  fileprivate var zero: IPv4Address { IPv4Address(value: serverAddress.value & netmask.value) }
}

extension Lease {
  /// When time changes the lease's state; nil: never again.
  fileprivate var end: UnixTime? { state == .active || state == .declined ? expires : nil }

  /// Lower goes first to another client; nil: not to be given away.
  fileprivate func reusePriority(at now: UnixTime) -> Int? {
    switch state {
    case .released: 0
    case .expired: 1
    case .active: expires <= now ? 1 : nil
    case .declined: 2
    }
  }
}
