public import GitFormat

/// A filter of stock Git's (gitattributes, `filter`): in a working tree, values stand where the repository has pointers.
public enum ChunkFilter {
  /// Takes a file's bytes in order.
  public typealias Sink = (UnsafeRawBufferPointer) throws(StoreError) -> Void

  /// What a checkout writes for a stored file: of a pointer whose chunks are here the value, all else as it is.
  ///
  /// - Parameter objects: of the clone. Whoever checks out may read all of them, so the tree of chunks need not stand
  ///   beside the pointer.
  /// - Throws: where chunks are missing or damaged, possibly after a part of the value has been put out.
  public static func smudge(
    _ input: inout some ValueSource, from objects: some ObjectReader, to output: Sink
  ) throws(StoreError) {
    let (beginning, isAll) = try read(&input, atMost: ChunkPointer.longest)
    if isAll, let pointer = ChunkPointer(beginning, objects.format), try objects.contains(pointer.tree) {
      return try ChunkReader(pointer, in: objects).forEachPiece(output)
    }
    try give(beginning, to: output)
    try pass(&input, to: output)
  }

  /// What is stored for a file of a working tree: of a value in chunks that is as it was its pointer, all else as it is.
  ///
  /// So an unchanged value is no change to Git; a changed one becomes an ordinary file, which is cut into chunks when this
  /// store writes it next.
  ///
  /// - Parameters:
  ///   - stored: the bytes that the commit in the working tree has at the path; nil where it has none.
  ///   - limits: the repository's.
  ///   - spool: keeps what has been read until it is known what it is.
  public static func clean(
    _ input: inout some ValueSource, stored: [UInt8]?, _ format: ObjectFormat, _ limits: ChunkLimits,
    spool: some FilterSpool, to output: Sink
  ) throws(StoreError) {
    guard let stored, let pointer = ChunkPointer(stored, format) else { return try pass(&input, to: output) }
    var cutter = ValueCutter(limits) { kind, bytes throws(StoreError) in
      do throws(FormatError) { return try ObjectID.of(kind, bytes, format) } catch { throw .malformed(error) }
    }
    var size = 0
    // With one byte more than the pointer has, it is known to be another value.
    while size <= pointer.size {
      let piece = try input.next(atMost: pieceSize)
      if piece.isEmpty { break }
      size += piece.count
      try spool.append(piece)
      if size <= pointer.size { try cutter.append(piece) }
    }
    if size == pointer.size, try cutter.finish() == pointer { return try give(stored, to: output) }
    try spool.forEachPiece(output)
    try pass(&input, to: output)
  }

  private static var pieceSize: Int { 1 << 18 }

  /// Reads until so many bytes are there and one more, or the end.
  private static func read(
    _ input: inout some ValueSource, atMost limit: Int
  ) throws(StoreError) -> (bytes: [UInt8], isAll: Bool) {
    var bytes: [UInt8] = []
    while bytes.count <= limit {
      let piece = try input.next(atMost: limit + 1 - bytes.count)
      if piece.isEmpty { return (bytes, true) }
      bytes += piece
    }
    return (bytes, false)
  }

  private static func pass(_ input: inout some ValueSource, to output: Sink) throws(StoreError) {
    while true {
      let piece = try input.next(atMost: pieceSize)
      if piece.isEmpty { return }
      try give(piece, to: output)
    }
  }

  private static func give(_ bytes: [UInt8], to output: Sink) throws(StoreError) {
    guard !bytes.isEmpty else { return }
    let span = bytes.span.bytes
    try span.withUnsafeBytes { bytes throws(StoreError) in try output(bytes) }
  }
}

/// Keeps bytes for a while, and gives them back in order.
public protocol FilterSpool {
  func append(_ bytes: [UInt8]) throws(StoreError)
  func forEachPiece(_ body: ChunkFilter.Sink) throws(StoreError)
}
