import Household
import Wire

/// What each type of message does (RFC 2131 section 4.3).
extension DHCPServer {
  /// DHCPDISCOVER (section 4.3.1).
  mutating func discover(
    _ message: borrowing DHCPv4View, _ bytes: RawSpan, _ exchange: DHCPExchange, into output: inout DHCPOutput
  ) {
    if let index = probes.index(for: exchange.client.key, scope: exchange.scope) {
      probes.update(at: index, message: bytes.array, arrival: exchange.arrival)
      return
    }
    propose(message, bytes, exchange, avoiding: [], into: &output)
  }

  /// Offers the best address, after a probe where the client never had it.
  private mutating func propose(
    _ message: borrowing DHCPv4View, _ bytes: RawSpan, _ exchange: DHCPExchange, avoiding: Set<IPv4Address>,
    into output: inout DHCPOutput
  ) {
    let (client, scope, now) = (exchange.client, exchange.scope, exchange.now)
    guard let address = choose(for: exchange, requested: message.requestedAddress, avoiding: avoiding) else {
      counters.exhausted += 1
      exhausted[configuration.scopes[scope].name] = now.wall
      return
    }
    let isKnown = table[address]?.key == client.key && table[address]?.state != .declined
    let wasOffered = offers[address]?.client == client.key
    hold(address, for: client.key, scope: scope, now: now.instant)
    guard !isKnown, !wasOffered, limits.probeQuestions > 0, probes.pending.count < limits.probesAtOnce else {
      offer(address, message, exchange, into: &output)
      return
    }
    probes.add(
      ConflictProbes.Pending(
        address: address, scope: scope, client: client.key, message: bytes.array, arrival: exchange.arrival,
        deadline: now.instant.advanced(milliseconds: limits.probeMilliseconds),
        questionsLeft: limits.probeQuestions - 1, avoided: avoiding))
    output.probes.append(DHCPProbe(network: configuration.scopes[scope].name, address: address))
  }

  /// A probe has ended: offers the address, or another one where somebody has it.
  mutating func conclude(
    _ probe: ConflictProbes.Pending, answeredBy hardware: MACAddress?, _ now: DHCPTime, into output: inout DHCPOutput
  ) {
    guard let message = try? DHCPv4View(probe.message.span.bytes) else { return }
    let exchange = DHCPExchange(
      client: DHCPClient(message, configuration), scope: probe.scope, arrival: probe.arrival, now: now)
    guard let hardware, hardware != exchange.client.hardware else {
      if offers[probe.address]?.client == probe.client { offer(probe.address, message, exchange, into: &output) }
      return
    }
    // Where the other one is known to have the address, e.g. the same device by its second interface, it may keep it.
    if table[probe.address]?.hardware == hardware {
      withdrawOffer(to: probe.client, scope: probe.scope)
    } else {
      quarantine(probe.address, user: hardware, scope: probe.scope, now.wall)
    }
    let avoided = probe.avoided.union([probe.address])
    guard avoided.count < Self.addressesTriedAtOnce else { return }
    propose(message, probe.message.span.bytes, exchange, avoiding: avoided, into: &output)
  }

  /// Addresses that are probed for one DISCOVER; the client's next one goes on.
  private static var addressesTriedAtOnce: Int { 4 }

  private mutating func offer(
    _ address: IPv4Address, _ message: borrowing DHCPv4View, _ exchange: DHCPExchange, into output: inout DHCPOutput
  ) {
    let seconds = leaseSeconds(message, scope: exchange.scope)
    reply(.offer, address: address, leaseSeconds: seconds, to: message, exchange, into: &output)
  }

  /// DHCPREQUEST (section 4.3.2).
  mutating func request(_ message: borrowing DHCPv4View, _ exchange: DHCPExchange, into output: inout DHCPOutput) {
    let current = message.header.clientAddress
    if let server = message.serverIdentifier {
      requestSelecting(server, message, exchange, into: &output)
    } else if let requested = message.requestedAddress {
      requestInitReboot(requested, message, exchange, into: &output)
    } else if current != .any {
      requestExtension(current, message, exchange, into: &output)
    } else {
      counters.ignored += 1
    }
  }

  /// The answer to an offer, of this server or of another.
  private mutating func requestSelecting(
    _ server: IPv4Address, _ message: borrowing DHCPv4View, _ exchange: DHCPExchange, into output: inout DHCPOutput
  ) {
    guard isOwn(server, scope: exchange.scope) else {
      withdrawOffer(to: exchange.client.key, scope: exchange.scope)
      return
    }
    let address = message.requestedAddress ?? message.header.clientAddress
    if accepts(address, exchange) {
      acknowledge(address, message, exchange, into: &output)
    } else {
      refuse("\(address) is not free", message, exchange, into: &output)
    }
  }

