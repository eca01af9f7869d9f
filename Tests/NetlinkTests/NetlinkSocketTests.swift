import CNetlinkShims
import Glibc
import TestSupport
import Testing
import Wire

@testable import Netlink

@Suite struct NetlinkSocketTests {
  /// `count` addresses for `lo` as one datagram, each asking for an acknowledgement; sequence numbers from 1.
  private func batch(_ count: Int, on link: LinkID) -> [UInt8] {
    (0..<count).flatMap { number in
      let address = InterfaceAddress(.v4(IPv4Address(10, 0, UInt8(number / 250), UInt8(1 + number % 250))), length: 32)!
      return NetlinkRequest.add(address, to: link).message.bytes(sequence: UInt32(number + 1))
    }
  }

  @Test(arguments: [NetlinkBus.route, .netfilter, .generic])
  func opensOnEachBus(bus: NetlinkBus) throws {
    let socket = try NetlinkSocket(bus)
    #expect(socket.fileDescriptor >= 0)
    #expect(socket.port != 0)
    let numbers = (0..<3).map { _ in socket.nextSequence() }
    #expect(numbers[1] == numbers[0] &+ 1 && numbers[2] == numbers[1] &+ 1)
    #expect(fcntl(socket.fileDescriptor, F_GETFD) & FD_CLOEXEC != 0)
  }

  @Test func aBatchAnswersForEachMessage() throws {
    let namespace = try NetworkNamespace()
    try namespace.run {
      let session = try RouteSession()
      let lo = try #require(try session.link(named: "lo")).id
      try session.perform(.add(InterfaceAddress("10.0.0.2/32")!, to: lo))
      let verdicts = try batch(3, on: lo).withUnsafeBytes { try session.socket.transact($0, attempt: "adding three") }
      #expect(verdicts.map(\.sequence) == [1, 2, 3])
      #expect(verdicts.map(\.code) == [0, EEXIST, 0])
      #expect(verdicts[1].error("adding three")?.kernelText == "ipv4: Address already assigned")
      #expect(try session.addresses(of: lo.index).count == 5)
    }
  }

  @Test func thousandsOfVerdictsFitWhereRoomWasMade() throws {
    let namespace = try NetworkNamespace()
    try namespace.run {
      let session = try RouteSession()
      let lo = try #require(try session.link(named: "lo")).id
      session.socket.setSendBuffer(bytes: 1 << 22)
      session.socket.setReceiveBuffer(bytes: 1 << 23)
      let verdicts = try batch(4_000, on: lo).withUnsafeBytes { try session.socket.transact($0, attempt: "adding") }
      #expect(verdicts.count == 4_000 && verdicts.allSatisfy { $0.code == 0 })
      #expect(try session.addresses(of: lo.index).count == 4_002)
    }
  }

  @Test func verdictsThatDidNotFitAreMissedAloud() throws {
    let namespace = try NetworkNamespace()
    try namespace.run {
      let session = try RouteSession()
      let lo = try #require(try session.link(named: "lo")).id
      var size: Int32 = 1
      setsockopt(session.socket.fileDescriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
      let error = #expect(throws: NetlinkError.self) {
        try batch(200, on: lo).withUnsafeBytes { _ = try session.socket.transact($0, attempt: "adding 200 addresses") }
      }
      #expect(
        error?.description
          == "adding 200 addresses: No buffer space available (ENOBUFS); the kernel dropped messages because the receive buffer was full"
      )
      #expect(try session.links().count == 1, "the session goes on: what is left of the batch belongs to no request")
    }
  }

  @Test func aSocketThatDoesNotBlockAnswersNothingWhereNothingIs() throws {
    let socket = try NetlinkSocket(.route, isBlocking: false)
    #expect(try socket.receive { _ in } == false)
  }

  @Test func aBlockingSocketDoesNotWaitForever() throws {
    let socket = try NetlinkSocket(.route, answerSeconds: 1)
    let error = #expect(throws: NetlinkError.self) { _ = try socket.receive(attempt: "waiting for nobody") { _ in } }
    #expect(error?.code == EAGAIN)
    #expect(error?.kernelText == "no answer in time")
  }

  @Test func aDatagramLongerThanTheRoomIsRefusedWhole() throws {
    let namespace = try NetworkNamespace()
    try namespace.run {
      let socket = try NetlinkSocket(.route)
      NetlinkRequest.links(withCounters: true).message.bytes(sequence: 7).withUnsafeBytes { bytes in
        #expect(throws: Never.self) { try socket.send(bytes) }
      }
      var small = [UInt8](repeating: 0, count: 64)
      let error = #expect(throws: NetlinkError.self) {
        _ = try small.withUnsafeMutableBytes { try socket.receive(into: $0) }
      }
      #expect(error?.code == ENOSPC)
    }
  }
}
