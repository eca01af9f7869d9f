import Testing

@testable import Configuration

/// What holds between the parts of a household: one wrong household per rule, with the whole answer, and right ones that
/// look like it.
@Suite struct ValidationTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let right: String
    let wrong: String
    let answer: String

    init(_ right: String, _ wrong: String, _ answer: String) {
      (self.right, self.wrong, self.answer) = (right, wrong, answer)
    }

    /// Text added in front of `[dns]`.
    init(adding text: String, _ answer: String) { self.init("[dns]\n", "\(text)\n[dns]\n", answer) }

    var testDescription: String { wrong }
  }

  static let wan = "[uplink.wan]\ninterface = \"wan0\"\nmethod = \"dhcp\"                 # dhcp | pppoe | static\n"

  static func fixed(_ text: String, _ answer: String) -> Case {
    Case(wan, "[uplink.wan]\ninterface = \"wan0\"\nmethod = \"static\"\n\(text)\n", answer)
  }

  static let uplinks: [Case] = [
    fixed(
      "address = \"203.0.113.9/24\"",
      "4:9: uplink.wan: the key \"gateway\" is missing, and method = \"static\" needs it; the provider's papers name it"
    ),
    fixed(
      "address = \"203.0.113.9/24\"\ngateway = \"203.0.114.1\"",
      "8:11: uplink.wan.gateway: the gateway 203.0.114.1 is not in the network of the uplink's address; "
        + "check both, and the length behind the slash"),
    fixed(
      "address = \"203.0.113.9/24\"\ngateway = \"203.0.113.9\"",
      "8:11: uplink.wan.gateway: 203.0.113.9 is the uplink's own address; name the provider's router"),
    fixed(
      "address = \"203.0.113.9/24\"\ngateway = [\"203.0.113.1\", \"203.0.113.2\"]",
      "8:27: uplink.wan.gateway[1]: there is a second gateway of the same family; keep one of them"),
    fixed(
      "address = \"203.0.113.9/24\"\ngateway = \"203.0.113.1\"\ndhcp = {}",
      "9:8: uplink.wan.dhcp: dhcp is only for method = \"dhcp\"; remove it, or set method = \"dhcp\""),
    fixed(
      "address = \"192.168.77.200/25\"\ngateway = \"192.168.77.129\"",
      "12:11: network.home.address: the network 192.168.77.0/24 overlaps 192.168.77.128/25 of uplink.wan.address "
        + "(lares.toml:7); every network has a range of its own"),
    Case(
      "method = \"dhcp\" ", "gateway = \"203.0.113.1\" ",
      "6:11: uplink.wan.gateway: gateway is only for method = \"static\"; set method = \"static\", or remove gateway"),
  ]

  static let networks: [Case] = [
    Case(
      "[\"lan1\"]", "[]",
      "14:14: network.guest.interfaces: a network has at least one port; name one, such as [\"lan0\"]"),
    Case(
      "[\"lan1\"]", "[\"lan1\", \"lan1\"]",
      "14:23: network.guest.interfaces[1]: lan1 is already used by network.guest (lares.toml:14); "
        + "an interface belongs to one network or uplink; VLANs share a port by different tags"),
    Case(
      "[\"lan1\"]", "[\"lan1\", \"wan0\"]",
      "14:23: network.guest.interfaces[1]: wan0 is already used by uplink.wan (lares.toml:5); "
        + "an interface belongs to one network or uplink; VLANs share a port by different tags"),
    Case(
      "[\"lan1\"]", "[\"lan1\", \"br-guest\"]",
      "14:14: network.guest.interfaces: br-guest is the bridge of network.guest (lares.toml:13); "
        + "name the ports of the network, not its bridge"),
    Case(
      "[\"lan1\"]", "[\"lan 1\"]",
      "14:15: network.guest.interfaces: \"lan 1\" has characters that names of interfaces do not have; "
        + "`ip link` lists the names"),
    Case(
      "[\"lan1\"]", "[\"enp0s31f6long\"]\nvlan = 20",
      "14:15: network.guest.interfaces: the interface enp0s31f6long.20 would have a name of 16 bytes, "
        + "and the kernel takes 15; rename the port, so that its name leaves room for the tag"),
    Case(
      adding: "[network.thirteenbytes]\ninterfaces = [\"a\", \"b\"]\naddress = \"10.0.0.1/8\"\n",
      "35:10: network.thirteenbytes: the name has 13 bytes, and a network of several ports takes at most 12; "
        + "its bridge is called br-NAME, and the kernel takes 15 bytes"),
    Case(
      "\"192.168.78.1/24\"", "[\"192.168.78.1/24\", \"192.168.78.2/25\"]",
      "15:31: network.guest.address[1]: the network 192.168.78.0/25 overlaps 192.168.78.0/24 of "
        + "network.guest.address[0] (lares.toml:15); every network has a range of its own"),
    Case(
      "\"192.168.78.1/24\"", "[\"192.168.78.1/24\", \"fe80::1/64\"]",
      "15:31: network.guest.address[1]: fe80::1 cannot be set as an interface's address; "
        + "homes use addresses of fd00::/8 (RFC 4193)"),
    Case(
      "\"192.168.78.1/24\"", "[\"192.168.78.1/24\", \"fd00:78::/64\"]",
      "15:31: network.guest.address[1]: fd00:78:: is the network itself, not an address in it; write fd00:78::1/64"),
    Case(
      "\"192.168.78.1/24\"", "\"192.168.78.255/24\"",
      "15:11: network.guest.address: 192.168.78.255 is the broadcast address of its network; "
        + "write 192.168.78.254/24"),
    Case(
      "\"192.168.78.1/24\"", "[\"192.168.78.1/24\", \"224.0.0.1/24\"]",
      "15:31: network.guest.address[1]: 224.0.0.1 cannot be an interface's address; "
        + "homes use 192.168.x.y and 10.x.y.z (RFC 1918)"),
    Case(
      "\"192.168.78.1/24\"", "[\"192.168.78.1/24\", \"10.0.0.1/31\"]",
      "15:31: network.guest.address[1]: a network of length /31 cannot be used; the length is 8 to 30; 24 is usual"),
    Case(
      "\"192.168.78.1/24\"", "\"fd00:78::1/64\"",
      "17:17: network.guest.dhcp.pool: the network has no IPv4 address, so it has no DHCP server; "
        + "add one to network.guest.address"),
    Case(
      "192.168.78.100-192.168.78.199", "192.168.78.100-192.168.79.199",
      "17:17: network.guest.dhcp.pool: the pool 192.168.78.100-192.168.79.199 is not inside the network 192.168.78.0/24"
    ),
    Case(
      "192.168.78.100-192.168.78.199", "192.168.78.100-192.168.78.255",
      "17:17: network.guest.dhcp.pool: the pool 192.168.78.100-192.168.78.255 contains the broadcast address "
        + "192.168.78.255; leave it out"),
    Case(
      "192.168.78.100-192.168.78.199", "192.168.78.199-192.168.78.100",
      "17:17: network.guest.dhcp.pool: found \"192.168.78.199-192.168.78.100\", expected first and last address, "
        + "such as \"192.168.77.100-192.168.77.199\"; the lower address comes first"),
    Case(
      "lease = \"1h\"", "lease = \"1h\", options = { \"53\" = \"x\" }",
      "17:76: network.guest.dhcp.options.53: option 53 cannot be set by hand; the protocol itself fills it"),
    Case(
      "lease = \"1h\"", "lease = \"1h\", options = { \"ntp\" = \"x\" }",
      "17:76: network.guest.dhcp.options.ntp: \"ntp\" is no option code; "
        + "options are named by their number (RFC 2132), such as \"42\""),
  ]

  static let devices: [Case] = [
    Case(
      adding: "[device.copy]\nhardware = \"02-00-00-00-00-10\"\n",
      "36:12: device.copy.hardware: 02:00:00:00:00:10 stands at device.nas.hardware too (lares.toml:20); "
        + "it can belong to one device only"),
    Case(
      adding: "[device.a]\nclient-id = \"x\"\n[device.b]\nclient-id = [\"y\", \"hex:78\"]\n",
      "38:19: device.b.client-id[1]: x stands at device.a.client-id too (lares.toml:36); "
        + "it can belong to one device only"),
    Case(
      adding: "[device.copy]\naddress = \"192.168.77.10\"\n",
      "36:11: device.copy.address: 192.168.77.10 is the address of device.nas.address too (lares.toml:21); "
        + "give each device an address of its own"),
    Case(
      "\"192.168.77.10\"", "[\"192.168.77.10\", \"192.168.77.11\"]",
      "21:29: device.nas.address[1]: the device has an address in network.home already; "
        + "a device has one address in each network and family"),
    Case(
      "\"192.168.77.10\"", "\"192.168.77.255\"",
      "21:11: device.nas.address: 192.168.77.255 is no address of a device in 192.168.77.0/24; "
        + "the first and the last address of a network belong to nobody"),
    Case(
      "\"192.168.77.10\"", "[\"192.168.77.10\", \"fd00::10\"]",
      "21:29: device.nas.address[1]: fd00::10 is in none of the networks; no network has IPv6 addresses"),
    Case(
      adding: "[person.alice]\n[device.phone]\nperson = \"alic\"\n",
      "37:10: device.phone.person: there is no person \"alic\"; did you mean \"alice\"?"),
    Case(
      adding: "[device.phone]\nperson = \"bob\"\n",
      "36:10: device.phone.person: there is no person \"bob\"; there is none yet: add one with [person.bob]"),
    Case(
      adding: "[device.phone]\nhardware = \"ff:ff:ff:ff:ff:ff\"\n",
      "36:12: device.phone.hardware: found \"ff:ff:ff:ff:ff:ff\", expected a hardware address such as "
        + "\"02:00:00:00:00:10\"; ff:ff:ff:ff:ff:ff is not the address of one interface"),
  ]

  static let namesCases: [Case] = [
    Case(
      adding: "[person.nas]\n",
      "19:9: device.nas: device nas and person nas have the same name in home.arpa; "
        + "rename one of them; the other stands at lares.toml:35"),
    Case(
      adding: "[device.Guest]\n",
      "35:9: device.Guest: device Guest and network guest have the same name in home.arpa; "
        + "rename one of them; the other stands at lares.toml:13"),
    Case(
      adding: "[device.home]\n",
      "35:9: device.home: device home and network home have the same word in rules; "
        + "rename one of them; the other stands at lares.toml:8"),
    Case(
      adding: "[device.router]\n",
      "35:9: device.router: device router and the router have the same name in home.arpa; choose another name"),
    Case(
      adding: "[device.internet]\n",
      "35:9: device.internet: the name internet has a meaning of its own in rules; choose another name"),
    Case(adding: "[person.isatap]\n", "35:9: person.isatap: the name isatap is reserved; choose another name"),
    Case(
      "domain = \"home.arpa\"", "router = \"localhost\"",
      "2:10: household.router: the name localhost is reserved; choose another name"),
    Case(
      "domain = \"home.arpa\"", "domain = \"local\"",
      "2:10: household.domain: local cannot be the household's domain; "
        + "local belongs to multicast DNS (RFC 6762); \"home.arpa\" is meant for homes (RFC 8375)"),
    Case(
      "[forward.web]", "[forward.\"web server\"]",
      "23:10: forward.\"web server\": \"web server\" is no name; write forward.web-server"),
  ]

  static let rules: [Case] = [
    Case(
      "to = \"nas:80\"", "to = \"printer:80\"",
      "27:6: forward.web.to: there is no device \"printer\"; known: nas"),
    Case(
      "port = 8080\nto = \"nas:80\"", "port = \"8000-8010\"\nto = \"nas:65530\"",
      "27:6: forward.web.to: the range of 11 ports from 65530 goes beyond 65535; choose a lower port on the device"),
    Case(
      "port = 8080", "port = 0",
      "26:8: forward.web.port: found 0, expected a port from 1 to 65535, or a range such as \"8000-8010\""),
    Case(
      "from = \"internet\"", "from = \"@office\"",
      "24:8: forward.web.from: there is no address list \"office\"; "
        + "there is none yet: add one with [addresses.office]"),
    Case(
      "from = \"internet\"", "from = \"198.51.100.7/24\"",
      "24:8: forward.web.from: found \"198.51.100.7/24\", expected \"internet\", a prefix such as \"198.51.100.0/24\", "
        + "or an address list such as \"@office\"; "
        + "the prefix that holds this address is \"198.51.100.0/24\""),
    Case(
      adding: "[forward.udp]\nprotocol = \"tcp+udp\"\nport = 8080\nto = \"nas\"\n",
      "37:8: forward.udp.port: tcp+udp 8080 is already forwarded by forward.web (lares.toml:23); "
        + "a port leads to one place; choose another"),
    Case(
      "to = \"nas\"", "to = \"guest\"",
      "31:6: allow.printer.to: from and to are the same; inside a network nothing has to be allowed"),
    Case(
      "from = \"guest\"", "from = \"internet\"",
      "30:8: allow.printer.from: there is no network or device \"internet\"; "
        + "an allow is between networks and devices of the house; [forward.NAME] lets the Internet in"),
    Case(
      "protocol = \"tcp\"\nport = 631", "port = 631",
      "32:8: allow.printer.port: a port needs a protocol; add protocol = \"tcp\", \"udp\" or \"tcp+udp\""),
    Case(
      adding: "[firewall]\nblocked = [\"@bad\"]\n[addresses.bat]\nmembers = []\n",
      "36:12: firewall.blocked: there is no address list \"bad\"; did you mean \"bat\"?"),
  ]

  static let expectedRemote =
    "\"https://…\", \"ssh://user@host/path\", \"user@host:path\" or a path from the root"

  static func remote(_ address: String, _ answer: String) -> Case {
    Case(adding: "[history]\npush = \"\(address)\"", "36:8: history.push: \(answer)")
  }

  static let remotes: [Case] = [
    remote(
      "https://alice:correct-horse@git.example/x",
      "a password does not stand in an address; write user = \"NAME\" and password = { secret = \"NAME\" } beside it, "
        + "and store the value with: lares secret set NAME"),
    remote(
      "https://alice@git.example/x", "a name does not stand in an https address; write it as user = \"NAME\""),
    remote(
      "http://git.example/x", "http can be read and changed by everybody on the way; use https:// or ssh://"),
    remote("ftp://git.example/x", "repositories are reached by https, SSH or a path; use \(expectedRemote)"),
    remote("ssh://-oProxyCommand=x/y", "the address needs a host and a path; use \(expectedRemote)"),
    remote("https://git.example", "the address needs a host and a path; use \(expectedRemote)"),
    remote("copies/router.git", "this is no address of a repository; use \(expectedRemote)"),
    remote("git@host:", "this is no address of a repository; use \(expectedRemote)"),
    remote(
      "https://git.example/x y",
      "an address has no spaces or control characters, and at most 1000 bytes; use \(expectedRemote)"),
    Case(
      adding: "[history]\npush = \"ssh://git@git.example/x\"\npassword = { secret = \"git\" }",
      "37:12: history.password: a password is for https only; "
        + "leave it out: SSH goes by the keys of the user that control runs as"),
    Case(
      adding: "[history]\nuser = \"alice\"",
      "35:2: history: the key \"push\" is missing; for example: "
        + "push = \"ssh://git@host/path.git\""),
  ]

  static let services: [Case] = [
    Case(
      "\"203.0.113.1\"", "\"192.168.78.1\"",
      "36:13: dns.upstream: 192.168.78.1 is the router itself, which would ask itself without end; "
        + "name a server outside, or leave upstream out to use the provider's"),
    Case(
      "blocklists = [\"blocked.txt\"]", "forward = { \"home.arpa\" = \"10.0.0.1\" }",
      "37:27: dns.forward.\"home.arpa\": home.arpa is the household's own domain; "
        + "its names come from the devices and leases of this file"),
    Case(
      "blocklists = [\"blocked.txt\"]", "forward.corp.example = \"10.0.0.1\"",
      "37:9: dns.forward.corp: a domain stands in quotes here; "
        + "write forward = { \"corp.example\" = [\"10.0.0.1\"] }; without the quotes the dots make tables"),
    Case(
      "blocklists = [\"blocked.txt\"]", "blocklists = [\"/etc/hosts\"]",
      "37:15: dns.blocklists: found \"/etc/hosts\", expected the name of a file in the configuration's folder; "
        + "put the file into the configuration's folder and name it from there"),
    Case(
      "blocklists = [\"blocked.txt\"]", "records = [\"printer A 192.168.77\"]",
      "37:12: dns.records: found \"printer A 192.168.77\", expected a record such as \"printer A 192.168.77.20\"; "
        + "an A record takes one IPv4 address"),
    Case(
      "[dns]", "[metrics]\nlisten = \"0.0.0.0:9100\"\ntoken = { secret = \"m\" }\n[dns]",
      "36:10: metrics.listen: 0.0.0.0 is no address of the router at home; use 192.168.77.1 or 192.168.78.1"),
    Case(
      "[dns]", "[metrics]\nlisten = \"127.0.0.1:9100\"\ntoken = { secret = \"m\", value = \"x\" }\n[dns]",
      "37:9: metrics.token: found another table, expected { secret = \"NAME\" }; "
        + "NAME has letters, digits and inner hyphens"),
    Case(
      adding: "[log]\nremote = \"collector.example:514\"",
      "36:10: log.remote: found \"collector.example:514\", expected an address, with a port where it is not 514"),
    Case(
      adding: "[log]\nlevel = \"warnings\"",
      "36:9: log.level: found \"warnings\", expected \"debug\", \"info\", \"notice\", \"warning\" or \"error\"; "
        + "did you mean \"warning\"?"),
  ]

  @Test(arguments: uplinks + networks + devices + namesCases + rules + services + remotes)
  func `a rule that is broken is told with its place and what to do`(_ test: Case) {
    #expect(Households.smallest.contains(test.right))
    let found = Households.diagnostics(replacing: test.right, with: test.wrong)
    #expect(found == ["lares.toml:" + test.answer])
  }

  @Test(arguments: [
    // Tags share a port with each other and with its untagged frames.
    ("interfaces = [\"lan1\"]", "interfaces = [\"lan0\"]\nvlan = 20"),
    // An uplink and a network on two tags of one port.
    ("interface = \"wan0\"\n", "interface = \"lan0\"\nvlan = 832\n"),
    // The same port for another protocol.
    ("[dns]\n", "[forward.quic]\nprotocol = \"udp\"\nport = 8080\nto = \"nas\"\n[dns]\n"),
    // Neighbouring networks.
    ("\"192.168.77.1/24\"", "[\"192.168.77.1/24\", \"192.168.79.1/24\", \"fd00::1/64\"]"),
    // A device with an address of each family.
    (
      "address = \"192.168.77.1/24\"",
      "address = [\"192.168.77.1/24\", \"fd00:1::1/64\"]"
    ),
    // A pool that ends right before the router.
    ("192.168.78.100-192.168.78.199", "192.168.78.2-192.168.78.254"),
    // A person called like a network that has no label of its own.
    ("[dns]\n", "[person.home]\n[dns]\n"),
    // A link-local gateway needs no address beside it.
    (
      wan,
      "[uplink.wan]\ninterface = \"wan0\"\nmethod = \"static\"\naddress = [\"203.0.113.9/24\", \"2001:db8::9/64\"]\n"
        + "gateway = [\"203.0.113.1\", \"fe80::1\"]\n"
    ),
  ]) func `what only looks like a mistake is accepted`(_ right: String, _ other: String) {
    #expect(Households.smallest.contains(right))
    #expect(Households.diagnostics(replacing: right, with: other) == [])
  }

  @Test func `a literal secret is in no answer`() {
    let text = Households.smallest + "[metrics]\nlisten = \"127.0.0.1:9100\"\ntoken = \"hunter2-planted\"\n"
    for diagnostic in Households.text(text).check().diagnostics {
      #expect(!diagnostic.description.contains("planted") && diagnostic.found?.contains("planted") != true)
    }
  }
}
