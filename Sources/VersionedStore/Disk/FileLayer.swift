import Glibc
public import HostSystem

/// One change that the store makes to a disk, as `FileLayer` tells it before it is made.
///
/// Files are told apart by number, as a file system does by inode; paths are those that the store uses.
public enum FileOperation: Sendable {
  /// A new, empty file appears at a path.
  case create(path: String, file: Int)
  /// A file that existed before is opened for writing.
  case open(path: String, file: Int)
  case write(file: Int, offset: Int, bytes: [UInt8])
  /// The file has at least this size from here on; what is new reads as zeros.
  case allocate(file: Int, size: Int)
  /// The file at a path gets a further name.
  case link(from: String, to: String)
  /// Replaces what stands at `to`.
  case rename(from: String, to: String)
  case unlink(path: String)
  case makeFolder(path: String)
  case removeFolder(path: String)
  /// A sync begins: what was written before is on the disk when the matching `synced` comes.
  case syncing(SyncCall, target: SyncTarget, number: Int)
  case synced(number: Int)
}

/// What a sync makes durable.
public enum SyncTarget: Sendable, Equatable {
  case file(Int)
  /// The entries of a folder.
  case folder(path: String)
}

/// A call in the code that syncs. A test takes away one after the other and has to see something lost each time.
public struct SyncCall: Hashable, Sendable {
  public let point: SyncPoint
  /// Where the call stands: `module/file.swift`, and the line.
  public let file: String
  public let line: Int
}

/// What a sync is for.
public enum SyncPoint: String, Sendable, CaseIterable {
  /// The files of a new repository, and their folders.
  case newFile, newFolder
  /// The journal's appended records.
  case journal
  /// A pack, its index, and the folder that has them.
  case pack, packIndex, packFolder
  /// What says how old the objects of a cruft pack are.
  case packTimes
  /// A reference's file, its folder, the folders above that were made for it, and its log.
  case reference, referenceFolder, reflog
  /// The file of packed references, and the folder that has it.
  case packedReferences
  /// The list of commits without parents, and the folder that has it.
  case shallow
  /// What is forgotten and is being forgotten, and the folder that has it.
  case forgotten
}

/// The only way in which the store changes a disk: what it does can be recorded, refused and cut off by a test.
///
/// Reads do not pass here.
public final class FileLayer: Sendable {
  /// Hears of every operation before it is made, in order; by throwing it makes the operation fail.
  public typealias Observer = @Sendable (FileOperation) throws(SystemError) -> Void

  /// The disk as it is.
  public static let system = FileLayer(observer: nil)

  private let observer: Observer?
  private let numbers = Guarded((files: 0, syncs: 0))

  public init(observer: Observer?) { self.observer = observer }

  fileprivate func tell(_ operation: @autoclosure () -> FileOperation) throws(SystemError) {
    if let observer { try observer(operation()) }
  }

  private func nextFile() -> Int {
    guard observer != nil else { return 0 }
    return numbers.withLock { numbers in
      numbers.files += 1
      return numbers.files
    }
  }

  // MARK: - Files

  /// Makes a file that must not exist yet.
  func create(_ path: String, mode: mode_t = 0o640) throws(SystemError) -> WritableFile {
    let number = nextFile()
    try tell(.create(path: path, file: number))
    return WritableFile(
      try Descriptor(opening: path, O_RDWR | O_CREAT | O_EXCL, mode: mode), path: path, number: number, layer: self)
  }

  /// Opens a file that exists, for writing.
  func open(_ path: String) throws(SystemError) -> WritableFile {
    let number = nextFile()
    let descriptor = try Descriptor(opening: path, O_RDWR)
    try tell(.open(path: path, file: number))
    return WritableFile(descriptor, path: path, number: number, layer: self)
  }

  /// Makes a whole file that must not exist yet.
  ///
  /// - Parameter point: what its bytes have to be durable for.
  func create(
    _ path: String, with bytes: [UInt8], mode: mode_t = 0o640, sync point: SyncPoint? = nil,
    calledIn callFile: StaticString = #fileID, line: Int = #line
  ) throws(SystemError) {
    let file = try create(path, mode: mode)
    do {
      try file.write(bytes, at: 0)
      if let point { try file.sync(point, calledIn: callFile, line: line) }
    } catch {
      unlink(path)
      throw error
    }
  }

