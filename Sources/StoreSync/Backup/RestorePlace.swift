import Glibc
import HostSystem
import VersionedStore

/// A folder beside the one that a restore is to make. What an earlier restore left that was killed is removed.
final class RestorePlace {
  let path: String
  private let lockPath: String
  /// Held as long as this process is at work.
  private var lock: Descriptor?

  init(beside folder: String) throws(StoreError) {
    let folder = folder.count > 1 && folder.hasSuffix("/") ? String(folder.dropLast()) : folder
    let (parent, name) = Self.split(folder)
    let prefix = ".\(name).restoring-"
    Self.removeAbandoned(in: parent, prefix)
    path =
      "\(parent)/\(prefix)\(String(SystemRandomness.bytes(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }, radix: 36))"
    lockPath = path + "/.lock"
    do throws(SystemError) {
      let path = path
      try systemCall("making folder \(path)") { mkdir(path, 0o700) }
      let lock = try Descriptor(opening: lockPath, O_RDWR | O_CREAT, mode: 0o600)
      flock(lock.number, LOCK_EX)
      self.lock = consume lock
    } catch {
      throw .system(error)
    }
  }

  private static func split(_ path: String) -> (parent: String, name: String) {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return (".", path) }
    let parent = path[..<slash]
    return (parent.isEmpty ? "/" : String(parent), String(path[path.utf8.index(after: slash)...]))
  }

  private static func removeAbandoned(in parent: String, _ prefix: String) {
    for name in File.list(parent) where name.hasPrefix(prefix) {
      let path = "\(parent)/\(name)"
      if let lock = try? Descriptor(opening: path + "/.lock", O_RDWR), flock(lock.number, LOCK_EX | LOCK_NB) != 0 {
        continue
      }
      try? File.removeTree(path)
    }
  }

  /// Puts what was made in its place, durably. Something that is there is not replaced, unless it is an empty folder.
  func rename(to folder: String) throws(StoreError) {
    do throws(SystemError) {
      try File.remove(lockPath)
      let path = path
      try Self.syncFolders(path)
      try systemCall("renaming \(path) to \(folder)") { Glibc.rename(path, folder) }
      try File.syncFolder(of: folder)
    } catch {
      throw .system(error)
    }
  }

  /// Makes the entries of all folders durable. The files are so already.
  private static func syncFolders(_ path: String) throws(SystemError) {
    for name in File.list(path) {
      var status = stat()
      let below = "\(path)/\(name)"
      if lstat(below, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { try syncFolders(below) }
    }
    try File.syncFolder(of: path + "/.")
  }

  /// Removes what is left, if it was not renamed.
  func remove() {
    try? File.removeTree(path)
    lock = nil
  }
}
