public import GitFormat

extension Tree {
  /// The first file that differs from another tree and is the pointer of a value that is here, without its chunks beside
  /// it: stock Git moved the one and left the other. What read the file would find a short text.
  ///
  /// - Throws: `.limitReached` where too much differs to be looked at.
  public func lostPointer(since old: Tree) throws(StoreError) -> Path? {
    var lost: Path?
    try old.forEachDifference(to: self) { (change) throws(StoreError) in
      guard let new = change.new, new.chunks == nil, new.mode == .file || new.mode == .executable,
        try objects.kindAndSize(new.id).size <= ChunkPointer.longest,
        let pointer = ChunkPointer(try objects.bytes(new.id, .blob), objects.format),
        try objects.contains(pointer.tree)
      else { return true }
      lost = change.path
      return false
    }
    return lost
  }
}