  func rename(_ from: String, _ to: String) throws(SystemError) {
    try tell(.rename(from: from, to: to))
    try systemCall("renaming \(from) to \(to)") { Glibc.rename(from, to) }
  }

  /// - Throws: `SystemError` with EEXIST where there is something at `to`.
  func link(_ from: String, _ to: String) throws(SystemError) {
    try tell(.link(from: from, to: to))
    try systemCall("linking \(from) to \(to)") { Glibc.link(from, to) }
  }

  /// Removes a file; one that is not there is no error.
  func remove(_ path: String) throws(SystemError) {
    try tell(.unlink(path: path))
    try File.remove(path)
  }

  // MARK: - Folders

  /// Makes a folder; false where it is there already.
  @discardableResult
  func makeFolder(_ path: String, mode: mode_t = 0o750) throws(SystemError) -> Bool {
    var status = stat()
    if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { return false }
    try tell(.makeFolder(path: path))
    if mkdir(path, mode) == 0 { return true }
    guard errno == EEXIST else { throw SystemError("making folder \(path)") }
    return false
  }

  /// Removes an empty folder; false where it is not empty or not there.
  @discardableResult
  func removeFolder(_ path: String) throws(SystemError) -> Bool {
    try tell(.removeFolder(path: path))
    return rmdir(path) == 0
  }

  /// Makes a folder's entries durable.
  func syncFolder(
    _ path: String, _ point: SyncPoint, calledIn callFile: StaticString = #fileID, line: Int = #line
  ) throws(SystemError) {
    let descriptor = try Descriptor(opening: path, O_RDONLY | O_DIRECTORY)
    let number = descriptor.number
    try sync(point, .folder(path: path), callFile, line) { () throws(SystemError) in
      _ = try systemCall("syncing \(path)") { fsync(number) }
    }
  }

  fileprivate func sync(
    _ point: SyncPoint, _ target: SyncTarget, _ callFile: StaticString, _ line: Int,
    _ body: () throws(SystemError) -> Void
  ) throws(SystemError) {
    guard observer != nil else { return try body() }
    let number = numbers.withLock { numbers in
      numbers.syncs += 1
      return numbers.syncs
    }
    try tell(.syncing(SyncCall(point: point, file: "\(callFile)", line: line), target: target, number: number))
    try body()
    try tell(.synced(number: number))
  }
}

/// A file that the store writes.
final class WritableFile: Sendable {
  let path: String
  private let descriptor: Descriptor
  private let number: Int
  private let layer: FileLayer

  fileprivate init(_ descriptor: consuming Descriptor, path: String, number: Int, layer: FileLayer) {
    self.descriptor = descriptor
    self.path = path
    self.number = number
    self.layer = layer
  }

  /// For reading, locking and mapping.
  var descriptorNumber: Int32 { descriptor.number }

  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(SystemError) {
    try layer.tell(.write(file: number, offset: offset, bytes: Array(bytes)))
    var written = 0
    while written < bytes.count {
      written += try systemCall("writing \(path)") {
        pwrite(descriptor.number, bytes.baseAddress! + written, bytes.count - written, off_t(offset + written))
      }
    }
  }

  func write(_ bytes: [UInt8], at offset: Int) throws(SystemError) {
    let result: Result<Void, SystemError> = bytes.withUnsafeBytes { buffer in
      do throws(SystemError) { return .success(try write(buffer, at: offset)) } catch { return .failure(error) }
    }
    try result.get()
  }

  /// Reserves room, so that later writes need no new blocks; the file reads as zeros there.
  func allocate(upTo size: Int) throws(SystemError) {
    try layer.tell(.allocate(file: number, size: size))
    let code = posix_fallocate(descriptor.number, 0, off_t(size))
    if code != 0 { throw SystemError("reserving \(size) bytes of \(path)", code: code) }
  }

  /// Makes what was written durable, and as much of the file's description as reading it needs.
  func sync(
    _ point: SyncPoint, calledIn callFile: StaticString = #fileID, line: Int = #line
  ) throws(SystemError) {
    try layer.sync(point, .file(number), callFile, line) { () throws(SystemError) in
      _ = try systemCall("syncing \(path)") { fdatasync(descriptor.number) }
    }
  }
}
