import Household
import TestSupport
import Testing
import Wire

@testable import Uplink

/// A server of pure malice, loss and chance: whatever comes, the client's promises hold.
@Suite struct DHCPClientFuzzTests {
  private static let home = [IPPrefix("192.168.77.0/24")!, IPPrefix("10.0.0.0/8")!]

  @Test("no bytes break the client, and what it takes is always usable", arguments: Soak.seeds(1...8, soak: 500))
  func survivesAnything(seed: UInt64) {
    var random = SeededGenerator(seed)
    var script = ClientScript(homePrefixes: Self.home)
    for _ in 0..<2_500 {
      script.clock += Int64.random(in: 0...400_000, using: &random)
      let actions = step(&script, &random)
      let broken = brokenPromises(script, actions)
      if !broken.isEmpty { Issue.record("\(broken) in state \(script.client.state)") }
    }
    let counters = script.client.counters
    #expect(counters.malformed > 0 && counters.ignored > 0, "the script reached what it should reach")
    #expect(counters.received[.acknowledge] ?? 0 > 0 && counters.received[.refuse] ?? 0 > 0)
  }

  private func step(_ script: inout ClientScript, _ random: inout SeededGenerator) -> [DHCPClient.Action] {
    switch Int.random(in: 0..<20, using: &random) {
    case 0: return script.tell(.linkDown)
    case 1, 2: return script.tell(.linkUp)
    case 3: return script.tell(.conflict(MACAddress(value: random.next())))
    case 4: return script.tell(.renew)
    case 5: return Bool.random(using: &random) ? script.tell(.release) : []
    case 6, 7, 8, 9: return script.tell(.timer)
    default: return script.hear(reply(script, &random))
    }
  }

  private func reply(_ script: ClientScript, _ random: inout SeededGenerator) -> [UInt8] {
    let types: [DHCPv4MessageType] = [.offer, .acknowledge, .refuse, .acknowledge, .offer, .discover]
    var reply = Reply(types.randomElement(using: &random)!)
    let asked = (script.client.candidate ?? script.client.held)?.lease.address.address.v4
    let addresses = [asked ?? ClientScript.address, ClientScript.address, IPv4Address(10, 1, 2, 3)]
    let isWild = Int.random(in: 0..<4, using: &random) == 0
    reply.address = isWild ? IPv4Address(value: UInt32(random.next() >> 32)) : addresses.randomElement(using: &random)!
    reply.seconds = [nil, 0, 1, 60, 3_600, .max].randomElement(using: &random)!
    reply.mask = Bool.random(using: &random) ? reply.mask : IPv4Address(value: UInt32(random.next() >> 32))
    reply.options = (0..<Int.random(in: 0...3, using: &random)).map { _ in
      let count = Int.random(in: 0...40, using: &random)
      return DHCPOptionSetting(
        code: [121, 58, 59, 26, 15, 42, 3, 6, 1].randomElement(using: &random)!,
        bytes: (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) })
    }
    var bytes = reply.bytes(transaction: script.transaction)
    for _ in 0..<Int.random(in: 0...2, using: &random) {
      bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8(truncatingIfNeeded: random.next())
    }
    return Int.random(in: 0..<8, using: &random) == 0
      ? Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &random))) : bytes
  }

  /// What does not hold, in words.
  private func brokenPromises(_ script: ClientScript, _ actions: [DHCPClient.Action]) -> [String] {
    let client = script.client
    var broken: [String] = []
    func require(_ holds: Bool, _ promise: String) { if !holds { broken.append(promise) } }
    require(actions.count <= 2, "few actions")
    switch client.state {
    case .bound, .renewing, .rebinding, .rebooting, .initialReboot: require(client.held != nil, "a lease")
    case .released: require(client.held == nil && client.deadline == nil, "nothing")
    case .initial, .selecting, .requesting, .checking: break
    }
    require(client.deadline != nil || !client.isListening && client.state != .checking, "a deadline")
    guard let lease = client.held?.lease else { return broken }
    require(lease.address.address.v4?.isHost == true && 8...32 ~= lease.address.length, "a host's address")
    require(!Self.home.contains { $0.overlaps(lease.address.prefix) }, "no overlap")
    require(lease.routes.allSatisfy { $0.gateway?.isHost ?? true } && lease.routes.count <= 64, "sane gateways")
    require(
      lease.routes.allSatisfy { route in
        route.destination.length == 0 || !Self.home.contains { $0.contains(route.destination) }
      }, "no route into the home")
    guard let times = lease.times else { return broken }
    require(times.renewal < times.rebinding && times.rebinding <= times.expiry, "times in order")
    require(times.renewal >= 1 && times.expiry >= DHCPLease.shortestSeconds, "times in bounds")
    return broken
  }

  @Test(
    "through loss of three messages in four a lease is got, and kept for a day",
    arguments: Soak.seeds(1...10, soak: 500))
  func survivesLoss(seed: UInt64) {
    var random = SeededGenerator(seed)
    var script = ClientScript()
    var pending = script.tell(.linkUp)
    var losses = 0
    var bound: Int64?
    while script.clock < 86_400_000 {
      var answers: [Reply] = []
      for action in pending {
        guard let sent = action.sent, Int.random(in: 0..<4, using: &random) == 0 else { continue }
        answers.append(Reply(sent.type == .discover ? .offer : .acknowledge))
      }
      pending = answers.flatMap { script.answer($0) }
      if script.client.state == .bound, bound == nil { bound = script.clock }
      if bound != nil, script.client.held == nil { losses += 1 }
      if pending.isEmpty { pending = script.wait() }
    }
    #expect(losses == 0)
    #expect(bound ?? .max < 7_200_000)
  }
}

extension DHCPClient.Action {
  /// The message, where the action sends one.
  var sent: Sent? {
    switch self {
    case .broadcast(let bytes): Sent(bytes)
    case .unicast(let bytes, _, _): Sent(bytes)
    case .probe, .configure, .deconfigure: nil
    }
  }
}
