import Glibc
import HostSystem

/// Where a machine notes what it has promised: sectors of a disk behind its file system, written past all caches. They
/// wait for no flush and cause none, so in a log of the disk's writes each stands where the promise was made.
final class Promises: Sendable {
  private static let sector = 512
  /// O_DIRECT, which glibc's headers keep to themselves.
  #if arch(arm64)
    private static let direct: Int32 = 0o200_000
  #else
    private static let direct: Int32 = 0o40_000
  #endif
  private let disk: Descriptor
  private let offset: Int

  init(on disk: String, at offset: Int) throws {
    self.disk = try Descriptor(opening: disk, O_WRONLY | Self.direct)
    self.offset = offset
  }

  /// - Parameter slot: who promises; a sector has one writer.
  func note(_ text: String, slot: Int) throws {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.sector, alignment: 4_096)
    defer { buffer.deallocate() }
    buffer.initializeMemory(as: UInt8.self, repeating: 0)
    buffer.copyBytes(from: "promised \(text)\n".utf8.prefix(Self.sector))
    let count = try systemCall("noting a promise") {
      pwrite(disk.number, buffer.baseAddress, buffer.count, off_t(offset + slot * Self.sector))
    }
    guard count == Self.sector else { throw SystemError("noting a promise", code: EIO) }
  }
}
