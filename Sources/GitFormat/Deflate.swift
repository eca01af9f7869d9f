import CDeflate
import Synchronization

/// Whole zlib streams (RFC 1950), as objects stand in packs and loose files: in memory on both sides, by libdeflate.
/// Streams that come in pieces are for `InflateStream` and `DeflateStream`.
public enum Deflate {
  /// Levels that `compress` accepts: 0 stores, 1 is fastest, 6 is what Git takes, above 9 is slow and smallest.
  public static let levels = 0...12

  /// No stream holds more bytes than this for each of its own: deflate codes 258 of them in two bits.
  private static let greatestRatio = 1_032

  /// Appends a zlib stream of the bytes. Allocates nothing but room in `output`.
  ///
  /// - Parameter level: one of `levels`; others count as the nearest.
  public static func compress(_ bytes: UnsafeRawBufferPointer, level: Int = 6, into output: inout [UInt8]) {
    let level = min(max(level, levels.lowerBound), levels.upperBound)
    let compressor = compressors[level].take()
    defer { compressors[level].giveBack(compressor) }
    let start = output.count
    let room = libdeflate_zlib_compress_bound(compressor.pointer, bytes.count)
    output.append(contentsOf: repeatElement(0, count: room))
    let written = output.withUnsafeMutableBytes {
      libdeflate_zlib_compress(compressor.pointer, bytes.baseAddress, bytes.count, $0.baseAddress! + start, room)
    }
    output.removeLast(room - written)
  }

  /// A zlib stream of the bytes.
  public static func compress(_ bytes: [UInt8], level: Int = 6) -> [UInt8] {
    var output: [UInt8] = []
    bytes.withUnsafeBytes { compress($0, level: level, into: &output) }
    return output
  }

  /// The content of the zlib stream that the bytes begin with, and how many of them the stream is.
  ///
  /// - Parameter size: the content's exact length, which the caller has compared with its own limit. One that the bytes
  ///   cannot hold is refused before room is made for it.
  /// - Throws: where the stream is damaged, is cut off, or holds more or fewer bytes than `size`.
  public static func decompress(
    _ bytes: UnsafeRawBufferPointer, size: Int
  ) throws(FormatError) -> (bytes: [UInt8], consumed: Int) {
    guard size >= 0, size / greatestRatio <= bytes.count else {
      throw FormatError("zlib stream", "\(bytes.count) bytes cannot hold \(size)")
    }
    let pool = usesFixedCodes(bytes) ? fixedDecompressors : decompressors
    let decompressor = pool.take()
    defer { pool.giveBack(decompressor) }
    var consumed = 0
    var result = LIBDEFLATE_BAD_DATA
    let content = [UInt8](unsafeUninitializedCapacity: size) { output, count in
      // Without a place for the length, libdeflate takes a shorter content as an error.
      result = libdeflate_zlib_decompress_ex(
        decompressor.pointer, bytes.baseAddress, bytes.count, output.baseAddress, size, &consumed, nil)
      count = result == LIBDEFLATE_SUCCESS ? size : 0
    }
    switch result {
    case LIBDEFLATE_SUCCESS: return (content, consumed)
    case LIBDEFLATE_SHORT_OUTPUT: throw FormatError("zlib stream", "it holds fewer than \(size) bytes")
    case LIBDEFLATE_INSUFFICIENT_SPACE: throw FormatError("zlib stream", "it holds more than \(size) bytes")
    default: throw FormatError("zlib stream", "it is damaged or cut off")
    }
  }

  /// The content of a zlib stream, which is all of the bytes.
  ///
  /// - Parameter size: as above.
  /// - Throws: as above, and where bytes follow the stream.
  public static func decompress(_ bytes: [UInt8], size: Int) throws(FormatError) -> [UInt8] {
    let (content, consumed) = try bytes.span.bytes.withUnsafeBytes { bytes throws(FormatError) in
      try decompress(bytes, size: size)
    }
    guard consumed == bytes.count else {
      throw FormatError("zlib stream", "\(bytes.count - consumed) bytes follow its end")
    }
    return content
  }

  /// Whether a zlib stream begins with a block of fixed codes (RFC 1951, 3.2.3), as most small objects are.
  private static func usesFixedCodes(_ bytes: UnsafeRawBufferPointer) -> Bool {
    bytes.count > 2 && bytes[2] >> 1 & 3 == 1
  }

  private static let compressors = levels.map { level in
    Pool(
      make: { libdeflate_alloc_compressor(Int32(level)) }, free: { libdeflate_free_compressor($0) })
  }
  private static let decompressors = makeDecompressors()
  /// Their tables stay as they are from one stream to the next, and making those costs more than inflating little.
  private static let fixedDecompressors = makeDecompressors()

  private static func makeDecompressors() -> Pool {
    Pool(make: { libdeflate_alloc_decompressor() }, free: { libdeflate_free_decompressor($0) })
  }
}

/// What libdeflate works in, kept for the next caller: making one costs more than compressing a small object. Nobody waits
/// for anybody: a thread of low priority may be halted at any place.
private final class Pool: @unchecked Sendable {
  /// Belongs to one caller at a time.
  struct Item: @unchecked Sendable { let pointer: OpaquePointer }

  /// More are made when more threads ask at once, and freed when they come back.
  private static let kept = 4

  /// Addresses of items that nobody has now; 0: an empty place.
  private let places: UnsafeMutablePointer<Atomic<UInt>>
  private let make: @Sendable () -> OpaquePointer?
  private let free: @Sendable (OpaquePointer) -> Void

  init(make: @escaping @Sendable () -> OpaquePointer?, free: @escaping @Sendable (OpaquePointer) -> Void) {
    places = .allocate(capacity: Self.kept)
    for index in 0..<Self.kept { (places + index).initialize(to: Atomic(0)) }
    self.make = make
    self.free = free
  }

  func take() -> Item {
    for index in 0..<Self.kept where places[index].load(ordering: .relaxed) != 0 {
      let address = places[index].exchange(0, ordering: .acquiringAndReleasing)
      if let pointer = OpaquePointer(bitPattern: address) { return Item(pointer: pointer) }
    }
    guard let pointer = make() else { preconditionFailure("no memory for a compressor") }
    return Item(pointer: pointer)
  }

  func giveBack(_ item: Item) {
    let address = UInt(bitPattern: item.pointer)
    for index in 0..<Self.kept {
      let (isKept, _) = places[index].compareExchange(expected: 0, desired: address, ordering: .acquiringAndReleasing)
      if isKept { return }
    }
    free(item.pointer)
  }
}
