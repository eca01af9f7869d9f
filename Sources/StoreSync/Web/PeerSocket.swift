import Glibc
import HostSystem
import VersionedStore
import Wire

/// How long a client may keep a server waiting.
public struct WebPatience: Equatable, Sendable {
  /// For a TLS handshake, and for the whole head of a request, the wait for its first byte included.
  public var headMilliseconds: Int64 = 20_000
  /// In all, while a body is read or an answer is written, besides what slow transfer takes.
  public var bodyMilliseconds: Int64 = 60_000
  /// Bytes a second that count as slow transfer; who is slower uses up the time above.
  public var bytesPerSecond = 1_024

  public init() {}
}

/// A client's connection to the web server, in the clear or by TLS. Whoever keeps it waiting for too long, however
/// little that is at a time, ends it.
///
/// One thread uses it; only `interrupt` is for others.
final class PeerSocket: ByteStream, @unchecked Sendable {
  private let number: Int32
  private let patience: WebPatience
  private var tls: TLSSession?
  private var isOpen = true
  /// While a head is expected: when it has to be there.
  private var deadline: Instant?
  private var waitedMilliseconds: Int64 = 0
  private var movedBytes = 0

  /// Takes over a connected, non-blocking socket.
  init(_ connection: consuming Descriptor, _ patience: WebPatience) {
    number = connection.release()
    self.patience = patience
    var yes: Int32 = 1
    setsockopt(number, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
  }

  deinit { close() }

  /// Ends the connection under whoever reads or writes it now; from any thread, while this lives.
  func interrupt() { shutdown(number, Int32(SHUT_RDWR)) }

  /// A head is expected from now on.
  func beginHead() { deadline = Clock.now.advanced(milliseconds: patience.headMilliseconds) }

  /// The head is there.
  func endHead() {
    deadline = nil
    waitedMilliseconds = 0
    movedBytes = 0
  }

  func startTLS(_ context: TLSContext) throws(StoreError) {
    let session = try context.session(on: number)
    beginHead()
    _ = try carryOut { session.handshake() }
    tls = session
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws(StoreError) -> Int {
    guard isOpen, !buffer.isEmpty else { return 0 }
    let count = try carryOut { [number, tls] in
      if let tls { return tls.read(into: buffer) }
      return Self.step(recv(number, buffer.baseAddress, buffer.count, 0), blocked: .wantsRead)
    }
    movedBytes += count
    return count
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws(StoreError) {
    guard isOpen else { throw Self.gone }
    var rest = bytes
    while !rest.isEmpty {
      let count = try carryOut { [number, tls, rest] in
        if let tls { return tls.write(rest) }
        return Self.step(send(number, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL)), blocked: .wantsWrite)
      }
      guard count > 0 else { throw Self.gone }
      movedBytes += count
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
  }

  func finishWriting() throws(StoreError) {
    tls?.end()
    shutdown(number, Int32(SHUT_WR))
  }

  /// Waits until something can be read from another descriptor, the client goes, or the time is over. What is written
  /// afterwards has its time anew.
  func waitForEnd(or bell: Int32, milliseconds: Int64) throws(StoreError) -> ClientWait.Outcome {
    endHead()
    var polls = [
      pollfd(fd: bell, events: Int16(POLLIN), revents: 0),
      pollfd(fd: number, events: Self.pollReadHangUp, revents: 0),
    ]
    do { try systemCall("waiting for changes") { Glibc.poll(&polls, 2, Int32(clamping: milliseconds)) } } catch {
      throw .system(error)
    }
    return polls[1].revents != 0 ? .gone : polls[0].revents != 0 ? .bell : .time
  }

  func close() {
    guard isOpen else { return }
    isOpen = false
    tls?.end()
    Glibc.close(number)
  }

  /// Reads and forgets what the client is still sending, so that it reads the answer before it hears of the end
  /// (RFC 9112 section 9.6).
  func linger() {
    do throws(StoreError) {
      try finishWriting()
      deadline = Clock.now.advanced(milliseconds: 2_000)
      var left = 1 << 20
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 16_384, alignment: 16)
      defer { buffer.deallocate() }
      while left > 0 {
        let count = try carryOut { [number] in
          Self.step(recv(number, buffer.baseAddress, buffer.count, 0), blocked: .wantsRead)
        }
        if count == 0 { return }
        left -= count
      }
    } catch {
      // It has been told all; what it does now is its own affair.
    }
  }

  /// POLLRDHUP (poll(2)): the client will send nothing more.
  private static let pollReadHangUp: Int16 = 0x2000

  private static var gone: StoreError { .system(SystemError("writing to the client", code: EPIPE)) }

  private static func step(_ count: Int, blocked: TLSSession.Step) -> TLSSession.Step {
    if count > 0 { return .done(count) }
    if count == 0 { return .ended }
    switch errno {
    case EAGAIN, EINTR: return blocked
    case ECONNRESET, EPIPE: return .ended
    default: return .failed(.system(SystemError("talking to the client")))
    }
  }

  /// Goes on with a step until it is done.
  ///
  /// - Returns: 0 where the client has gone.
  private func carryOut(_ body: () -> TLSSession.Step) throws(StoreError) -> Int {
    while true {
      switch body() {
      case .done(let count): return count
      case .ended: return 0
      case .failed(let error): throw error
      case .wantsRead: try wait(for: POLLIN)
      case .wantsWrite: try wait(for: POLLOUT)
      }
    }
  }

  private func wait(for event: Int32) throws(StoreError) {
    let start = Clock.now
    let earned = Int64(movedBytes / max(1, patience.bytesPerSecond)) * 1_000
    var left = patience.bodyMilliseconds + earned - waitedMilliseconds
    if let deadline { left = deadline.milliseconds(since: start) }
    var poll = pollfd(fd: number, events: Int16(event), revents: 0)
    var count: Int32 = 0
    if left > 0 {
      do { count = try systemCall("waiting for the client") { Glibc.poll(&poll, 1, Int32(clamping: left)) } } catch {
        throw .system(error)
      }
    }
    waitedMilliseconds += Clock.now.milliseconds(since: start)
    if count == 0 { throw .system(SystemError("waiting for the client", code: ETIMEDOUT)) }
  }
}
