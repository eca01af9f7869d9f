public import HostSystem

/// A DHCP client that people use.
public enum DHCPClientProgram: String, CaseIterable, Sendable {
  case dhclient, udhcpc, dhcpcd, networkd

  /// Gets a lease, sets address and route, and goes on in the background to renew it.
  fileprivate var start: String {
    switch self {
    case .dhclient:
      "dhclient -v -pf /run/dhclient.pid -lf /var/lib/dhcp/dhclient.leases eth0"
    case .udhcpc:
      """
      busybox udhcpc -b -R -t 10 -T 1 -p /run/udhcpc.pid -s /etc/udhcpc/default.script -x hostname:$(hostname) \
      -O search -i eth0
      """
    case .dhcpcd: "dhcpcd --waitip=4 --timeout 20 -4 --hostname=$(hostname) eth0"
    case .networkd:
      """
      mkdir -p /run/systemd/network
      printf '%s\\n' '[Match]' 'Name=eth0' '[Network]' 'DHCP=ipv4' 'LinkLocalAddressing=no' 'IPv6AcceptRA=no' \
        '[DHCPv4]' 'ClientIdentifier=mac' 'UseDomains=yes' 'SendRelease=yes' > /run/systemd/network/eth0.network
      /lib/systemd/systemd-networkd >/run/networkd.log 2>&1 & echo $! > /run/networkd.pid
      """
    }
  }

  /// Asks for the same address again. systemd-networkd is told by its bus only; without one, a new start does it.
  fileprivate var renew: String {
    switch self {
    case .dhclient: "kill $(cat /run/dhclient.pid); sleep 0.2; \(start)"
    case .udhcpc: "kill -USR1 $(cat /run/udhcpc.pid)"
    case .dhcpcd: "dhcpcd -4 --rebind eth0"
    case .networkd: "kill -KILL $(cat /run/networkd.pid); sleep 0.2; \(start)"
    }
  }

  /// Gives the lease back.
  fileprivate var release: String {
    switch self {
    case .dhclient: "dhclient -v -r -pf /run/dhclient.pid -lf /var/lib/dhcp/dhclient.leases eth0"
    case .udhcpc: "kill -USR2 $(cat /run/udhcpc.pid)"
    case .dhcpcd: "dhcpcd -4 --release eth0"
    case .networkd: "kill $(cat /run/networkd.pid)"
    }
  }

  /// Prints what the client took from the lease besides address and route.
  fileprivate var settings: String {
    switch self {
    case .dhclient, .udhcpc, .dhcpcd: "cat /etc/resolv.conf"
    case .networkd: "cat /run/systemd/netif/leases/*"
    }
  }
}

/// What a host has from its lease.
public struct HostSettings: Equatable, Sendable {
  public var address: String?
  public var gateway: String?
  /// What the client wrote about name server and domain, in its own format.
  public var names: String
}

extension Lab {
  /// Gets a lease on a host with a stock client.
  @discardableResult
  public func lease(_ host: Host, with client: DHCPClientProgram) throws -> CommandResult {
    try succeed(host, ["ip", "link", "set", "eth0", "up"])
    let result = try shell(host, client.start)
    guard result.isSuccess else { throw LabError("\(client.rawValue) on \(host.rawValue): \(result.output)") }
    try wait(for: "an address on \(host.rawValue)") { try address(of: host) != nil }
    return result
  }

  /// Has the client ask for its address again.
  @discardableResult
  public func renew(_ host: Host, with client: DHCPClientProgram) throws -> CommandResult {
    try shell(host, client.renew)
  }

  /// Has the client give its lease back.
  @discardableResult
  public func release(_ host: Host, with client: DHCPClientProgram) throws -> CommandResult {
    try shell(host, client.release)
  }

  /// A host's IPv4 address on eth0.
  public func address(of host: Host) throws -> String? {
    let line = try run(host, ["ip", "-4", "-o", "address", "show", "eth0"]).output
    return line.split(separator: " ").first { $0.contains("/") && $0.contains(".") }?.split(separator: "/").first.map(
      String.init)
  }

  /// What a host has from the lease that `client` got.
  public func settings(of host: Host, from client: DHCPClientProgram) throws -> HostSettings {
    let route = try run(host, ["ip", "-4", "route", "show", "default"]).output.split(separator: " ")
    let gateway = route.firstIndex(of: "via").map { String(route[$0 + 1]) }
    return HostSettings(
      address: try address(of: host), gateway: gateway, names: try shell(host, client.settings).output)
  }

  /// Gives a host a fixed address as by hand, with the router as its gateway and name server.
  public func setAddresses(_ host: Host, _ addresses: String..., gateway: String, gateway6: String? = nil) throws {
    try succeed(host, ["ip", "link", "set", "eth0", "up"])
    for address in addresses { try succeed(host, ["ip", "address", "add", address, "dev", "eth0", "nodad"]) }
    try succeed(host, ["ip", "route", "add", "default", "via", gateway])
    if let gateway6 { try succeed(host, ["ip", "-6", "route", "add", "default", "via", gateway6]) }
    try shell(host, "echo nameserver \(gateway) > /etc/resolv.conf")
  }
}
