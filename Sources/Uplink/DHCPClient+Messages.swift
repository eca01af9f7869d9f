import Household
import Wire

/// What the client sends: the fields and options of RFC 2131 table 5.
extension DHCPClient {
  /// Asked for in this order. RFC 3442: classless routes stand before routers.
  static let requested: [DHCPv4OptionCode] = [
    .subnetMask, .classlessRoutes, .routers, .domainNameServers, .domainName, .interfaceMTU, .ntpServers, .leaseTime,
    .serverIdentifier, .renewalTime, .rebindingTime,
  ]

  /// Largest UDP datagram that is taken in, with its IP header, in bytes (option 57): what fits every provider's link.
  static let largestMessage: UInt16 = 1_472

  /// The options that belong to the state machine and cannot be set by hand.
  private static let reserved: Set<DHCPv4OptionCode> = [
    .requestedAddress, .overload, .messageType, .serverIdentifier, .message, .pad, .end,
  ]

  mutating func discover(_ now: Instant) -> Action {
    let last = held?.lease.address.address.v4
    return .broadcast(
      message(.discover, now) { builder in
        if let last { builder.add(.requestedAddress, last) }
      })
  }

  /// DHCPREQUEST in SELECTING: takes an offer.
  mutating func request(_ offer: DHCPLease, _ now: Instant) -> Action {
    .broadcast(
      message(.request, now) { builder in
        if let address = offer.address.address.v4 { builder.add(.requestedAddress, address) }
        builder.add(.serverIdentifier, offer.server)
      })
  }

  /// DHCPREQUEST in INIT-REBOOT: is the address still right here?
  mutating func verify(_ held: Held, _ now: Instant) -> Action {
    .broadcast(
      message(.request, now) { builder in
        if let address = held.lease.address.address.v4 { builder.add(.requestedAddress, address) }
      })
  }

  /// DHCPREQUEST in RENEWING (to the server) and REBINDING (to all).
  mutating func extend(_ held: Held, toAll: Bool, _ now: Instant) -> Action {
    let own = held.lease.address.address.v4 ?? .any
    let bytes = message(.request, now, clientAddress: own) { _ in }
    return toAll ? .broadcast(bytes) : .unicast(bytes, from: own, to: held.lease.server)
  }

  mutating func decline(_ lease: DHCPLease, _ reason: String, _ now: Instant) -> Action {
    .broadcast(
      message(.decline, now) { builder in
        if let address = lease.address.address.v4 { builder.add(.requestedAddress, address) }
        builder.add(.serverIdentifier, lease.server)
        builder.add(.message, reason)
      })
  }

  mutating func giveBack(_ lease: DHCPLease, _ now: Instant) -> Action {
    let own = lease.address.address.v4 ?? .any
    let bytes = message(.release, now, clientAddress: own) { $0.add(.serverIdentifier, lease.server) }
    return .unicast(bytes, from: own, to: lease.server)
  }

  private mutating func message(
    _ type: DHCPv4MessageType, _ now: Instant, clientAddress: IPv4Address = .any,
    _ body: (inout DHCPv4Builder) -> Void
  ) -> [UInt8] {
    counters.sent[type, default: 0] += 1
    let isQuestion = type == .discover || type == .request
    let seconds = isQuestion ? now.milliseconds(since: exchange.began) / 1_000 : 0
    var builder = DHCPv4Builder(
      DHCPv4Header(
        operation: .request, transaction: exchange.transaction, seconds: UInt16(clamping: seconds),
        clientAddress: clientAddress, hardware: identity.hardware),
      type: type)
    body(&builder)
    addIdentity(isQuestion, to: &builder)
    return builder.message(limit: Int(Self.largestMessage) - 28)
  }

  /// What the settings say goes before what the client would say by itself.
  private func addIdentity(_ isQuestion: Bool, to builder: inout DHCPv4Builder) {
    let settings = identity.settings
    let byHand = settings.options.filter { !Self.reserved.contains(DHCPv4OptionCode($0.code)) }
    func isByHand(_ code: DHCPv4OptionCode) -> Bool { byHand.contains { $0.code == code.rawValue } }
    if !isByHand(.clientIdentifier) {
      // RFC 2132 section 9.14: hardware type 1, Ethernet, and the address.
      var usual = ByteWriter(capacity: 7)
      usual.write(UInt8(1))
      usual.write(identity.hardware)
      builder.add(.clientIdentifier, bytes: settings.clientIdentifier ?? usual.bytes)
    }
    // RFC 2131 table 5: DECLINE and RELEASE carry nothing but who and what.
    guard isQuestion else {
      for option in byHand where option.code == DHCPv4OptionCode.clientIdentifier.rawValue {
        builder.add(.clientIdentifier, bytes: option.bytes)
      }
      return
    }
    if !isByHand(.maximumMessageSize) { builder.add(.maximumMessageSize, Self.largestMessage) }
    if !isByHand(.parameterRequestList) { builder.add(.parameterRequestList, bytes: Self.requested.map(\.rawValue)) }
    if !isByHand(.hostName), let name = settings.hostName { builder.add(.hostName, name) }
    if !isByHand(.vendorClass), let vendor = settings.vendorClass { builder.add(.vendorClass, vendor) }
    for option in byHand { builder.add(DHCPv4OptionCode(option.code), bytes: option.bytes) }
  }
}
