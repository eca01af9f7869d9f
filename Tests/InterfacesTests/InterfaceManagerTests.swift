import Glibc
import HostSystem
import Household
import Netlink
import TestSupport
import Testing
import Wire

@testable import Interfaces

/// On the real kernel. It may have no 802.1Q; tags are proven on the simulated one, and in Tests/Machine on Debian's.
@Suite struct InterfaceManagerTests {
  /// A router with three ports and an uplink, each wired to a device of its own.
  private func withRouter(_ body: (NetworkNamespace, InterfaceManager, RouteSession) throws -> Void) throws {
    let namespace = try NetworkNamespace()
    try namespace.run {
      let session = try RouteSession()
      // Duplicate address detection takes seconds, and is the kernel's own affair.
      try Sysctl.write(try #require(Sysctl.Key(.v6, interface: "default", "accept_dad")), "0")
      for name in ["lan0", "lan1", "lan2", "wan0"] {
        try session.perform(.create(name, .pair(peer: "x-\(name)")))
        let peer = try #require(try session.link(named: "x-\(name)")).id
        try session.perform(.change(peer, LinkChange(isUp: true)))
      }
      try body(namespace, InterfaceManager(session), session)
    }
  }

  /// Waits until the kernel is done with what it does in its own time: carrier, and duplicate address detection.
  private func settle(_ session: RouteSession) throws {
    let isDone = try eventually {
      let isRunning = try session.links().allSatisfy { !$0.isUp || $0.flags.isSuperset(of: [.lowerUp, .running]) }
      let isSettled = try !session.addresses().contains { $0.flags.contains(.tentative) }
      return isRunning && isSettled
    }
    #expect(isDone)
  }

  private let household = model(
    [
      network("home", ["lan0", "lan1"], ["192.168.77.1/24", "fd00:77::1/64"]),
      network("guest", ["lan2"], ["192.168.78.1/24"], isolated: true),
    ], uplinks: [UplinkSettings(name: "wan", interface: "wan0", hardware: MACAddress("02:00:00:00:00:aa"), mtu: 1492)])

  @Test func theKernelLooksAsWanted() throws {
    try withRouter { namespace, manager, session in
      #expect(manager.apply(household) == [])
      try settle(session)
      let ports = try namespace.shell("bridge -d link show | sed 's/^[0-9]*: //'")
      #expect(ports.contains("lan0@x-lan0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 master br-home"))
      #expect(ports.contains("lan1@x-lan1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 master br-home"))
      #expect(try namespace.shell("ip -o addr show br-home").contains("inet 192.168.77.1/24 brd 192.168.77.255"))
      #expect(try namespace.shell("ip -o addr show br-home").contains("inet6 fd00:77::1/64"))
      #expect(try namespace.shell("ip -o addr show br-home").contains("inet6 fe80:"))
      #expect(try namespace.shell("ip -o addr show lan0") == "")
      #expect(try namespace.shell("ip -o addr show lan2").contains("inet 192.168.78.1/24"))
      #expect(try namespace.shell("ip -d link show br-home").contains("forward_delay 0 "))
      #expect(try namespace.shell("ip -d link show br-home").contains("stp_state 0 "))
      #expect(try namespace.shell("ip link show wan0").contains("link/ether 02:00:00:00:00:aa"))
      #expect(try namespace.shell("ip link show wan0").contains("mtu 1492"))
      #expect(
        try namespace.shell("cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding") == "1\n1\n")
      let filters = "cd /proc/sys/net/ipv4/conf && cat br-home/rp_filter lan2/rp_filter wan0/rp_filter all/rp_filter"
      #expect(try namespace.shell(filters) == "1\n1\n2\n0\n")
    }
  }

  @Test func applyingTwiceChangesNothing() throws {
    try withRouter { _, manager, session in
      #expect(manager.apply(household) == [])
      try settle(session)
      let monitor = try RouteMonitor([.links, .addresses, .routes])
      let writes = manager.writes
      #expect(writes > 20)
      #expect(manager.apply(household) == [])
      #expect(manager.writes == writes)
      #expect(try monitor.events().isEmpty, "not one event was seen by another observer")

      let restarted = InterfaceManager(try RouteSession())
      #expect(restarted.apply(household) == [])
      #expect(restarted.writes == 0, "nor does a new process change anything")
    }
  }

  @Test func aChangeTouchesOnlyWhatDiffers() throws {
    try withRouter { namespace, manager, session in
      manager.apply(household)
      try settle(session)
      let monitor = try RouteMonitor([.links, .addresses])
      var changed = household
      changed.networks[1].addresses = [InterfaceAddress("192.168.79.1/24")!]
      #expect(manager.apply(changed) == [])
      let events = try monitor.events()
      #expect(!events.isEmpty)
      for event in events {
        switch event {
        case .address(let address), .addressRemoved(let address):
          #expect(["192.168.78.1/24", "192.168.79.1/24"].contains(address.address.description))
        default: Issue.record("unexpected: \(event)")
        }
      }
      #expect(try namespace.shell("ip -4 -o addr show lan2").contains("192.168.79.1/24"))
      #expect(try !namespace.shell("ip -4 -o addr show lan2").contains("192.168.78.1/24"))
    }
  }

