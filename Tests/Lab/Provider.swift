import Glibc
import HostSystem

extension Lab {
  /// The provider's address on the uplink, its DHCP and DNS server.
  public static let providerAddress = "203.0.113.1"
  public static let providerAddress6 = "2001:db8:0:1::1"
  /// A web server out on the Internet, and its name.
  public static let webAddress = "198.51.100.80"
  public static let webAddress6 = "2001:db8:80::80"
  public static let webName = "www.example"
  /// What the web server answers for `/`.
  public static let webPage = "Hello from the Internet.\n"

  /// Gives the provider addresses, a DHCP server, a name server and a web server.
  public func startProvider() throws {
    let addresses = [
      ("isp0", "\(Self.providerAddress)/24"), ("isp0", "\(Self.providerAddress6)/64"), ("lo", "\(Self.webAddress)/32"),
      ("lo", "\(Self.webAddress6)/128"),
    ]
    for (interface, address) in addresses {
      try succeed(.provider, ["ip", "address", "add", address, "dev", interface, "nodad"])
    }
    try succeed(.provider, ["ip", "link", "set", "isp0", "up"])
    try succeed(.provider, ["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"])
    try startNameServer()
    let pages = folder + "/www"
    try File.makeFolder(pages, mode: 0o755)
    try File.replace(pages + "/index.html", with: Array(Self.webPage.utf8), mode: 0o644, durable: false)
    web = try start(.provider, ["busybox", "httpd", "-f", "-p", "80", "-h", pages], log: "web.log")
  }

  /// Starts the provider's DHCP and DNS server. A lease lasts an hour unless told otherwise (dnsmasq: 120 s at least).
  public func startNameServer(leaseSeconds: Int = 3_600) throws {
    let address = Self.providerAddress
    server = try start(
      .provider,
      [
        "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--user=root", "--pid-file=", "--interface=isp0",
        "--bind-interfaces", "--no-resolv", "--no-hosts", "--log-queries", "--log-facility=-", "--log-dhcp",
        "--dhcp-authoritative", "--no-ping", "--dhcp-leasefile=\(folder)/provider.leases",
        "--dhcp-range=203.0.113.10,203.0.113.20,255.255.255.0,\(leaseSeconds)", "--dhcp-option=3,\(address)",
        "--dhcp-option=6,\(address)", "--address=/\(Self.webName)/\(Self.webAddress)",
        "--address=/\(Self.webName)/\(Self.webAddress6)", "--address=/rebind.example/192.168.77.1",
        "--address=/ads.example/\(Self.webAddress)", "--host-record=brief.example,198.51.100.81,1",
        "--local=/example/",
      ], log: "provider.log")
  }

  /// Routes of the provider to the prefixes of the house through the router's uplink address, in both families: what
  /// somebody has who tries to get in.
  public func routeHomePrefixesFromProvider(via router: String, via6 router6: String? = nil) throws {
    for prefix in ["192.168.77.0/24", "192.168.78.0/24"] {
      try succeed(.provider, ["ip", "route", "replace", prefix, "via", router, "dev", "isp0"])
    }
    if let router6 {
      for prefix in ["fd00:77::/64", "fd00:78::/64"] {
        try succeed(.provider, ["ip", "-6", "route", "replace", prefix, "via", router6, "dev", "isp0"])
      }
    }
  }
}
