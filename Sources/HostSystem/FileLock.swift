import Glibc

/// A lock on a path that is held as long as this object lives, and ends with the process however that ends (flock(2)).
public final class FileLock {
  private let descriptor: Descriptor

  /// - Throws: `SystemError` with EWOULDBLOCK where another process holds the lock.
  public init(path: String) throws(SystemError) {
    let descriptor = try Descriptor(opening: path, O_RDWR | O_CREAT, mode: 0o600)
    let number = descriptor.number
    try systemCall("locking \(path)") { flock(number, LOCK_EX | LOCK_NB) }
    self.descriptor = descriptor
  }
}