  @Test func aBridgeThatNobodyWantsIsGone() throws {
    try withRouter { namespace, manager, session in
      manager.apply(household)
      try namespace.shell("ip link add docker0 type bridge && ip addr add 10.0.0.1/24 dev docker0")
      let smaller = model([network("home", ["lan0"], ["192.168.77.1/24"])])
      #expect(manager.apply(smaller) == [])
      #expect(try session.link(named: "br-home") == nil)
      #expect(try session.link(named: "docker0") != nil)
      #expect(try session.link(named: "lan1")?.alias == nil)
      #expect(try namespace.shell("ip -o addr show lan0").contains("inet 192.168.77.1/24"))
      #expect(try namespace.shell("ip -o addr show lan0").contains("inet6 fe80:"), "a former port speaks IPv6 again")
      #expect(try namespace.shell("ip -4 -o addr show lan2") == "")
      #expect(try namespace.shell("ip -4 -o addr show docker0").contains("10.0.0.1/24"))
    }
  }

  @Test func aPrimaryAddressThatTakesOthersWithItIsMadeGood() throws {
    try withRouter { namespace, manager, _ in
      try namespace.shell("ip addr add 192.168.78.9/24 dev lan2 && ip addr add 192.168.78.1/24 dev lan2")
      #expect(manager.apply(household) == [])
      let addresses = try namespace.shell("ip -4 -o addr show lan2")
      #expect(addresses.contains("192.168.78.1/24") && !addresses.contains("192.168.78.9"))
    }
  }

