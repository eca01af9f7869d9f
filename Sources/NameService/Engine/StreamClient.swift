import CNameService
import Glibc
import HostSystem
import Wire

/// One client's TCP connection (RFC 7766): any number of queries one after another or at once, answers in any order.
final class StreamClient {
  /// What one connection may hold, so that no client holds the core's memory.
  enum Limits {
    /// Queries without an answer.
    static let outstanding = 64
    /// Octets of answers that the client has not taken.
    static let unsent = 262_144
    /// Milliseconds without a query after which the connection is closed.
    static let idle: Int64 = 10_000
  }

  let address: IPv6Address
  let descriptor: Descriptor
  /// When it is closed if nothing happens.
  private(set) var deadline: Instant
  private(set) var isOpen = true
  /// Queries that wait for an answer.
  var outstanding = 0
  private var incoming: [UInt8] = []
  private var outgoing: [UInt8] = []
  private var isReading = false
  private var watch: EventLoop.Watch?
  private let onQuery: (StreamClient, UnsafeRawBufferPointer) -> Void

  /// - Parameter onQuery: takes one message, without the length in front.
  init(
    _ descriptor: consuming Descriptor, address: IPv6Address, loop: EventLoop,
    onQuery: @escaping (StreamClient, UnsafeRawBufferPointer) -> Void
  ) throws(SystemError) {
    self.descriptor = descriptor
    self.address = address
    self.onQuery = onQuery
    deadline = Clock.now.advanced(milliseconds: Limits.idle)
    watch = try loop.watch(self.descriptor.number) { [unowned self] in handle($0) }
  }

  func close() {
    guard isOpen else { return }
    isOpen = false
    watch?.cancel()
    shutdown(descriptor.number, Int32(SHUT_RDWR))
  }

  /// Sends an answer; a client that does not take what it asked for is cut off.
  func send(_ message: UnsafeRawBufferPointer) {
    guard isOpen, message.count > 0, message.count <= 65_535 else { return }
    outgoing.append(UInt8(message.count >> 8))
    outgoing.append(UInt8(message.count & 255))
    outgoing.append(contentsOf: message)
    if outgoing.count > Limits.unsent { return close() }
    flush()
  }

  /// Takes up reading again after answers went out.
  func resume() { if isOpen, !isReading { readMessages() } }

  private func handle(_ events: EventLoop.Events) {
    if events.contains(.writable) { flush() }
    guard isOpen, !events.isDisjoint(with: [.readable, .closed]) else { return }
    receive()
  }

  private func receive() {
    let count = withUnsafeTemporaryAllocation(byteCount: 16_384, alignment: 8) { room in
      let count = lares_receive(descriptor.number, room.baseAddress, UInt64(room.count))
      if count > 0 { incoming += room[..<count] }
      return count
    }
    if count == 0 || count < 0 && errno != EAGAIN { return close() }
    readMessages()
  }

  private func readMessages() {
    isReading = true
    defer { isReading = false }
    var start = 0
    while isOpen, outstanding < Limits.outstanding, incoming.count - start >= 2 {
      let end = start + 2 + Int(incoming[start]) << 8 + Int(incoming[start + 1])
      guard incoming.count >= end else { break }
      deadline = Clock.now.advanced(milliseconds: Limits.idle)
      let message = Array(incoming[start + 2..<end])
      start = end
      message.withUnsafeBytes { onQuery(self, $0) }
    }
    incoming.removeFirst(min(start, incoming.count))
    guard isOpen else { return }
    updateWatch()
  }

  private func flush() {
    while !outgoing.isEmpty {
      let sent = outgoing.withUnsafeBytes { lares_stream_send(descriptor.number, $0.baseAddress, UInt64($0.count)) }
      guard sent > 0 else {
        if errno != EAGAIN { close() }
        break
      }
      outgoing.removeFirst(sent)
    }
    if isOpen { updateWatch() }
  }

  /// A client with too much under way is not read from until some of it is answered.
  private func updateWatch() {
    var events: EventLoop.Events = outstanding < Limits.outstanding ? .readable : []
    if !outgoing.isEmpty { events.insert(.writable) }
    watch?.change(to: events)
  }
}
