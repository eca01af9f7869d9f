import TestSupport
import Uplink
import Wire

extension FuzzTarget {
  /// Messages of DHCP servers, as offer, acknowledgement and refusal, in every state in which the client listens: what it takes
  /// can be used.
  static let dhcpClient = FuzzTarget("dhcp-client") { bytes in
    for types in [
      [DHCPv4MessageType.offer, .acknowledge, .acknowledge, .refuse], [.offer, .refuse, .offer, .acknowledge],
      [.acknowledge, .offer, .acknowledge, .refuse],
    ] {
      var host = AskingHost()
      try host.tell(.linkUp)
      try host.hear(bytes)
      for type in types {
        try host.hear(host.addressed(bytes, as: type))
        for _ in 0..<4 { try host.wait() }
      }
      try host.tell(.conflict(MACAddress(value: 9)))
      try host.tell(.renew)
      try host.hear(host.addressed(bytes, as: .acknowledge))
      try host.tell(.release)
    }
  }
}

/// A host that asks for an address, in simulated time.
private struct AskingHost {
  private static let hardware = MACAddress(value: 0x0200_0000_0001)
  private static let home = [IPPrefix("192.168.77.0/24")!, IPPrefix("10.0.0.0/8")!]

  private var client = DHCPClient(
    device: "wan0", identity: DHCPClientIdentity(hardware: hardware), homePrefixes: home)
  private var now = Instant.seconds(1)
  private var random = SeededGenerator(1)
  private var transaction: UInt32 = 0

  mutating func tell(_ event: DHCPClient.Event) throws { try check(client.handle(event, now: now, random: &random)) }

  mutating func hear(_ bytes: [UInt8]) throws {
    try check(client.receive(bytes.span.bytes, now: now, random: &random))
  }

  /// Lets the time come for which the client waits.
  mutating func wait() throws {
    guard let deadline = client.deadline else { return }
    now = max(now, deadline)
    try tell(.timer)
  }

  /// The message as an answer to what was asked last, of a certain type.
  func addressed(_ bytes: [UInt8], as type: DHCPv4MessageType) -> [UInt8] {
    guard bytes.count > 240 else { return bytes }
    var bytes = bytes
    bytes[0] = 2
    for index in 0..<4 { bytes[4 + index] = UInt8(truncatingIfNeeded: transaction >> UInt32(24 - 8 * index)) }
    for index in 0..<6 { bytes[28 + index] = UInt8(truncatingIfNeeded: Self.hardware.value >> UInt64(40 - 8 * index)) }
    let place = (240..<bytes.count).first { bytes[$0] == DHCPv4OptionCode.messageType.rawValue }
    if let place, place + 2 < bytes.count { bytes[place + 2] = type.rawValue }
    return bytes
  }

  private mutating func check(_ actions: [DHCPClient.Action]) throws {
    try promise(actions.count <= 2, "\(actions.count) actions at once")
    for action in actions {
      switch action {
      case .broadcast(let message), .unicast(let message, _, _):
        let view = try DHCPv4View(message.span.bytes)
        try promise(view.header.operation == .request && message.count <= 1_472, "no message of a client")
        transaction = view.header.transaction
      case .configure(let lease): try promise(client.held?.lease == lease, "a lease to use that is not held")
      case .probe, .deconfigure: break
      }
    }
    switch client.state {
    case .bound, .renewing, .rebinding, .rebooting, .initialReboot:
      try promise(client.held != nil, "\(client.state) without a lease")
    case .released: try promise(client.held == nil && client.deadline == nil, "a lease after its release")
    case .initial, .selecting, .requesting, .checking: break
    }
    if client.isListening { try promise(client.deadline != nil, "\(client.state) without an end") }
    if let lease = client.held?.lease { try check(lease) }
  }

  private func check(_ lease: DHCPLease) throws {
    func isHost(_ address: IPv4Address) -> Bool {
      ![0, 127].contains(address.value >> 24) && address.value >> 24 < 224
    }
    try promise(
      lease.address.address.v4.map(isHost) == true && (8...32).contains(lease.address.length),
      "no host has \(lease.address)")
    try promise(!Self.home.contains { $0.overlaps(lease.address.prefix) }, "\(lease.address) is at home")
    try promise(
      lease.routes.count <= 64 && lease.routes.allSatisfy { $0.gateway.map(isHost) ?? true }, "routes: \(lease.routes)")
    for route in lease.routes where route.destination.length > 0 {
      try promise(!Self.home.contains { $0.contains(route.destination) }, "a route to the home: \(route)")
    }
    guard let times = lease.times else { return }
    try promise(
      1 <= times.renewal && times.renewal < times.rebinding && times.rebinding <= times.expiry
        && times.expiry >= DHCPLease.shortestSeconds, "times: \(times)")
  }
}
