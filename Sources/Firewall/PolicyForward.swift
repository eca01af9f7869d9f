import Household
import Wire

extension FirewallPolicy {
  /// Packets from one network to another.
  var forwardRules: [Rule] {
    var rules = drop("forward.invalid", "packets of no flow", [.state(.invalid)])
    rules += blockedRules(isForward: true) + pauseRules
    rules += [Match.to(set: "uplinks"), .from(set: "uplinks")].map { side in
      Rule(
        "forward.segment-size", "TCP segments fit the uplink", [side, .transport(6), .isSynchronising],
        [.count, .clampSegmentSize], nil)
    }
    rules.append(
      Rule("forward.established", "answers and what belongs to them", [.state([.established, .related])], .accept))
    for network in model.networks { rules += unknownDeviceRules(network) }
    rules += connectionCountRules
    for forward in model.forwards { rules += acceptRules(forward) }
    for allow in model.allows where allow.to != .router { rules += allowRules(allow) }
    rules += drop(
      "forward.unique-local", "unique local addresses do not leave the house (RFC 4193)",
      [.to(set: "uplinks"), .source(Self.uniqueLocal)])
    rules += model.networks.map { network in
      Rule(
        "internet.\(network.name)", "network \(network.name) to the Internet",
        [.from(network.device), .to(set: "uplinks")],
        .accept)
    }
    return rules + refuse("forward")
  }

  /// Before what is established: a pause ends what runs.
  private var pauseRules: [Rule] {
    let (name, summary) = ("pause", "devices that are paused")
    return Self.families.flatMap { family in
      drop(name, summary, [.to(set: "uplinks"), .source(family, in: "paused.\(family.digit)")])
        + drop(name, summary, [.from(set: "uplinks"), .destination(family, in: "paused.\(family.digit)")])
    } + drop(name, summary, [.to(set: "uplinks"), .hardware(in: "paused.hardware")])
  }

  /// A device that nobody has named never has more than its network's policy for such devices.
  private func unknownDeviceRules(_ network: Network) -> [Rule] {
    let unknown: [Match] = [.from(network.device), .hardware(notIn: "known")]
    return switch network.unknown {
    case .allow: []
    case .ask: drop("unknown.\(network.name)", "devices on \(network.name) that nobody has named", unknown)
    case .internetOnly:
      drop(
        "unknown.\(network.name)", "devices on \(network.name) that nobody has named reach nothing in the house",
        unknown + [.notTo(set: "uplinks")])
    }
  }

  private var connectionCountRules: [Rule] {
    let count = UInt32(clamping: model.firewall.connectionsPerDevice)
    guard count > 0 else { return [] }
    return Self.families.map { family in
      Rule(
        "forward.connections", "more than \(count) connections of one device",
        [.from(set: "homes"), .family(family), .state(.new)],
        [.overFlows(count: count, per: [.source(family)], in: "connections.\(family.digit)"), .count], .drop)
    }
  }

  /// What the port forward's redirection has made of a packet, and nothing else, passes.
  private func acceptRules(_ forward: PortForward) -> [Rule] {
    let rate = UInt64(clamping: model.firewall.newConnectionRate)
    return forward.transport.portNumbers.flatMap { number in
      let matches: [Match] = [
        .transport(number), .port(forward.devicePorts), .isRedirected, .originalPort(forward.ports),
        .destination(.v4, in: Self.deviceSet(forward.device, .v4)),
      ]
      let limited = Rule(
        "forward.\(forward.name).rate", "more than \(rate) new connections a second from one source to \(forward.name)",
        matches,
        [
          .over(
            rate: rate, burst: UInt32(clamping: rate), per: [.source(.v4), .destination(.v4), .destinationPort],
            in: "rate.forward"), .count,
        ], .drop)
      return (number == 6 && rate > 0 ? [limited] : [])
        + ["uplinks", "trusted"].map {
          Rule("forward.\(forward.name)", forward.words, [.from(set: $0)] + matches, .accept)
        }
    }
  }

