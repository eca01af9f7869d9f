public import HostSystem

/// A DHCP client that people use.
public enum DHCPClientProgram: String, CaseIterable, Sendable {
  case dhclient, udhcpc, dhcpcd

  /// Gets a lease, sets address and route, writes /etc/resolv.conf, and goes on in the background to renew it.
  func startCommand(folder: String, interface: String) -> [String] {
    switch self {
    case .dhclient:
      ["dhclient", "-v", "-pf", "/run/dhclient.pid", "-lf", "/var/lib/dhcp/dhclient.leases", interface]
    case .udhcpc:
      [
        "busybox", "udhcpc", "-b", "-R", "-t", "10", "-T", "1", "-p", "/run/udhcpc.pid", "-s",
        "/etc/udhcpc/default.script", "-x", "hostname:phone", "-i", interface,
      ]
    case .dhcpcd: ["dhcpcd", "--waitip=4", "--timeout", "20", "-4", "--hostname=visitor", interface]
    }
  }
}

extension Lab {
  /// Gets a lease on a host with a stock client.
  @discardableResult
  public func lease(_ host: Host, with client: DHCPClientProgram) throws -> CommandResult {
    try succeed(host, ["ip", "link", "set", "eth0", "up"])
    let result = try run(host, client.startCommand(folder: folder, interface: "eth0"))
    guard result.isSuccess else { throw LabError("\(client.rawValue) on \(host.rawValue): \(result.output)") }
    try wait(for: "an address on \(host.rawValue)") { try address(of: host) != nil }
    return result
  }

  /// A host's IPv4 address on eth0.
  public func address(of host: Host) throws -> String? {
    let line = try run(host, ["ip", "-4", "-o", "address", "show", "eth0"]).output
    return line.split(separator: " ").first { $0.contains("/") && $0.contains(".") }?.split(separator: "/").first.map(
      String.init)
  }
}
