import CHostSystem
import Glibc
public import Household
import Wire

/// How bytes travel through a unix socket.
public enum UnixSocketKind: Sendable {
  case bytes
  /// Each write is one packet.
  case sequencedPackets

  fileprivate var type: Int32 {
    switch self {
    case .bytes: Int32(SOCK_STREAM.rawValue)
    case .sequencedPackets: Int32(SOCK_SEQPACKET.rawValue)
    }
  }
}

/// A listening socket, in the file system or on a TCP port, served by an event loop.
public final class StreamListener {
  /// Called for each connection.
  public var onConnection: ((StreamSocket) -> Void)?
  private let descriptor: Descriptor
  private let watch: EventLoop.Watch

  /// Listens at `path`. A socket that a dead process left there is replaced.
  public convenience init(path: String, kind: UnixSocketKind, mode: UInt32, loop: EventLoop) throws(SystemError) {
    let number = try systemCall("making a unix socket") {
      socket(AF_UNIX, kind.type | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
    }
    let descriptor = Descriptor(owning: number)
    try File.remove(path)
    try withUnixAddress(path) { (address, size) throws(SystemError) in
      _ = try systemCall("binding \(path)") { bind(number, address, size) }
    }
    try systemCall("setting the mode of \(path)") { chmod(path, mode) }
    try self.init(descriptor, name: path, loop: loop)
  }

  /// Listens on a TCP address and port.
  public convenience init(tcp address: SocketAddress, loop: EventLoop) throws(SystemError) {
    let descriptor = try TCPListener.bound(to: address)
    try self.init(descriptor, name: "\(address)", loop: loop)
  }

  private init(_ descriptor: consuming Descriptor, name: String, loop: EventLoop) throws(SystemError) {
    let number = descriptor.number
    self.descriptor = descriptor
    try systemCall("listening at \(name)") { listen(number, 64) }
    let box = Box()
    watch = try loop.watch(number) { _ in box.accept?() }
    box.accept = { [unowned self, unowned loop] in acceptAll(loop) }
  }

  /// Lets the loop's handler reach an object that is still being made when the handler is registered.
  private final class Box { var accept: (() -> Void)? }

  deinit { watch.cancel() }

  private func acceptAll(_ loop: EventLoop) {
    while true {
      let number = lares_accept(descriptor.number)
      guard number >= 0 else { return }
      guard let stream = try? StreamSocket(owning: number, loop: loop) else { continue }
      onConnection?(stream)
    }
  }
}

/// One connection over a unix socket or TCP, non-blocking.
public final class StreamSocket {
  public enum ReadResult { case bytes([UInt8]), wouldBlock, closed }

  /// Called when there are bytes to read, or the other side is gone.
  public var onReadable: (() -> Void)?
  /// Called when bytes that `write` could not place may fit now. Set `wantsWritable` to hear of it.
  public var onWritable: (() -> Void)?
  public var wantsWritable = false {
    didSet { if wantsWritable != oldValue { watchAgain() } }
  }
  /// Whether to hear of bytes to read; that the other side is gone is always told.
  public var wantsReadable = true {
    didSet { if wantsReadable != oldValue { watchAgain() } }
  }
  private let number: Int32
  private var watch: EventLoop.Watch?

  init(owning number: Int32, loop: EventLoop) throws(SystemError) {
    self.number = number
    watch = try loop.watch(number) { [weak self] events in
      // Either call may close the connection and give it up.
      guard let self else { return }
      if events.contains(.writable) { onWritable?() }
      if watch != nil, !events.isDisjoint(with: [.readable, .closed]) { onReadable?() }
    }
  }

  private func watchAgain() {
    var events: EventLoop.Events = []
    if wantsReadable { events.insert(.readable) }
    if wantsWritable { events.insert(.writable) }
    watch?.change(to: events)
  }

  /// Takes over a connected socket, which has to be non-blocking.
  public convenience init(_ descriptor: consuming Descriptor, loop: EventLoop) throws(SystemError) {
    let number = descriptor.release()
    do {
      try self.init(owning: number, loop: loop)
    } catch {
      Glibc.close(number)
      throw error
    }
  }