  /// Port forwards: on every address of the router that is not a home network's, from outside and, hairpin, from networks that are not isolated.
  var redirectRules: [Rule] {
    model.forwards.flatMap { forward in
      forward.transport.portNumbers.flatMap { number in
        redirectOrigins(forward).map { origin in
          Rule(
            "redirect.\(forward.name)", forward.words,
            origin + [.toRouter, .destination(.v4, notIn: "router.4"), .transport(number)],
            [.count, .redirect(by: .destinationPort, map: Self.forwardMap(forward.name))], nil)
        }
      }
    }
  }

  private func redirectOrigins(_ forward: PortForward) -> [[Match]] {
    let sources: [[Match]] = forward.sources.compactMap { source in
      switch source {
      case .prefix(let prefix): prefix.family == .v4 ? [.source(prefix)] : nil
      case .list(let name): [.source(.v4, in: Self.listSet(name, .v4))]
      }
    }
    let outside = forward.sources.isEmpty ? [[]] : sources
    return outside.map { [.from(set: "uplinks")] + $0 } + [[.from(set: "trusted")]]
  }

  var masqueradeRules: [Rule] {
    // A hairpin's answer must come back through the router, so the device must see the router as the source.
    model.networks.filter { !$0.isolated }.map { network in
      Rule(
        "masquerade.\(network.name)", "forwards used from inside \(network.name)",
        [.to(network.device), .source(.v4, in: Self.networkSet(network.name, .v4)), .isRedirected],
        [.count, .masquerade], nil)
    } + [
      Rule(
        "masquerade.uplinks", "IPv4 leaves with the uplink's address", [.to(set: "uplinks"), .family(.v4)],
        [.count, .masquerade], nil)
    ]
  }
}

extension FirewallPolicy {
  /// One end of an allow rule: what to match, and the family that this fixes.
  private struct End {
    var family: IPFamily?
    var matches: [Match]
  }

  func allowRules(_ allow: AllowRule) -> [Rule] {
    let ports: [ClosedRange<UInt16>?] = allow.ports.isEmpty ? [nil] : allow.ports
    let summary = "\(allow.from.words) reaches \(allow.to.words)"
    return sources(allow.from).flatMap { from in
      destinations(allow.to).flatMap { to -> [Rule] in
        if let a = from.family, let b = to.family, a != b { return [] }
        return allow.transport.numbers.flatMap { number in
          ports.map { range in
            var matches = from.matches + to.matches
            if let number { matches.append(.transport(number)) }
            if number != nil, let range { matches.append(.port(range)) }
            return Rule("allow.\(allow.name)", summary, matches, .accept)
          }
        }
      }
    }
  }

  private func sources(_ endpoint: AllowRule.Endpoint) -> [End] {
    switch endpoint {
    case .network(let name):
      return model.network(named: name).map { network in
        [End(matches: [.from(network.device)] + (network.unknown == .allow ? [] : [.hardware(in: "known")]))]
      } ?? []
    case .device(let name):
      // Who merely shows the device's hardware address on an isolated network is not let across.
      let origins: [Match] = [.from(set: "trusted")] + isolatedHomes(of: name).map { .from($0.device) }
      let hardware: [Match] = isBoundToHardware(name) ? [.hardware(in: Self.hardwareSet(name))] : []
      return origins.flatMap { origin in
        Self.families.map { family in
          End(family: family, matches: [origin, .source(family, in: Self.deviceSet(name, family))] + hardware)
        }
      }
    case .router: return []
    }
  }

  private func destinations(_ endpoint: AllowRule.Endpoint) -> [End] {
    switch endpoint {
    case .network(let name): model.network(named: name).map { [End(matches: [.to($0.device)])] } ?? []
    case .device(let name):
      Self.families.map {
        End(family: $0, matches: [.to(set: "homes"), .destination($0, in: Self.deviceSet(name, $0))])
      }
    case .router: [End(matches: [])]
    }
  }
}

extension AllowRule.Endpoint {
  fileprivate var words: String {
    switch self {
    case .network(let name): "network \(name)"
    case .device(let name): name
    case .router: "the router"
    }
  }
}

extension PortForward {
  fileprivate var words: String {
    "port \(ports.count == 1 ? "\(ports.lowerBound)" : "\(ports.lowerBound)-\(ports.upperBound)") to \(device):\(devicePort)"
  }
}

extension TransportProtocol {
  /// IP protocol numbers of those that have ports.
  fileprivate var portNumbers: [UInt8] { self == .any ? [6, 17] : numbers.compactMap(\.self) }
}
