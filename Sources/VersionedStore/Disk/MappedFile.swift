import Glibc
import HostSystem

/// A whole file as memory, read only. The file may be unlinked meanwhile; it must not be cut short, which nobody does with
/// Git's packs and indexes: they are written under another name and never changed.
final class MappedFile: @unchecked Sendable {
  // Sendable: the bytes are only read.
  let path: String
  /// Valid as long as this object lives.
  let bytes: UnsafeRawBufferPointer
  /// When the file was last written, as it was opened: nanoseconds since 1970.
  let modified: Int

  /// - Throws: `.system`; with ENOENT where there is no such file.
  init(_ path: String) throws(StoreError) {
    do throws(SystemError) {
      self.path = path
      (bytes, modified) = try Self.map(path)
    } catch {
      throw .system(error)
    }
  }

  private static func map(_ path: String) throws(SystemError) -> (UnsafeRawBufferPointer, modified: Int) {
    let descriptor = try Descriptor(opening: path, O_RDONLY)
    var status = stat()
    try systemCall("reading the size of \(path)") { fstat(descriptor.number, &status) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw SystemError("mapping \(path)", code: ENODEV) }
    let count = Int(status.st_size)
    // Enough until 2262, and any number serves to put packs in order.
    let modified = status.st_mtim.tv_sec &* 1_000_000_000 &+ status.st_mtim.tv_nsec
    guard count > 0 else { return (UnsafeRawBufferPointer(start: nil, count: 0), modified) }
    guard let start = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor.number, 0), start != MAP_FAILED else {
      throw SystemError("mapping \(path)")
    }
    return (UnsafeRawBufferPointer(start: start, count: count), modified)
  }

  deinit {
    if let start = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: start), bytes.count) }
  }
}
