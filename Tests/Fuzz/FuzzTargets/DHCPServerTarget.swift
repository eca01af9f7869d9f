import AddressService
import Household
import Wire

extension FuzzTarget {
  /// Messages of DHCP clients: what is read can be written again, and the server answers who asked, within its pool and the
  /// client's limits, and keeps its offers.
  static let dhcpServer = FuzzTarget("dhcp-server") { bytes in
    try checkCodec(bytes)
    var household = ServedHousehold()
    for (network, wasBroadcast) in [("home", true), ("home", false), ("guest", true)] {
      let arrival = DHCPArrival(network: network, wasBroadcast: wasBroadcast)
      let replies = try household.receive(bytes, arrival)
      try household.takeUp(replies, asked: bytes, arrival)
    }
  }

  private static func checkCodec(_ bytes: [UInt8]) throws {
    let value = Array(bytes.prefix(255))
    if let routes = DHCPv4Route.decode(value) {
      try promise(DHCPv4Route.decode(DHCPv4Route.encode(routes)) == routes, "other routes than \(routes)")
    }
    if let names = DHCPv4DomainSearch.decode(value) {
      try promise(names.count <= value.count, "more names than bytes")
      try promise(DHCPv4DomainSearch.decode(DHCPv4DomainSearch.encode(names)) == names, "other names than \(names)")
    }
    if let name = DHCPv4ClientFQDN(value) {
      try promise(name.firstLabel?.isEmpty != true, "an empty label")
      try promise(DHCPv4ClientFQDN(name.encoded(asReply: true)) == name, "another name than \(name)")
    }
    guard let view = try? DHCPv4View(bytes.span.bytes), let type = view.messageType else { return }
    var builder = DHCPv4Builder(view.header, type: type)
    var values: [DHCPv4OptionCode: [UInt8]] = [:]
    for code in view.optionCodes where code != .messageType && code != .overload && values[code] == nil {
      _ = view.addresses(code)
      _ = view.text(code)
      values[code] = view.option(code)
      builder.add(code, bytes: values[code] ?? [])
    }
    let written = builder.message(limit: 65_535)
    let again = try DHCPv4View(written.span.bytes)
    try promise(again.header == view.header && again.messageType == type, "another header than \(view.header)")
    for (code, value) in values { try promise(again.option(code) == value, "another option \(code) than \(value)") }
  }
}

/// A server of two networks, one lease given, and the time.
private struct ServedHousehold {
  private static let home = DHCPScope(
    name: "home", device: "lan0", server: InterfaceAddress("192.168.77.1/24")!,
    pool: IPv4Address(192, 168, 77, 100)...IPv4Address(192, 168, 77, 109), leaseSeconds: 3_600,
    domain: DomainName("home.arpa")!, reservations: [IPv4Address(192, 168, 77, 10): "nas"],
    excluded: [IPv4Address(192, 168, 77, 1)])
  private static let guest = DHCPScope(
    name: "guest", device: "lan1", server: InterfaceAddress("192.168.78.1/24")!,
    pool: IPv4Address(192, 168, 78, 100)...IPv4Address(192, 168, 78, 109), leaseSeconds: 600,
    domain: DomainName("guest.home.arpa")!, excluded: [IPv4Address(192, 168, 78, 1)])
  private static let lease = Lease(
    address: IPv4Address(192, 168, 77, 100), hardware: MACAddress(value: 0x0200_0000_0001), clientIdentifier: nil,
    hostName: "phone", network: "home", device: nil, state: .active, since: 1_767_225_000, renewed: 1_767_225_000,
    expires: 1_767_228_600)

  private var server: DHCPServer
  private var now = DHCPTime(instant: .seconds(1_000), wall: 1_767_225_600)

  init() {
    server = DHCPServer(
      DHCPConfiguration(
        scopes: [Self.home, Self.guest], devicesByHardware: [MACAddress(value: 0x0200_0000_0010): "nas"],
        devicesByIdentifier: [[0, 1, 2, 3]: "nas"]), leases: [Self.lease], now: now)
  }

  /// Hands over a message, and lets the probes that it causes end.
  mutating func receive(_ bytes: [UInt8], _ arrival: DHCPArrival) throws -> [DHCPReply] {
    var output = DHCPOutput()
    server.receive(bytes.span.bytes, arrival, now: now, into: &output)
    for _ in 0..<4 {
      now.instant = now.instant.advanced(milliseconds: 250)
      server.advance(now, into: &output)
    }
    now.wall += 1
    try promise(output.replies.count <= 1, "\(output.replies.count) replies to one message")
    for reply in output.replies { try check(reply, to: bytes, output) }
    try promise(server.leases.count <= 21, "\(server.leases.count) leases from pools of 20 and one static address")
    return output.replies
  }

  private func check(_ reply: DHCPReply, to bytes: [UInt8], _ output: DHCPOutput) throws {
    let asked = try DHCPv4View(bytes.span.bytes)
    let answer = try DHCPv4View(reply.message.span.bytes)
    try promise(
      answer.header.operation == .reply && answer.header.transaction == asked.header.transaction
        && answer.header.hardware == asked.header.hardware && answer.messageType == reply.type,
      "an answer to somebody else: \(answer.header)")
    try promise(
      reply.message.count <= max(asked.messageLimit, DHCPv4.minimumMessageSize),
      "\(reply.message.count) bytes of answer")
    let scope = reply.network == "home" ? Self.home : Self.guest
    let given = answer.header.yourAddress
    try promise(
      given == .any || scope.pool.contains(given) || scope.reservations[given] != nil, "\(given) was never to be given")
    guard reply.isPromise else { return }
    try promise(reply.type == .acknowledge && server.leases[given]?.state == .active, "a promise of no lease")
  }

  /// Requests what was offered: a client that does so at once gets it.
  mutating func takeUp(_ replies: [DHCPReply], asked: [UInt8], _ arrival: DHCPArrival) throws {
    guard let reply = replies.first, reply.type == .offer else { return }
    let (discover, offer) = (try DHCPv4View(asked.span.bytes), try DHCPv4View(reply.message.span.bytes))
    var header = discover.header
    header.clientAddress = .any
    var builder = DHCPv4Builder(header, type: .request)
    builder.add(.requestedAddress, offer.header.yourAddress)
    if let server = offer.serverIdentifier { builder.add(.serverIdentifier, server) }
    if let identifier = discover.clientIdentifier { builder.add(.clientIdentifier, bytes: identifier) }
    // An identifier of several hundred bytes leaves no room in a message of the usual size.
    let request = builder.message(limit: 65_535)
    let answer = try receive(request, DHCPArrival(network: arrival.network, wasBroadcast: true)).first
    try promise(
      answer?.type == .acknowledge && server.leases[offer.header.yourAddress]?.state == .active,
      "\(offer.header.yourAddress) was offered, and the request for it answered with \(answer?.type.description ?? "nothing")"
    )
  }
}
