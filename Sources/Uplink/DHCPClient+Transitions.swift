import Wire

/// Times of the client in milliseconds, and counts.
enum DHCPTiming {
  /// RFC 2131 section 4.1: 4 s, doubled up to 64 s, each with up to a second more or less.
  static func retransmission(attempt: Int, random: inout some RandomNumberGenerator) -> Int64 {
    let base = Int64(4_000) << Int64(min(max(attempt - 1, 0), 4))
    return base + Int64.random(in: -1_000...1_000, using: &random)
  }

  /// RFC 2131 section 4.4.5: half of the time left, but not less than a minute; of a short lease, a sixteenth.
  static func renewalRetry(now: Instant, until limit: Instant, leaseSeconds: UInt32) -> Instant {
    let floor = min(60_000, max(1_000, Int64(leaseSeconds) * 1_000 / 16))
    let wait = max(limit.milliseconds(since: now) / 2, floor)
    return min(now.advanced(milliseconds: wait), limit)
  }

  /// How long to wait after refusals before the next DHCPDISCOVER: the first time not at all, then doubling up to a minute.
  static func pause(setbacks: Int, random: inout some RandomNumberGenerator) -> Int64 {
    guard setbacks > 1 else { return 0 }
    let base = Int64(1_000) << Int64(min(setbacks - 2, 6))
    return base + Int64.random(in: 0...1_000, using: &random)
  }

  /// RFC 2131 section 3.1: a client that declined waits at least ten seconds.
  static let pauseAfterConflict: Int64 = 10_000
  /// DHCPREQUESTs for one offer before it is given up.
  static let requestAttempts = 4
  /// DHCPREQUESTs for the address from before, after which any server is asked for any address.
  static let rebootAttempts = 3
  /// ARP probes for a new address, and the time between them and after the last one.
  static let probes = 3
  static let probeInterval: Int64 = 200
}

// Timers, and what comes from outside.
extension DHCPClient {
  mutating func linkUp(_ now: Instant, _ random: inout some RandomNumberGenerator) -> [Action] {
    guard state == .initial || state == .initialReboot else { return [] }
    isFresh = true
    guard let held else { return startSelecting(now, &random) }
    beginExchange(now, &random)
    state = .rebooting
    return [send(now, &random) { client in client.verify(held, now) }]
  }

  mutating func linkDown() -> [Action] {
    deadline = nil
    candidate = nil
    if state != .released { state = held == nil ? .initial : .initialReboot }
    return []
  }

  mutating func timer(_ now: Instant, _ random: inout some RandomNumberGenerator) -> [Action] {
    if state != .checking { isFresh = false }
    switch state {
    case .initial: return startSelecting(now, &random)
    case .selecting: return [send(now, &random) { client in client.discover(now) }]
    case .requesting:
      guard let candidate, exchange.attempts < DHCPTiming.requestAttempts else { return startSelecting(now, &random) }
      return [send(now, &random) { client in client.request(candidate.lease, now) }]
    case .checking: return check(now)
    case .rebooting:
      guard let held, exchange.attempts < DHCPTiming.rebootAttempts else { return startSelecting(now, &random) }
      return [send(now, &random) { client in client.verify(held, now) }]
    case .bound, .renewing, .rebinding: return extendLease(now, &random)
    case .initialReboot, .released:
      deadline = nil
      return []
    }
  }

  mutating func conflict(
    with hardware: MACAddress, _ now: Instant, _ random: inout some RandomNumberGenerator
  ) -> [Action] {
    guard state == .checking, let refused = candidate?.lease else { return [] }
    refusal = "the DHCP server offers \(refused.address.address), which \(hardware) on \(device) already uses"
    isFresh = false
    beginExchange(now, &random)
    let decline = decline(refused, "address in use by \(hardware)", now)
    setbacks += 1
    waitInInit(DHCPTiming.pauseAfterConflict, now)
    return [decline]
  }

  mutating func renew(_ now: Instant, _ random: inout some RandomNumberGenerator) -> [Action] {
    switch state {
    // Without a link there is nobody to ask; the link's coming will.
    case .initialReboot: return []
    case .initial where deadline == nil: return []
    case .bound, .renewing: return startExtending(toAll: false, now, &random)
    case .rebinding: return startExtending(toAll: true, now, &random)
    case .checking: return []
    case .initial, .selecting, .requesting, .rebooting, .released: return startSelecting(now, &random)
    }
  }

