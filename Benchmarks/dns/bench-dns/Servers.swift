import HostSystem

/// A server that is measured.
enum Contestant: String, CaseIterable {
  case lares, echo, unbound, dnsmasq, kresd

  /// What the issue compares us with; the echo is a bound, not a peer.
  static let peers: [Contestant] = [.unbound, .dnsmasq, .kresd]

  /// Where Debian has the program; nil for those of our own.
  var program: String? {
    switch self {
    case .lares, .echo: nil
    case .unbound: "/usr/sbin/unbound"
    case .dnsmasq: "/usr/sbin/dnsmasq"
    case .kresd: "/usr/sbin/kresd"
    }
  }

  var isInstalled: Bool {
    program.map { !File.list(File.folderName(of: $0)).filter { program?.hasSuffix("/" + $0) ?? false }.isEmpty } ?? true
  }
}

/// How a contestant is started: its files in a folder of its own, its command.
struct ServerPlan {
  let contestant: Contestant
  let port: UInt16
  let upstream: UInt16
  let folder: String
  let executable: String
  /// Names that the server is to block; nil: none.
  var blocked: BlockedNames?

  /// Writes the files and returns the command.
  func prepare() throws -> [String] {
    try File.makeFolder(folder)
    switch contestant {
    case .lares:
      if let blocked { try write("blocked.txt", blocked.hosts) }
      return [executable, "serve", "\(port)", "\(upstream)", folder] + (blocked == nil ? [] : ["blocked.txt"])
    case .echo: return [executable, "echo", "\(port)"]
    case .unbound:
      try write("unbound.conf", unboundConfiguration)
      return ["/usr/sbin/unbound", "-d", "-p", "-c", folder + "/unbound.conf"]
    case .dnsmasq:
      if let blocked { try write("blocked.conf", blocked.dnsmasq) }
      return [
        "/usr/sbin/dnsmasq", "--keep-in-foreground", "--port=\(port)", "--listen-address=127.0.0.1",
        "--bind-interfaces", "--no-resolv", "--no-hosts", "--server=127.0.0.1#\(upstream)", "--cache-size=10000",
        "--dns-forward-max=2000", "--user=root", "--pid-file=",
        "--conf-file=" + (blocked == nil ? "/dev/null" : folder + "/blocked.conf"),
      ]
    case .kresd:
      try write("kresd.conf", kresdConfiguration)
      if let blocked { try write("blocked.rpz", blocked.policyZone) }
      return ["/usr/sbin/kresd", "--noninteractive", "--config=" + folder + "/kresd.conf", folder]
    }
  }

  private func write(_ name: String, _ bytes: [UInt8]) throws {
    try File.replace(folder + "/" + name, with: bytes, durable: false)
  }

  private var unboundConfiguration: [UInt8] {
    let text = """
      server:
        interface: 127.0.0.1
        port: \(port)
        do-ip6: no
        do-daemonize: no
        num-threads: 1
        username: ""
        chroot: ""
        directory: "\(folder)"
        pidfile: ""
        use-syslog: no
        do-not-query-localhost: no
        module-config: "iterator"
        access-control: 127.0.0.0/8 allow
        msg-cache-size: 64m
        rrset-cache-size: 128m
        so-rcvbuf: 1m
        so-sndbuf: 1m
        num-queries-per-thread: 4096
      remote-control:
        control-enable: no
      forward-zone:
        name: "."
        forward-addr: 127.0.0.1@\(upstream)

      """
    return Array(text.utf8) + (blocked.map { Array("server:\n".utf8) + $0.unbound } ?? [])
  }

  private var kresdConfiguration: [UInt8] {
    let policy = blocked == nil ? "" : "policy.add(policy.rpz(policy.DENY, '\(folder)/blocked.rpz', false))\n"
    return Array(
      """
      net.listen('127.0.0.1', \(port), { kind = 'dns' })
      trust_anchors.remove('.')
      cache.size = 100 * MB
      \(policy)policy.add(policy.all(policy.STUB('127.0.0.1@\(upstream)')))

      """.utf8)
  }
}

/// The names of the memory comparison, in the form that each server reads.
struct BlockedNames {
  let count: Int

  private func lines(_ format: (String) -> String) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count * 48)
    for index in 0..<count { bytes.append(contentsOf: format("tracker-\(index).ads-\(index % 9973).example").utf8) }
    return bytes
  }

  var hosts: [UInt8] { lines { "0.0.0.0 \($0)\n" } }
  var unbound: [UInt8] { lines { "  local-zone: \"\($0).\" always_nxdomain\n" } }
  var dnsmasq: [UInt8] { lines { "address=/\($0)/\n" } }
  var policyZone: [UInt8] {
    Array("$TTL 60\n@ SOA . . 1 3600 600 86400 60\n".utf8) + lines { "\($0) CNAME .\n" }
  }
}
