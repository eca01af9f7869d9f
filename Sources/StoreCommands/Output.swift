import GitFormat
import Glibc
import HostSystem

/// Standard output, in large pieces.
final class Output {
  private var waiting: [UInt8] = []
  private static let pieceLength = 65_536

  /// Bytes as they are.
  func write(_ bytes: some Sequence<UInt8>) throws {
    waiting.append(contentsOf: bytes)
    if waiting.count >= Self.pieceLength { try flush() }
  }

  /// A value, of which no copy is made where it is long.
  func write(value: [UInt8]) throws {
    guard value.count >= Self.pieceLength else { return try write(value) }
    try flush()
    try Self.write(value)
  }

  func line(_ text: String) throws { try write("\(text)\n".utf8) }

  /// Hands on what waits. Where nobody reads any more, the process ends as by SIGPIPE, without a word.
  func flush() throws {
    let bytes = waiting
    waiting = []
    try Self.write(bytes)
  }

  private static func write(_ bytes: [UInt8]) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      do throws(SystemError) {
        let count = try systemCall("writing standard output") {
          rest.withUnsafeBytes { Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
        }
        rest = rest.dropFirst(count)
      } catch {
        guard error.code == EPIPE else { throw error }
        endAsByBrokenPipe()
      }
    }
  }

  /// Whether standard output is a pipe that nobody reads.
  static var isBroken: Bool {
    var output = pollfd(fd: STDOUT_FILENO, events: 0, revents: 0)
    return poll(&output, 1, 0) == 1 && output.revents & Int16(POLLERR) != 0
  }

  static func endAsByBrokenPipe() {
    signal(SIGPIPE, SIG_DFL)
    raise(SIGPIPE)
  }
}

/// What comes by standard input.
enum Input {
  /// The longest value that is taken: what a server of ours accepts as one object.
  static let valueLimit = 256 << 20

  /// All of standard input.
  static func value() throws -> [UInt8] {
    var bytes: [UInt8] = []
    try withUnsafeTemporaryAllocation(byteCount: 65_536, alignment: 16) { buffer in
      while true {
        let count = try systemCall("reading standard input") { read(STDIN_FILENO, buffer.baseAddress, buffer.count) }
        if count == 0 { break }
        bytes.append(contentsOf: buffer[..<count])
        guard bytes.count <= valueLimit else {
          throw CommandFailure(
            .failed, "standard input has more than \(valueLimit >> 20) MiB, the most a value may have")
        }
      }
    }
    return bytes
  }
}
