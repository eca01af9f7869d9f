import Glibc
import Netlink
import TestSupport
import Testing
import Wire

@Suite struct MonitorTests {
  @Test func tellsWhatHappens() throws {
    let namespace = try NetworkNamespace()
    try namespace.run {
      let monitor = try RouteMonitor()
      let session = try RouteSession()
      try session.perform(.create("lan0", .pair(peer: "pc0")))
      let link = try #require(try session.link(named: "lan0")).id
      try session.perform(.change(link, LinkChange(isUp: true)))
      try session.perform(.change(try #require(try session.link(named: "pc0")).id, LinkChange(isUp: true)))
      let address = try #require(InterfaceAddress("192.0.2.1/24"))
      let neighbour = Neighbour(
        link: link.index, address: .v4(IPv4Address(192, 0, 2, 9)), hardware: MACAddress("02:00:00:00:00:09"),
        state: .permanent)
      let route = Route.byDefault(through: .v4(IPv4Address(192, 0, 2, 9)), link: link.index)
      try session.perform(.add(address, to: link))
      try session.perform(.replace(neighbour))
      try session.perform(.add(route))
      let made = try monitor.events()
      #expect(made.contains { if case .link(let seen) = $0 { seen.id == link && seen.isUp } else { false } })
      #expect(made.contains { if case .address(let seen) = $0 { seen.address == address } else { false } })
      #expect(made.contains(.neighbour(neighbour)))
      #expect(made.contains(.route(route)))

      try session.perform(.delete(route))
      try session.perform(.delete(neighbour))
      try session.perform(.delete(address, from: link))
      try session.perform(.delete(link))
      let gone = try monitor.events()
      #expect(gone.contains(.routeRemoved(route)))
      #expect(gone.contains { if case .neighbourRemoved(let seen) = $0 { seen.link == link.index } else { false } })
      #expect(gone.contains { if case .addressRemoved(let seen) = $0 { seen.address == address } else { false } })
      #expect(gone.contains(.linkRemoved(link)))
      #expect(try monitor.events().isEmpty)
    }
  }

  /// Nobody reads while more happens than the socket holds: the monitor says so once, and goes on.
  @Test func saysWhenItMissedSomething() throws {
    let namespace = try NetworkNamespace()
    try namespace.run {
      let monitor = try RouteMonitor(.addresses)
      var size: Int32 = 1
      setsockopt(monitor.fileDescriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
      let session = try RouteSession()
      let lo = try #require(try session.link(named: "lo")).id
      for number in 1...200 as ClosedRange<UInt8> {
        try session.perform(.add(InterfaceAddress(.v4(IPv4Address(192, 0, 2, number)), length: 32)!, to: lo))
      }
      let events = try monitor.events()
      #expect(events.contains(.overrun))
      #expect(events.count < 201)
      #expect(try monitor.events().isEmpty)
      try session.perform(.delete(InterfaceAddress("192.0.2.1/32")!, from: lo))
      #expect(try monitor.events().count == 1)
    }
  }
}
