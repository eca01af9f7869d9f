public import VersionedStore

/// Where bytes come from, in order. One thread at a time uses it.
public protocol ByteSource: AnyObject {
  /// Fills some of the buffer, waiting until there is at least one byte. 0 at the end, and only there.
  func read(into buffer: UnsafeMutableRawBufferPointer) throws(StoreError) -> Int
}

/// Where bytes go, in order. One thread at a time uses it.
public protocol ByteSink: AnyObject {
  /// Takes all of the bytes, waiting until there is room.
  func write(_ bytes: UnsafeRawBufferPointer) throws(StoreError)
}

/// A connection: bytes in both directions.
public protocol ByteStream: ByteSource, ByteSink {
  /// Tells the other side that nothing follows; reading goes on.
  func finishWriting() throws(StoreError)
  /// Ends both directions. Nothing is read or written afterwards.
  func close()
}

extension ByteSink {
  public func write(_ bytes: [UInt8]) throws(StoreError) {
    try bytes.span.bytes.withUnsafeBytes { (buffer) throws(StoreError) in try write(buffer) }
  }
}

/// Bytes in memory as a stream: reads what it was made with, keeps what is written.
public final class MemoryStream: ByteStream {
  private let input: [UInt8]
  private var position = 0
  /// What one read gives at most.
  private let pieceLength: Int
  public private(set) var output: [UInt8] = []

  /// - Parameter pieceLength: what one read gives at most; a network cuts anywhere.
  public init(_ input: [UInt8] = [], pieceLength: Int = .max) {
    self.input = input
    self.pieceLength = max(1, pieceLength)
  }

  public func read(into buffer: UnsafeMutableRawBufferPointer) throws(StoreError) -> Int {
    let count = min(buffer.count, input.count - position, pieceLength)
    input.withUnsafeBytes { buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[position..<position + count])) }
    position += count
    return count
  }

  public func write(_ bytes: UnsafeRawBufferPointer) throws(StoreError) { output.append(contentsOf: bytes) }

  public func finishWriting() throws(StoreError) {}
  public func close() {}
}
