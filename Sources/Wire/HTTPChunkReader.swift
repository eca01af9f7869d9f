/// Takes the chunked coding off a body, as it comes (RFC 9112 section 7.1). Extensions and trailers are passed over.
public struct HTTPChunkReader: Sendable {
  /// What a look at some bytes found.
  public enum Step: Sendable, Equatable {
    /// All of the bytes were passed over; the body goes on in the next ones.
    case more
    /// Data stands at these offsets; what follows is looked at next.
    case data(Range<Int>)
    /// The body has ended before this offset.
    case end(Int)
  }

  private enum State {
    case size(digits: Int)
    /// Behind the size, up to the end of the line.
    case sizeLine
    /// Behind the line's carriage return.
    case sizeEnd
    case data
    /// The line's end after the data.
    case dataEnd(hasCR: Bool)
    case trailer(isEmpty: Bool)
    case done
  }

  private var state = State.size(digits: 0)
  /// Bytes of the chunk that have not come yet.
  private var left = 0
  /// Bytes that may still come which are no data.
  private var overhead = HTTPChunkReader.overheadLimit

  /// Bytes of one chunk's line, and of all trailers.
  public static let overheadLimit = 8_192
  /// Hexadecimal digits of a size.
  private static let digitLimit = 15

  public init() {}

  /// Looks at what comes next.
  ///
  /// - Throws: `.malformed`; after that the connection is of no use.
  public mutating func next(in bytes: RawSpan) throws(HTTPParseError) -> Step {
    var offset = 0
    while offset < bytes.byteCount {
      if case .data = state {
        let end = offset + min(left, bytes.byteCount - offset)
        left -= end - offset
        if left == 0 { state = .dataEnd(hasCR: false) }
        return .data(offset..<end)
      }
      if case .done = state { return .end(offset) }
      try take(bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self))
      offset += 1
    }
    if case .done = state { return .end(offset) }
    return .more
  }

  private mutating func take(_ byte: UInt8) throws(HTTPParseError) {
    let (cr, lf) = (UInt8(ascii: "\r"), UInt8(ascii: "\n"))
    overhead -= 1
    guard overhead >= 0 else { throw .malformed }
    switch state {
    case .size(let digits):
      if let value = hexadecimalValue(of: byte) {
        guard digits < Self.digitLimit else { throw .malformed }
        left = left << 4 | Int(value)
        state = .size(digits: digits + 1)
      } else {
        guard digits > 0, byte == cr || byte == lf || byte == UInt8(ascii: ";") else { throw .malformed }
        takeExtension(byte)
      }
    case .sizeLine: takeExtension(byte)
    case .sizeEnd:
      guard byte == lf else { throw .malformed }
      takeExtension(byte)
    case .dataEnd(let hasCR):
      guard byte == lf || byte == cr && !hasCR else { throw .malformed }
      state = byte == lf ? .size(digits: 0) : .dataEnd(hasCR: true)
      if byte == lf { overhead = Self.overheadLimit }
    case .trailer(let isEmpty):
      if byte == lf {
        state = isEmpty ? .done : .trailer(isEmpty: true)
      } else if byte != cr {
        state = .trailer(isEmpty: false)
      }
    case .data, .done: break
    }
  }

  private mutating func takeExtension(_ byte: UInt8) {
    switch byte {
    case UInt8(ascii: "\r"): state = .sizeEnd
    case UInt8(ascii: "\n"): state = left == 0 ? .trailer(isEmpty: true) : .data
    default: state = .sizeLine
    }
  }
}
