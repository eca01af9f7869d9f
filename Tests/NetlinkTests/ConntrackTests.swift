import Netlink
import TestSupport
import Testing
import Wire

@Suite struct ConntrackTests {
  /// Three flows of one home device, one of another, one forwarded from outside, one over IPv6; made by conntrack(8).
  private func withFlows(_ body: (Conntrack, NetworkNamespace) throws -> Void) throws {
    let namespace = try NetworkNamespace()
    try namespace.shell(
      """
      add() { conntrack -I -t 300 "$@" >/dev/null 2>&1 || { echo "conntrack -I $*"; exit 1; }; }
      nft add table inet t && nft 'add chain inet t c { type filter hook output priority 0; ct state new accept; }'
      tcp() { add -p tcp --state ESTABLISHED "$@"; }
      tcp -s 192.168.77.10 -d 203.0.113.5 --sport 4000 --dport 443
      tcp -s 192.168.77.10 -d 203.0.113.6 --sport 4001 --dport 80
      add -p udp -s 192.168.77.10 -d 203.0.113.7 --sport 4002 --dport 53
      tcp -s 192.168.77.11 -d 203.0.113.5 --sport 4003 --dport 443
      tcp -s 203.0.113.9 -d 192.0.2.2 --sport 4004 --dport 8080 --dst-nat 192.168.77.10:80
      tcp -s fd00:77::10 -d 2001:db8::5 --sport 4005 --dport 443
      """)
    try namespace.run { try body(try Conntrack(), namespace) }
  }

  @Test func listsFlowsOfBothFamilies() throws {
    try withFlows { conntrack, _ in
      let flows = try conntrack.flows()
      #expect(flows.count == 6)
      #expect(try conntrack.count() == 6)
      #expect(try conntrack.flows(family: .v6).map(\.original.sourcePort) == [4005])
      let forwarded = try #require(flows.first { $0.isForwarded })
      #expect(forwarded.original.destination == IPAddress("192.0.2.2"))
      #expect(forwarded.original.destinationPort == 8080)
      #expect(forwarded.reply.source == IPAddress("192.168.77.10"))
      #expect(forwarded.reply.sourcePort == 80)
      #expect((290...300).contains(forwarded.timeout))
      #expect(flows.filter { $0.original.transport == 17 }.map(\.original.destinationPort) == [53])
    }
  }

  @Test(arguments: [
    (FlowFilter(source: IPPrefix("192.168.77.10")), [4000, 4001, 4002]),
    (FlowFilter(party: IPPrefix("192.168.77.10")), [4000, 4001, 4002, 4004]),
    (FlowFilter(forwardedTo: IPPrefix("192.168.77.10"), transport: 6, forwardedToPort: 80), [4004]),
    (FlowFilter(destination: IPPrefix("192.0.2.2"), transport: 6, destinationPort: 8080), [4004]),
    (FlowFilter(source: IPPrefix("192.168.77.0/24"), transport: 6, destinationPort: 443), [4000, 4003]),
    (FlowFilter(source: IPPrefix("fd00:77::/64")), [4005]),
    (FlowFilter(source: IPPrefix("192.168.99.0/24")), []),
    (FlowFilter(), [4000, 4001, 4002, 4003, 4004, 4005]),
  ])
  func deletesWhatTheFilterMeansAndNothingElse(filter: FlowFilter, ports: [UInt16]) throws {
    try withFlows { conntrack, _ in
      let all = Set(try conntrack.flows().map(\.original.sourcePort))
      #expect(try conntrack.delete(filter) == ports.count)
      #expect(Set(try conntrack.flows().map(\.original.sourcePort)) == all.subtracting(ports))
    }
  }

  @Test func aPingIsATrackedFlowTooAndCanBeEnded() throws {
    try withFlows { conntrack, namespace in
      try namespace.shell("ping -c 1 -W 1 127.0.0.1 && ping -c 1 -W 1 ::1")
      let pings = try conntrack.flows().filter { $0.original.echo != nil }
      #expect(Set(pings.map { $0.original.echo?.type }) == [8, 128])
      #expect(try conntrack.delete(FlowFilter(transport: 1)) == 1)
      #expect(try conntrack.delete(FlowFilter(transport: 58)) == 1)
      #expect(try conntrack.count() == 6)
    }
  }
}
