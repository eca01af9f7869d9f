public import Household
public import Wire

/// The DHCPv4 server of the home networks (RFC 2131) as a pure state machine: messages and time in, `DHCPOutput` out.
///
/// Leases are promises: they are in `DHCPOutput.changes`, and replies that make them say so, so that the caller makes a
/// whole batch durable at once before any of its promises leaves. Offers and probes are kept in memory only. Everything
/// that a stranger can make grow is bounded: leases and offers by the pools' sizes, probes by a number.
public struct DHCPServer: Sendable {
  /// Shorter leases would make clients ask more often than they use the network.
  public static let minimumLeaseSeconds: UInt32 = 120

  /// Times and bounds. The defaults suit a home.
  public struct Limits: Sendable {
    /// How long an offered address waits for its client. One older than `offerTheftSeconds` goes to another client
    /// where the pool has nothing else.
    public var offerSeconds: Int64 = 30
    public var offerTheftSeconds: Int64 = 2
    /// Milliseconds to wait for an answer to each of `probeQuestions` questions; 0 questions: no probes.
    public var probeMilliseconds: Int64 = 150
    public var probeQuestions = 2
    /// Probes at the same time. Addresses beyond it are offered without one: a flood must not keep others waiting, and
    /// clients look for conflicts themselves.
    public var probesAtOnce = 64
    /// How long an address that somebody else uses is left alone.
    public var quarantineSeconds: Int64 = 3_600
    /// A repeated REQUEST within this time is answered again without a new lease.
    public var repeatSeconds: Int64 = 10

    public init() {}
  }

  public let limits: Limits
  public private(set) var configuration: DHCPConfiguration
  public internal(set) var counters = DHCPCounters()
  /// Set while leases cannot be stored. Then nothing new is promised: a client that renews is told the time that its
  /// stored lease has left, everybody else hears nothing and asks again.
  public var isReadOnly = false
  /// When each network's pool last had nothing for a client.
  public internal(set) var exhausted: [String: UnixTime] = [:]

  var table: LeaseTable
  var offers = OfferBook()
  var probes = ConflictProbes()
  private var clock: ClockGuard

  /// - Parameter leases: what was stored; leases of networks that are no more are kept until they end.
  public init(_ configuration: DHCPConfiguration, leases: [Lease], now: DHCPTime, limits: Limits = Limits()) {
    self.limits = limits
    self.configuration = configuration
    table = LeaseTable(leases, scopes: configuration.scopes, now: now.wall)
    clock = ClockGuard(now)
  }

  /// All leases by address.
  public var leases: [IPv4Address: Lease] { table.leases }

  /// Serves another configuration from now on. Leases stay; those that no longer fit are refused when their clients
  /// renew. Open offers are forgotten.
  public mutating func reconfigure(_ configuration: DHCPConfiguration, now: DHCPTime, into output: inout DHCPOutput) {
    if configuration != self.configuration { serve(configuration) }
    // Only now: a lease that has ended is forgotten where no network has its address.
    advance(now, into: &output)
  }

  private mutating func serve(_ configuration: DHCPConfiguration) {
    self.configuration = configuration
    offers.removeAll()
    probes.removeAll()
    exhausted = exhausted.filter { name, _ in configuration.scopes.contains { $0.name == name } }
    table.serve(configuration.scopes)
    for lease in table.leases.values {
      var renamed = lease
      renamed.device = configuration.device(
        hardware: lease.hardware, identifier: lease.clientIdentifier.flatMap(bytes(hexadecimal:)))
      if let scope = table.scopeIndex(containing: lease.address) { renamed.network = configuration.scopes[scope].name }
      table.set(renamed, isDated: false)
    }
  }

  /// Handles one message as it came out of UDP.
  public mutating func receive(
    _ bytes: RawSpan, _ arrival: DHCPArrival, now: DHCPTime, into output: inout DHCPOutput
  ) {
    follow(now)
    do {
      let message = try DHCPv4View(bytes)
      handle(message, bytes, arrival, now, into: &output)
    } catch {
      counters.malformed.count(error)
    }
    output.changes += table.takeChanges()
  }

