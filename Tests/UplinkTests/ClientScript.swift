import Household
import TestSupport
import Wire

@testable import Uplink

/// Random numbers that are none: each range yields its middle, so that scripts can name exact times.
///
/// They creep up a little, because a range refuses some numbers and then wants others.
struct MiddleOfRange: RandomNumberGenerator {
  private var number: UInt64 = 0x8000_0000_8000_0000

  mutating func next() -> UInt64 {
    number &+= 0x1_0000_0001
    return number
  }
}

/// What a scripted server says. The defaults are a usual provider's.
struct Reply {
  var type: DHCPv4MessageType
  var address: IPv4Address = ClientScript.address
  var server: IPv4Address? = ClientScript.server
  var mask: IPv4Address? = IPv4Address(255, 255, 255, 0)
  var routers: [IPv4Address] = [ClientScript.gateway]
  var nameServers: [IPv4Address] = [IPv4Address(203, 0, 113, 53)]
  /// Option 51 in seconds.
  var seconds: UInt32? = 3_600
  var options: [DHCPOptionSetting] = []
  var transaction: UInt32?
  var hardware: MACAddress?
  var operation = DHCPv4Header.Operation.reply

  init(_ type: DHCPv4MessageType, _ change: (inout Reply) -> Void = { _ in }) {
    self.type = type
    change(&self)
  }

  func bytes(transaction usual: UInt32) -> [UInt8] {
    var builder = DHCPv4Builder(
      DHCPv4Header(
        operation: operation, transaction: transaction ?? usual, yourAddress: type == .refuse ? .any : address,
        hardware: hardware ?? ClientScript.hardware), type: type)
    if let server { builder.add(.serverIdentifier, server) }
    if type != .refuse {
      if let mask { builder.add(.subnetMask, mask) }
      if let seconds { builder.add(.leaseTime, seconds) }
      builder.add(.routers, routers)
      builder.add(.domainNameServers, nameServers)
    }
    for option in options { builder.add(DHCPv4OptionCode(option.code), bytes: option.bytes) }
    return builder.message()
  }
}

/// A client in simulated time, and a server that says what the test wants.
struct ClientScript {
  static let hardware = MACAddress("02:00:00:00:00:01")!
  static let address = IPv4Address(203, 0, 113, 77)
  static let server = IPv4Address(203, 0, 113, 1)
  static let gateway = IPv4Address(203, 0, 113, 1)

  var client: DHCPClient
  /// Milliseconds since the start of the script.
  var clock: Int64 = 0
  private var random = MiddleOfRange()

  init(
    settings: DHCPClientSettings = DHCPClientSettings(), homePrefixes: [IPPrefix] = [],
    restored: DHCPClient.Held? = nil
  ) {
    client = DHCPClient(
      device: "wan0", identity: DHCPClientIdentity(hardware: Self.hardware, settings: settings),
      homePrefixes: homePrefixes, restored: restored)
  }

  var now: Instant { .milliseconds(clock) }

  mutating func tell(_ event: DHCPClient.Event) -> [DHCPClient.Action] {
    client.handle(event, now: now, random: &random)
  }

  mutating func answer(_ reply: Reply) -> [DHCPClient.Action] { hear(reply.bytes(transaction: transaction)) }

  mutating func hear(_ bytes: [UInt8]) -> [DHCPClient.Action] {
    client.receive(bytes.span.bytes, now: now, random: &random)
  }

  var transaction: UInt32 { client.exchange.transaction }

  /// Goes to the client's deadline and sends the timer.
  mutating func wait() -> [DHCPClient.Action] {
    guard let deadline = client.deadline else { return [] }
    clock = deadline.nanoseconds / 1_000_000
    return tell(.timer)
  }

  /// From the link's coming to BOUND; the clock stands at 600 ms then.
  mutating func bind(_ change: (inout Reply) -> Void = { _ in }) {
    _ = tell(.linkUp)
    _ = answer(Reply(.offer, change))
    _ = answer(Reply(.acknowledge, change))
    while client.state == .checking { _ = wait() }
  }
}

/// A message that the client sent, read again.
struct Sent: Equatable {
  var type: DHCPv4MessageType
  var header: DHCPv4Header
  var options: [UInt8: [UInt8]]

  init?(_ bytes: [UInt8]) {
    guard let view = try? DHCPv4View(bytes.span.bytes), let type = view.messageType else { return nil }
    self.type = type
    header = view.header
    options = [:]
    for code in view.optionCodes { options[code.rawValue] = view.option(code) }
  }

  func address(_ code: DHCPv4OptionCode) -> IPv4Address? {
    guard let value = options[code.rawValue], value.count == 4 else { return nil }
    return IPv4Address(value[0], value[1], value[2], value[3])
  }
}

extension [DHCPClient.Action] {
  /// The one broadcast among the actions.
  var broadcast: Sent? {
    let all = compactMap { if case .broadcast(let bytes) = $0 { bytes } else { nil } }
    return all.count == 1 ? Sent(all[0]) : nil
  }

  /// The one unicast among the actions, with its way.
  var unicast: (message: Sent, from: IPv4Address, to: IPv4Address)? {
    let all = compactMap { action -> (Sent, IPv4Address, IPv4Address)? in
      guard case .unicast(let bytes, let own, let server) = action, let sent = Sent(bytes) else { return nil }
      return (sent, own, server)
    }
    return all.count == 1 ? all[0] : nil
  }

  var configured: DHCPLease? {
    for action in self { if case .configure(let lease) = action { return lease } }
    return nil
  }

  var isDeconfigured: Bool {
    contains { if case .deconfigure = $0 { true } else { false } }
  }
}
