import CMnl
import CNetlinkShims
import Glibc
import HostSystem

/// The kernel subsystems that this module talks to.
public enum NetlinkBus: Int32, Sendable {
  /// NETLINK_ROUTE: links, addresses, routes, neighbours.
  case route = 0
  /// NETLINK_NETFILTER: nftables, connection tracking, packet log.
  case netfilter = 12
  /// NETLINK_GENERIC: families by name, WireGuard for one.
  case generic = 16
}

/// One netlink socket of libmnl. It belongs to the network namespace of the thread that opened it, for good.
///
/// Extended acknowledgements are on; acknowledgements do not repeat the request's body; on the route bus the kernel
/// checks requests strictly. Not Sendable: it stays with the thread that uses it.
public final class NetlinkSocket {
  private let handle: OpaquePointer
  private let buffer: UnsafeMutableRawBufferPointer
  private var lastSequence: UInt32

  /// The address that the kernel gave this socket (nl_pid).
  public let port: UInt32

  /// Bytes of the largest datagram read by ``exchange(_:_:)`` and ``receive(_:)``. The kernel's dumps come in pieces of 32 KiB at most.
  public static let bufferSize = 65_536

  /// - Parameters:
  ///   - isBlocking: False for a socket that an event loop watches: `receive` then answers 0 where nothing waits.
  ///   - answerSeconds: How long a blocking `receive` waits before it fails with EAGAIN.
  public init(_ bus: NetlinkBus, isBlocking: Bool = true, answerSeconds: Int = 10) throws(NetlinkError) {
    let flags = Int32(SOCK_CLOEXEC.rawValue | (isBlocking ? 0 : SOCK_NONBLOCK.rawValue))
    guard let handle = mnl_socket_open2(bus.rawValue, flags) else {
      throw .current("opening a netlink socket on the \(bus) bus")
    }
    guard mnl_socket_bind(handle, 0, 0) == 0 else {
      let error = NetlinkError.current("binding a netlink socket on the \(bus) bus")
      mnl_socket_close(handle)
      throw error
    }
    self.handle = handle
    port = mnl_socket_get_portid(handle)
    buffer = .allocate(byteCount: Self.bufferSize, alignment: 16)
    lastSequence = UInt32(truncatingIfNeeded: time(nil))
    try set(NETLINK_EXT_ACK, to: 1, "extended acknowledgements")
    try set(NETLINK_CAP_ACK, to: 1, "short acknowledgements")
    if bus == .route { try set(NETLINK_GET_STRICT_CHK, to: 1, "strict checking") }
    var timeout = timeval(tv_sec: answerSeconds, tv_usec: 0)
    setsockopt(fileDescriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
  }

  deinit {
    mnl_socket_close(handle)
    buffer.deallocate()
  }

  /// For an event loop to watch. Owned by this object.
  public var fileDescriptor: Int32 { mnl_socket_get_fd(handle) }

  /// A sequence number that this socket has not used lately; never 0, which notifications have.
  public func nextSequence() -> UInt32 {
    lastSequence &+= 1
    if lastSequence == 0 { lastSequence = 1 }
    return lastSequence
  }

  /// Joins a multicast group (NETLINK_ADD_MEMBERSHIP), e.g. RTNLGRP_LINK.
  public func join(group: UInt32) throws(NetlinkError) {
    try set(NETLINK_ADD_MEMBERSHIP, to: Int32(bitPattern: group), "membership of multicast group \(group)")
  }

  /// Room for messages that wait to be read, in bytes. Beyond net.core.rmem_max where CAP_NET_ADMIN allows it, else up to it.
  public func setReceiveBuffer(bytes: Int) {
    setBuffer(bytes, forced: SO_RCVBUFFORCE, limited: SO_RCVBUF)
  }

  /// Room for one large batch to be sent, in bytes, as for ``setReceiveBuffer(bytes:)``.
  public func setSendBuffer(bytes: Int) {
    setBuffer(bytes, forced: SO_SNDBUFFORCE, limited: SO_SNDBUF)
  }

  /// Sends one datagram: one message, or a batch of them.
  public func send(_ bytes: UnsafeRawBufferPointer, attempt: @autoclosure () -> String = "sending a request")
    throws(NetlinkError)
  {
    do {
      try systemCall(attempt()) { mnl_socket_sendto(handle, bytes.baseAddress, bytes.count) }
    } catch {
      throw NetlinkError(error)
    }
  }

  /// Reads one datagram and answers its length; 0 where the socket does not block and nothing waits.
  ///
  /// Fails with ENOBUFS where the kernel had to drop messages, with ENOSPC where the datagram was longer than `bytes`.
  public func receive(
    into bytes: UnsafeMutableRawBufferPointer, attempt: @autoclosure () -> String = "reading the kernel's answer"
  ) throws(NetlinkError) -> Int {
    do {
      if let count = try nonBlockingCall(attempt(), { mnl_socket_recvfrom(handle, bytes.baseAddress, bytes.count) }) {
        return count
      }
    } catch {
      throw NetlinkError(error)
    }
    if fcntl(fileDescriptor, F_GETFL) & O_NONBLOCK != 0 { return 0 }
    throw NetlinkError(code: EAGAIN, attempt: attempt(), kernelText: "no answer in time")
  }

  /// Reads one datagram and shows each of its messages to `visit`; false where the socket does not block and nothing waits.
  public func receive(
    attempt: @autoclosure () -> String = "reading the kernel's answer", _ visit: (borrowing Message) -> Void
  ) throws(NetlinkError) -> Bool {
    let count = try receive(into: buffer, attempt: attempt())
    guard count > 0 else { return false }
    var reader = MessageReader(UnsafeRawBufferPointer(rebasing: buffer[..<count]).bytes)
    while let message = reader.next() { visit(message) }
    return true
  }

  private func set(_ option: some BinaryInteger, to value: Int32, _ what: String) throws(NetlinkError) {
    var value = value
    let size = socklen_t(MemoryLayout<Int32>.size)
    guard mnl_socket_setsockopt(handle, Int32(option), &value, size) == 0 else {
      throw .current("asking the kernel for \(what) on a netlink socket")
    }
  }

  private func setBuffer(_ bytes: Int, forced: Int32, limited: Int32) {
    var value = Int32(clamping: bytes)
    let size = socklen_t(MemoryLayout<Int32>.size)
    if setsockopt(fileDescriptor, SOL_SOCKET, forced, &value, size) != 0 {
      setsockopt(fileDescriptor, SOL_SOCKET, limited, &value, size)
    }
  }
}
