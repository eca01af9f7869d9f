public import Household
import Wire

extension UplinkManager {
  /// The numbers of all uplinks for the metrics endpoint, by name with labels.
  public var metrics: [String: MetricFact] {
    var metrics: [String: MetricFact] = [:]
    func put(_ name: String, _ labels: [(String, String)], _ type: String, _ help: String, _ value: Double) {
      let text = labels.map { "\($0.0)=\"\($0.1)\"" }.joined(separator: ",")
      metrics["lares_uplink_\(name){\(text)}"] = MetricFact(type: type, help: help, value: value)
    }
    for check in checks {
      put("check", [("path", check.path)], "gauge", "1: good, 0: bad or skipped.", check.result == .good ? 1 : 0)
    }
    for (uplink, counters) in clientCounters {
      let label = ("uplink", uplink)
      let help = "DHCP messages of the uplink's client."
      for (type, count) in counters.sent {
        put("dhcp_sent_total", [label, ("type", "\(type)")], "counter", help, Double(count))
      }
      for (type, count) in counters.received {
        put("dhcp_received_total", [label, ("type", "\(type)")], "counter", help, Double(count))
      }
      put(
        "dhcp_ignored_total", [label], "counter", "Well-formed DHCP messages that answered nothing.",
        Double(counters.ignored))
      put(
        "dhcp_malformed_total", [label], "counter", "Datagrams that were no DHCP message.", Double(counters.malformed))
    }
    return metrics
  }
}
