import Household

/// The text format of Prometheus, version 0.0.4.
enum Metrics {
  /// - Parameter metrics: by name with labels: `lares_dns_queries_total{network="home"}`.
  static func text(_ metrics: [String: MetricFact]) -> String {
    var text = ""
    var family = ""
    for (name, metric) in metrics.sorted(by: {
      ($0.key.prefix { $0 != "{" }, $0.key) < ($1.key.prefix { $0 != "{" }, $1.key)
    }) {
      let bare = String(name.prefix { $0 != "{" })
      if bare != family {
        family = bare
        text += "# HELP \(bare) \(metric.help)\n# TYPE \(bare) \(metric.type)\n"
      }
      text += "\(name) \(number(metric.value))\n"
    }
    return text
  }

  private static func number(_ value: Double) -> String {
    Int64(exactly: value).map(String.init) ?? String(value)
  }
}
