import Household
import Wire

/// What replies look like and where they go.
extension DHCPServer {
  /// DHCPOFFER and DHCPACK (RFC 2131 section 4.3.1, table 3).
  ///
  /// - Parameter leaseSeconds: nil: there is no lease, as in the answer to DHCPINFORM.
  mutating func reply(
    _ type: DHCPv4MessageType, address: IPv4Address, leaseSeconds: UInt32?, to message: borrowing DHCPv4View,
    _ exchange: DHCPExchange, into output: inout DHCPOutput
  ) {
    let scope = configuration.scopes[exchange.scope]
    var builder = builder(type, to: message, address: address)
    builder.add(.serverIdentifier, scope.serverAddress)
    if let leaseSeconds {
      builder.add(.leaseTime, leaseSeconds)
      builder.add(.renewalTime, leaseSeconds / 2)
      builder.add(.rebindingTime, UInt32(UInt64(leaseSeconds) * 7 / 8))
    }
    addSettings(of: scope, to: &builder, message, exchange)
    addEchoes(to: &builder, message)
    counters.sent.count(type)
    output.replies.append(
      DHCPReply(
        network: scope.name, source: scope.serverAddress,
        destination: destination(of: message.header, address: address), type: type,
        message: builder.message(limit: message.messageLimit),
        isPromise: type == .acknowledge && leaseSeconds != nil))
  }

  /// DHCPNAK (section 4.3.2): everything but the identifiers is left out, and it is broadcast, because the client's
  /// address may not work here.
  mutating func refuse(
    _ reason: String, _ message: borrowing DHCPv4View, _ exchange: DHCPExchange, into output: inout DHCPOutput
  ) {
    let scope = configuration.scopes[exchange.scope]
    withdrawOffer(to: exchange.client.key, scope: exchange.scope)
    var builder = builder(.refuse, to: message, address: .any)
    builder.header.clientAddress = .any
    let hasRelay = message.header.relay != .any
    if hasRelay { builder.header.wantsBroadcast = true }
    builder.add(.serverIdentifier, scope.serverAddress)
    builder.add(.message, reason)
    addEchoes(to: &builder, message)
    counters.sent.count(.refuse)
    output.replies.append(
      DHCPReply(
        network: scope.name, source: scope.serverAddress,
        destination: hasRelay ? .relay(message.header.relay) : .broadcast, type: .refuse,
        message: builder.message(limit: message.messageLimit), isPromise: false))
  }

  private func builder(
    _ type: DHCPv4MessageType, to message: borrowing DHCPv4View, address: IPv4Address
  ) -> DHCPv4Builder {
    let request = message.header
    return DHCPv4Builder(
      DHCPv4Header(
        operation: .reply, transaction: request.transaction, wantsBroadcast: request.wantsBroadcast,
        clientAddress: type == .offer ? .any : request.clientAddress, yourAddress: address, relay: request.relay,
        hardware: request.hardware),
      type: type)
  }

  /// Section 4.1: the relay agent, else the client's address, else broadcast where it wants that, else its hardware.
  private func destination(of request: DHCPv4Header, address: IPv4Address) -> DHCPReply.Destination {
    if request.relay != .any { return .relay(request.relay) }
    if request.clientAddress != .any { return .client(request.clientAddress) }
    return request.wantsBroadcast ? .broadcast : .hardware(request.hardware, address: address)
  }

  /// The network's parameters, those set by hand in place of the server's own. Mask, router and DNS always; others where
  /// the client asks for them, or where it names no list.
  private func addSettings(
    of scope: DHCPScope, to builder: inout DHCPv4Builder, _ message: borrowing DHCPv4View, _ exchange: DHCPExchange
  ) {
    let wanted = message.option(.parameterRequestList)
    func isWanted(_ code: DHCPv4OptionCode) -> Bool { wanted?.contains(code.rawValue) ?? true }
    func isOwn(_ code: DHCPv4OptionCode) -> Bool { !scope.options.contains { $0.code == code.rawValue } }
    if isOwn(.subnetMask) { builder.add(.subnetMask, scope.netmask) }
    if isOwn(.routers) { builder.add(.routers, scope.serverAddress) }
    if isOwn(.domainNameServers) { builder.add(.domainNameServers, scope.serverAddress) }
    if isWanted(.domainName), isOwn(.domainName) { builder.add(.domainName, scope.domain.description) }
    if isWanted(.broadcastAddress), isOwn(.broadcastAddress) { builder.add(.broadcastAddress, scope.broadcast) }
    for option in scope.options {
      let code = DHCPv4OptionCode(option.code)
      let isBasic = code == .subnetMask || code == .routers || code == .domainNameServers
      if isBasic || isWanted(code) { builder.add(code, bytes: option.bytes) }
    }
    guard wanted != nil else { return }
    if isWanted(.domainSearch), isOwn(.domainSearch) {
      builder.add(.domainSearch, bytes: DHCPv4DomainSearch.encode([scope.domain]))
    }
    if isWanted(.hostName), isOwn(.hostName), let device = exchange.client.device { builder.add(.hostName, device) }
  }

  /// What goes back as it came: the client identifier (RFC 6842), the name (RFC 4702), and last what a relay agent
  /// added (RFC 3046).
  private func addEchoes(to builder: inout DHCPv4Builder, _ message: borrowing DHCPv4View) {
    if let identifier = message.option(.clientIdentifier) { builder.add(.clientIdentifier, bytes: identifier) }
    if let name = message.option(.clientFQDN).flatMap({ DHCPv4ClientFQDN($0) }) {
      // The router makes the name's record itself, whoever the client wanted to do it.
      var flags: DHCPv4ClientFQDN.Flags = [.serverUpdates]
      if !name.flags.contains(.serverUpdates) { flags.insert(.overridden) }
      if name.flags.contains(.wireFormat) { flags.insert(.wireFormat) }
      builder.add(
        .clientFQDN, bytes: DHCPv4ClientFQDN(flags: flags, name: name.name).encoded(asReply: true))
    }
    if let relay = message.option(.relayAgentInformation) { builder.add(.relayAgentInformation, bytes: relay) }
  }
}
