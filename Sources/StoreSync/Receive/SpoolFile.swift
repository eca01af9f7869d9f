import GitFormat
import Glibc
import HostSystem
import VersionedStore

/// A file that is written in order and read anywhere.
final class SpoolFile {
  let path: String
  private let descriptor: Descriptor
  private var pending: [UInt8] = []
  private var flushed = 0

  /// How many bytes have been written.
  var count: Int { flushed + pending.count }

  /// Makes the file, which must not be there.
  init(_ path: String) throws(StoreError) {
    self.path = path
    do throws(SystemError) {
      descriptor = try Descriptor(opening: path, O_RDWR | O_CREAT | O_EXCL, mode: 0o600)
    } catch {
      throw .system(error)
    }
  }

  func append(_ bytes: UnsafeRawBufferPointer) throws(StoreError) {
    pending.append(contentsOf: bytes)
    if pending.count >= 1 << 18 { try flush() }
  }

  func append(_ bytes: [UInt8]) throws(StoreError) {
    try bytes.span.bytes.withUnsafeBytes { (bytes) throws(StoreError) in try append(bytes) }
  }

  func flush() throws(StoreError) {
    guard !pending.isEmpty else { return }
    do throws(SystemError) { try descriptor.writeAll(pending, to: path) } catch { throw .system(error) }
    flushed += pending.count
    pending.removeAll(keepingCapacity: true)
  }

  /// The bytes of a range that has been written.
  func read(_ range: Range<Int>) throws(StoreError) -> [UInt8] {
    if range.upperBound > flushed { try flush() }
    var bytes = [UInt8](repeating: 0, count: range.count)
    var filled = 0
    while filled < bytes.count {
      let count: Int
      do throws(SystemError) {
        count = try systemCall("reading \(path)") {
          bytes.withUnsafeMutableBytes {
            pread(descriptor.number, $0.baseAddress! + filled, $0.count - filled, range.lowerBound + filled)
          }
        }
      } catch { throw .system(error) }
      guard count > 0 else { throw .damaged(file: path, "it ends before byte \(range.upperBound)") }
      filled += count
    }
    return bytes
  }

  /// Writes over bytes that are there.
  func overwrite(at offset: Int, _ bytes: [UInt8]) throws(StoreError) {
    try flush()
    do throws(SystemError) {
      var written = 0
      while written < bytes.count {
        written += try systemCall("writing \(path)") {
          bytes.withUnsafeBytes {
            pwrite(descriptor.number, $0.baseAddress! + written, $0.count - written, offset + written)
          }
        }
      }
    } catch { throw .system(error) }
  }
}
