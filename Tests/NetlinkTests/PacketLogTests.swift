import Glibc
import Netlink
import TestSupport
import Testing
import Wire

@Suite struct PacketLogTests {
  @Test func receivesWhatARuleLogs() throws {
    let namespace = try NetworkNamespace()
    let peer = try NetworkNamespace()
    try namespace.shell(
      """
      ip link add lan0 type veth peer name pc0 && ip link set pc0 netns \(peer.path) && ip link set lan0 up \
      && ip addr add 192.0.2.1/24 dev lan0 && nft add table inet t \
      && nft 'add chain inet t c { type filter hook input priority 0; iif lan0 meta l4proto udp log prefix "input.drop" group 7 drop; }'
      """)
    try peer.shell("ip link set pc0 address 02:00:00:00:00:55 up && ip addr add 192.0.2.9/24 dev pc0")
    try namespace.run {
      let log = try PacketLog(group: 7, copyBytes: 40)
      #expect(try log.packets().isEmpty)
      let link = try #require(try RouteSession().link(named: "lan0")).id
      let before = Int64(time(nil))
      try peer.shell("bash -c 'printf 0123456789012345678901234567890 > /dev/udp/192.0.2.1/4444'")
      var packets: [LoggedPacket] = []
      let hasCome = try eventually {
        packets = try log.packets()
        return !packets.isEmpty
      }
      #expect(hasCome)
      let packet = try #require(packets.first)
      #expect(packets.count == 1)
      #expect(packet.group == 7)
      #expect(packet.prefix == "input.drop")
      #expect(packet.etherType == 0x0800)
      #expect(packet.hook == 1)
      #expect(packet.input == link.index)
      #expect(packet.output == nil)
      #expect(packet.hardware == MACAddress("02:00:00:00:00:55"))
      #expect(packet.payload.count == 40)
      #expect(packet.payload.first == 0x45)
      #expect(Array(packet.payload[16..<20]) == [192, 0, 2, 1])
      if let nanoseconds = packet.nanoseconds { #expect(abs(nanoseconds / 1_000_000_000 - before) <= 5) }
    }
  }

  @Test func aGroupThatSomebodyElseHasIsRefused() throws {
    let namespace = try NetworkNamespace()
    try namespace.run {
      let first = try PacketLog(group: 8)
      let error = #expect(throws: NetlinkError.self) { _ = try PacketLog(group: 8) }
      #expect(
        error?.description.hasPrefix(
          "taking packet log group 8: Operation not permitted (EPERM): another program may have the group already")
          == true)
      #expect(try first.packets().isEmpty)
    }
  }
}
