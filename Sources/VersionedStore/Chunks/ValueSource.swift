import Glibc
import HostSystem

/// Where a value's bytes come from, piece by piece.
public protocol ValueSource {
  /// How many bytes there will be, where that is known. A value of unknown size is held in memory until it is larger than
  /// one object may be.
  var size: Int? { get }
  /// The next bytes, as many as are asked for at most; none at the end.
  mutating func next(atMost count: Int) throws(StoreError) -> [UInt8]
}

/// The bytes that a descriptor gives until its end.
public struct DescriptorSource: ValueSource {
  private let descriptor: Int32
  private let name: String
  public let size: Int?

  /// Borrows an open descriptor. Of a file, what follows the place that it is at.
  ///
  /// - Parameter name: for errors.
  public init(_ descriptor: Int32, name: String) {
    self.descriptor = descriptor
    self.name = name
    var status = stat()
    let isFile = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    let position = isFile ? lseek(descriptor, 0, SEEK_CUR) : -1
    size = position < 0 ? nil : max(0, Int(status.st_size) - Int(position))
  }

  public mutating func next(atMost count: Int) throws(StoreError) -> [UInt8] {
    try onDisk { () throws(SystemError) in
      var bytes = [UInt8](repeating: 0, count: max(1, count))
      let read = try systemCall("reading \(name)") { Glibc.read(descriptor, &bytes, bytes.count) }
      bytes.removeSubrange(read...)
      return bytes
    }
  }
}
