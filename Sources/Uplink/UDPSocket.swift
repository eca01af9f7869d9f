import Glibc
import HostSystem
import Wire

/// A UDP socket that speaks only through one interface (SO_BINDTODEVICE), non-blocking.
final class UDPSocket {
  private let descriptor: Descriptor
  private let device: String
  private var watch: EventLoop.Watch?

  /// - Parameters:
  ///   - local: the address and port to send from; nil: what the kernel chooses, a random port.
  init(_ family: IPFamily, device: String, local: (address: IPAddress, port: UInt16)? = nil) throws(SystemError) {
    let kind = Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
    let number = try systemCall("opening a UDP socket on \(device)") {
      socket(family == .v4 ? AF_INET : AF_INET6, kind, 0)
    }
    descriptor = Descriptor(owning: number)
    self.device = device
    try systemCall("tying a UDP socket to \(device)") {
      setsockopt(number, SOL_SOCKET, SO_BINDTODEVICE, device, socklen_t(device.utf8.count))
    }
    guard let local else { return }
    // Two uplinks use the same port, each on its own interface.
    var on: Int32 = 1
    try systemCall("sharing a UDP port on \(device)") {
      setsockopt(number, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
    }
    try withSocketAddress(local.address, port: local.port) { (address, size) throws(SystemError) in
      _ = try systemCall("binding UDP port \(local.port) on \(device)") { bind(number, address, size) }
    }
  }

  deinit { watch?.cancel() }

  /// From here on, only datagrams of that host and port come in, and its ICMP errors are reported as readiness.
  func connect(to address: IPAddress, port: UInt16) throws(SystemError) {
    try withSocketAddress(address, port: port) { (remote, size) throws(SystemError) in
      _ = try systemCall("reaching \(address) through \(device)") {
        Glibc.connect(descriptor.number, remote, size)
      }
    }
  }

  func onReadable(_ loop: EventLoop, _ handler: @escaping () -> Void) throws(SystemError) {
    watch = try loop.watch(descriptor.number) { _ in handler() }
  }

  /// Sends to the connected host.
  func send(_ bytes: [UInt8]) throws(SystemError) {
    try systemCall("sending through \(device)") {
      Glibc.send(descriptor.number, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }
  }

  func send(_ bytes: [UInt8], to address: IPAddress, port: UInt16) throws(SystemError) {
    try withSocketAddress(address, port: port) { (remote, size) throws(SystemError) in
      _ = try systemCall("sending to \(address) through \(device)") {
        sendto(descriptor.number, bytes, bytes.count, Int32(MSG_NOSIGNAL), remote, size)
      }
    }
  }

  enum Received { case datagram([UInt8]), nothing, refused }

  /// The next datagram of at most 4,096 bytes.
  func receive() -> Received {
    var buffer = [UInt8](repeating: 0, count: 4_096)
    do {
      let count = try nonBlockingCall("receiving") { recv(descriptor.number, &buffer, buffer.count, 0) }
      return count.map { .datagram(Array(buffer.prefix($0))) } ?? .nothing
    } catch {
      return .refused
    }
  }
}

/// Calls `body` with the kernel's form of an address and port.
private func withSocketAddress(
  _ address: IPAddress, port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) throws(SystemError) -> Void
) throws(SystemError) {
  var storage = sockaddr_storage()
  let size: Int
  switch address {
  case .v4(let address):
    size = MemoryLayout<sockaddr_in>.size
    withUnsafeMutableBytes(of: &storage) { bytes in
      bytes.storeBytes(
        of: sockaddr_in(
          sin_family: sa_family_t(AF_INET), sin_port: port.bigEndian,
          sin_addr: in_addr(s_addr: address.value.bigEndian),
          sin_zero: (0, 0, 0, 0, 0, 0, 0, 0)), as: sockaddr_in.self)
    }
  case .v6(let address):
    size = MemoryLayout<sockaddr_in6>.size
    withUnsafeMutableBytes(of: &storage) { bytes in
      var kernel = sockaddr_in6()
      kernel.sin6_family = sa_family_t(AF_INET6)
      kernel.sin6_port = port.bigEndian
      withUnsafeMutableBytes(of: &kernel.sin6_addr) { octets in
        octets.storeBytes(of: address.high.bigEndian, as: UInt64.self)
        octets.storeBytes(of: address.low.bigEndian, toByteOffset: 8, as: UInt64.self)
      }
      bytes.storeBytes(of: kernel, as: sockaddr_in6.self)
    }
  }
  let result: Result<Void, SystemError> = withUnsafePointer(to: &storage) { pointer in
    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
      do throws(SystemError) {
        try body(pointer, socklen_t(size))
        return .success(())
      } catch {
        return .failure(error)
      }
    }
  }
  try result.get()
}
