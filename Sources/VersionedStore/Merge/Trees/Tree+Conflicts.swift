public import GitFormat

// What merges left to people.
extension Tree {
  /// The conflicts that are recorded in this tree, in order of path.
  public func conflicts() throws(StoreError) -> [MergeConflict] { try ConflictRecords(self).all }

  /// The conflicts recorded for a path; more than one where merges followed each other.
  public func conflicts(at path: Path) throws(StoreError) -> [MergeConflict] {
    try conflicts().filter { $0.path == path }
  }

  /// The bytes of one version in a conflict; nil where there is nothing, or a directory or a submodule.
  public func contents(
    _ choice: MergeConflict.Choice, of conflict: MergeConflict
  ) throws(StoreError) -> [UInt8]? {
    guard let side = conflict.side(choice), side.mode.kind == .blob else { return nil }
    return try contents(of: side, at: conflict.path)
  }

  /// Ends a conflict with one of its versions, which takes the place of what is at the path now.
  ///
  /// - Throws: `.notFound` where no such conflict is recorded.
  public mutating func resolve(_ conflict: MergeConflict, with choice: MergeConflict.Choice) throws(StoreError) {
    try removeRecord(conflict)
    try remove(conflict.path)
    guard let side = conflict.side(choice) else { return }
    try setObject(conflict.path, side.mode, side.id, chunks: side.chunks)
  }

  /// Ends a conflict with other contents; nil: with nothing at the path.
  ///
  /// - Throws: `.notFound` where no such conflict is recorded.
  public mutating func resolve(_ conflict: MergeConflict, with contents: Contents?) throws(StoreError) {
    try removeRecord(conflict)
    try remove(conflict.path)
    guard let contents else { return }
    try set(conflict.path, contents.bytes, mode: contents.mode)
  }

  /// Ends a conflict with what is at the path now.
  ///
  /// - Throws: `.notFound` where no such conflict is recorded.
  public mutating func removeRecord(_ conflict: MergeConflict) throws(StoreError) {
    let places = try ConflictRecords.places(of: conflict, in: self)
    guard !places.isEmpty else { throw .notFound(conflict.path) }
    for place in places { try remove(place) }
  }
}