  /// Somebody answered a probe.
  public mutating func probeAnswered(
    _ address: IPv4Address, by hardware: MACAddress, on network: String, now: DHCPTime, into output: inout DHCPOutput
  ) {
    follow(now)
    defer { output.changes += table.takeChanges() }
    guard let index = probes.index(of: address),
      configuration.scopes[probes.pending[index].scope].name == network
    else { return }
    conclude(probes.remove(at: index), answeredBy: hardware, now, into: &output)
  }

  /// Does what time makes due. Call it at `nextDeadline`, or at any time.
  public mutating func advance(_ now: DHCPTime, into output: inout DHCPOutput) {
    follow(now)
    for probe in probes.takeRepeats(now: now.instant, wait: limits.probeMilliseconds) {
      output.probes.append(DHCPProbe(network: configuration.scopes[probe.scope].name, address: probe.address))
    }
    for probe in probes.takeUnanswered(now: now.instant) {
      conclude(probe, answeredBy: nil, now, into: &output)
    }
    let limit = now.instant.advanced(milliseconds: -limits.offerSeconds * 1_000)
    while let (address, offer) = offers.removeOldest(madeUntil: limit) {
      table.setOffered(address, false, scope: offer.scope)
    }
    table.end(at: now.wall)
    output.changes += table.takeChanges()
  }

  /// When `advance` has something to do next; nil: nothing is waiting.
  public mutating func nextDeadline(after now: DHCPTime) -> Instant? {
    var deadlines: [Instant] = []
    if let probe = probes.nextDeadline { deadlines.append(probe) }
    if let oldest = offers.oldest { deadlines.append(oldest.advanced(milliseconds: limits.offerSeconds * 1_000)) }
    if table.nextEnd < .max {
      // Not more than once a second, however many leases end; not so far away that the sum overflows.
      let seconds = min(max(table.nextEnd - now.wall, 1), 86_400)
      deadlines.append(now.instant.advanced(milliseconds: seconds * 1_000))
    }
    return deadlines.min()
  }

  /// Takes back the promises among changes that could not be stored. What takes nothing away from a client (a release,
  /// an end, a quarantine) stays in memory.
  public mutating func undo(_ changes: [LeaseChange]) {
    table.undo(changes.filter { $0.after?.state == .active })
  }

  /// Addresses of the pool that clients use now, and its size.
  public func poolUse(of scope: Int, now: UnixTime) -> (active: Int, size: Int) {
    let pool = configuration.scopes[scope].pool
    let active = table.leases.values.count { pool.contains($0.address) && $0.isActive(at: now) }
    return (active, table.scopes[scope].pool.count)
  }

  private mutating func follow(_ now: DHCPTime) {
    let jump = clock.jump(to: now)
    if jump != 0 { table.moveDates(by: jump, now: now.wall) }
  }

  private mutating func handle(
    _ message: borrowing DHCPv4View, _ bytes: RawSpan, _ arrival: DHCPArrival, _ now: DHCPTime,
    into output: inout DHCPOutput
  ) {
    guard let type = message.messageType, message.header.operation == .request, !message.header.hardware.isGroup,
      let scope = scope(of: message.header, arrival)
    else {
      counters.ignored += 1
      return
    }
    counters.received.count(type)
    let exchange = DHCPExchange(
      client: DHCPClient(message, configuration), scope: scope, arrival: arrival, now: now)
    switch type {
    case .discover: discover(message, bytes, exchange, into: &output)
    case .request: request(message, exchange, into: &output)
    case .decline: decline(message, exchange)
    case .release: release(message, exchange)
    case .inform: inform(message, exchange, into: &output)
    case .offer, .acknowledge, .refuse: counters.ignored += 1
    }
  }

  /// The scope of the interface. A relay agent speaks only for the network that its messages come from: otherwise a
  /// guest could take the home network's addresses.
  private func scope(of header: DHCPv4Header, _ arrival: DHCPArrival) -> Int? {
    guard let index = configuration.scopes.firstIndex(where: { $0.name == arrival.network }) else { return nil }
    return header.relay == .any || configuration.scopes[index].contains(header.relay) ? index : nil
  }
}

/// What a message is about, besides its own fields.
struct DHCPExchange: Sendable {
  var client: DHCPClient
  /// Index of the scope.
  var scope: Int
  var arrival: DHCPArrival
  var now: DHCPTime
}
