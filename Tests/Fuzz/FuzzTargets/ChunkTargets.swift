import GitFormat
import VersionedStore

extension FuzzTarget {
  /// Pointers to values in chunks: one that is read is written as it was.
  static let chunkPointer = FuzzTarget("chunk-pointer") { bytes in
    for format in ObjectFormat.allCases {
      guard let pointer = ChunkPointer(bytes, format) else { continue }
      try promise(pointer.bytes == bytes, "a pointer that was read is another one")
      try promise(pointer.size > 0 && bytes.count <= ChunkPointer.longest, "\(pointer.size) bytes")
      try promise(pointer.tree.format == format && pointer.sha256.format == .sha256, "other formats")
      try promise(ChunkPointer(bytes) == pointer, "a pointer in one format and none in any")
    }
  }
}
