public import Wire

// What servers send.
extension DHCPClient {
  /// Takes a received UDP payload. What is no DHCP message is counted and dropped.
  public mutating func receive(
    _ payload: RawSpan, now: Instant, random: inout some RandomNumberGenerator
  ) -> [Action] {
    do throws(DHCPv4Malformation) {
      let message = try DHCPv4View(payload)
      return receive(message, now, &random)
    } catch {
      counters.malformed += 1
      return []
    }
  }

  private mutating func receive(
    _ message: borrowing DHCPv4View, _ now: Instant, _ random: inout some RandomNumberGenerator
  ) -> [Action] {
    let header = message.header
    guard isListening, header.operation == .reply, header.transaction == exchange.transaction,
      header.hardware == identity.hardware, let type = message.messageType
    else { return ignore() }
    switch (type, state) {
    case (.offer, .selecting): return take(offer: message, now, &random)
    case (.acknowledge, .requesting), (.acknowledge, .rebooting), (.acknowledge, .renewing),
      (.acknowledge, .rebinding):
      return take(acknowledgement: message, now, &random)
    case (.refuse, .requesting), (.refuse, .rebooting), (.refuse, .renewing), (.refuse, .rebinding):
      return take(refusal: message, now, &random)
    default: return ignore()
    }
  }

  private mutating func ignore() -> [Action] {
    counters.ignored += 1
    return []
  }

  /// SELECTING: the first offer that can be used is taken.
  private mutating func take(
    offer message: borrowing DHCPv4View, _ now: Instant, _ random: inout some RandomNumberGenerator
  ) -> [Action] {
    guard let offer = usableLease(message) else { return ignore() }
    counters.received[.offer, default: 0] += 1
    candidate = Held(offer, since: now)
    state = .requesting
    exchange.attempts = 0
    return [send(now, &random) { client in client.request(offer, now) }]
  }

  private mutating func take(
    acknowledgement message: borrowing DHCPv4View, _ now: Instant, _ random: inout some RandomNumberGenerator
  ) -> [Action] {
    // A server answers for the address that was asked for, and for no other.
    let asked = state == .requesting ? candidate?.lease : held?.lease
    guard let asked, asked.address.address == .v4(message.header.yourAddress),
      state != .requesting || message.serverIdentifier == asked.server,
      let lease = usableLease(message)
    else { return ignore() }
    counters.received[.acknowledge, default: 0] += 1
    let granted = Held(spread(lease, &random), since: exchange.asked)
    // An address that is in use here need not be checked: who has it is this client.
    guard held?.lease.address.address != lease.address.address else { return bind(granted) }
    candidate = granted
    state = .checking
    probesSent = 0
    return check(now)
  }

  /// DHCPNAK. In REQUESTING and RENEWING one server was asked, and only that one can refuse.
  private mutating func take(
    refusal message: borrowing DHCPv4View, _ now: Instant, _ random: inout some RandomNumberGenerator
  ) -> [Action] {
    guard let server = message.serverIdentifier else { return ignore() }
    let asked = state == .requesting ? candidate?.lease : held?.lease
    let isForOne = state == .requesting || state == .renewing
    guard let asked, !isForOne || server == asked.server else { return ignore() }
    counters.received[.refuse, default: 0] += 1
    var actions: [Action] = []
    if let lease = held?.lease, lease.address.address == asked.address.address {
      held = nil
      actions.append(.deconfigure("the DHCP server \(server) refused \(lease.address.address)"))
    }
    refusal = "the DHCP server \(server) on \(device) refused \(asked.address.address)"
    isFresh = false
    setbacks += 1
    let pause = DHCPTiming.pause(setbacks: setbacks, random: &random)
    if pause == 0 { return actions + startSelecting(now, &random) }
    waitInInit(pause, now)
    return actions
  }

  /// The message's lease; nil, and the reason in `refusal`, where it cannot be used.
  private mutating func usableLease(_ message: borrowing DHCPv4View) -> DHCPLease? {
    do throws(LeaseRefusal) {
      return try DHCPLease(message, homePrefixes: homePrefixes)
    } catch {
      refusal = error.sentence(device: device)
      isFresh = false
      return nil
    }
  }

  /// T1 up to a sixteenth earlier, so that the clients of a neighbourhood that came back together do not stay together
  /// (RFC 2131 section 4.4.5: "some random fuzz").
  private func spread(_ lease: DHCPLease, _ random: inout some RandomNumberGenerator) -> DHCPLease {
    guard let times = lease.times, times.renewal >= 16 else { return lease }
    var lease = lease
    lease.times?.renewal = times.renewal - UInt32.random(in: 0...times.renewal / 16, using: &random)
    return lease
  }
}