  @Test func aMissingInterfaceIsTakenUpWhenItAppears() throws {
    try withRouter { namespace, manager, session in
      try session.perform(.delete(try #require(try session.link(named: "lan2")).id))
      let monitor = try RouteMonitor(.links)
      #expect(manager.apply(household) == ["interface lan2 of network guest is not there"])
      #expect(try namespace.shell("ip -4 -o addr show br-home").contains("192.168.77.1/24"))
      #expect(try manager.snapshot().filter { !$0.isPresent }.map(\.interface) == ["lan2"])
      #expect(try !manager.isAffected(by: monitor.events()), "what we did ourselves is no news")

      try session.perform(.create("lan2", .pair(peer: "x-lan2")))
      #expect(try manager.isAffected(by: monitor.events()))
      #expect(manager.apply(household) == [])
      #expect(try namespace.shell("ip -4 -o addr show lan2").contains("192.168.78.1/24"))

      try session.perform(.delete(try #require(try session.link(named: "lan2")).id))
      #expect(try manager.isAffected(by: monitor.events()))
      #expect(manager.apply(household) == ["interface lan2 of network guest is not there"])
    }
  }

  @Test(arguments: [
    "ip link set lan2 down", "ip link set lan2 down && ip link set lan2 up", "ip addr del 192.168.78.1/24 dev lan2",
    "ip link set br-home down", "ip link set lan2 down && ip link set lan2 name mine && ip link set mine up",
    "ip link set lan0 down && ip link set lan0 name mine",
  ])
  func whatIsTakenAwayComesBack(change: String) throws {
    try withRouter { namespace, manager, session in
      var household = household
      household.networks[1].addresses.append(InterfaceAddress("fd00:78::1/64")!)
      let monitor = try RouteMonitor([.links, .addresses])
      #expect(manager.apply(household) == [])
      try settle(session)
      #expect(try !manager.isAffected(by: monitor.events()), "what we did ourselves is no news")
      try namespace.shell(change)
      #expect(try manager.isAffected(by: monitor.events()))
      let renamed = ["lan0", "lan2"].filter { change.contains("\($0) name") }
      #expect(manager.apply(household).count == renamed.count)
      for name in renamed { try namespace.shell("ip link set mine down; ip link set mine name \(name)") }
      #expect(try renamed.isEmpty || manager.isAffected(by: monitor.events()))
      #expect(manager.apply(household) == [])
      let addresses = try namespace.shell("ip -o addr show lan2")
      #expect(addresses.contains("192.168.78.1/24") && addresses.contains("fd00:78::1/64"))
      #expect(try session.links().allSatisfy { $0.id.name.hasPrefix("x-") || $0.id.name == "lo" || $0.isUp })
      try settle(session)
      #expect(try !manager.isAffected(by: monitor.events()))
    }
  }

  @Test func addressesThatOthersTakeAwayAreNoNews() throws {
    try withRouter { namespace, manager, _ in
      manager.apply(household)
      let monitor = try RouteMonitor([.links, .addresses])
      try namespace.shell("ip addr add 192.0.2.1/24 dev wan0 && ip addr del 192.0.2.1/24 dev wan0")
      try namespace.shell("ip addr add 192.0.2.1/24 dev lan2 && ip addr del 192.0.2.1/24 dev lan2")
      #expect(try !manager.isAffected(by: monitor.events()))
    }
  }

  /// Two guests on two ports of an isolated network: each reaches the router, neither the other.
  @Test(arguments: [true, false])
  func isolatedPortsExchangeNothing(isolated: Bool) throws {
    try withRouter { namespace, manager, _ in
      let guests = [try NetworkNamespace(), try NetworkNamespace()]
      for (number, guest) in guests.enumerated() {
        try namespace.shell("ip link set x-lan\(number) netns \(guest.path)")
        try guest.shell("ip addr add 192.168.78.\(10 + number)/24 dev x-lan\(number) && ip link set x-lan\(number) up")
      }
      #expect(
        manager.apply(model([network("guest", ["lan0", "lan1"], ["192.168.78.1/24"], isolated: isolated)])) == [])
      try guests[0].shell("ping -c 1 -W 2 192.168.78.1")
      try guests[1].shell("ping -c 1 -W 2 192.168.78.1")
      let answer = try guests[0].shell("ping -c 1 -W 1 192.168.78.11 || true")
      #expect(answer.contains(" 0% packet loss") == !isolated)
    }
  }

  @Test func whatTheKernelCannotDoIsSaidOnceAndTheRestWorks() throws {
    try withRouter { namespace, manager, session in
      let problems = manager.apply(
        model([
          network("home", ["lan0"], ["192.168.77.1/24"]), network("things", ["lan0"], vlan: 20, ["192.168.79.1/24"]),
        ]))
      #expect(try namespace.shell("ip -4 -o addr show lan0").contains("192.168.77.1/24"))
      if try session.link(named: "lan0.20") == nil {
        #expect(problems.count == 1)
        #expect(problems.first?.hasPrefix("creating VLAN 20 of lan0 as lan0.20: Operation not supported") == true)
      } else {
        #expect(problems == [])
      }
    }
  }

  /// As in a container: /proc/sys may be read, not written.
  @Test func tunablesThatMayNotBeSetAreOneProblemAndTheRestWorks() throws {
    try withRouter { namespace, _, session throws in
      let manager = InterfaceManager(session, writeTunable: Self.refuse)
      let problems = manager.apply(household)
      #expect(problems.count == 1)
      #expect(problems.first?.hasPrefix("setting net.ipv4.ip_forward to 1: Read-only file system (and ") == true)
      let addresses = try namespace.shell("ip -4 -o addr show br-home")
      #expect(addresses.contains("192.168.77.1/24"))
    }
  }

  private static func refuse(_ key: Sysctl.Key, _ value: String) throws(SystemError) {
    throw SystemError("setting \(key) to \(value)", code: EROFS)
  }

  @Test func factsSayWhatEachInterfaceIsFor() throws {
    try withRouter { _, manager, session in
      manager.apply(household)
      try settle(session)
      let facts = try manager.snapshot()
      #expect(
        facts.map { "\($0.interface) \($0.role)" } == [
          "wan0 uplink.wan", "lan0 network.home", "lan1 network.home", "lan2 network.guest", "br-home network.home",
        ])
      #expect(facts.allSatisfy { $0.isPresent && $0.isUp && $0.hasCarrier && $0.hardware != nil })
      #expect(facts.map(\.mtu) == [1492, 1500, 1500, 1500, 1500])
      #expect(facts[4].addresses.contains(InterfaceAddress("192.168.77.1/24")!))
    }
  }

  @Test func tearingDownLeavesWhatWasThereBefore() throws {
    try withRouter { namespace, manager, session in
      let before = try namespace.shell("ip -o link show | cut -d' ' -f2 | sort")
      try namespace.shell("ip addr add 198.51.100.7/24 dev wan0")
      manager.apply(household)
      let uplink = try #require(try session.link(named: "wan0")).id
      let lease = try #require(InterfaceAddress("203.0.113.7/24"))
      try session.perform(.add(lease, to: uplink))
      try session.perform(.add(.byDefault(through: .v4(IPv4Address(203, 0, 113, 1)), link: uplink.index)))
      #expect(manager.teardown() == [])
      #expect(try namespace.shell("ip -o link show | cut -d' ' -f2 | sort") == before)
      let addresses = try namespace.shell("ip -4 -o addr show | grep -v ' lo '")
      #expect(addresses.contains("198.51.100.7/24") && addresses.split(separator: "\n").count == 1)
      #expect(try namespace.shell("ip route show default") == "")
      #expect(try namespace.shell("cat /proc/sys/net/ipv4/ip_forward") == "0\n")
      let writes = manager.writes
      #expect(manager.teardown() == [])
      #expect(manager.writes == writes)
    }
  }
}
