import Household
import Wire

extension Validation {
  mutating func checkForwards() {
    let lists = sources.names(of: "addresses")
    let devices = sources.names(of: "device")
    for (index, forward) in model.forwards.enumerated() {
      let path: ConfigurationPath = ["forward", forward.name]
      checkTarget(of: forward, path.appending("to"), known: devices)
      for (place, source) in forward.sources.enumerated() {
        guard case .list(let name) = source else { continue }
        checkList(name, self.path(path.appending("from"), place, of: forward.sources.count), known: lists)
      }
      if let other = model.forwards[..<index].first(where: { Self.collide($0, forward) }) {
        let ports = forward.ports
        let text = ports.count == 1 ? "\(ports.lowerBound)" : "\(ports.lowerBound)-\(ports.upperBound)"
        report(
          path.appending("port"),
          "\(forward.transport.rawValue) \(text) is already forwarded by forward.\(other.name) (\(place(["forward", other.name])))",
          found: text, hint: "a port leads to one place; choose another")
      }
    }
  }

  private static func collide(_ a: PortForward, _ b: PortForward) -> Bool {
    let sharesProtocol = a.transport == b.transport || a.transport == .tcpAndUDP || b.transport == .tcpAndUDP
    return sharesProtocol && a.ports.overlaps(b.ports)
  }

  private mutating func checkTarget(of forward: PortForward, _ path: ConfigurationPath, known names: Set<String>) {
    if isUncertain("device") {
      return
    } else if !names.contains(forward.device) {
      report(
        path, "there is no device \"\(forward.device)\"", found: forward.device,
        hint: suggestion(for: forward.device, among: names.sorted(), kind: "device"))
    } else if let device = model.device(named: forward.device), device.addresses.isEmpty,
      !isPresent(["device", device.name, "address"])
    {
      report(
        path, "device \(device.name) has no address of its own, so nothing can be forwarded to it", found: device.name,
        hint: "add address to [device.\(device.name)] (\(place(["device", device.name])))")
    }
    if Int(forward.devicePort) + forward.ports.count - 1 > 65_535 {
      report(
        path, "the range of \(forward.ports.count) ports from \(forward.devicePort) goes beyond 65535",
        found: "\(forward.devicePort)", hint: "choose a lower port on the device")
    }
  }

  private mutating func checkList(_ name: String, _ path: ConfigurationPath, known: Set<String>) {
    guard !known.contains(name), !isUncertain("addresses") else { return }
    report(
      path, "there is no address list \"\(name)\"", found: "@\(name)",
      hint: suggestion(for: name, among: known.sorted(), kind: "addresses"))
  }

  mutating func checkAllows() {
    let known = sources.names(of: "network").union(sources.names(of: "device"))
    for rule in model.allows {
      let path: ConfigurationPath = ["allow", rule.name]
      for (key, endpoint) in [("from", rule.from), ("to", rule.to)] {
        guard case .network(let name) = endpoint, !known.contains(name), !isUncertain("network", "device") else {
          continue
        }
        let isWord = Self.ruleWords.contains(name)
        report(
          path.appending(key), "there is no network or device \"\(name)\"", found: name,
          hint: isWord
            ? "an allow is between networks and devices of the house; [forward.NAME] lets the Internet in"
            : suggestion(for: name, among: known.sorted(), kind: "network"))
      }
      if rule.from == rule.to {
        report(path.appending("to"), "from and to are the same", hint: "inside a network nothing has to be allowed")
      }
      if rule.transport == .any, !rule.ports.isEmpty {
        report(
          path.appending("port"), "a port needs a protocol", hint: "add protocol = \"tcp\", \"udp\" or \"tcp+udp\"")
      }
    }
  }

  mutating func checkServices() {
    let lists = sources.names(of: "addresses")
    for (index, name) in model.firewall.blocked.enumerated() {
      checkList(name, path(["firewall", "blocked"], index, of: model.firewall.blocked.count), known: lists)
    }
    let own = Set(model.networks.flatMap { $0.addresses.map(\.address) })
    for (index, server) in model.names.upstreams.enumerated() where own.contains(server.address) {
      report(
        path(["dns", "upstream"], index, of: model.names.upstreams.count),
        "\(server.address) is the router itself, which would ask itself without end", found: "\(server)",
        hint: "name a server outside, or leave upstream out to use the provider's")
    }
    for zone in model.names.forwardZones where zone.domain == model.domain {
      report(
        ["dns", "forward", zone.domain.description], "\(zone.domain) is the household's own domain",
        found: "\(zone.domain)", hint: "its names come from the devices and leases of this file")
    }
    checkMetrics(own)
    checkHistory()
  }

  private mutating func checkHistory() {
    guard let history = model.history, history.password != nil, history.transport != .https else { return }
    report(
      ["history", "password"], "a password is for https only",
      hint: history.transport == .path
        ? "leave it out: a folder needs none" : "leave it out: SSH goes by the keys of the user that control runs as")
  }

  private mutating func checkMetrics(_ own: Set<IPAddress>) {
    guard let metrics = model.metrics, !incomplete.contains("network") else { return }
    let isLoopback = metrics.address == .v4(.loopback) || metrics.address == .v6(.loopback)
    guard !isLoopback, !own.contains(metrics.address) else { return }
    report(
      ["metrics", "listen"], "\(metrics.address) is no address of the router at home", found: "\(metrics.address)",
      expected: own.isEmpty ? nil : oneOf(own.sorted().map(\.description)),
      hint: own.isEmpty ? nil : "use \(oneOf(own.sorted().map(\.description)))")
  }
}