  mutating func release(_ now: Instant, _ random: inout some RandomNumberGenerator) -> [Action] {
    var actions: [Action] = []
    if let held {
      beginExchange(now, &random)
      if state != .initialReboot, !isExpired(now: now) { actions.append(giveBack(held.lease, now)) }
      actions.append(.deconfigure("the lease of \(held.lease.address) was given back"))
    }
    held = nil
    candidate = nil
    deadline = nil
    state = .released
    return actions
  }

  mutating func setHome(
    _ prefixes: [IPPrefix], _ now: Instant, _ random: inout some RandomNumberGenerator
  ) -> [Action] {
    homePrefixes = prefixes
    guard let held, let home = prefixes.first(where: { $0.overlaps(held.lease.address.prefix) }) else { return [] }
    let sentence = LeaseRefusal.overlapsHome(held.lease.address, home: home).sentence(device: device)
    refusal = sentence
    let wasWaiting = state == .initialReboot
    self.held = nil
    if wasWaiting {
      state = .initial
      return [.deconfigure(sentence)]
    }
    return [.deconfigure(sentence)] + startSelecting(now, &random)
  }
}

// Steps between states.
extension DHCPClient {
  mutating func beginExchange(_ now: Instant, _ random: inout some RandomNumberGenerator) {
    exchange = Exchange(transaction: .random(in: 0...(.max), using: &random), began: now, asked: now)
  }

  /// Sends a message of the present kind, and sets the deadline for sending it again.
  mutating func send(
    _ now: Instant, _ random: inout some RandomNumberGenerator, _ make: (inout Self) -> Action
  ) -> Action {
    if exchange.attempts == 0 { exchange.asked = now }
    exchange.attempts += 1
    deadline = now.advanced(
      milliseconds: DHCPTiming.retransmission(attempt: exchange.attempts, random: &random))
    return make(&self)
  }

  mutating func startSelecting(_ now: Instant, _ random: inout some RandomNumberGenerator) -> [Action] {
    beginExchange(now, &random)
    candidate = nil
    state = .selecting
    return [send(now, &random) { client in client.discover(now) }]
  }

  mutating func waitInInit(_ milliseconds: Int64, _ now: Instant) {
    candidate = nil
    state = .initial
    deadline = now.advanced(milliseconds: milliseconds)
  }

  /// BOUND at T1, RENEWING, REBINDING: the next step by the clock, however late the timer comes.
  mutating func extendLease(_ now: Instant, _ random: inout some RandomNumberGenerator) -> [Action] {
    guard let held else { return startSelecting(now, &random) }
    guard let rebinding = held.deadline(\.rebinding), let expiry = held.deadline(\.expiry) else {
      // A lease without end was asked about by hand, and nobody answered: it goes on.
      state = .bound
      deadline = nil
      return []
    }
    if now >= expiry { return startSelecting(now, &random) }
    return startExtending(toAll: now >= rebinding, now, &random)
  }

  /// Sends the DHCPREQUEST of RENEWING or REBINDING, the first or another one.
  mutating func startExtending(
    toAll: Bool, _ now: Instant, _ random: inout some RandomNumberGenerator
  ) -> [Action] {
    guard let held else { return startSelecting(now, &random) }
    let next: State = toAll ? .rebinding : .renewing
    if state != next {
      beginExchange(now, &random)
      state = next
    }
    if exchange.attempts == 0 { exchange.asked = now }
    exchange.attempts += 1
    if let times = held.lease.times, let limit = held.deadline(toAll ? \.expiry : \.rebinding) {
      deadline = DHCPTiming.renewalRetry(now: now, until: limit, leaseSeconds: times.expiry)
    } else {
      // A lease without end, asked about by hand.
      deadline = now.advanced(milliseconds: 60_000)
    }
    return [extend(held, toAll: toAll, now)]
  }

  /// ARP probes for the candidate; after the last one it is free.
  mutating func check(_ now: Instant) -> [Action] {
    guard let candidate, let address = candidate.lease.address.address.v4 else { return [] }
    guard probesSent < DHCPTiming.probes else { return bind(candidate) }
    probesSent += 1
    deadline = now.advanced(milliseconds: DHCPTiming.probeInterval)
    return [.probe(address)]
  }

  /// BOUND.
  mutating func bind(_ lease: Held) -> [Action] {
    held = lease
    candidate = nil
    refusal = nil
    setbacks = 0
    state = .bound
    deadline = lease.deadline(\.renewal)
    return [.configure(lease.lease)]
  }
}
