import Household

extension WorkerCounters {
  /// The sum over cores.
  static func + (a: Self, b: Self) -> Self {
    var sum = a
    sum.hitPath.queries += b.hitPath.queries
    sum.hitPath.hits += b.hitPath.hits
    sum.hitPath.malformed += b.hitPath.malformed
    sum.hitPath.blocked += b.hitPath.blocked
    sum.resolver.coalesced += b.resolver.coalesced
    sum.resolver.questions += b.resolver.questions
    sum.resolver.sent += b.resolver.sent
    sum.resolver.timeouts += b.resolver.timeouts
    sum.resolver.unrelated += b.resolver.unrelated
    sum.resolver.stale += b.resolver.stale
    sum.resolver.failures += b.resolver.failures
    sum.resolver.rebindings += b.resolver.rebindings
    sum.resolver.blockedAliases += b.resolver.blockedAliases
    sum.resolver.refused += b.resolver.refused
    sum.local += b.local
    sum.refused += b.refused
    sum.limited += b.limited
    sum.streams += b.streams
    sum.entries += b.entries
    sum.evictions += b.evictions
    return sum
  }

  /// The numbers by the names under which Prometheus sees them.
  var metrics: [String: MetricFact] {
    let counts: [(String, String, UInt64)] = [
      ("queries_total", "Datagrams received from clients.", hitPath.queries),
      ("cache_hits_total", "Queries answered from the cache.", hitPath.hits),
      ("malformed_total", "Messages that were no query.", hitPath.malformed),
      ("local_answers_total", "Queries answered by the household's zone or policy.", local),
      ("blocked_total", "Queries that a blocklist or the rebinding guard answered.", hitPath.blocked),
      ("refused_total", "Queries from strangers, or for what is not served.", refused),
      ("limited_total", "Queries refused because their client had too many under way.", limited),
      ("connections_total", "TCP connections accepted.", streams),
      ("upstream_questions_total", "Questions that the cache could not answer.", resolver.questions),
      ("upstream_coalesced_total", "Questions that joined an equal one under way.", resolver.coalesced),
      ("upstream_queries_total", "Queries sent to upstream servers.", resolver.sent),
      ("upstream_timeouts_total", "Queries that no server answered in time.", resolver.timeouts),
      ("upstream_unrelated_total", "Messages that did not answer what was asked.", resolver.unrelated),
      ("stale_answers_total", "Expired answers given because no server answered.", resolver.stale),
      ("failures_total", "Questions that nobody could answer.", resolver.failures),
      ("rebinding_total", "Upstream answers withheld because they led into the house.", resolver.rebindings),
      (
        "blocked_aliases_total", "Upstream answers withheld because they led to a blocked name.",
        resolver.blockedAliases
      ),
      ("cache_evictions_total", "Answers that gave room to others.", evictions),
    ]
    var metrics = [String: MetricFact]()
    for (name, help, value) in counts {
      metrics["lares_dns_\(name)"] = MetricFact(type: "counter", help: help, value: Double(value))
    }
    metrics["lares_dns_cache_entries"] = MetricFact(
      type: "gauge", help: "Answers in the caches of all cores.", value: Double(entries))
    return metrics
  }
}
