import GitFormat
import VersionedStore
import Wire

/// A request's body, taken off the connection as it is asked for.
final class WebRequestBody: ByteSource {
  private let input: BufferedInput
  private let length: HTTPBodyLength
  private var left: Int
  private var chunks = HTTPChunkReader()
  /// Asks the client for the body; once.
  private var onAsking: (() throws(StoreError) -> Void)?
  private(set) var isAtEnd: Bool
  /// How many bytes it has in all, where the client says so.
  var size: Int? {
    if case .bytes(let count) = length { return count }
    return nil
  }
  /// Whether the client sends it without being asked, or has been asked.
  var isOnItsWay: Bool { onAsking == nil }

  /// - Parameter onAsking: where the client waits to be told to go on.
  init(_ input: BufferedInput, _ length: HTTPBodyLength, onAsking: (() throws(StoreError) -> Void)?) {
    self.input = input
    self.length = length
    self.onAsking = onAsking
    if case .bytes(let count) = length { left = count } else { left = 0 }
    isAtEnd = length == .bytes(0)
  }

  /// Tells the client to send it, where it waits for that: before the answer begins, or never (RFC 9110 section 10.1.1).
  func ask() throws(StoreError) {
    guard let ask = onAsking else { return }
    onAsking = nil
    try ask()
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws(StoreError) -> Int {
    guard !isAtEnd, !buffer.isEmpty else { return 0 }
    try ask()
    switch length {
    case .bytes: return try readCounted(buffer)
    case .chunked: return try readChunked(buffer)
    }
  }

  private func readCounted(_ buffer: UnsafeMutableRawBufferPointer) throws(StoreError) -> Int {
    let count = try input.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(left)))
    guard count > 0 else { throw Self.cutOff }
    left -= count
    isAtEnd = left == 0
    return count
  }

  private func readChunked(_ buffer: UnsafeMutableRawBufferPointer) throws(StoreError) -> Int {
    var copied = 0
    while copied == 0 && !isAtEnd {
      let isMore = try input.withBuffered { (bytes) throws(StoreError) in
        let step: HTTPChunkReader.Step
        // No more than there is room for: what the reader has told of as data is not told again.
        let seen = UnsafeRawBufferPointer(rebasing: bytes.prefix(buffer.count))
        do { step = try chunks.next(in: seen.bytes) } catch {
          throw .malformed(FormatError("chunked body", "it is not coded as RFC 9112 has it"))
        }
        switch step {
        case .more: return seen.count
        case .end(let offset):
          isAtEnd = true
          return offset
        case .data(let range):
          buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: seen[range]))
          copied = range.count
          return range.upperBound
        }
      }
      guard isMore else { throw Self.cutOff }
    }
    return copied
  }

  private static var cutOff: StoreError { .malformed(FormatError("request", "its body is cut off")) }
}

/// An answer's body of unknown length: in chunks (RFC 9112 section 7.1), or up to the end of the connection for a client
/// of HTTP/1.0.
final class WebResponseBody: ByteSink {
  private let output: any ByteSink
  private let isChunked: Bool
  /// Whether the client wants the head alone.
  private let isHidden: Bool

  init(_ output: any ByteSink, isChunked: Bool, isHidden: Bool) {
    self.output = output
    self.isChunked = isChunked
    self.isHidden = isHidden
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws(StoreError) {
    guard !isHidden, !bytes.isEmpty else { return }
    guard isChunked else { return try output.write(bytes) }
    // One write, so that it is one packet where it fits.
    var chunk = Array("\(String(bytes.count, radix: 16))\r\n".utf8)
    chunk.reserveCapacity(chunk.count + bytes.count + 2)
    chunk += bytes
    chunk += [UInt8(ascii: "\r"), UInt8(ascii: "\n")]
    try output.write(chunk)
  }

  func finish() throws(StoreError) {
    if isChunked && !isHidden { try output.write(Array("0\r\n\r\n".utf8)) }
  }
}
