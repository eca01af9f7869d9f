public import Glibc

/// Whole files: read, and replace so that a reader or a power cut sees the old bytes or the new, never a mixture.
public enum File {
  /// The file's bytes.
  public static func read(_ path: String) throws(SystemError) -> [UInt8] {
    let descriptor = try Descriptor(opening: path, O_RDONLY)
    return try descriptor.readToEnd(of: path)
  }

  /// The file's bytes as text; nil where there is no such file.
  public static func readIfPresent(_ path: String) throws(SystemError) -> [UInt8]? {
    do {
      return try read(path)
    } catch  where error.code == ENOENT {
      return nil
    }
  }

  /// Replaces the file by rename(2) within its folder.
  ///
  /// - Parameter durable: return only when the bytes and the folder's entry are on stable storage.
  public static func replace(
    _ path: String, with bytes: some Collection<UInt8>, mode: mode_t = 0o640, durable: Bool
  ) throws(SystemError) {
    let temporary = path + ".new"
    do {
      let descriptor = try Descriptor(opening: temporary, O_WRONLY | O_CREAT | O_TRUNC, mode: mode)
      // The mode above is cut by the process's umask.
      try systemCall("setting the mode of \(temporary)") { fchmod(descriptor.number, mode) }
      try descriptor.writeAll(Array(bytes), to: temporary)
      if durable { try systemCall("syncing \(temporary)") { fsync(descriptor.number) } }
    } catch {
      unlink(temporary)
      throw error
    }
    try systemCall("replacing \(path)") { rename(temporary, path) }
    if durable { try syncFolder(of: path) }
  }

  /// Makes the entries of the folder that holds `path` durable.
  public static func syncFolder(of path: String) throws(SystemError) {
    let folder = folderName(of: path)
    let descriptor = try Descriptor(opening: folder, O_RDONLY | O_DIRECTORY)
    try systemCall("syncing \(folder)") { fsync(descriptor.number) }
  }

  /// Makes a folder and those above it. Existing ones are left as they are.
  public static func makeFolder(_ path: String, mode: mode_t = 0o750) throws(SystemError) {
    if mkdir(path, mode) == 0 {
      try systemCall("setting the mode of \(path)") { chmod(path, mode) }
      return
    }
    switch errno {
    case EEXIST: return
    case ENOENT where folderName(of: path) != path:
      try makeFolder(folderName(of: path), mode: mode)
      try systemCall("making folder \(path)") { mkdir(path, mode) }
      try systemCall("setting the mode of \(path)") { chmod(path, mode) }
    default: throw SystemError("making folder \(path)")
    }
  }

  /// Removes a file; one that is not there is no error.
  public static func remove(_ path: String) throws(SystemError) {
    if unlink(path) != 0, errno != ENOENT { throw SystemError("removing \(path)") }
  }

  /// Removes a file, or a folder with all that is in it; one that is not there is no error. Links are not followed.
  public static func removeTree(_ path: String) throws(SystemError) {
    var status = stat()
    guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return try remove(path) }
    for name in list(path) { try removeTree("\(path)/\(name)") }
    if rmdir(path) != 0, errno != ENOENT { throw SystemError("removing folder \(path)") }
  }

  /// Gives a file or folder another name on the same file system (rename(2)), durably.
  public static func move(_ path: String, to other: String) throws(SystemError) {
    try systemCall("moving \(path) to \(other)") { rename(path, other) }
    try syncFolder(of: other)
    if folderName(of: path) != folderName(of: other) { try syncFolder(of: path) }
  }

  /// Names of the entries of a folder, sorted; empty where there is no such folder.
  public static func list(_ folder: String) -> [String] {
    guard let stream = opendir(folder) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// The folder part of a path: `/a` of `/a/b`, `.` of `b`.
  public static func folderName(of path: String) -> String {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }
}

extension File {
  /// What tells a file from one that replaced it at the same path (its inode number); nil where there is none.
  static func identifier(of path: String) -> UInt64? {
    var status = stat()
    return stat(path, &status) == 0 ? UInt64(status.st_ino) : nil
  }

  /// The path from the root, with all links followed; nil where there is nothing.
  public static func absolutePath(_ path: String) -> String? {
    guard let resolved = realpath(path, nil) else { return nil }
    defer { free(resolved) }
    return String(cString: resolved)
  }

  /// The user who owns a file or folder; nil where there is none.
  public static func owner(of path: String) -> UInt32? {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_uid : nil
  }

  /// Who may read, write and run a file: the lowest nine bits of its mode; nil where there is none.
  public static func mode(of path: String) -> UInt32? {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_mode & 0o777 : nil
  }

  /// Changes the owner where this process may and both numbers exist here. A process that may not, or a user namespace
  /// without those users, runs all daemons as one user, who owns the folders already.
  public static func give(_ path: String, to user: UInt32, group: UInt32) {
    _ = chown(path, user, group)
  }
}
