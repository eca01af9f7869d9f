import Glibc
import HostSystem

/// Bytes in a file without a name, which goes with this object.
public final class FileSpool: FilterSpool {
  private let descriptor: Descriptor
  private let folder: String

  /// - Parameter folder: on a file system with room for the bytes.
  public init(in folder: String) throws(StoreError) {
    self.folder = folder
    descriptor = try onDisk { () throws(SystemError) in
      var template = Array("\(folder)/lares-filter-XXXXXX".utf8CString)
      let number = try systemCall("making a file in \(folder)") { mkstemp(&template) }
      unlink(template)
      _ = fcntl(number, F_SETFD, FD_CLOEXEC)
      return Descriptor(owning: number)
    }
  }

  public func append(_ bytes: [UInt8]) throws(StoreError) {
    try onDisk { () throws(SystemError) in try descriptor.writeAll(bytes, to: "a file in \(folder)") }
  }

  public func forEachPiece(_ body: ChunkFilter.Sink) throws(StoreError) {
    lseek(descriptor.number, 0, SEEK_SET)
    var source = DescriptorSource(descriptor.number, name: "a file in \(folder)")
    while true {
      let piece = try source.next(atMost: 1 << 18)
      if piece.isEmpty { return }
      let span = piece.span.bytes
      try span.withUnsafeBytes { bytes throws(StoreError) in try body(bytes) }
    }
  }
}
