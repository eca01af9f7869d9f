import Glibc
import HostSystem
import Household
import TestSupport
import Testing
import Wire

@testable import AddressService

/// Stock DHCP clients against the server, in network namespaces of their own.
@Suite struct RealClientTests {
  /// A script for dhclient and udhcpc that writes down what it is told, and sets the address.
  private func hook(_ network: ServedNetwork) throws -> String {
    let path = network.folder.path + "/hook"
    let text = """
      #!/bin/sh
      (env; echo "argument=$1") >> \(network.folder.path)/environment
      case "$1$reason" in
      bound|renew|BOUND|REBOOT) ip address replace "${ip:-$new_ip_address}/24" dev eth0 ;;
      esac

      """
    try File.replace(path, with: Array(text.utf8), mode: 0o755, durable: false)
    return path
  }

  private func told(_ network: ServedNetwork) throws -> Set<String> {
    let text = String(decoding: try File.read(network.folder.path + "/environment"), as: UTF8.self)
    return Set(text.split(separator: "\n").map(String.init))
  }

  @Test func udhcpcGetsRenewsAndReleases() throws {
    let network = try ServedNetwork()
    let hook = try hook(network)
    let arguments = ["udhcpc", "-i", "eth0", "-f", "-t", "5", "-T", "1", "-x", "hostname:tablet", "-s", hook]
    let process = try network.client.run {
      let null = try Descriptor(opening: "/dev/null", O_RDWR)
      return try ChildProcess(arguments, descriptors: [null.number, null.number, null.number])
    }
    defer {
      process.send(SIGKILL)
      _ = try? process.wait()
    }
    #expect(eventually { network.leases.count == 1 })
    let lease = try #require(network.leases.values.first)
    #expect(lease.hostName == "tablet")
    #expect(try eventually { try told(network).contains("ip=\(lease.address)") })
    #expect(
      try told(network).isSuperset(of: ["router=192.168.77.1", "dns=192.168.77.1", "domain=home.arpa", "lease=3600"]))
    process.send(SIGUSR1)
    #expect(try eventually { try told(network).contains("argument=renew") })
    process.send(SIGUSR2)
    #expect(eventually { network.leases.values.first?.state == .released })
  }

  @Test func dhclientComesBackToItsAddressAfterAKill() throws {
    let network = try ServedNetwork()
    let hook = try hook(network)
    let paths = "-lf \(network.folder.path)/leases -pf \(network.folder.path)/pid"
    try network.client.shell("timeout 20 dhclient -4 -1 \(paths) -sf \(hook) eth0")
    let first = network.leases
    #expect(first.count == 1)
    try network.client.shell("kill $(cat \(network.folder.path)/pid)")
    network.kill()
    try network.start()
    // The client remembers its lease: INIT-REBOOT.
    try network.client.shell("timeout 20 dhclient -4 -1 \(paths) -sf \(hook) eth0")
    #expect(try told(network).contains("reason=REBOOT"))
    #expect(network.leases.keys == first.keys)
    try network.client.shell("timeout 20 dhclient -4 -r \(paths) -sf \(hook) eth0")
    #expect(eventually { network.leases.values.first?.state == .released })
  }

  @Test func dhcpcdGetsALease() throws {
    let network = try ServedNetwork()
    let hook = try hook(network)
    // Its state is in fixed places, so it gets folders of its own in a mount namespace.
    let text = try network.client.shell(
      """
      unshare -m sh -c 'mount -t tmpfs none /var/lib/dhcpcd 2>/dev/null || mount -t tmpfs none /var/lib; \
      mount -t tmpfs none /run; timeout 25 dhcpcd -4 -1 -B -t 20 -f /dev/null -c \(hook) --noarp eth0'
      """)
    let lease = try #require(network.leases.values.first)
    #expect(text.contains("leased \(lease.address) for 3600 seconds"))
  }

  /// Somebody sits on the address that would be offered: the probe notices, and the client gets another.
  @Test func anAddressInUseIsNotOffered() throws {
    let network = try ServedNetwork()
    let hook = try hook(network)
    let taken = try #require(
      AddressPool(IPv4Address(192, 168, 77, 100)...IPv4Address(192, 168, 77, 199))
        .firstFree(from: DHCPClientKey.identifier([1, 2, 0, 0, 0, 0, 1]).stableHash))
    try network.client.shell(
      """
      ip link add link eth0 name other type macvlan mode bridge && ip address add \(taken)/24 dev other &&
      ip link set other up && sysctl -qw net.ipv4.conf.all.arp_ignore=1
      """)
    try network.client.shell("udhcpc -i eth0 -f -q -n -t 5 -T 1 -s \(hook)")
    #expect(network.leases[taken.description]?.state == .declined)
    #expect(network.leases.values.filter { $0.state == .active }.count == 1)
  }

  /// The server's interface goes away and comes back.
  @Test func aMissingInterfaceIsServedWhenItComes() throws {
    let network = try ServedNetwork()
    let hook = try hook(network)
    try network.router.shell("ip link delete lan0")
    #expect(eventually { network.log.contains("gets no addresses") })
    #expect(network.log.contains("finding interface lan0: No such device"))
    try network.router.shell(
      """
      ip link add lan0 type veth peer name eth0 && ip link set eth0 netns \(network.client.path) &&
      ip address add 192.168.77.1/24 dev lan0 && ip link set lan0 up
      """)
    try network.client.shell("ip link set eth0 up; udhcpc -i eth0 -f -q -n -t 5 -T 1 -s \(hook)")
    #expect(network.leases.count == 1)
  }

  /// kill -9 at random points, while a client takes leases as fast as it can: no acknowledged lease is ever lost.
  @Test func killedAtAnyPointNoAcknowledgedLeaseIsLost() throws {
    let network = try ServedNetwork(probes: 0)
    try network.client.shell("ip address add 192.168.77.2/24 dev eth0")
    var generator = SeededGenerator(Soak.seed(77))
    let client = try network.client.run { try HurriedClient() }
    for round in 0..<Soak.count(6, soak: 150) {
      client.begin(14, firstHardware: 0x0200_0001_0000 + UInt64(round % 6) * 14)
      // Either at any time, or at the moment in which an acknowledgement has arrived.
      let pause = round % 2 == 0 ? generator.next() % 12_000 : 100_000
      let limit = round % 2 == 0 ? .max : client.acknowledged.count + Int(generator.next() % 5) + 1
      try client.run(microseconds: Int64(pause), untilAcknowledged: limit)
      network.kill()
      try client.run(microseconds: 1_000)
      let stored = network.leases
      for (address, hardware) in client.acknowledged {
        #expect(
          stored[address.description]?.hardware == hardware, "\(address) is lost, round \(round) after \(pause) µs")
      }
      try network.start(probes: 0)
    }
    // What was interrupted works when asked again, and everybody has an address of his own.
    client.begin(84, firstHardware: 0x0200_0001_0000)
    try client.run(microseconds: 400_000)
    #expect(client.acknowledged.count >= 80)
    #expect(Set(client.acknowledged.values).count == client.acknowledged.count)
  }
}
