import Glibc
import HostSystem
import Synchronization

/// What a small file says, read again when the file has changed.
final class CachedFile<Value: Sendable>: Sendable {
  /// What tells one state of a file from another.
  private struct Stamp: Equatable {
    var device: UInt
    var inode: UInt
    var size: Int
    var changed: [Int]

    init?(_ path: String) {
      var status = stat()
      guard stat(path, &status) == 0 else { return nil }
      device = UInt(status.st_dev)
      inode = UInt(status.st_ino)
      size = Int(status.st_size)
      changed = [status.st_mtim, status.st_ctim].flatMap { [Int($0.tv_sec), Int($0.tv_nsec)] }
    }
  }

  let path: String
  private let parse: @Sendable ([UInt8]) throws -> Value
  private let last = Mutex<(stamp: Stamp, value: Result<Value, any Error>)?>(nil)

  init(_ path: String, _ parse: @escaping @Sendable ([UInt8]) throws -> Value) {
    self.path = path
    self.parse = parse
  }

  /// What it says now; nil where there is no file.
  ///
  /// - Throws: what is wrong with it.
  func value() throws -> Value? {
    // Before the reading: a file that changes meanwhile is read once more.
    guard let stamp = Stamp(path) else { return nil }
    if let last = last.withLock({ $0 }), last.stamp == stamp { return try last.value.get() }
    guard let bytes = try File.readIfPresent(path) else { return nil }
    let value = Result { try parse(bytes) }
    last.withLock { $0 = (stamp, value) }
    return try value.get()
  }
}
