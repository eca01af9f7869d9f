import Testing
import Wire

@testable import Netlink

/// What goes to the kernel, byte by byte, on a little-endian machine.
@Suite struct EncodingTests {
  private let lan0 = LinkID(index: 7, name: "lan0")

  @Test func anInterfaceIsSwitchedOnAndEnslaved() {
    let request = NetlinkRequest.change(
      lan0, LinkChange(isUp: true, mtu: 1492, master: LinkID(index: 9, name: "br-home")))
    #expect(request.attempt == "setting lan0 up, MTU 1492, port of br-home")
    #expect(
      request.message.bytes(sequence: 0x0102_0304, port: 5)
        == golden(
          """
          30000000          // nlmsg_len 48
          1000              // nlmsg_type RTM_NEWLINK
          0500              // nlmsg_flags NLM_F_REQUEST | NLM_F_ACK
          04030201          // nlmsg_seq
          05000000          // nlmsg_pid
          00 00 0000        // ifi_family AF_UNSPEC, ifi_type
          07000000          // ifi_index
          01000000          // ifi_flags IFF_UP
          01000000          // ifi_change IFF_UP
          0800 0400 d4050000 // IFLA_MTU 1492
          0800 0a00 09000000 // IFLA_MASTER 9
          """))
  }

  @Test func aVLANIsMade() {
    let request = NetlinkRequest.create("lan0.20", .vlan(parent: lan0, tag: 20))
    #expect(request.attempt == "creating VLAN 20 of lan0 as lan0.20")
    #expect(
      request.message.bytes(sequence: 1)
        == golden(
          """
          50000000           // nlmsg_len 80
          1000               // nlmsg_type RTM_NEWLINK
          0506               // nlmsg_flags NLM_F_REQUEST | NLM_F_ACK | NLM_F_EXCL | NLM_F_CREATE
          01000000 00000000  // nlmsg_seq, nlmsg_pid
          00000000 00000000 00000000 00000000 // ifinfomsg
          0c00 0300 6c616e302e323000 // IFLA_IFNAME "lan0.20"
          0800 0500 07000000 // IFLA_LINK 7
          1c00 1280          // IFLA_LINKINFO, nested
          0900 0100 766c616e00 000000 // IFLA_INFO_KIND "vlan"
          0c00 0280          // IFLA_INFO_DATA, nested
          0600 0100 1400 0000 // IFLA_VLAN_ID 20
          """))
  }

  @Test func aBridgeIsMadeWithItsAddress() {
    let request = NetlinkRequest.create("br-a", .bridge(BridgeOptions()), hardware: MACAddress("02:00:00:00:00:01"))
    #expect(
      request.message.bytes(sequence: 1)
        == golden(
          """
          5c000000           // nlmsg_len 92
          1000 0506          // RTM_NEWLINK; NLM_F_REQUEST | NLM_F_ACK | NLM_F_EXCL | NLM_F_CREATE
          01000000 00000000  // nlmsg_seq, nlmsg_pid
          00000000 00000000 00000000 00000000 // ifinfomsg
          0900 0300 62722d6100 000000 // IFLA_IFNAME "br-a"
          0a00 0100 020000000001 0000 // IFLA_ADDRESS
          2400 1280          // IFLA_LINKINFO, nested
          0b00 0100 62726964676500 00 // IFLA_INFO_KIND "bridge"
          1400 0280          // IFLA_INFO_DATA, nested
          0800 0100 00000000 // IFLA_BR_FORWARD_DELAY 0
          0800 0500 00000000 // IFLA_BR_STP_STATE off
          """))
  }

  @Test func aPortIsIsolated() {
    let request = NetlinkRequest.change(port: lan0, BridgePortOptions(isIsolated: true))
    #expect(
      request.message.bytes(sequence: 1)
        == golden(
          """
          44000000           // nlmsg_len 68
          1000 0500          // RTM_NEWLINK; NLM_F_REQUEST | NLM_F_ACK
          01000000 00000000  // nlmsg_seq, nlmsg_pid
          00000000 07000000 00000000 00000000 // ifinfomsg of interface 7
          2400 1280          // IFLA_LINKINFO, nested
          0b00 0400 62726964676500 00 // IFLA_INFO_SLAVE_KIND "bridge"
          1400 0580          // IFLA_INFO_SLAVE_DATA, nested
          0500 0400 00 000000 // IFLA_BRPORT_MODE: no hairpin
          0500 2100 01 000000 // IFLA_BRPORT_ISOLATED
          """))
  }

  @Test func anIPv4AddressIsAdded() throws {
    let request = NetlinkRequest.add(try #require(InterfaceAddress("192.168.77.1/24")), to: lan0)
    #expect(request.attempt == "adding address 192.168.77.1/24 to lan0")
    #expect(
      request.message.bytes(sequence: 1)
        == golden(
          """
          40000000           // nlmsg_len 64
          1400 0506          // RTM_NEWADDR; NLM_F_REQUEST | NLM_F_ACK | NLM_F_EXCL | NLM_F_CREATE
          01000000 00000000  // nlmsg_seq, nlmsg_pid
          02 18 00 00        // AF_INET, /24, no flags, RT_SCOPE_UNIVERSE
          07000000           // ifa_index
          0800 0200 c0a84d01 // IFA_LOCAL 192.168.77.1
          0800 0100 c0a84d01 // IFA_ADDRESS 192.168.77.1
          0800 0400 c0a84dff // IFA_BROADCAST 192.168.77.255
          0800 0800 00000000 // IFA_FLAGS
          0500 0b00 4c 000000 // IFA_PROTO 76
          """))
  }

  @Test func aDefaultRouteIsReplaced() throws {
    let gateway = try #require(IPAddress("192.0.2.1"))
    let request = NetlinkRequest.replace(.byDefault(through: gateway, link: 7, metric: 100))
    #expect(request.attempt == "setting the route to 0.0.0.0/0 through 192.0.2.1 on interface 7")
    #expect(
      request.message.bytes(sequence: 1)
        == golden(
          """
          3c000000           // nlmsg_len 60
          1800 0505          // RTM_NEWROUTE; NLM_F_REQUEST | NLM_F_ACK | NLM_F_REPLACE | NLM_F_CREATE
          01000000 00000000  // nlmsg_seq, nlmsg_pid
          02 00 00 00        // AF_INET, no destination, no source, no type of service
          fe 4c 00 01        // table main, origin 76, RT_SCOPE_UNIVERSE, RTN_UNICAST
          00000000           // rtm_flags
          0800 0f00 fe000000 // RTA_TABLE 254
          0800 0500 c0000201 // RTA_GATEWAY 192.0.2.1
          0800 0400 07000000 // RTA_OIF 7
          0800 0600 64000000 // RTA_PRIORITY 100
          """))
  }

  @Test func aPermanentNeighbourIsSet() throws {
    let neighbour = Neighbour(
      link: 7, address: try #require(IPAddress("fe80::1")), hardware: MACAddress("02:00:00:00:00:10"),
      state: .permanent)
    #expect(
      NetlinkRequest.replace(neighbour).message.bytes(sequence: 1)
        == golden(
          """
          3c000000           // nlmsg_len 60
          1c00 0505          // RTM_NEWNEIGH; NLM_F_REQUEST | NLM_F_ACK | NLM_F_REPLACE | NLM_F_CREATE
          01000000 00000000  // nlmsg_seq, nlmsg_pid
          0a 000000          // AF_INET6
          07000000           // ndm_ifindex
          8000 00 00         // NUD_PERMANENT, no flags, ndm_type
          1400 0100 fe80000000000000 0000000000000001 // NDA_DST fe80::1
          0a00 0200 020000000010 0000 // NDA_LLADDR
          """))
  }

  @Test func aFlowIsEnded() throws {
    let original = FlowTuple(
      source: try #require(IPAddress("192.168.77.10")), destination: try #require(IPAddress("203.0.113.5")),
      transport: 6, sourcePort: 40_000, destinationPort: 443)
    let flow = Flow(original: original, reply: original, identifier: 0xaabb_ccdd)
    #expect(
      NetlinkRequest.delete(flow).message.bytes(sequence: 1)
        == golden(
          """
          50000000           // nlmsg_len 80
          0201 0500          // NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_DELETE; NLM_F_REQUEST | NLM_F_ACK
          01000000 00000000  // nlmsg_seq, nlmsg_pid
          02 00 0000         // AF_INET, NFNETLINK_V0, resource 0
          3400 0180          // CTA_TUPLE_ORIG, nested
          1400 0180          // CTA_TUPLE_IP, nested
          0800 0100 c0a84d0a // CTA_IP_V4_SRC
          0800 0200 cb007105 // CTA_IP_V4_DST
          1c00 0280          // CTA_TUPLE_PROTO, nested
          0500 0100 06 000000 // CTA_PROTO_NUM TCP
          0600 0200 9c40 0000 // CTA_PROTO_SRC_PORT 40000
          0600 0300 01bb 0000 // CTA_PROTO_DST_PORT 443
          0800 0c00 aabbccdd // CTA_ID
          """))
  }

  @Test func aLogGroupIsConfigured() {
    #expect(
      NetlinkRequest.configureLog(group: 0x0102, copyBytes: 128).message.bytes(sequence: 1)
        == golden(
          """
          30000000           // nlmsg_len 48
          0104 0500          // NFNL_SUBSYS_ULOG, NFULNL_MSG_CONFIG; NLM_F_REQUEST | NLM_F_ACK
          01000000 00000000  // nlmsg_seq, nlmsg_pid
          00 00 0102         // AF_UNSPEC, NFNETLINK_V0, group
          0a00 0200 00000080 02 00 0000 // NFULA_CFG_MODE: 128 bytes, NFULNL_COPY_PACKET
          0800 0500 00000001 // NFULA_CFG_QTHRESH 1
          0800 0400 00000001 // NFULA_CFG_TIMEOUT 1
          """))
  }

  @Test func aDumpAsksForNoAcknowledgement() {
    let request = NetlinkRequest.neighbours(of: 7)
    #expect(
      request.message.bytes(sequence: 1)
        == golden(
          """
          24000000           // nlmsg_len 36
          1e00 0103          // RTM_GETNEIGH; NLM_F_REQUEST | NLM_F_DUMP
          01000000 00000000  // nlmsg_seq, nlmsg_pid
          00000000 00000000 00000000 // ndmsg
          0800 0800 07000000 // NDA_IFINDEX 7
          """))
  }
}
