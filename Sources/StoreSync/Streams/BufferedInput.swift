public import VersionedStore

/// A source with a buffer before it, so that small pieces cost no system call each.
public final class BufferedInput: ByteSource {
  private let source: any ByteSource
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 16)
  private var start = 0
  private var end = 0

  public init(_ source: any ByteSource) { self.source = source }
  deinit { buffer.deallocate() }

  /// Whether bytes are there without asking the source; false also at the end.
  var hasBuffered: Bool { start < end }

  public func read(into target: UnsafeMutableRawBufferPointer) throws(StoreError) -> Int {
    guard try fill() else { return 0 }
    let count = min(target.count, end - start)
    target.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[start..<start + count]))
    start += count
    return count
  }

  /// Appends exactly so many bytes. Memory grows with what has come, not with what was announced.
  ///
  /// - Returns: false where the source ends first.
  func append(_ count: Int, to bytes: inout [UInt8]) throws(StoreError) -> Bool {
    var missing = count
    while missing > 0 {
      guard try fill() else { return false }
      let piece = min(missing, end - start)
      bytes.append(contentsOf: buffer[start..<start + piece])
      start += piece
      missing -= piece
    }
    return true
  }

  /// What is buffered, at least so many bytes of it unless the source ends before; valid until the next call.
  ///
  /// - Precondition: `count` is small against the buffer.
  func peek(_ count: Int) throws(StoreError) -> UnsafeRawBufferPointer {
    if end - start < count {
      let rest = UnsafeRawBufferPointer(rebasing: buffer[start..<end])
      buffer.copyMemory(from: rest)
      start = 0
      end = rest.count
      while end < count {
        let added = try source.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[end...]))
        if added == 0 { break }
        end += added
      }
    }
    return UnsafeRawBufferPointer(rebasing: buffer[start..<end])
  }

  /// Passes over bytes that `peek` gave.
  func skip(_ count: Int) { start += count }

  /// Calls back with what is buffered, after reading where that is nothing; the answer says how much of it was used.
  /// Nothing is called at the end.
  ///
  /// - Returns: false at the end.
  func withBuffered(_ body: (UnsafeRawBufferPointer) throws(StoreError) -> Int) throws(StoreError) -> Bool {
    guard try fill() else { return false }
    start += try body(UnsafeRawBufferPointer(rebasing: buffer[start..<end]))
    return true
  }

  /// A line without its newline; nil where the source ends, or where no newline comes within the limit.
  func line(limit: Int) throws(StoreError) -> [UInt8]? {
    var line: [UInt8] = []
    while try fill() {
      let seen = buffer[start..<end]
      if let newline = seen.firstIndex(of: UInt8(ascii: "\n")) {
        line.append(contentsOf: buffer[start..<newline])
        start = newline + 1
        return line.count <= limit ? line : nil
      }
      line.append(contentsOf: seen)
      start = end
      if line.count > limit { return nil }
    }
    return nil
  }

  /// False at the end.
  private func fill() throws(StoreError) -> Bool {
    if start < end { return true }
    start = 0
    end = 0
    end = try source.read(into: buffer)
    return end > 0
  }
}
