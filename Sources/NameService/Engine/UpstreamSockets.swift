import CNameService
import Glibc
import HostSystem
import Household
import Wire

/// The sockets of a resolver's attempts: one fresh, connected socket for each, so that every query has a source port of its
/// own and the kernel drops what does not come from the server asked.
final class UpstreamSockets {
  /// A message for an attempt came.
  var onMessage: (UInt64, RawSpan) -> Void = { _, _ in }
  /// None will come.
  var onFailure: (UInt64, AttemptFailure) -> Void = { _, _ in }

  private let loop: EventLoop
  private var open: [UInt64: Attempt] = [:]
  private let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 16)
  private var randomness = SystemRandomness()

  private final class Attempt {
    let descriptor: Descriptor
    var watch: EventLoop.Watch?
    /// What is still to be sent over a stream, and what came.
    var outgoing: ArraySlice<UInt8> = []
    var incoming: [UInt8] = []

    init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }
  }

  init(loop: EventLoop) { self.loop = loop }

  deinit { room.deallocate() }

  /// Sends one datagram; failures are told by `onFailure`, not before this returns.
  func send(_ bytes: [UInt8], to server: SocketAddress, attempt identifier: UInt64) {
    let descriptor = connectedSocket(to: server)
    guard descriptor >= 0 else { return failLater(identifier, AttemptFailure(code: errno)) }
    let attempt = Attempt(Descriptor(owning: descriptor))
    guard lares_stream_send(descriptor, bytes, UInt64(bytes.count)) == bytes.count else {
      return failLater(identifier, AttemptFailure(code: errno))
    }
    open[identifier] = attempt
    attempt.watch = try? loop.watch(descriptor) { [unowned self] _ in receiveDatagrams(identifier) }
    if attempt.watch == nil { failLater(identifier, .shortage) }
  }

  /// Opens a connection and sends one message.
  func connect(_ bytes: [UInt8], to server: SocketAddress, attempt identifier: UInt64) {
    let descriptor = server.address.withNetworkBytes { lares_tcp_connect($0, $1, server.port) }
    guard descriptor >= 0 else { return failLater(identifier, AttemptFailure(code: errno)) }
    let attempt = Attempt(Descriptor(owning: descriptor))
    attempt.outgoing = [UInt8(bytes.count >> 8), UInt8(bytes.count & 255)] + bytes[...]
    open[identifier] = attempt
    attempt.watch = try? loop.watch(descriptor, for: .writable) { [unowned self] events in
      goOn(identifier, events)
    }
    if attempt.watch == nil { failLater(identifier, .shortage) }
  }

  func end(_ identifier: UInt64) { open.removeValue(forKey: identifier)?.watch?.cancel() }

  /// A datagram socket from a port chosen here at random: the kernel's own choice has half as many.
  private func connectedSocket(to server: SocketAddress) -> Int32 {
    server.address.withNetworkBytes { address, length in
      for _ in 0..<4 {
        let port = UInt16.random(in: 1_024...65_535, using: &randomness)
        let descriptor = lares_udp_connect(address, length, server.port, port)
        if descriptor >= 0 || errno != EADDRINUSE && errno != EACCES { return descriptor }
      }
      return lares_udp_connect(address, length, server.port, 0)
    }
  }

  private func failLater(_ identifier: UInt64, _ failure: AttemptFailure) {
    loop.schedule(afterMilliseconds: 0) { [weak self] in self?.fail(identifier, failure) }
  }

  private func fail(_ identifier: UInt64, _ failure: AttemptFailure) {
    end(identifier)
    onFailure(identifier, failure)
  }

  private func receiveDatagrams(_ identifier: UInt64) {
    // Messages may close the attempt.
    while let attempt = open[identifier] {
      let count = lares_receive(attempt.descriptor.number, room.baseAddress, UInt64(room.count))
      if count >= 0 {
        onMessage(identifier, RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: room[..<count])))
      } else {
        let code = errno
        if code != EAGAIN { fail(identifier, AttemptFailure(code: code)) }
        return
      }
    }
  }

  private func goOn(_ identifier: UInt64, _ events: EventLoop.Events) {
    guard let attempt = open[identifier] else { return }
    if !attempt.outgoing.isEmpty {
      let sent = attempt.outgoing.withUnsafeBytes {
        lares_stream_send(attempt.descriptor.number, $0.baseAddress, UInt64($0.count))
      }
      let code = errno
      guard sent >= 0 || code == EAGAIN else { return fail(identifier, AttemptFailure(code: code)) }
      attempt.outgoing = attempt.outgoing.dropFirst(max(sent, 0))
      if attempt.outgoing.isEmpty { attempt.watch?.change(to: .readable) }
    } else {
      receiveStream(identifier, attempt)
    }
  }

  private func receiveStream(_ identifier: UInt64, _ attempt: Attempt) {
    let count = lares_receive(attempt.descriptor.number, room.baseAddress, UInt64(room.count))
    guard count > 0 else {
      let code = errno
      if count == 0 {
        fail(identifier, .network)
      } else if code != EAGAIN {
        fail(identifier, AttemptFailure(code: code))
      }
      return
    }
    attempt.incoming += room[..<count]
    while open[identifier] === attempt, attempt.incoming.count >= 2 {
      let end = 2 + Int(attempt.incoming[0]) << 8 + Int(attempt.incoming[1])
      guard attempt.incoming.count >= end else { return }
      let message = Array(attempt.incoming[2..<end])
      attempt.incoming.removeFirst(end)
      onMessage(identifier, message.span.bytes)
    }
  }
}

extension AttemptFailure {
  /// What an error number of a socket's call means.
  init(code: Int32) { self = [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(code) ? .shortage : .network }
}

extension IPAddress {
  /// Calls `body` with the address in network order and how many octets it has.
  func withNetworkBytes<Result>(_ body: (UnsafePointer<UInt8>, UInt32) -> Result) -> Result {
    var writer = ByteWriter(capacity: 16)
    switch self {
    case .v4(let address): writer.write(address)
    case .v6(let address): writer.write(address)
    }
    return withExtendedLifetime(writer.bytes) { bytes in
      body(bytes, UInt32(bytes.count))
    }
  }
}
