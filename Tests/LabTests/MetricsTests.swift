import HostSystem
import Lab
import Testing

extension LabTests {
  /// What a Prometheus server reads.
  @Suite struct MetricsTests {
    static let withMetrics =
      Lab.configuration + """
        [metrics]
        listen = "192.168.77.1:9100"
        token = { secret = "scraper" }

        """

    @Test func metricsAreReadBySocketAndWithATokenByHTTP() throws {
      try Lab.withRouter(Self.withMetrics) { lab in
        try lab.lease(.laptop, with: .udhcpc)
        try lab.wait(for: "a lease to be counted") {
          try lab.metrics()["lares_dhcp_sent_total{type=\"DHCPACK\"}"] ?? 0 > 0
        }
        #expect(try lab.metrics()["lares_dhcp_pool_size{network=\"home\"}"] == 100)

        // The console's port is open to the household, but not this one: a reader at home needs an allow as well.
        let ask = { (arguments: [String]) throws -> CommandResult in
          try lab.run(
            .router, ["curl", "-sS", "-w", "\n%{http_code}"] + arguments + ["http://192.168.77.1:9100/metrics"])
        }
        #expect(try ask([]).output.hasSuffix("503"), "no token is set yet")
        #expect(try lab.lares(["secret", "set", "scraper"], input: "correct-horse\n").isSuccess)
        #expect(try ask([]).output.hasSuffix("401"))
        #expect(try ask(["-H", "Authorization: Bearer wrong"]).output.hasSuffix("401"))
        let read = try ask(["-H", "Authorization: Bearer correct-horse"]).output
        #expect(read.hasSuffix("200"))
        #expect(try !Self.parse(String(read.dropLast(4))).isEmpty)
        let other = try lab.run(
          .router,
          [
            "curl", "-sS", "-w", "%{http_code}", "-H", "Authorization: Bearer correct-horse",
            "http://192.168.77.1:9100/v1/status",
          ])
        #expect(other.output.hasSuffix("404"))
      }
    }

    /// Reads the text format of Prometheus, strictly: every sample follows the HELP and TYPE of its family.
    static func parse(_ text: String) throws -> [String: Double] {
      var samples: [String: Double] = [:]
      var family = ""
      for line in text.split(separator: "\n") {
        let words = line.split(separator: " ")
        if words.first == "#" {
          try #require(words.count >= 3 && (words[1] == "HELP" || words[1] == "TYPE"), "\(line)")
          if words[1] == "HELP" {
            try #require(family != words[2], "\(line): twice")
            family = String(words[2])
          } else {
            try #require(words[2] == family && (words[3] == "counter" || words[3] == "gauge"), "\(line)")
          }
          continue
        }
        let name = line.prefix { $0 != "{" && $0 != " " }
        try #require(name == family, "\(line) is not of family \(family)")
        let (key, value) = try #require(line.lastIndex(of: " ").map { (line[..<$0], line[line.index(after: $0)...]) })
        try #require(samples[String(key)] == nil, "\(key) twice")
        samples[String(key)] = try #require(Double(String(value)) as Double?, "\(line)")
      }
      return samples
    }
  }
}

extension Lab {
  /// What a Prometheus server would read from the control socket, by name with labels.
  func metrics() throws -> [String: Double] {
    let socket = runFolder + "/control/socket"
    return try LabTests.MetricsTests.parse(
      succeed(.router, ["curl", "-sS", "--unix-socket", socket, "http://lares/metrics"]))
  }
}
