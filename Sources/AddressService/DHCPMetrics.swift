import Household
import Wire

/// What the server tells about itself.
extension DHCPServer {
  /// Whether ARP answers on the network matter now.
  func isProbing(on network: String) -> Bool {
    probes.pending.contains { configuration.scopes[$0.scope].name == network }
  }

  /// Seconds for which a pool that had nothing for a client is called a problem.
  private static var exhaustionSeconds: Int64 { 600 }

  /// A sentence for each pool that had nothing for a client lately.
  func exhaustionProblems(now: UnixTime) -> [String] {
    configuration.scopes.indices.compactMap { index in
      let scope = configuration.scopes[index]
      guard let last = exhausted[scope.name], now - last < Self.exhaustionSeconds else { return nil }
      let use = poolUse(of: index, now: now)
      return "the pool of network \(scope.name) is used up: \(use.active) of \(use.size) addresses are in use; make "
        + "network.\(scope.name).dhcp.pool larger, or its lease shorter"
    }
  }

  /// Everything countable, named as Prometheus wants it.
  func metrics(now: UnixTime, sendFailures: UInt64) -> [String: MetricFact] {
    var facts: [String: MetricFact] = [:]
    func counter(_ name: String, _ labels: String, _ help: String, _ value: UInt64) {
      facts["lares_dhcp_\(name)_total\(labels)"] = MetricFact(type: "counter", help: help, value: Double(value))
    }
    for type in DHCPv4MessageType.allCases {
      switch type {
      case .offer, .acknowledge, .refuse:
        counter("sent", "{type=\"\(type)\"}", "DHCPv4 messages sent to clients.", counters.sent[type])
      case .discover, .request, .decline, .release, .inform:
        counter("received", "{type=\"\(type)\"}", "DHCPv4 messages of clients.", counters.received[type])
      }
    }
    for reason in DHCPv4Malformation.allCases {
      counter(
        "malformed", "{reason=\"\(reason)\"}", "Messages dropped because they could not be read.",
        counters.malformed[reason])
    }
    counter("ignored", "", "Messages that were not for this server or contradict themselves.", counters.ignored)
    counter("exhausted", "", "Messages without an answer because a pool was used up.", counters.exhausted)
    counter("conflicts", "", "Addresses that somebody else turned out to use.", counters.conflicts)
    counter("unstored", "", "Requests without an answer because leases could not be stored.", counters.unstored)
    counter("send_failures", "", "Replies that the kernel did not take.", sendFailures)
    for index in configuration.scopes.indices {
      let use = poolUse(of: index, now: now)
      let label = "{network=\"\(configuration.scopes[index].name)\"}"
      facts["lares_dhcp_pool_active\(label)"] = MetricFact(
        type: "gauge", help: "Addresses of the pool that clients use now.", value: Double(use.active))
      facts["lares_dhcp_pool_size\(label)"] = MetricFact(
        type: "gauge", help: "Addresses in the pool.", value: Double(use.size))
    }
    return facts
  }
}
