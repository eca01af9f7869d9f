import Household
import Wire

// The packet filter as a whole, names, metrics and the log.
extension HouseholdSchema {
  static let firewall = Section.table(
    "firewall", \.firewall,
    TableSchema(fields: [
      Field(
        "blocked", \.blocked, ValueType<String>.listName.oneOrMore("them"), blank: blank.firewall,
        example: "[\"@bad\"]", "Address lists that are dropped at the uplink, in both directions."),
      Field(
        "log-rate", \.logRate, .integer(0...1000), blank: blank.firewall, example: "10",
        "Lines per second that dropped packets may write to the log; 0 switches it off."),
      Field(
        "new-connection-rate", \.newConnectionRate, .integer(0...1_000_000), blank: blank.firewall, example: "100",
        "New TCP connections per second and source that the router and each forward take; 0: no limit."),
      Field(
        "connections-per-device", \.connectionsPerDevice, .integer(0...10_000_000), blank: blank.firewall,
        example: "4000", "Connections that one home device may hold at once; 0: no limit."),
    ]),
    "Settings of the packet filter as a whole.")

  static let names = Section.table(
    "dns", \.names,
    TableSchema(fields: [
      Field(
        "upstream", \.upstreams,
        ValueType<SocketAddress>.endpoint(defaultPort: 53, later: ["tls://", "https://", "recursive"]).oneOrMore(
          "them"),
        blank: blank.names, example: "[\"203.0.113.1\"]",
        "Servers to ask. Without it the uplink's own, followed as they change."),
      Field(
        "forward", \.forwardZones, .forwardZones, blank: blank.names, example: "{ \"corp.example\" = [\"10.0.0.1\"] }",
        "Domains with servers of their own."),
      Field(
        "blocklists", \.blocklists, ValueType<String>.fileName.oneOrMore("them"), blank: blank.names,
        example: "[\"blocked.txt\"]", "Files with names to block, in hosts, adblock or RPZ syntax."),
      Field(
        "allowed", \.allowed, ValueType<DomainName>.domain.oneOrMore("them"), blank: blank.names,
        example: "[\"example.com\"]", "Names that are never blocked, with everything below them."),
      Field(
        "rebinding-allowed", \.rebindingAllowed, ValueType<DomainName>.domain.oneOrMore("them"), blank: blank.names,
        example: "[\"corp.example\"]", "Names whose answers from outside may be private addresses."),
      Field(
        "records", \.records, ValueType<String>.record.oneOrMore("them"), blank: blank.names,
        example: "[\"printer A 192.168.77.20\"]",
        "Further records of the household's zone in the form of zone files (RFC 1035). Names without a final dot lie in the zone."
      ),
      Field(
        "cache-entries", \.cacheEntries, .integer(1_000...10_000_000), blank: blank.names, example: "100000",
        "Answers that the cache holds."),
      Field(
        "serve-stale", \.serveStaleSeconds, .duration(0...604_800), blank: blank.names, example: "\"1d\"",
        "How long an expired answer may be given while no server answers (RFC 8767); \"0s\": never."),
    ]),
    "The name service.")

  private static let blankMetrics = MetricsDraft()

  /// The metrics endpoint as the file says it.
  struct MetricsDraft: Sendable {
    var listen = SocketAddress(.v4(.loopback), port: 9100)
    var token = SecretName("metrics")
  }

  static let metrics = Section.optionalTable(
    "metrics", \.metricsDraft, blank: blankMetrics,
    TableSchema(fields: [
      Field(
        "listen", \.listen, .endpoint(defaultPort: nil), required: true, blank: blankMetrics,
        example: "\"192.168.77.1:9100\"", "One of the router's own addresses at home, and a port."),
      Field(
        "token", \.token, .secret, required: true, blank: blankMetrics, example: "{ secret = \"metrics\" }",
        "The secret with the token that a reader must send."),
    ]),
    "Metrics for Prometheus over HTTP, besides those on the control socket.")

  static let log = Section.table(
    "log", \.log,
    TableSchema(fields: [
      Field(
        "remote", \.remote, ValueType<SocketAddress>.endpoint(defaultPort: 514).optional(), blank: blank.log,
        example: "\"192.0.2.5:514\"",
        "A syslog receiver that gets each line over UDP (RFC 5424, RFC 5426), unencrypted; without it no line leaves the router."
      ),
      Field(
        "level", \.level, .choice(), blank: blank.log, example: "\"warning\"",
        "The least level that is sent. The router's own log has every line but those of dropped packets."),
    ]),
    "Where log lines go besides the router's own log (`lares log`).")
}

extension HouseholdModel {
  /// The metrics settings in the form of the file.
  fileprivate var metricsDraft: HouseholdSchema.MetricsDraft? {
    get {
      metrics.map { HouseholdSchema.MetricsDraft(listen: SocketAddress($0.address, port: $0.port), token: $0.token) }
    }
    set {
      metrics = newValue.map {
        MetricsSettings(address: $0.listen.address, port: $0.listen.port, token: $0.token)
      }
    }
  }
}

extension ValueType where Value == String {
  /// One record in presentation format: `NAME [TTL] [IN] TYPE DATA`.
  static let record = ValueType.text(
    "record", expected: "a record such as \"printer A 192.168.77.20\"",
    parse: { text throws(Refusal) in
      let words = text.split { $0 == " " || $0 == "\t" }.map(String.init)
      guard let owner = words.first, owner == "@" || DomainName(owner) != nil else { throw Refusal() }
      var rest = words.dropFirst()
      if let ttl = rest.first, UInt32(ttl) != nil { rest.removeFirst() }
      if rest.first?.uppercased() == "IN" { rest.removeFirst() }
      guard let type = rest.first?.uppercased(), rest.count >= 2 else { throw Refusal() }
      guard recordTypes.contains(type) else {
        throw Refusal(hint: "the types are \(oneOf(recordTypes))")
      }
      if type == "A", rest.count != 2 || IPv4Address(rest[rest.startIndex + 1]) == nil {
        throw Refusal(hint: "an A record takes one IPv4 address")
      }
      if type == "AAAA", rest.count != 2 || IPv6Address(rest[rest.startIndex + 1]) == nil {
        throw Refusal(hint: "an AAAA record takes one IPv6 address")
      }
      return text
    }, print: { $0 })

  private static var recordTypes: [String] {
    ["A", "AAAA", "CAA", "CNAME", "HTTPS", "MX", "PTR", "SRV", "SVCB", "TXT"]
  }
}
