import Glibc
import HostSystem
import Household
import Netlink
import TestSupport
import Testing
import Wire

@testable import Uplink

/// A router and a provider, joined by a wire, each a network namespace of its own.
///
///     router: wan0 ──── isp0 :provider, 203.0.113.1/24, with the real servers that a test starts
final class UplinkLab {
  let router: NetworkNamespace
  let provider: NetworkNamespace
  let folder: TemporaryFolder
  let loop: EventLoop
  private var servers: [String: ChildProcess] = [:]
  private(set) var manager: UplinkManager?

  /// Quicker than in the field, so that the tests are short.
  static let timing = ProbeTiming(
    gatewayGood: 400, nameServerGood: 400, quick: 150, gatewayTimeout: 100, nameServerTimeout: 120)

  init(wired: Bool = true) throws {
    router = try NetworkNamespace()
    provider = try NetworkNamespace()
    folder = try TemporaryFolder()
    loop = try EventLoop()
    if wired { try wire() }
  }

  deinit { for name in servers.keys { stop(name) } }

  func wire() throws {
    try router.shell(
      "ip link add wan0 type veth peer name isp0 && ip link set isp0 netns \(provider.path) && ip link set wan0 up")
    try provider.shell("ip addr add 203.0.113.1/24 dev isp0 && ip link set isp0 up")
  }

  /// Starts an UplinkManager on the lab's folder, as a new process would.
  @discardableResult
  func start(timing: ProbeTiming = UplinkLab.timing) throws -> UplinkManager {
    manager = nil
    let made = try router.run {
      try UplinkManager(folders: folder.folders, loop: loop, log: Log(daemon: "test", minimum: .error), timing: timing)
    }
    manager = made
    return made
  }

  /// Ends the manager as the death of its process would.
  func kill() { manager = nil }

  func apply(_ settings: UplinkSettings..., home: [IPPrefix] = []) throws {
    try router.run { manager?.apply(settings: settings, homePrefixes: home, commit: 1) }
  }

  /// Asks the DHCP server now, so that a test need not wait for the next retransmission.
  func renew() throws { try router.run { #expect(manager?.renew("wan") == true) } }

  /// Serves the router's event loop until the condition holds; false when the time is over.
  func wait(seconds: Int64 = 10, until condition: (UplinkManager) -> Bool) throws -> Bool {
    let end = Clock.now.advanced(milliseconds: seconds * 1_000)
    return try router.run {
      while Clock.now < end {
        if let manager, condition(manager) { return true }
        try loop.runOnce(limitMilliseconds: 20)
      }
      return false
    }
  }

  func wait(state: String, seconds: Int64 = 10) throws -> Bool {
    try wait(seconds: seconds) { $0.uplinks.first?.state == state }
  }

  /// Waits until the check of that name is the one that is bad; `nil`: until all are good.
  func wait(diagnosis: String?, seconds: Int64 = 10) throws -> Bool {
    try wait(seconds: seconds) { manager in
      guard let diagnosis else { return manager.checks.allSatisfy { $0.result == .good } }
      return CheckTree.diagnosis(of: manager.checks)?.path == "uplink.wan.\(diagnosis)"
    }
  }

  var fact: UplinkFact? { manager?.uplinks.first }

  var addresses: [String] {
    get throws {
      try router.shell("ip -o addr show dev wan0 scope global").split(separator: "\n")
        .compactMap { $0.split(separator: " ", omittingEmptySubsequences: true).dropFirst(3).first.map(String.init) }
    }
  }
}

// The provider's real servers.
extension UplinkLab {
  private func run(_ name: String, _ arguments: [String], environment: [String: String]? = nil) throws {
    servers[name] = try provider.run {
      let null = try Descriptor(opening: "/dev/null", O_RDWR)
      let output = try Descriptor(opening: "\(folder.path)/\(name).log", O_WRONLY | O_CREAT | O_APPEND, mode: 0o644)
      return try ChildProcess(
        arguments, environment: environment, descriptors: [null.number, output.number, output.number])
    }
  }

  /// Waits until the DHCP server's port is open, so that the first DHCPDISCOVER finds it.
  private func awaitServer() throws {
    let isOpen = try eventually {
      let sockets = try provider.run { try File.read("/proc/thread-self/net/udp") }
      // Port 67 in hexadecimal, among the local addresses.
      return String(decoding: sockets, as: UTF8.self).contains(":0043 ")
    }
    guard isOpen else { throw SystemError("waiting for the DHCP server", code: ETIMEDOUT) }
  }

  func stop(_ name: String) {
    guard let server = servers.removeValue(forKey: name) else { return }
    server.send(SIGKILL)
    _ = try? server.wait()
  }

  func log(_ name: String) -> String {
    String(decoding: (try? File.read("\(folder.path)/\(name).log")) ?? [], as: UTF8.self)
  }

  /// Broadcasts a UDP payload from the provider's server port to the client's.
  func sendToClient(_ payload: [UInt8]) throws {
    try provider.run {
      let index = Int32(if_nametoindex("isp0"))
      let socket = try PacketSocket(interface: index, named: "isp0", filter: .arp, loop: loop) { _, _ in }
      let frame = UDPv4Frame(
        source: MACAddress("02:00:00:00:00:fe")!, destination: .broadcast, sourceAddress: IPv4Address(203, 0, 113, 1),
        destinationAddress: .broadcast, sourcePort: DHCPv4.serverPort, destinationPort: DHCPv4.clientPort)
      try socket.send(frame.encoded(payload: payload.span.bytes) ?? [])
    }
  }

  /// dnsmasq as DHCP and DNS server.
  func startDNSMasq(range: String = "203.0.113.50,203.0.113.60", options: [String] = []) throws {
    try run(
      "dnsmasq",
      [
        "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-daemon", "--user=root", "--pid-file=",
        "--interface=isp0", "--bind-dynamic", "--except-interface=lo", "--no-resolv", "--no-hosts", "--no-ping",
        "--log-dhcp", "--log-facility=-", "--dhcp-leasefile=\(folder.path)/leases", "--dhcp-authoritative",
        "--dhcp-range=\(range),2m", "--dhcp-option=option:mtu,1492", "--domain=isp.example",
      ] + options)
    try awaitServer()
  }

  /// Kea, which grants leases as short as a test needs.
  func startKea(seconds: Int) throws {
    let configuration = """
      { "Dhcp4": {
          "interfaces-config": { "interfaces": [ "isp0" ], "dhcp-socket-type": "raw" },
          "lease-database": { "type": "memfile", "persist": false },
          "valid-lifetime": \(seconds), "renew-timer": \(seconds / 4), "rebind-timer": \(seconds / 2),
          "subnet4": [ { "id": 1, "subnet": "203.0.113.0/24", "pools": [ { "pool": "203.0.113.70-203.0.113.80" } ],
            "option-data": [ { "name": "routers", "data": "203.0.113.1" },
                             { "name": "domain-name-servers", "data": "203.0.113.1" } ] } ],
          "loggers": [ { "name": "kea-dhcp4", "severity": "WARN", "output_options": [ { "output": "stderr" } ] } ] } }
      """
    try File.replace("\(folder.path)/kea.json", with: Array(configuration.utf8), durable: false)
    try run(
      "kea", ["kea-dhcp4", "-c", "\(folder.path)/kea.json"],
      environment: [
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "KEA_PIDFILE_DIR": folder.path, "KEA_LOCKFILE_DIR": "none",
      ])
    try awaitServer()
  }
}
