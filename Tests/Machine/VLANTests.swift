import HostSystem
import Testing

extension LinuxGuestTests {
  /// 802.1Q on a kernel that has it: the router of this build in a booted machine, its ports wired to hosts in network namespaces.
  ///
  ///      provider eth0.832 ──── wan0    lan0 ──── eth0     laptop   home
  ///                                               eth0.20           guest
  ///                                               eth0.40           on no network
  ///                                     lan1 ──── eth0.20  phone    guest
  ///                                     lan2 ──── eth0     camera   on no network
  ///                                               eth0.30           things
  @Suite struct VLANTests {
    private static let configuration = """
      [uplink.wan]
      interface = "wan0"
      vlan = 832
      method = "static"
      address = "203.0.113.9/24"
      gateway = "203.0.113.1"

      [network.home]
      interfaces = ["lan0", "lan1"]
      address = "192.168.77.1/24"
      dhcp = { pool = "192.168.77.100-192.168.77.199" }

      [network.guest]
      interfaces = ["lan0", "lan1"]
      vlan = 20
      address = "192.168.78.1/24"
      isolated = true
      dhcp = { pool = "192.168.78.100-192.168.78.199" }

      """
    private static let things = """
      [network.things]
      interfaces = ["lan2"]
      vlan = 30
      address = "192.168.79.1/24"
      dhcp = { pool = "192.168.79.100-192.168.79.199" }
      """

    private let machine: LinuxGuest

    init() throws {
      machine = try LinuxGuest()
      try wire("provider", to: "wan0", tags: 832)
      try wire("laptop", to: "lan0", tags: 20, 40)
      try wire("phone", to: "lan1", tags: 20)
      try wire("camera", to: "lan2", tags: 30)
      try machine.succeed("ip -n provider address add 203.0.113.1/24 dev eth0.832")
      // A stock client's hook, without the folders of a whole system.
      try machine.succeed(
        """
        cat >/etc/hook <<'END'
        #!/bin/sh
        [ "$1" = bound ] || exit 0
        ip address add $ip/$mask dev $interface
        ip route replace default via $router dev $interface
        END
        chmod +x /etc/hook
        """)
    }

    /// One machine from the first commit to the last, as booting is what takes the time.
    @Test func networksOnTagsFromTheFirstCommitToTheLast() throws {
      try machine.configure(Self.configuration + Self.things)
      #expect(try writesOfAnApply() > 20, "on a kernel that has nothing of it yet")
      try machine.startRouter()
      #expect(try writesOfAnApply() == 0)
      try checkTags()
      try checkClients()

      try machine.succeed("ip link delete lan1.20")
      try machine.wait(for: "a tag that somebody took away to come back") {
        try machine.run("ip link show lan1.20").output.contains("master br-guest")
      }
      try machine.configure(Self.configuration)
      try machine.succeed("lares commit --now")
      try machine.wait(for: "a tag that nobody wants to go") { try !machine.run("ip link show lan2.30").isSuccess }
      #expect(try writesOfAnApply() == 0)
      try machine.succeed(
        "killall lares; while pidof lares; do sleep 0.1; done; lares teardown --this-machine; ! ip -d -o link | grep 'vlan protocol 802.1Q id'"
      )
    }

    private func checkTags() throws {
      for (device, tag) in [("lan0.20", 20), ("lan1.20", 20), ("lan2.30", 30), ("wan0.832", 832)] {
        let link = try machine.succeed("ip -d link show \(device)")
        #expect(link.contains("vlan protocol 802.1Q id \(tag) "), "\(link)")
        #expect(link.contains("master br-guest") == (tag == 20), "\(link)")
      }
    }

    private func checkClients() throws {
      #expect(try lease("laptop", "eth0")?.hasPrefix("192.168.77.1") == true)
      #expect(try lease("laptop", "eth0.20")?.hasPrefix("192.168.78.1") == true)
      #expect(try lease("phone", "eth0.20")?.hasPrefix("192.168.78.1") == true)
      #expect(try lease("camera", "eth0.30")?.hasPrefix("192.168.79.1") == true)
      #expect(try lease("camera", "eth0") == nil, "untagged, where the port has only tagged networks")
      #expect(try lease("laptop", "eth0.40") == nil, "a tag that no network has")

      for (host, server) in [("phone", "192.168.78.1"), ("camera", "192.168.79.1")] {
        let name = try machine.succeed("ip netns exec \(host) nslookup -type=a router.home.arpa \(server)")
        #expect(name.contains("Name:\trouter.home.arpa\nAddress: 192.168."), "\(name)")
        try machine.succeed("ip netns exec \(host) ping -c 1 -W 5 203.0.113.1")
      }
    }

    /// How much the kernel has to be told for what is configured.
    private func writesOfAnApply() throws -> Int {
      let output = try machine.succeed("\(LinuxGuest.interfaceManager) /etc/lares/lares.toml")
      return try #require(output.wholeMatch(of: /(\d+) writes\n/).flatMap { Int($0.1) }, "\(output)")
    }

    /// A host with a cable to a port of the router, and interfaces on it that tag their frames.
    private func wire(_ host: String, to port: String, tags: Int...) throws {
      try machine.succeed(
        """
        set -e
        ip netns add \(host)
        ip link add \(port) type veth peer name eth0 netns \(host)
        ip -n \(host) link set eth0 up
        for tag in \(tags.map(String.init).joined(separator: " ")); do
          ip -n \(host) link add link eth0 name eth0.$tag type vlan id $tag
          ip -n \(host) link set eth0.$tag up
        done
        """)
    }

    /// The address that a stock client gets by DHCP; nil where nobody offers one.
    private func lease(_ host: String, _ interface: String) throws -> String? {
      let client = "udhcpc -i \(interface) -f -n -q -t 3 -T 1 -s /etc/hook"
      let output = try machine.run("ip netns exec \(host) \(client)").output
      return output.firstMatch(of: /lease of ([0-9.]+) obtained/).map { String($0.1) }
    }
  }
}
