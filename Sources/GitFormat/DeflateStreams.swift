import CZlib

/// What one step of a stream did.
public struct StreamProgress: Equatable, Sendable {
  /// So many bytes of the input were used; the rest has to be given again.
  public var consumed: Int
  /// So many bytes at the start of the output are new.
  public var produced: Int
  /// Whether the stream is at its end. What follows in the input is something else's.
  public var isFinished: Bool
}

/// Reads a zlib stream (RFC 1950) that comes in pieces, or is too large to have in memory at once, into bounded output.
///
/// A step with room for output that neither consumes nor produces wants more input; where there is none the stream is cut off.
public struct InflateStream: ~Copyable {
  private let stream: ZlibStream
  /// Whether the stream's end was read and its checksum was right.
  public private(set) var isFinished = false

  public init() { stream = ZlibStream(.inflate) }

  /// Reads a gzip stream (RFC 1952) instead, as HTTP has it.
  public init(gzip: Void) { stream = ZlibStream(.inflateGzip) }

  /// Reads from the input, into the output, until either is used up or the stream ends.
  ///
  /// - Throws: where the stream is damaged. Then it stays so.
  public mutating func step(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
  ) throws(FormatError) -> StreamProgress {
    guard !isFinished else { return StreamProgress(consumed: 0, produced: 0, isFinished: true) }
    let progress = try stream.step(input, output) { inflate($0, Z_NO_FLUSH) }
    isFinished = progress.isFinished
    return progress
  }

  /// Makes ready for another stream, in the memory of this one.
  public mutating func reset() {
    inflateReset(stream.pointer)
    isFinished = false
  }
}

/// Writes a zlib stream of content that comes in pieces, or is too large to have in memory at once.
public struct DeflateStream: ~Copyable {
  private let stream: ZlibStream
  public private(set) var isFinished = false

  /// Levels of zlib: as `Deflate.levels`, without the slowest.
  public static let levels = 0...9

  /// - Parameter level: one of `levels`; others count as the nearest.
  public init(level: Int = 6) {
    stream = ZlibStream(.deflate(level: min(max(level, Self.levels.lowerBound), Self.levels.upperBound)))
  }

  /// Writes from the input, into the output, until either is used up.
  ///
  /// - Parameter isLast: whether the content ends with this input. Then the step is repeated, with what is left of the input,
  ///   until `isFinished`.
  public mutating func step(
    _ input: UnsafeRawBufferPointer, isLast: Bool, into output: UnsafeMutableRawBufferPointer
  ) throws(FormatError) -> StreamProgress {
    guard !isFinished else { return StreamProgress(consumed: 0, produced: 0, isFinished: true) }
    let progress = try stream.step(input, output) { deflate($0, isLast ? Z_FINISH : Z_NO_FLUSH) }
    isFinished = progress.isFinished
    return progress
  }

  /// Makes ready for another stream, in the memory of this one.
  public mutating func reset() {
    deflateReset(stream.pointer)
    isFinished = false
  }
}

/// zlib's own state, which must not move.
private final class ZlibStream {
  enum Direction {
    case inflate
    case inflateGzip
    case deflate(level: Int)
  }

  let pointer = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
  private let direction: Direction

  /// Where zlib has no memory, the first step says so.
  init(_ direction: Direction) {
    self.direction = direction
    pointer.initialize(to: z_stream())
    let size = Int32(MemoryLayout<z_stream>.size)
    switch direction {
    case .inflate: inflateInit_(pointer, ZLIB_VERSION, size)
    case .inflateGzip: inflateInit2_(pointer, MAX_WBITS + 16, ZLIB_VERSION, size)
    case .deflate(let level): deflateInit_(pointer, Int32(level), ZLIB_VERSION, size)
    }
  }

  deinit {
    switch direction {
    case .inflate, .inflateGzip: inflateEnd(pointer)
    case .deflate: deflateEnd(pointer)
    }
    pointer.deallocate()
  }

  func step(
    _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer,
    _ work: (UnsafeMutablePointer<z_stream>) -> Int32
  ) throws(FormatError) -> StreamProgress {
    // zlib counts in 32 bits; what is beyond is left for the next step.
    let (given, room) = (UInt32(clamping: input.count), UInt32(clamping: output.count))
    // zlib takes no null pointer, not even to nothing.
    var nothing: UInt8 = 0
    let result = withUnsafeMutablePointer(to: &nothing) { nothing in
      pointer.pointee.next_in = UnsafeMutablePointer(
        mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self) ?? UnsafePointer(nothing))
      pointer.pointee.avail_in = given
      pointer.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self) ?? nothing
      pointer.pointee.avail_out = room
      return work(pointer)
    }
    switch result {
    // Z_BUF_ERROR is no error: there was nothing to read, or no room to write.
    case Z_OK, Z_STREAM_END, Z_BUF_ERROR:
      return StreamProgress(
        consumed: Int(given - pointer.pointee.avail_in), produced: Int(room - pointer.pointee.avail_out),
        isFinished: result == Z_STREAM_END)
    case Z_DATA_ERROR:
      throw FormatError("zlib stream", pointer.pointee.msg.map { String(cString: $0) } ?? "it is damaged")
    case Z_NEED_DICT: throw FormatError("zlib stream", "it needs a preset dictionary")
    default: throw FormatError("zlib stream", "zlib has no memory for it")
    }
  }
}
