import Glibc
public import Household
import Wire

/// A unix socket that takes datagrams of other processes, served by an event loop.
public final class DatagramListener {
  public enum Received: Equatable, Sendable {
    case datagram([UInt8])
    /// More bytes than the limit; they are gone.
    case tooLong
  }

  private let descriptor: Descriptor
  private let watch: EventLoop.Watch

  /// Datagrams that one turn of the loop takes, so that a flood leaves time for everything else.
  private static var batch: Int { 64 }

  /// Listens at `path`. A socket that a dead process left there is replaced.
  ///
  /// - Parameter limit: the most bytes of a datagram.
  public init(
    path: String, mode: UInt32, limit: Int, loop: EventLoop, _ handler: @escaping (Received) -> Void
  ) throws(SystemError) {
    let number = try datagramSocket(AF_UNIX)
    descriptor = Descriptor(owning: number)
    try File.remove(path)
    try withUnixAddress(path) { (address, size) throws(SystemError) in
      _ = try systemCall("binding \(path)") { bind(number, address, size) }
    }
    try systemCall("setting the mode of \(path)") { chmod(path, mode) }
    // One byte more than the limit tells what was cut.
    var buffer = [UInt8](repeating: 0, count: limit + 1)
    watch = try loop.watch(number) { _ in
      for _ in 0..<Self.batch {
        guard let count = try? nonBlockingCall("receiving", { recv(number, &buffer, buffer.count, 0) }) else { return }
        handler(count > limit ? .tooLong : .datagram(Array(buffer[..<count])))
      }
    }
  }

  deinit { watch.cancel() }
}

/// Sends datagrams and never waits. There is no connection, so a receiver that comes back is met by the next datagram.
public final class DatagramSender: Sendable {
  public enum Destination: Sendable, Equatable, CustomStringConvertible {
    case unix(path: String)
    case udp(SocketAddress)

    public var description: String {
      switch self {
      case .unix(let path): path
      case .udp(let address): address.description
      }
    }
  }

  public let destination: Destination
  private let descriptor: Descriptor

  public init(to destination: Destination) throws(SystemError) {
    self.destination = destination
    let family =
      switch destination {
      case .unix: AF_UNIX
      case .udp(let address): address.address.family == .v4 ? AF_INET : AF_INET6
      }
    descriptor = Descriptor(owning: try datagramSocket(family))
  }

  /// - Throws: EAGAIN where the receiver's queue is full; ENOENT or ECONNREFUSED where nobody receives.
  public func send(_ bytes: [UInt8]) throws(SystemError) {
    let number = descriptor.number
    let call = { [destination] (address: UnsafePointer<sockaddr>, size: socklen_t) throws(SystemError) in
      _ = try systemCall("sending to \(destination)") {
        sendto(number, bytes, bytes.count, Int32(MSG_NOSIGNAL), address, size)
      }
    }
    switch destination {
    case .unix(let path): try withUnixAddress(path, call)
    case .udp(let address): try withInternetAddress(address, call)
    }
  }
}

private func datagramSocket(_ family: Int32) throws(SystemError) -> Int32 {
  try systemCall("making a datagram socket") {
    socket(family, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
  }
}
