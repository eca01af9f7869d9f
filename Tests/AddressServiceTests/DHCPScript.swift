import Household
import Wire

@testable import AddressService

/// A household with one server, told what arrives and when. Times are explicit; nothing sleeps.
struct DHCPScript {
  static let home = DHCPScope(
    name: "home", device: "lan0", server: InterfaceAddress("192.168.77.1/24")!,
    pool: IPv4Address(192, 168, 77, 100)...IPv4Address(192, 168, 77, 109), leaseSeconds: 3_600,
    domain: DomainName("home.arpa")!, reservations: [IPv4Address(192, 168, 77, 10): "nas"],
    excluded: [IPv4Address(192, 168, 77, 1)])
  static let guest = DHCPScope(
    name: "guest", device: "lan1", server: InterfaceAddress("192.168.78.1/24")!,
    pool: IPv4Address(192, 168, 78, 100)...IPv4Address(192, 168, 78, 109), leaseSeconds: 600,
    domain: DomainName("guest.home.arpa")!, excluded: [IPv4Address(192, 168, 78, 1)])
  static let configuration = DHCPConfiguration(
    scopes: [home, guest], devicesByHardware: [MACAddress(value: 0x0200_0000_0010): "nas"],
    devicesByIdentifier: [[0, 1, 2, 3]: "nas"])

  /// 2026-01-01.
  static let start = DHCPTime(instant: .seconds(1_000), wall: 1_767_225_600)

  var server: DHCPServer
  var now = start
  /// What the last step made the server do.
  var output = DHCPOutput()
  /// Leases as a file would have them: the changes of all steps.
  var stored: [IPv4Address: Lease] = [:]

  init(
    _ configuration: DHCPConfiguration = configuration, leases: [Lease] = [], now: DHCPTime = start,
    probeQuestions: Int = 0, edit: (inout DHCPServer.Limits) -> Void = { _ in }
  ) {
    var limits = DHCPServer.Limits()
    limits.probeQuestions = probeQuestions
    edit(&limits)
    self.now = now
    server = DHCPServer(configuration, leases: leases, now: now, limits: limits)
    for lease in leases { stored[lease.address] = lease }
  }

  /// A message of a client, with what matters for most scripts.
  struct Message {
    var type: DHCPv4MessageType
    var hardware: UInt64
    var network = "home"
    var current = IPv4Address.any
    var requested: IPv4Address?
    var server: IPv4Address?
    var relay = IPv4Address.any
    var wantsBroadcast = false
    var wasBroadcast = true
    var transaction: UInt32 = 1
    var options: [(DHCPv4OptionCode, [UInt8])] = []

    var bytes: [UInt8] {
      var builder = DHCPv4Builder(
        DHCPv4Header(
          operation: .request, transaction: transaction, wantsBroadcast: wantsBroadcast, clientAddress: current,
          relay: relay, hardware: MACAddress(value: hardware)),
        type: type)
      if let requested { builder.add(.requestedAddress, requested) }
      if let server { builder.add(.serverIdentifier, server) }
      for (code, bytes) in options { builder.add(code, bytes: bytes) }
      return builder.message()
    }
  }

  /// What a client reads from a reply.
  struct Answer: Equatable {
    var type: DHCPv4MessageType
    var address: IPv4Address
    var destination: DHCPReply.Destination
    var transaction: UInt32
    var leaseSeconds: UInt32?
    var message: [UInt8]

    init(_ reply: DHCPReply) throws {
      let view = try DHCPv4View(reply.message.span.bytes)
      type = reply.type
      address = view.header.yourAddress
      destination = reply.destination
      transaction = view.header.transaction
      leaseSeconds = view.uint32(.leaseTime)
      message = reply.message
    }

    func option(_ code: UInt8) -> [UInt8]? {
      (try? DHCPv4View(message.span.bytes))?.option(DHCPv4OptionCode(code))
    }
  }

  @discardableResult
  mutating func send(_ message: Message) throws -> [Answer] {
    try step { server, now, output in
      server.receive(
        message.bytes.span.bytes, DHCPArrival(network: message.network, wasBroadcast: message.wasBroadcast), now: now,
        into: &output)
    }
  }

  @discardableResult
  mutating func send(
    _ type: DHCPv4MessageType, from hardware: UInt64, edit: (inout Message) -> Void = { _ in }
  ) throws -> Answer? {
    var message = Message(type: type, hardware: hardware)
    edit(&message)
    return try send(message).first
  }

  /// Lets time pass, and the server do what it makes due.
  @discardableResult
  mutating func wait(milliseconds: Int64) throws -> [Answer] {
    now.instant = now.instant.advanced(milliseconds: milliseconds)
    now.wall += milliseconds / 1_000
    return try step { server, now, output in server.advance(now, into: &output) }
  }

  @discardableResult
  mutating func wait(_ seconds: Int64) throws -> [Answer] { try wait(milliseconds: seconds * 1_000) }

  mutating func answerProbe(_ address: IPv4Address, by hardware: UInt64) throws -> [Answer] {
    try step { server, now, output in
      server.probeAnswered(address, by: MACAddress(value: hardware), on: "home", now: now, into: &output)
    }
  }

  mutating func reconfigure(_ configuration: DHCPConfiguration) throws {
    _ = try step { server, now, output in server.reconfigure(configuration, now: now, into: &output) }
  }

  /// DISCOVER, OFFER, REQUEST, ACK; nil where it did not come to that.
  @discardableResult
  mutating func lease(_ hardware: UInt64, edit: (inout Message) -> Void = { _ in }) throws -> IPv4Address? {
    guard let offer = try send(.discover, from: hardware, edit: edit), offer.type == .offer else { return nil }
    let acknowledgement = try send(.request, from: hardware) { message in
      edit(&message)
      message.requested = offer.address
      message.server = message.network == "home" ? Self.home.serverAddress : Self.guest.serverAddress
    }
    return acknowledgement?.type == .acknowledge ? acknowledgement?.address : nil
  }

  /// Kills the server and starts another with what was stored.
  mutating func restart() { self = DHCPScript(server.configuration, leases: Array(stored.values), now: now) }

  private mutating func step(
    _ body: (inout DHCPServer, DHCPTime, inout DHCPOutput) -> Void
  ) throws -> [Answer] {
    output = DHCPOutput()
    body(&server, now, &output)
    for change in output.changes { stored[change.address] = change.after }
    return try output.replies.map(Answer.init)
  }
}
