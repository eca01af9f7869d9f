import CNameService
import Glibc
import HostSystem
import Household
import TestSupport
import Testing
import Wire

@testable import NameService

/// Stock programs on both sides: unbound as the upstream, dig as a client, unbound again as a client that forwards to us.
@Suite(.serialized, .enabled(if: stockProgramsAreInstalled, "dig or unbound is not installed"))
struct RealPeersTests {
  /// An unbound of the test's own.
  private final class Unbound {
    let port: UInt16
    private let folder: TemporaryFolder
    private let process: ChildProcess

    /// - Parameter lines: what belongs to its `server:` part, and what follows that.
    init(_ lines: String) throws {
      folder = try TemporaryFolder()
      // A port that was free a moment ago.
      let probe = Descriptor(owning: try systemCall("finding a free port") { lares_udp_listen(4, 0) })
      port = lares_local_port(probe.number)
      _ = consume probe
      let configuration = """
        server:
          interface: 127.0.0.1
          port: \(port)
          username: ""
          chroot: ""
          directory: "\(folder.path)"
          pidfile: ""
          use-syslog: no
          logfile: "\(folder.path)/log"
          do-not-query-localhost: no
          module-config: "iterator"
        \(lines)
        remote-control:
          control-enable: no

        """
      try File.replace(folder.path + "/unbound.conf", with: Array(configuration.utf8), durable: false)
      process = try ChildProcess(["/usr/sbin/unbound", "-d", "-c", folder.path + "/unbound.conf"])
      let port = port
      let answers = try eventually {
        let client = try LoopbackClient(port: port)
        client.send(LoopbackClient.query("localhost"))
        return client.receive(milliseconds: 50) != nil
      }
      #expect(answers, "unbound answers")
    }

    deinit {
      process.send(SIGKILL)
      _ = try? process.wait()
    }
  }

  private static let internet = """
      local-zone: "example." static
      local-data: "example. 3600 IN SOA ns.example. root.example. 1 3600 600 86400 60"
      local-data: "www.example. 300 IN A 192.0.2.1"
      local-data: "www.example. 300 IN AAAA 2001:db8::1"
      local-data: "mail.example. 300 IN MX 10 www.example."
      local-data: "inside.example. 300 IN A 192.168.1.1"
    """
    + (0..<40).map { "\n  local-data: 'big.example. 300 IN TXT \"record number \($0) with words that take room\"'" }
    .joined()

  private func dig(_ arguments: String..., port: UInt16) throws -> String {
    try runCommand(["dig", "@127.0.0.1", "-p", "\(port)", "+tries=1", "+time=4"] + arguments).output
  }

  @Test func digReadsWhatUnboundSaidThroughUs() throws {
    let upstream = try Unbound(Self.internet)
    let service = try LoopbackService(upstreams: [upstream.port])
    let port = service.daemon.port
    let address = try dig("WwW.eXample", "A", port: port)
    #expect(address.contains("status: NOERROR") && address.contains("WwW.eXample.\t\t300\tIN\tA\t192.0.2.1"))
    #expect(address.contains("flags: qr rd ra;"))
    #expect(try dig("www.example", "AAAA", "+short", port: port) == "2001:db8::1\n")
    #expect(try dig("mail.example", "MX", "+short", port: port) == "10 www.example.\n")
    #expect(try dig("www.example", "TXT", port: port).contains("ANSWER: 0, AUTHORITY: 1"))
    let missing = try dig("missing.example", "A", port: port)
    #expect(
      missing.contains("status: NXDOMAIN") && missing.contains("SOA\tns.example. root.example. 1 3600 600 86400 60"))
    #expect(try dig("big.example", "TXT", "+short", port: port).split(separator: "\n").count == 40)
    #expect(try dig("big.example", "TXT", "+notcp", "+ignore", port: port).contains("flags: qr tc rd ra;"))
    #expect(try dig("inside.example", "A", port: port).contains("EDE: 15 (Blocked): (the answer has the local address"))
    #expect(try dig("example", "ANY", "+short", port: port) == "\"RFC8482\" \"\"\n")
    #expect(try dig("+tcp", "+keepopen", "www.example", "mail.example", "MX", port: port).contains("status: NOERROR"))
  }

  @Test func aForwardingUnboundReadsTheHousehold() throws {
    let service = try LoopbackService(upstreams: []) {
      $0.devices = [Device(name: "nas", addresses: [address("127.0.77.10")])]
    }
    let port = service.daemon.port
    #expect(try dig("nas.home.arpa", port: port).contains("nas.home.arpa.\t\t60\tIN\tA\t127.0.77.10"))
    #expect(try dig("-x", "127.0.77.10", "+short", port: port) == "nas.home.arpa.\n")
    let resolver = try Unbound(
      """
        local-zone: "home.arpa." nodefault
      forward-zone:
        name: "home.arpa."
        forward-addr: 127.0.0.1@\(port)
      """)
    #expect(try dig("nas.home.arpa", "A", "+short", port: resolver.port) == "127.0.77.10\n")
    #expect(try dig("nobody.home.arpa", "A", port: resolver.port).contains("status: NXDOMAIN"))
  }

  @Test func theOtherServerAnswersWhenOneIsGone() throws {
    let upstream = try Unbound(Self.internet)
    let gone = Descriptor(owning: try systemCall("finding a free port") { lares_udp_listen(4, 0) })
    // This one takes queries and says nothing.
    let service = try LoopbackService(upstreams: [lares_local_port(gone.number), upstream.port])
    for _ in 0..<3 {
      #expect(try dig("www.example", "A", "+short", port: service.daemon.port) == "192.0.2.1\n")
    }
  }
}

private let stockProgramsAreInstalled = ["/usr/bin/dig", "/usr/sbin/unbound"].allSatisfy { (path: String) in
  access(path, X_OK) == 0
}
