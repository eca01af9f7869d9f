import Glibc
public import HostSystem
public import VersionedStore

/// A connection over file descriptors: standard input and output, a socket, the pipes of a child process, a file.
///
/// A side that says or takes nothing for too long ends it, so that it holds no thread and no memory for ever.
public final class DescriptorStream: ByteStream {
  private let reading: Int32
  private let writing: Int32
  private let isOwner: Bool
  private let isSocket: Bool
  /// What one write takes at most: a pipe that has room may not have more.
  private let pieceLength: Int
  private let idleMilliseconds: Int32
  private var isOpen = true

  /// How long either direction may stand still, unless something else is asked for.
  public static let idleSeconds = 300

  /// Takes over a connected socket, blocking or not.
  public convenience init(socket: consuming Descriptor, idleSeconds: Int = idleSeconds) {
    let number = socket.release()
    self.init(reading: number, writing: number, isOwner: true, idleSeconds: idleSeconds)
  }

  /// Uses two descriptors that somebody else closes, such as standard input and output. Where they are pipes, the end of
  /// the reader is a SIGPIPE to the process, unless that ignores it; sockets only fail.
  public convenience init(reading: Int32, writing: Int32, idleSeconds: Int = idleSeconds) {
    self.init(reading: reading, writing: writing, isOwner: false, idleSeconds: idleSeconds)
  }

  private init(reading: Int32, writing: Int32, isOwner: Bool, idleSeconds: Int) {
    self.reading = reading
    self.writing = writing
    self.isOwner = isOwner
    idleMilliseconds = Int32(clamping: idleSeconds * 1_000)
    var type: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    isSocket = getsockopt(writing, SOL_SOCKET, SO_TYPE, &type, &size) == 0
    var status = stat()
    let isFile = fstat(writing, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    pieceLength = isFile ? .max : Int(PIPE_BUF)
  }

  deinit { close() }

  public func read(into buffer: UnsafeMutableRawBufferPointer) throws(StoreError) -> Int {
    guard isOpen, !buffer.isEmpty else { return 0 }
    do throws(SystemError) {
      while true {
        try waitUntil(POLLIN, on: reading, "reading from the other side")
        let count = try nonBlockingCall("reading from the other side") {
          Glibc.read(reading, buffer.baseAddress, buffer.count)
        }
        if let count { return count }
      }
    } catch {
      // A connection that was cut ends in the middle, which the reader of the protocol reports.
      if error.code == ECONNRESET { return 0 }
      throw .system(error)
    }
  }

  public func write(_ bytes: UnsafeRawBufferPointer) throws(StoreError) {
    guard isOpen else { throw .system(SystemError("writing to the other side", code: EPIPE)) }
    do throws(SystemError) {
      var rest = bytes[...]
      while !rest.isEmpty {
        try waitUntil(POLLOUT, on: writing, "writing to the other side")
        let piece = UnsafeRawBufferPointer(rebasing: rest)
        let count = try nonBlockingCall("writing to the other side") {
          isSocket
            ? send(writing, piece.baseAddress, piece.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
            : Glibc.write(writing, piece.baseAddress, min(piece.count, pieceLength))
        }
        rest = rest.dropFirst(count ?? 0)
      }
    } catch {
      throw .system(error)
    }
  }

  /// poll(2), which also reports the end of the connection as readiness.
  private func waitUntil(_ event: Int32, on number: Int32, _ attempt: String) throws(SystemError) {
    var poll = pollfd(fd: number, events: Int16(event), revents: 0)
    let count = try systemCall(attempt) { Glibc.poll(&poll, 1, idleMilliseconds) }
    if count == 0 { throw SystemError(attempt, code: ETIMEDOUT) }
  }

  public func finishWriting() throws(StoreError) {
    if isOpen, isOwner, isSocket { shutdown(writing, Int32(SHUT_WR)) }
  }

  public func close() {
    guard isOpen else { return }
    isOpen = false
    if isOwner { Glibc.close(reading) }
  }
}
