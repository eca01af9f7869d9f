import Glibc
import TestSupport
import Wire

/// A small household of namespaces, with real packets:
/// ```
/// outside 203.0.113.1 ── wan0 203.0.113.2 [router] lan0 192.168.77.1 ── home   192.168.77.10 (the NAS), 192.168.77.11
///         2001:db8:1::1       2001:db8:1::2         lan1 192.168.78.1 ── guest  192.168.78.9
/// ```
/// Outside has routes to every home prefix through the router.
struct Lab {
  let router: NetworkNamespace
  let outside: NetworkNamespace
  let home: NetworkNamespace
  let guest: NetworkNamespace

  init() throws {
    (router, outside, home, guest) = (
      try NetworkNamespace(), try NetworkNamespace(), try NetworkNamespace(), try NetworkNamespace()
    )
    // Nobody else is here: addresses are good at once.
    for namespace in [router, outside, home, guest] {
      try namespace.shell("sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0")
    }
    try router.shell(
      """
      set -e
      sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
      ip link add wan0 type veth peer name eth0 netns \(outside.path)
      ip link add lan0 type veth peer name eth0 address \(Scenario.nas) netns \(home.path)
      ip link add lan1 type veth peer name eth0 netns \(guest.path)
      for i in wan0 lan0 lan1; do ip link set $i up; done
      ip addr add 203.0.113.2/24 dev wan0; ip addr add 192.168.77.1/24 dev lan0; ip addr add 192.168.78.1/24 dev lan1
      ip addr add 2001:db8:1::2/64 dev wan0 nodad; ip addr add fd77::1/64 dev lan0 nodad
      ip addr add 2001:db8:77::1/64 dev lan0 nodad
      ip route add default via 203.0.113.1; ip route add default via 2001:db8:1::1
      """)
    try outside.shell(
      """
      set -e
      ip link set eth0 up; ip addr add 203.0.113.1/24 dev eth0; ip addr add 2001:db8:1::1/64 dev eth0 nodad
      ip route add 192.168.77.0/24 via 203.0.113.2; ip route add 192.168.78.0/24 via 203.0.113.2
      ip route add fd77::/64 via 2001:db8:1::2; ip route add 2001:db8:77::/64 via 2001:db8:1::2
      """)
    try home.shell(
      """
      set -e
      ip link set eth0 up; ip addr add 192.168.77.10/24 dev eth0; ip addr add 192.168.77.11/24 dev eth0
      ip addr add fd77::10/64 dev eth0 nodad; ip addr add 2001:db8:77::10/64 dev eth0 nodad
      ip route add default via 192.168.77.1; ip route add default via fd77::1
      """)
    try guest.shell(
      "set -e; ip link set eth0 up; ip addr add 192.168.78.9/24 dev eth0; ip route add default via 192.168.78.1")
  }
}

/// A TCP socket of a test, in the namespace where it was made. Nothing of it waits longer than it says.
final class Endpoint {
  let descriptor: Int32

  private init(_ descriptor: Int32) { self.descriptor = descriptor }

  deinit { close(descriptor) }

  /// Listens on all addresses of both families.
  static func listening(_ port: UInt16, in namespace: NetworkNamespace) throws -> Endpoint {
    try namespace.run {
      let endpoint = Endpoint(socket(AF_INET6, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0))
      var one: Int32 = 1
      setsockopt(endpoint.descriptor, SOL_SOCKET, SO_REUSEADDR, &one, 4)
      guard withAddress(IPv6Address.any, port, { bind(endpoint.descriptor, $0, $1) }) == 0,
        listen(endpoint.descriptor, 16) == 0
      else { throw LabFailure(what: "listening on \(port): errno \(errno)") }
      return endpoint
    }
  }

  /// Connects; nil where nothing answers in time, or where a reset or an ICMP error does.
  static func connecting(
    to address: String, _ port: UInt16, from source: String? = nil, in namespace: NetworkNamespace,
    milliseconds: Int32 = 2_000
  ) throws -> Endpoint? {
    try namespace.run {
      let endpoint = Endpoint(socket(AF_INET6, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0))
      if let source { _ = withAddress(mapped(source), 0) { bind(endpoint.descriptor, $0, $1) } }
      let result = withAddress(mapped(address), port) { connect(endpoint.descriptor, $0, $1) }
      guard result == 0 || errno == EINPROGRESS, endpoint.isReady(for: POLLOUT, milliseconds) else { return nil }
      var code: Int32 = 0
      var length = socklen_t(4)
      getsockopt(endpoint.descriptor, SOL_SOCKET, SO_ERROR, &code, &length)
      return code == 0 ? endpoint : nil
    }
  }

  /// The next connection, and who it comes from.
  func accepted(milliseconds: Int32 = 1_000) -> (endpoint: Endpoint, peer: IPv6Address)? {
    guard isReady(for: POLLIN, milliseconds) else { return nil }
    var peer = sockaddr_in6()
    var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
    let descriptor = withUnsafeMutablePointer(to: &peer) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { accept(self.descriptor, $0, &length) }
    }
    guard descriptor >= 0 else { return nil }
    let bytes = withUnsafeBytes(of: peer.sin6_addr) { Array($0) }
    let halves = [bytes[..<8], bytes[8...]].map { $0.reduce(UInt64(0)) { $0 << 8 | UInt64($1) } }
    return (Endpoint(descriptor), IPv6Address(high: halves[0], low: halves[1]))
  }

  /// The largest segment that the connection may send, in bytes (TCP_MAXSEG).
  var segmentSize: Int32 {
    var size: Int32 = 0
    var length = socklen_t(4)
    getsockopt(descriptor, Int32(IPPROTO_TCP), TCP_MAXSEG, &size, &length)
    return size
  }

  /// Sends a byte.
  func send() { _ = Glibc.send(descriptor, "x", 1, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)) }

  /// Whether bytes come within the time. Takes all that are there.
  func receives(milliseconds: Int32) -> Bool {
    guard isReady(for: POLLIN, milliseconds) else { return false }
    var buffer = [UInt8](repeating: 0, count: 4096)
    return recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT)) > 0
  }

  private func isReady(for events: Int32, _ milliseconds: Int32) -> Bool {
    var state = pollfd(fd: descriptor, events: Int16(events), revents: 0)
    return poll(&state, 1, milliseconds) == 1
  }

  private static func mapped(_ text: String) -> IPv6Address {
    switch IPAddress(text)! {
    case .v4(let address): IPv6Address(high: 0, low: 0xffff_0000_0000 | UInt64(address.value))
    case .v6(let address): address
    }
  }

  private static func withAddress(
    _ address: IPv6Address, _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
  ) -> Int32 {
    var socketAddress = sockaddr_in6()
    socketAddress.sin6_family = sa_family_t(AF_INET6)
    socketAddress.sin6_port = port.bigEndian
    withUnsafeMutableBytes(of: &socketAddress.sin6_addr) {
      $0.storeBytes(of: address.high.bigEndian, as: UInt64.self)
      $0.storeBytes(of: address.low.bigEndian, toByteOffset: 8, as: UInt64.self)
    }
    return withUnsafePointer(to: &socketAddress) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in6>.size)) }
    }
  }
}

struct LabFailure: Error {
  var what: String
}
