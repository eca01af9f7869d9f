import Household
import Wire

extension Validation {
  mutating func checkUplinks() {
    if model.uplinks.isEmpty, sources.names(of: "uplink").isEmpty {
      report(
        ["uplink"], "there is no uplink, so nothing in the house reaches the Internet", severity: .warning,
        hint: "add [uplink.wan] with the interface towards the provider")
    }
    for uplink in model.uplinks {
      let path: ConfigurationPath = ["uplink", uplink.name]
      switch uplink.method {
      case .dhcp:
        for key in ["address", "gateway"] where isPresent(path.appending(key)) {
          report(
            path.appending(key), "\(key) is only for method = \"static\"",
            hint: "set method = \"static\", or remove \(key)")
        }
      case .fixed(let addresses, let gateways): checkStatic(path, addresses, gateways)
      }
    }
  }

  private mutating func checkStatic(
    _ path: ConfigurationPath, _ addresses: [InterfaceAddress], _ gateways: [IPAddress]
  ) {
    if isPresent(path.appending("dhcp")) {
      report(path.appending("dhcp"), "dhcp is only for method = \"dhcp\"", hint: "remove it, or set method = \"dhcp\"")
    }
    for (key, isMissing) in [("address", addresses.isEmpty), ("gateway", gateways.isEmpty)] where isMissing {
      report(
        path, "the key \"\(key)\" is missing, and method = \"static\" needs it",
        hint: "the provider's papers name it")
    }
    for (index, address) in addresses.enumerated() {
      checkHost(address, self.path(path.appending("address"), index, of: addresses.count))
    }
    var families: Set<IPFamily> = []
    for (index, gateway) in gateways.enumerated() {
      let place = self.path(path.appending("gateway"), index, of: gateways.count)
      let isLinkLocal = gateway.v6?.isLinkLocal ?? false
      if !isLinkLocal, !addresses.isEmpty, !addresses.contains(where: { $0.prefix.contains(gateway) }) {
        report(
          place, "the gateway \(gateway) is not in the network of the uplink's address", found: "\(gateway)",
          expected: "an address in \(oneOf(addresses.map(\.prefix.description)))",
          hint: "check both, and the length behind the slash")
      }
      if addresses.contains(where: { $0.address == gateway }) {
        report(place, "\(gateway) is the uplink's own address", found: "\(gateway)", hint: "name the provider's router")
      }
      if !families.insert(gateway.family).inserted {
        report(place, "there is a second gateway of the same family", found: "\(gateway)", hint: "keep one of them")
      }
    }
  }

  mutating func checkNetworks() {
    if model.networks.isEmpty, sources.names(of: "network").isEmpty {
      report(
        ["network"], "there is no network, so the router serves nobody", severity: .warning,
        hint: "add [network.home] with interfaces and address")
    }
    for network in model.networks {
      let path: ConfigurationPath = ["network", network.name]
      if network.addresses.isEmpty {
        report(path.appending("address"), "the router has at least one address in a network")
      }
      for (index, address) in network.addresses.enumerated() {
        checkHost(address, self.path(path.appending("address"), index, of: network.addresses.count))
      }
      if let dhcp = network.dhcp { checkPool(dhcp.pool, of: network) }
    }
  }

  /// An address that an interface can have, in a network with room for others.
  private mutating func checkHost(_ address: InterfaceAddress, _ path: ConfigurationPath) {
    let problem: (String, String?)? =
      switch address.address {
      case .v4(let host):
        if host.value >> 24 == 0 || host.value >> 24 == 127 || host.value >> 28 >= 14 {
          ("\(host) cannot be an interface's address", "homes use 192.168.x.y and 10.x.y.z (RFC 1918)")
        } else if !(8...30).contains(address.length) {
          ("a network of length /\(address.length) cannot be used", "the length is 8 to 30; 24 is usual")
        } else if address.prefix.address == address.address {
          ("\(host) is the network itself, not an address in it", "write \(host.advanced(by: 1))/\(address.length)")
        } else if address.prefix.lastAddress == address.address {
          ("\(host) is the broadcast address of its network", "write \(host.advanced(by: -1))/\(address.length)")
        } else {
          nil
        }
      case .v6(let host):
        if host == .any || host == .loopback || host.isMulticast || host.isLinkLocal || host.mappedIPv4 != nil {
          ("\(host) cannot be set as an interface's address", "homes use addresses of fd00::/8 (RFC 4193)")
        } else if !(16...127).contains(address.length) {
          ("a network of length /\(address.length) cannot be used", "the length is 16 to 127; 64 is usual")
        } else if address.prefix.address == address.address {
          (
            "\(host) is the network itself, not an address in it",
            "write \(IPv6Address(high: host.high, low: host.low | 1))/\(address.length)"
          )
        } else {
          nil
        }
      }
    if let (text, hint) = problem { report(path, text, found: "\(address)", hint: hint) }
  }

  private mutating func checkPool(_ pool: ClosedRange<IPv4Address>, of network: Network) {
    let path: ConfigurationPath = ["network", network.name, "dhcp", "pool"]
    let text = "\(pool.lowerBound)-\(pool.upperBound)"
    guard !network.addresses.isEmpty else { return }
    let candidates = network.addresses.filter { $0.address.family == .v4 }
    guard !candidates.isEmpty else {
      return report(
        path, "the network has no IPv4 address, so it has no DHCP server", found: text,
        hint: "add one to network.\(network.name).address")
    }
    guard
      let own = candidates.first(where: {
        $0.prefix.contains(.v4(pool.lowerBound)) && $0.prefix.contains(.v4(pool.upperBound))
      }), let router = own.address.v4, let first = own.prefix.address.v4, let last = own.prefix.lastAddress.v4
    else {
      return report(
        path, "the pool \(text) is not inside the network \(oneOf(candidates.map(\.prefix.description)))", found: text,
        expected: "addresses of \(oneOf(candidates.map(\.prefix.description)))")
    }
    for (address, what) in [
      (router, "the router's own address"), (first, "the network itself"), (last, "the broadcast address"),
    ]
    where pool.contains(address) {
      report(
        path, "the pool \(text) contains \(what) \(address)", found: text,
        hint: what.hasPrefix("the router") ? "let the pool begin behind it or end before it" : "leave it out")
    }
  }

  mutating func checkOverlaps() {
    var seen: [(prefix: IPPrefix, path: ConfigurationPath)] = []
    for uplink in model.uplinks {
      guard case .fixed(let addresses, _) = uplink.method else { continue }
      collect(addresses, ["uplink", uplink.name, "address"], into: &seen)
    }
    for network in model.networks { collect(network.addresses, ["network", network.name, "address"], into: &seen) }
  }

  private mutating func collect(
    _ addresses: [InterfaceAddress], _ base: ConfigurationPath,
    into seen: inout [(prefix: IPPrefix, path: ConfigurationPath)]
  ) {
    for (index, address) in addresses.enumerated() {
      let path = self.path(base, index, of: addresses.count)
      if let other = seen.first(where: { $0.prefix.overlaps(address.prefix) }) {
        report(
          path, "the network \(address.prefix) overlaps \(other.prefix) of \(other.path) (\(place(other.path)))",
          found: "\(address)", hint: "every network has a range of its own")
      }
      seen.append((address.prefix, path))
    }
  }
}
