import CHostSystem
import Glibc
public import Household
import Wire

/// A listening TCP socket for servers with a thread a connection; `StreamListener` is the one for an event loop.
public final class TCPListener: Sendable {
  /// Where it listens; with the port that the system chose where 0 was asked for.
  public let address: SocketAddress
  /// To be polled for connections.
  public let number: Int32

  /// - Parameter backlog: connections that wait to be accepted.
  public init(_ address: SocketAddress, backlog: Int32 = 64) throws(SystemError) {
    let descriptor = try Self.bound(to: address)
    try systemCall("listening at \(address)") { listen(descriptor.number, backlog) }
    guard let name = SocketAddress(of: descriptor.number, getsockname) else {
      throw SystemError("asking where \(address) is")
    }
    self.address = name
    number = descriptor.release()
  }

  deinit { close(number) }

  /// A connection that somebody made.
  public struct Accepted: ~Copyable {
    public let descriptor: Descriptor
    public let peer: SocketAddress

    /// The connection alone.
    public consuming func connection() -> Descriptor { descriptor }
  }

  /// The next connection that waits; nil where there is none, or where this process has too many files open, after a
  /// moment in which that may change.
  public func accept() -> Accepted? {
    let connection = lares_accept(number)
    guard connection >= 0 else {
      if [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(errno) { usleep(50_000) }
      return nil
    }
    let descriptor = Descriptor(owning: connection)
    guard let peer = SocketAddress(of: connection, getpeername) else { return nil }
    return Accepted(descriptor: descriptor, peer: peer)
  }

  /// A socket at an address, non-blocking. The address may arrive later than the daemon.
  static func bound(to address: SocketAddress) throws(SystemError) -> Descriptor {
    let family = address.address.family == .v4 ? AF_INET : AF_INET6
    let number = try systemCall("making a TCP socket") {
      socket(family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
    }
    let descriptor = Descriptor(owning: number)
    var yes: Int32 = 1
    let size = socklen_t(MemoryLayout<Int32>.size)
    setsockopt(number, SOL_SOCKET, SO_REUSEADDR, &yes, size)
    setsockopt(number, Int32(IPPROTO_IP), IP_FREEBIND, &yes, size)
    try withInternetAddress(address) { (pointer, size) throws(SystemError) in
      _ = try systemCall("listening on \(address)") { bind(number, pointer, size) }
    }
    return descriptor
  }
}

extension SocketAddress {
  /// What getsockname(2) or getpeername(2) says of a socket; nil where that is no Internet address.
  fileprivate init?(
    of number: Int32, _ ask: (Int32, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
  ) {
    var storage = sockaddr_storage()
    var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let done = withUnsafeMutablePointer(to: &storage) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { ask(number, $0, &size) == 0 }
    }
    guard done else { return nil }
    let found: SocketAddress? = withUnsafeBytes(of: storage) { bytes in
      switch Int32(storage.ss_family) {
      case AF_INET:
        let address = bytes.load(as: sockaddr_in.self)
        let v4 = IPv4Address(value: UInt32(bigEndian: address.sin_addr.s_addr))
        return SocketAddress(.v4(v4), port: UInt16(bigEndian: address.sin_port))
      case AF_INET6:
        let port = bytes.load(as: sockaddr_in6.self).sin6_port
        // The address stands behind family, port and flow label.
        let high = UInt64(bigEndian: bytes.load(fromByteOffset: 8, as: UInt64.self))
        let low = UInt64(bigEndian: bytes.load(fromByteOffset: 16, as: UInt64.self))
        return SocketAddress(.v6(IPv6Address(high: high, low: low)), port: UInt16(bigEndian: port))
      default: return nil
      }
    }
    guard let found else { return nil }
    self = found
  }
}
