public import Glibc

/// A file descriptor with one owner, closed when the owner goes. Every descriptor is close-on-exec.
public struct Descriptor: ~Copyable, Sendable {
  public let number: Int32

  /// Takes over an open descriptor.
  public init(owning number: Int32) { self.number = number }

  /// open(2) with O_CLOEXEC.
  public init(opening path: String, _ flags: Int32, mode: mode_t = 0) throws(SystemError) {
    number = try systemCall("opening \(path)") { open(path, flags | O_CLOEXEC, mode) }
  }

  deinit { close(number) }

  /// The open file's inode number, as `File.identifier(of:)` has it.
  var identifier: UInt64 {
    var status = stat()
    return fstat(number, &status) == 0 ? UInt64(status.st_ino) : 0
  }

  /// Gives the descriptor away without closing it.
  public consuming func release() -> Int32 {
    let number = self.number
    discard self
    return number
  }

  /// Reads from the current position to the end.
  public borrowing func readToEnd(of name: String) throws(SystemError) -> [UInt8] {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = try systemCall("reading \(name)") { Glibc.read(number, &chunk, chunk.count) }
      if count == 0 { return bytes }
      bytes.append(contentsOf: chunk[..<count])
    }
  }

  /// Writes everything, in as many calls as that takes.
  public borrowing func writeAll(_ bytes: [UInt8], to name: String) throws(SystemError) {
    var written = 0
    while written < bytes.count {
      written += try systemCall("writing \(name)") {
        bytes.withUnsafeBytes { Glibc.write(number, $0.baseAddress! + written, bytes.count - written) }
      }
    }
  }
}
