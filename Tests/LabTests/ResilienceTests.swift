import Control
import Glibc
import HostSystem
import Household
import Lab
import TestSupport
import Testing
import Wire

extension LabTests {
  /// What runs goes on, whatever dies; what is to end ends at once.
  @Suite struct ResilienceTests {
    /// An endless page: 20 kB, ten times a second.
    static let stream =
      "printf 'HTTP/1.0 200 OK\\r\\n\\r\\n'; while head -c 20000 /dev/zero; do sleep 0.1; done"

    @Test func flowsGoOnWhileEveryDaemonDies() throws {
      try withStreams { lab in
        let seed = Soak.seed(20_251)
        var random = SeededGenerator(seed)
        let before = try snapshot(lab)
        let downloads = try [download(lab, .phone, "http://\(Lab.webAddress):8000/"), forwardedDownload(lab)]
        try lab.wait(for: "both downloads") { downloads.allSatisfy { $0.size > 0 } }
        let end = Clock.now.advanced(milliseconds: Int64(Soak.count(10_000, soak: 60_000)))
        var deaths: [Lab.Daemon: Int] = [:]
        while Clock.now < end || deaths.count < Lab.Daemon.allCases.count {
          let daemon = Lab.Daemon.allCases[Int(random.next() % UInt64(Lab.Daemon.allCases.count))]
          let sizes = downloads.map(\.size)
          try lab.crash(daemon)
          deaths[daemon, default: 0] += 1
          usleep(useconds_t(200_000 + random.next() % 600_000))
          for (download, size) in zip(downloads, sizes) {
            // Ten pieces a second: a stall of a whole step would be seen.
            try lab.wait(for: "the download of \(download.host) (seed \(seed), \(deaths))", seconds: 2) {
              download.size > size
            }
          }
        }
        try lab.wait(for: "the daemons", seconds: 20) {
          (try? lab.status().daemons.allSatisfy { $0.isRunning && $0.appliedCommit == 1 }) ?? false
        }
        _ = try eventually(every: .milliseconds(100)) { try snapshot(lab) == before }
        for (then, now) in zip(before, try snapshot(lab)) { #expect(now == then, "seed \(seed), \(deaths)") }
      }
    }

    @Test func aPausedDevicesDownloadStopsWithinASecondAndOthersGoOn() throws {
      try withStreams { lab in
        let paused = try download(lab, .laptop, "http://\(Lab.webAddress):8000/")
        let other = try download(lab, .phone, "http://\(Lab.webAddress):8000/")
        try lab.wait(for: "both downloads") { paused.size > 0 && other.size > 0 }
        #expect(try lab.lares("device", "pause", "laptop").isSuccess)
        usleep(1_000_000)
        let (stopped, running) = (paused.size, other.size)
        usleep(1_000_000)
        #expect(paused.size == stopped)
        #expect(other.size > running)
        #expect(try !lab.run(.laptop, ["ping", "-c1", "-W1", Lab.webAddress]).isSuccess)
        #expect(try lab.run(.laptop, ["ping", "-c1", "-W1", "192.168.77.1"]).isSuccess, "the house is still there")
        #expect(try lab.status().paused.map(\.device) == ["laptop"])

        try lab.restartRouter()
        #expect(try !lab.run(.laptop, ["ping", "-c1", "-W1", Lab.webAddress]).isSuccess, "a pause outlasts a restart")
        #expect(try lab.lares("device", "resume", "laptop").isSuccess)
        try lab.wait(for: "the Internet for the laptop", seconds: 2) {
          try lab.run(.laptop, ["ping", "-c1", "-W1", Lab.webAddress]).isSuccess
        }
        #expect(other.size > running)
      }
    }

    @Test func aPauseEndsByItself() throws {
      try withStreams { lab in
        #expect(try lab.lares("device", "pause", "laptop", "--for", "2s").isSuccess)
        try lab.wait(for: "the pause", seconds: 1) {
          try !lab.run(.laptop, ["ping", "-c1", "-W1", Lab.webAddress]).isSuccess
        }
        try lab.wait(for: "the pause's end", seconds: 4) {
          try lab.run(.laptop, ["ping", "-c1", "-W1", Lab.webAddress]).isSuccess
        }
        #expect(try lab.status().paused.isEmpty)
      }
    }

    /// The list stands in a file of its own and is long; what reaches the kernel is the one element.
    @Test func aDownloadFromAnAddressThatComesOntoAListStopsWithinASecondAndOthersGoOn() throws {
      let strangers = (0..<2_000).map { "192.0.\(2 + $0 / 250).\($0 % 250)" }
      func list(_ members: [String]) -> String {
        "[addresses.bad]\nmembers = [\(members.map { "\"\($0)\"" }.joined(separator: ", "))]\n"
      }
      try withStreams { lab in
        let path = lab.configurationFolder + "/lists.toml"
        func commit(_ members: [String]) throws {
          try File.replace(path, with: Array(list(members).utf8), mode: 0o644, durable: false)
          let answer = try lab.commit(
            "include = [\"lists.toml\"]\n" + Lab.configuration + "[firewall]\nblocked = [\"bad\"]\n")
          #expect(answer.isSuccess, "\(answer.output)")
        }
        try commit(strangers)
        let blocked = try download(lab, .laptop, "http://\(Lab.webAddress):8000/")
        let other = try download(lab, .phone, "http://\(Lab.providerAddress):8000/")
        try lab.wait(for: "both downloads") { blocked.size > 0 && other.size > 0 }
        let monitor = try lab.start(.router, ["nft", "monitor"], log: "nft.log")
        try commit(strangers + [Lab.webAddress])
        usleep(1_000_000)
        let (stopped, running) = (blocked.size, other.size)
        usleep(1_000_000)
        #expect(blocked.size == stopped)
        #expect(other.size > running)
        let lines = monitor.output.split(separator: "\n").filter { $0.contains("list.bad") || $0.contains(" rule ") }
        #expect(lines == ["add element inet lares list.bad.4 { \(Lab.webAddress) }"])

        try commit(strangers)
        try lab.wait(for: "the address to be free", seconds: 2) {
          try lab.run(.laptop, ["ping", "-c1", "-W1", Lab.webAddress]).isSuccess
        }
      }
    }

    /// Where the port outside is that of the device, what the device sends looks as if it had begun the flow itself.
    @Test(arguments: [8080, 80]) func aRemovedForwardEndsItsFlowsWithinASecondAndNoOthers(_ port: Int) throws {
      try withStreams { lab in
        if port != 8080 { try lab.commit(Lab.configuration.replacing("port = 8080", with: "port = \(port)")) }
        let forwarded = try forwardedDownload(lab, port: port)
        let other = try download(lab, .phone, "http://\(Lab.webAddress):8000/")
        try lab.wait(for: "both downloads") { forwarded.size > 0 && other.size > 0 }
        let start = try #require(Lab.configuration.firstRange(of: "[forward.web]")).lowerBound
        try lab.commit(String(Lab.configuration[..<start]))
        usleep(1_000_000)
        let (stopped, running) = (forwarded.size, other.size)
        usleep(1_000_000)
        #expect(forwarded.size == stopped)
        #expect(other.size > running)
      }
    }

    // MARK: -

    /// A download that goes on until the lab ends.
    private struct Download {
      let host: Lab.Host
      let path: String
      var size: Int {
        var status = stat()
        return stat(path, &status) == 0 ? Int(status.st_size) : 0
      }
    }

    private func download(_ lab: Lab, _ host: Lab.Host, _ address: String) throws -> Download {
      let path = "\(lab.folder)/download-\(host.rawValue)"
      _ = try lab.start(host, ["curl", "-sS", "-N", "-o", path, address], log: "curl-\(host.rawValue).log")
      return Download(host: host, path: path)
    }

    /// From the laptop's web server to somebody outside.
    private func forwardedDownload(_ lab: Lab, port: Int = 8080) throws -> Download {
      try download(lab, .provider, "http://\(try #require(try lab.uplinkAddress)):\(port)/")
    }

    /// A served house; the provider and the laptop stream to whoever asks, at ports 8000 and 80.
    private func withStreams(_ body: (Lab) throws -> Void) throws {
      try Lab.withRouter { lab in
        try lab.lease(.laptop, with: .udhcpc)
        try lab.lease(.phone, with: .udhcpc)
        try File.replace(
          lab.folder + "/stream", with: Array("#!/bin/sh\n\(Self.stream)\n".utf8), mode: 0o755, durable: false)
        for (host, port) in [(Lab.Host.provider, "8000"), (.laptop, "80")] {
          _ = try lab.start(
            host, ["busybox", "nc", "-ll", "-p", port, "-e", lab.folder + "/stream"], log: "stream-\(host.rawValue).log"
          )
        }
        try lab.wait(for: "the Internet") { try lab.run(.laptop, ["ping", "-c1", "-W1", Lab.webAddress]).isSuccess }
        try body(lab)
      }
    }

    /// What must be the same after every daemon has died: leases, names, rules and addresses.
    private func snapshot(_ lab: Lab) throws -> [String] {
      [
        try lab.lares("leases", "--json").output,
        try lab.json(NamesReport.self, "dns").names.map { "\($0.name) \($0.addresses)" }.joined(separator: "\n"),
        // Terse: without the elements that come and go with the packets.
        try lab.succeed(.router, ["nft", "--stateless", "--terse", "list", "ruleset"]),
        try lab.succeed(.router, ["nft", "list", "set", "inet", "lares", "bindings"]),
        try lab.configuredAddresses().joined(separator: "\n"),
        try lab.succeed(.router, ["ip", "route"]),
      ]
    }
  }
}
