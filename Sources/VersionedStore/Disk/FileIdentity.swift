import Glibc
import HostSystem

/// What tells a file, and a version of it, from others.
struct FileIdentity: Equatable {
  let inode: UInt64
  let size: Int64
  let links: Int
  let modified: Int64
  let modifiedNanoseconds: Int64

  /// nil where there is nothing at the path, or nothing that may be looked at.
  init?(path: String) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return nil }
    inode = UInt64(status.st_ino)
    size = Int64(status.st_size)
    links = Int(status.st_nlink)
    modified = Int64(status.st_mtim.tv_sec)
    modifiedNanoseconds = Int64(status.st_mtim.tv_nsec)
  }

  var ageInSeconds: Int { max(0, Int(Clock.wallMilliseconds / 1_000) - Int(modified)) }
}

extension File {
  static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }
}

extension File {
  static func isThere(_ path: String) -> Bool { access(path, F_OK) == 0 }
}
