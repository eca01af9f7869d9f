import GitFormat

/// The folders of chunks in a directory that is merged. A value's pointer and its chunks are taken from one side, together.
struct MergedChunks {
  private let base: ObjectID?
  private let ours: ObjectID?
  private let theirs: ObjectID?

  /// nil where no side has one. Takes the directories.
  init?(base: ObjectID?, ours: ObjectID?, theirs: ObjectID?, in buffer: ObjectBuffer) throws(StoreError) {
    self.base = try ChunkFolder.find(in: base, buffer)
    self.ours = try ChunkFolder.find(in: ours, buffer)
    self.theirs = try ChunkFolder.find(in: theirs, buffer)
    if self.base == nil && self.ours == nil && self.theirs == nil { return nil }
  }

  /// Adds the change of our directory's folder to the changes that a merge makes of our directory.
  func adjust(
    _ changes: inout [EntryChange], of directory: ObjectID?, in buffer: ObjectBuffer
  ) throws(StoreError) {
    var trees: [EntryName: ObjectID] = [:]
    for change in changes {
      for folder in [ours, theirs] {
        if let pointer = try ChunkFolder.pointer(change.new, beside: folder, buffer) {
          trees[change.name] = pointer.tree
        }
      }
    }
    // Chunks that they brought to a value which nobody changed.
    for change in try Directories.differences(from: base, to: theirs, in: buffer)
    where change.new != nil && !changes.contains(where: { $0.name == change.name }) {
      let value = try Directories.entry(change.name, of: directory, in: buffer)
      if let pointer = try ChunkFolder.pointer(value, beside: theirs, buffer) { trees[change.name] = pointer.tree }
    }
    let entry = try ChunkFolder.adjusting(ours, to: changes, of: directory, adding: trees, in: buffer)
    changes.append(EntryChange(ChunkFolder.name, from: nil, to: entry))
  }

  /// Adds to the sides of a conflict the chunks that they have.
  func complete(_ conflict: inout MergeConflict, in buffer: ObjectBuffer) throws(StoreError) {
    guard let name = conflict.path.last else { return }
    func chunks(_ side: MergeConflict.Side?, _ folder: ObjectID?) throws(StoreError) -> MergeConflict.Side? {
      guard var side else { return nil }
      side.chunks = try ChunkFolder.pointer(TreeEntry(name, side.mode, side.id), beside: folder, buffer)?.tree
      return side
    }
    conflict.base = try chunks(conflict.base, base)
    conflict.ours = try chunks(conflict.ours, ours)
    conflict.theirs = try chunks(conflict.theirs, theirs)
  }
}
