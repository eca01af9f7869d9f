import Configuration
import Household

/// Households that several tests share.
enum Households {
  /// The smallest useful file of DESIGN.md.
  static let smallest = """
    [household]
    domain = "home.arpa"

    [uplink.wan]
    interface = "wan0"
    method = "dhcp"                 # dhcp | pppoe | static

    [network.home]
    interfaces = ["lan0"]           # several are bridged
    address = "192.168.77.1/24"
    dhcp = { pool = "192.168.77.100-192.168.77.199", lease = "12h" }

    [network.guest]
    interfaces = ["lan1"]
    address = "192.168.78.1/24"
    isolated = true                 # reaches the Internet and the router's DHCP and DNS, nothing else, not even each other
    dhcp = { pool = "192.168.78.100-192.168.78.199", lease = "1h" }

    [device.nas]
    hardware = ["02:00:00:00:00:10"]
    address = "192.168.77.10"

    [forward.web]
    from = "internet"
    protocol = "tcp"
    port = 8080
    to = "nas:80"

    [allow.printer]                 # networks reach each other only where an allow says so
    from = "guest"
    to = "nas"
    protocol = "tcp"
    port = 631

    [dns]
    upstream = ["203.0.113.1"]      # or tls://…, https://…, "recursive"; without it the uplink's own servers, followed as leases change
    blocklists = ["blocked.txt"]

    """

  /// Every key that there is.
  static let everything = """
    format = 1

    [household]
    domain = "house.example"
    router = "gate"

    [uplink.wan]
    interface = "wan0"
    method = "dhcp"
    vlan = 832
    mac = "02:00:00:00:00:01"
    mtu = 1492
    dns = ["203.0.113.53", "2001:db8::53"]
    dhcp = { hostname = "lares", client-id = "hex:00ff", vendor-class = "sagem", options = { "77" = "hex:2b46", "90" = "text:1.2.3.4" } }

    [uplink.second]
    interface = "wan1"
    method = "static"
    address = ["198.51.100.9/24", "2001:db8:9::9/64"]
    gateway = ["198.51.100.1", "fe80::1"]

    [network.home]
    interfaces = ["lan0", "lan1"]
    address = ["192.168.77.1/24", "fd00:77::1/64"]
    unknown = "ask"
    blocking = false
    dhcp = { pool = "192.168.77.100 - 192.168.77.199", lease = "1h30m", options = { "42" = ["192.168.77.5", "192.168.77.6"], "66" = "boot" } }

    [network.guest]
    interfaces = "lan0"
    vlan = 20
    address = "192.168.78.1/24"
    isolated = true
    unknown = "internet-only"

    [person.alice]
    full-name = "Alice Example"

    [device.nas]
    hardware = ["02:00:00:00:00:10", "02-00-00-00-00-11"]
    client-id = ["01:02:00:00:00:00:10", "nas"]
    address = ["192.168.77.10", "fd00:77::10"]
    person = "alice"
    blocking = true

    [device.lamp]
    address = "192.168.78.20"

    [addresses.office]
    members = ["198.51.100.0/24", "2001:db8::/32", "203.0.113.7"]

    [forward.web]
    protocol = "tcp"
    port = 8080
    to = "nas:80"

    [forward.games]
    from = ["@office", "203.0.113.0/24"]
    protocol = "tcp+udp"
    port = "9000-9010"
    to = "nas"

    [allow.printer]
    from = "guest"
    to = "nas"
    protocol = "tcp"
    port = [631, "9100-9102"]

    [allow.lamp]
    from = "lamp"
    to = "router"

    [firewall]
    blocked = ["@office"]
    log-rate = 0
    new-connection-rate = 50
    connections-per-device = 4000

    [dns]
    upstream = ["203.0.113.1", "203.0.113.2:5353", "[2001:db8::1]:53"]
    forward = { "corp.example" = "10.0.0.1", "lab.example" = ["10.0.0.2", "10.0.0.3:54"] }
    blocklists = ["blocked.txt", "lists/more.txt"]
    allowed = "example.com"
    rebinding-allowed = ["corp.example"]
    records = ["printer A 192.168.77.20", "@ 300 IN TXT hello"]
    cache-entries = 5000
    serve-stale = "0s"

    [metrics]
    listen = "[fd00:77::1]:9100"
    token = { secret = "metrics" }

    [log]
    remote = "[2001:db8::5]:514"
    level = "warning"

    [history]
    push = "https://git.example:8443/alice/router.git"
    user = "alice"
    password = { secret = "git" }

    """

  static func text(_ main: String) -> ConfigurationText { ConfigurationText(files: ["lares.toml": main]) }

  /// The model of a configuration that has no errors.
  static func model(_ main: String) throws -> HouseholdModel { try text(main).parse() }

  /// The diagnostics of the smallest household after replacing one part of it.
  static func diagnostics(replacing right: String, with wrong: String) -> [String] {
    text(smallest.replacing(right, with: wrong, maxReplacements: 1)).check().diagnostics.map(\.description)
  }
}