  /// Connects to a listening socket.
  public convenience init(connectingTo path: String, kind: UnixSocketKind, loop: EventLoop) throws(SystemError) {
    let number = try systemCall("making a unix socket") {
      socket(AF_UNIX, kind.type | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
    }
    do {
      try withUnixAddress(path) { (address, size) throws(SystemError) in
        _ = try systemCall("connecting to \(path)") { connect(number, address, size) }
      }
      try self.init(owning: number, loop: loop)
    } catch {
      Glibc.close(number)
      throw error
    }
  }

  deinit { close() }

  /// The user at the other end; nil where the kernel does not say.
  public var peerUser: UInt32? {
    var (process, user, group): (Int32, UInt32, UInt32) = (0, 0, 0)
    return lares_peer_credentials(number, &process, &user, &group) == 0 ? user : nil
  }

  public func read(limit: Int) -> ReadResult {
    guard watch != nil else { return .closed }
    var count = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: limit) { buffer, initialized in
      repeat { count = Glibc.read(number, buffer.baseAddress!, limit) } while count < 0 && errno == EINTR
      initialized = max(count, 0)
    }
    if count > 0 { return .bytes(bytes) }
    return count < 0 && errno == EAGAIN ? .wouldBlock : .closed
  }

  /// Writes what fits now; returns how many bytes that were, or nil where the other side is gone.
  public func write(_ bytes: some Collection<UInt8>) -> Int? {
    guard watch != nil else { return nil }
    let array = Array(bytes)
    var count = 0
    repeat { count = send(number, array, array.count, Int32(MSG_NOSIGNAL)) } while count < 0 && errno == EINTR
    if count >= 0 { return count }
    return errno == EAGAIN ? 0 : nil
  }

  /// Gives the connection away; nothing is called any more. Nil where it was closed before.
  public func detach() -> Descriptor? {
    guard let watch else { return nil }
    self.watch = nil
    watch.cancel()
    return Descriptor(owning: number)
  }

  public func close() {
    guard let watch else { return }
    self.watch = nil
    watch.cancel()
    Glibc.close(number)
  }
}

/// Calls `body` with the address of a path.
func withUnixAddress(
  _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) throws(SystemError) -> Void
) throws(SystemError) {
  var address = sockaddr_un()
  address.sun_family = sa_family_t(AF_UNIX)
  let bytes = Array(path.utf8)
  guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
    throw SystemError("using \(path) as a socket (at most 107 bytes)", code: ENAMETOOLONG)
  }
  withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
  try withSocketAddress(address, body)
}

/// Calls `body` with an Internet address as the kernel takes it.
func withInternetAddress(
  _ socketAddress: SocketAddress, _ body: (UnsafePointer<sockaddr>, socklen_t) throws(SystemError) -> Void
) throws(SystemError) {
  switch socketAddress.address {
  case .v4(let v4):
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = socketAddress.port.bigEndian
    address.sin_addr.s_addr = v4.value.bigEndian
    try withSocketAddress(address, body)
  case .v6(let v6):
    var address = sockaddr_in6()
    address.sin6_family = sa_family_t(AF_INET6)
    address.sin6_port = socketAddress.port.bigEndian
    withUnsafeMutableBytes(of: &address.sin6_addr) {
      $0.storeBytes(of: v6.high.bigEndian, as: UInt64.self)
      $0.storeBytes(of: v6.low.bigEndian, toByteOffset: 8, as: UInt64.self)
    }
    try withSocketAddress(address, body)
  }
}

private func withSocketAddress<Address>(
  _ address: Address, _ body: (UnsafePointer<sockaddr>, socklen_t) throws(SystemError) -> Void
) throws(SystemError) {
  try withUnsafePointer(to: address) { (pointer) throws(SystemError) in
    try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { (pointer) throws(SystemError) in
      try body(pointer, socklen_t(MemoryLayout<Address>.size))
    }
  }
}