  /// A client that remembers an address. Without a record of it the server is silent, as another one may have it.
  private mutating func requestInitReboot(
    _ address: IPv4Address, _ message: borrowing DHCPv4View, _ exchange: DHCPExchange, into output: inout DHCPOutput
  ) {
    let settings = configuration.scopes[exchange.scope]
    guard settings.contains(address) else {
      refuse("\(address) belongs to another network", message, exchange, into: &output)
      return
    }
    let known =
      table.address(of: exchange.client.key, scope: exchange.scope)
      ?? exchange.client.device.flatMap { table.scopes[exchange.scope].reservations[$0] }
    let isHeldByOther = table[address]?.isActive(at: exchange.now.wall) ?? false
    guard known != nil || isHeldByOther else { return }
    let isOwnReservation = settings.reservations[address] != nil && accepts(address, exchange)
    if isOwnReservation || known == address && accepts(address, exchange) {
      acknowledge(address, message, exchange, into: &output)
    } else {
      refuse("\(address) is not this client's", message, exchange, into: &output)
    }
  }

  /// RENEWING (sent to this server) and REBINDING (broadcast): the client has the address.
  private mutating func requestExtension(
    _ address: IPv4Address, _ message: borrowing DHCPv4View, _ exchange: DHCPExchange, into output: inout DHCPOutput
  ) {
    let isKnown = table[address]?.belongs(to: exchange.client) ?? false
    // A lease that got lost is made again for a client that knows whom to ask; in REBINDING it may be another server's.
    let isLost = table[address] == nil && !exchange.arrival.wasBroadcast
    if isKnown || isLost, accepts(address, exchange) {
      acknowledge(address, message, exchange, into: &output)
      return
    }
    let hasRecord = isKnown || table.address(of: exchange.client.key, scope: exchange.scope) != nil
    let isForeign = !configuration.scopes[exchange.scope].contains(address)
    let isHeldByOther = table[address].map { $0.isActive(at: exchange.now.wall) || $0.state == .declined } ?? false
    if hasRecord || isForeign || isHeldByOther || !exchange.arrival.wasBroadcast {
      refuse("\(address) cannot be kept", message, exchange, into: &output)
    }
  }

  private mutating func acknowledge(
    _ address: IPv4Address, _ message: borrowing DHCPv4View, _ exchange: DHCPExchange, into output: inout DHCPOutput
  ) {
    let wanted = leaseSeconds(message, scope: exchange.scope)
    guard let seconds = grant(address, seconds: wanted, to: exchange) else { return }
    reply(.acknowledge, address: address, leaseSeconds: seconds, to: message, exchange, into: &output)
  }

  /// DHCPDECLINE (section 4.3.3): the client found its address in use.
  mutating func decline(_ message: borrowing DHCPv4View, _ exchange: DHCPExchange) {
    guard let address = message.requestedAddress, isForThisServer(message, exchange),
      configuration.scopes[exchange.scope].contains(address),
      offers[address]?.client == exchange.client.key || table[address].map(\.key) == exchange.client.key
    else {
      counters.ignored += 1
      return
    }
    quarantine(address, user: exchange.client.hardware, scope: exchange.scope, exchange.now.wall)
  }

  /// DHCPRELEASE (section 4.3.4): the client gives its address back.
  mutating func release(_ message: borrowing DHCPv4View, _ exchange: DHCPExchange) {
    let address = message.header.clientAddress
    // Only from its own network: hardware addresses and identifiers are no secrets.
    guard isForThisServer(message, exchange), configuration.scopes[exchange.scope].contains(address),
      table[address].map(\.key) == exchange.client.key
    else {
      counters.ignored += 1
      return
    }
    giveBack(address, exchange.now.wall)
  }

  /// DHCPINFORM (section 4.3.5): the client has an address and wants the options.
  mutating func inform(_ message: borrowing DHCPv4View, _ exchange: DHCPExchange, into output: inout DHCPOutput) {
    guard configuration.scopes[exchange.scope].contains(message.header.clientAddress) else {
      counters.ignored += 1
      return
    }
    reply(.acknowledge, address: .any, leaseSeconds: nil, to: message, exchange, into: &output)
  }

  private func isForThisServer(_ message: borrowing DHCPv4View, _ exchange: DHCPExchange) -> Bool {
    message.serverIdentifier.map { isOwn($0, scope: exchange.scope) } ?? true
  }

  private func isOwn(_ server: IPv4Address, scope: Int) -> Bool {
    configuration.scopes[scope].serverAddress == server || configuration.scopes[scope].excluded.contains(server)
  }
}
