import GitFormat
import Glibc
import HostSystem
import VersionedStore

/// Standard output, in large pieces.
final class Output {
  private var waiting: [UInt8] = []
  private static let pieceLength = 65_536

  /// Bytes as they are.
  func write(_ bytes: some Sequence<UInt8>) throws {
    waiting.append(contentsOf: bytes)
    if waiting.count >= Self.pieceLength { try flush() }
  }

  /// A value, or a piece of one, of which no copy is made.
  func write(value: UnsafeRawBufferPointer) throws(StoreError) {
    do throws(SystemError) {
      try flush()
      try Self.write(value)
    } catch { throw .system(error) }
  }

  func write(value: [UInt8]) throws(StoreError) {
    let span = value.span.bytes
    try span.withUnsafeBytes { bytes throws(StoreError) in try write(value: bytes) }
  }

  func line(_ text: String) throws { try write("\(text)\n".utf8) }

  /// Hands on what waits. Where nobody reads any more, the process ends as by SIGPIPE, without a word.
  func flush() throws(SystemError) {
    let bytes = waiting
    waiting = []
    let span = bytes.span.bytes
    try span.withUnsafeBytes { bytes throws(SystemError) in try Self.write(bytes) }
  }

  private static func write(_ bytes: UnsafeRawBufferPointer) throws(SystemError) {
    var rest = bytes
    while !rest.isEmpty {
      do throws(SystemError) {
        let count = try systemCall("writing standard output") {
          Glibc.write(STDOUT_FILENO, rest.baseAddress, rest.count)
        }
        rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
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

extension Repository {
  /// The value that an argument is; without one, all that standard input has.
  func value(_ argument: String?) throws(StoreError) -> StagedValue {
    if let argument { return StagedValue(Array(argument.utf8)) }
    var input = DescriptorSource(STDIN_FILENO, name: "standard input")
    return try stage(&input)
  }
}
