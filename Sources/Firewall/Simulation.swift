import Wire

extension Ruleset {
  /// What the rules do to a packet, by the same description that the kernel gets. Limits are taken as not used up, but for those that `exceeding`
  /// names (by the set that counts for them).
  public func fate(
    of packet: PacketProbe, by routes: PacketRoutes, exceeding: Set<String> = []
  ) -> PacketFate {
    guard let table = table(.inet) else { return .dropped(by: "no table") }
    var passage = Passage(table: table, packet: packet, routes: routes, exceeding: exceeding)
    for (hook, kind) in [(Chain.Hook.prerouting, Chain.Kind.filter), (.prerouting, .nat)] {
      // Only a flow's first packet meets the chains that translate.
      if kind == .nat, packet.state != .new { continue }
      if case .dropped(let name) = passage.run(hook, kind) { return .dropped(by: name) }
    }
    passage.output = passage.isForRouter ? nil : routes.interface(to: passage.destination)
    switch passage.run(passage.isForRouter ? .input : .forward, .filter) {
    case .dropped(let name): return .dropped(by: name)
    case .accepted(let name) where passage.isForRouter: return .received(by: name)
    case .accepted(let name): return .forwarded(by: name, to: passage.destination, port: passage.destinationPort)
    }
  }
}

/// A packet on its way through the chains.
private struct Passage {
  let table: Table
  let packet: PacketProbe
  let routes: PacketRoutes
  let exceeding: Set<String>
  var destination: IPAddress
  var destinationPort: UInt16
  var isRedirected = false
  var output: String?

  enum Decision {
    case accepted(String)
    case dropped(String)
  }

  init(table: Table, packet: PacketProbe, routes: PacketRoutes, exceeding: Set<String>) {
    self.table = table
    self.packet = packet
    self.routes = routes
    self.exceeding = exceeding
    destination = packet.destination
    destinationPort = packet.destinationPort
  }

  var isForRouter: Bool {
    routes.local.contains(destination) || destination.v6?.isMulticast == true
      || destination.v4.map { $0 == .broadcast || $0.value >> 28 == 14 } == true
  }

  /// Runs the chains of a hook: a drop is final, an acceptance ends one chain.
  mutating func run(_ hook: Chain.Hook, _ kind: Chain.Kind) -> Decision {
    var last = Decision.accepted("no chain")
    for chain in table.chains.filter({ $0.hook == hook && $0.kind == kind }).sorted(by: { $0.priority < $1.priority }) {
      last = run(chain)
      if case .dropped = last { return last }
    }
    return last
  }

  private mutating func run(_ chain: Chain) -> Decision {
    for rule in chain.rules where matches(rule) && act(rule.actions) {
      switch rule.verdict {
      case .accept: return .accepted(rule.name)
      case .drop: return .dropped(rule.name)
      case nil: if isRedirected, chain.kind == .nat { return .accepted(rule.name) }
      }
    }
    let name = "policy of \(chain.name)"
    return chain.policy == .accept ? .accepted(name) : .dropped(name)
  }

  /// Carries the actions out; false where one of them ends the rule.
  private mutating func act(_ actions: [Action]) -> Bool {
    for action in actions {
      switch action {
      case .count, .log, .limit, .clampSegmentSize, .masquerade: break
      case .rate: if exceeding.contains("rate") { return false }
      case .over(_, _, _, let set), .overFlows(_, _, let set): if !exceeding.contains(set) { return false }
      case .redirect(let field, let map):
        guard let key = bytes(of: field), let value = table.set(named: map)?.elements.value(for: key), value.count == 8
        else { return false }
        destination = .v4(IPv4Address(value: value[..<4].reduce(0) { $0 << 8 | UInt32($1) }))
        destinationPort = UInt16(value[4]) << 8 | UInt16(value[5])
        isRedirected = true
      }
    }
    return true
  }

  private func matches(_ rule: Rule) -> Bool {
    rule.matches.allSatisfy { match in
      // Who is not known is taken for the one that the rule would let through.
      let isUnknown = packet.hardware == nil && match.fields.contains(.hardwareSource)
      return isUnknown ? rule.verdict != .drop : matches(match)
    }
  }

  private func matches(_ match: Match) -> Bool {
    var parts: [[UInt8]] = []
    for field in match.fields {
      guard let value = bytes(of: field) else { return false }
      parts.append(value)
    }
    let value = NamedSet.join(parts)
    switch match.test {
    case .equal(let wanted): return value == wanted
    case .masked(let mask, let wanted): return zip(value, mask).map { $0 & $1 } == wanted
    case .anyBit(let mask): return zip(value, mask).contains { $0 & $1 != 0 }
    case .between(let low, let high):
      return !value.lexicographicallyPrecedes(low) && !high.lexicographicallyPrecedes(value)
    case .member(let set): return table.set(named: set)?.elements.contains(value) == true
    case .notMember(let set): return table.set(named: set)?.elements.contains(value) == false
    }
  }

  /// The bytes that the kernel would load; nil where the packet does not have the field.
  private func bytes(of field: Field) -> [UInt8]? {
    let hasPorts = packet.transport == 6 || packet.transport == 17
    switch field {
    case .inputInterface: return interfaceName(packet.input)
    case .outputInterface: return output.map(interfaceName)
    case .family: return [packet.source.family.netfilter]
    case .transport: return [packet.transport]
    case .hardwareSource: return packet.hardware?.bytes
    case .source(let family): return packet.source.family == family ? packet.source.bytes : nil
    case .destination(let family): return destination.family == family ? destination.bytes : nil
    case .hopLimit: return packet.source.family == .v6 ? [packet.hopLimit] : nil
    case .sourcePort: return hasPorts ? network(packet.sourcePort) : nil
    case .destinationPort: return hasPorts ? network(destinationPort) : nil
    case .tcpFlags: return packet.transport == 6 ? [packet.state == .new ? 0x02 : 0x10] : nil
    case .icmpType(let family):
      return packet.source.family == family && packet.transport == (family == .v4 ? 1 : 58)
        ? packet.icmpType.map { [$0] } : nil
    case .icmpCode: return packet.icmpType == nil ? nil : [0]
    case .connectionState: return native(packet.state.rawValue)
    case .connectionStatus: return native(UInt32(isRedirected ? 32 : 0))
    case .originalDestinationPort: return hasPorts ? network(packet.destinationPort) : nil
    case .destinationKind: return native(UInt32(routes.local.contains(destination) ? 2 : isForRouter ? 5 : 1))
    case .reversePath: return native(UInt32(packet.hasReversePath ? 1 : 0))
    }
  }
}
