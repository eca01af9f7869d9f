import GitFormat

/// Reads through to a back end and keeps the trees read or written last, so that a commit parses and fetches nothing
/// that the one before had in hand. What is on its way into the back end can be read here already.
final class CachedObjects: ObjectReader {
  let base: any ObjectReader
  let format: ObjectFormat
  let chunkLimits: ChunkLimits
  private let trees: ObjectCache<ObjectID>
  /// Objects that are being stored, and for how many commits.
  private let staged = Guarded<[ObjectID: (object: GitObject, uses: Int)]>([:])

  /// `budget` is in bytes of tree objects.
  init(over base: any ObjectReader, budget: Int, _ chunkLimits: ChunkLimits) {
    self.base = base
    self.chunkLimits = chunkLimits
    format = base.format
    trees = ObjectCache(capacity: budget)
  }

  func object(_ id: ObjectID) throws(StoreError) -> GitObject {
    if let object = trees.object(id) { return object }
    if let object = staged(id) { return object }
    let object = try base.object(id)
    if object.kind == .tree { trees.insert(object, id) }
    return object
  }

  func bytes(_ id: ObjectID, _ kind: ObjectKind) throws(StoreError) -> [UInt8] {
    let object: GitObject
    if kind == .tree {
      object = try self.object(id)
    } else if let known = staged(id) {
      object = known
    } else {
      object = try base.object(id)
    }
    guard object.kind == kind else { throw .wrongKind(id, found: object.kind, expected: kind) }
    return object.bytes
  }

  private func staged(_ id: ObjectID) -> GitObject? { staged.withLock { $0.isEmpty ? nil : $0[id]?.object } }

  func kindAndSize(_ id: ObjectID) throws(StoreError) -> (kind: ObjectKind, size: Int) {
    if let object = staged(id) { return (object.kind, object.bytes.count) }
    return try base.kindAndSize(id)
  }

  func contains(_ id: ObjectID) throws(StoreError) -> Bool {
    // Not what is cached: that may be gone from the back end, or never have come there.
    if staged.withLock({ $0[id] != nil }) { return true }
    return try base.contains(id)
  }

  /// Remembers the trees among objects.
  func keep(_ objects: [NewObject]) {
    for new in objects where new.object.kind == .tree { trees.insert(new.object, new.id) }
  }

  /// Makes objects readable before they are stored, until `unstage`, and remembers the trees among them.
  func stage(_ objects: [NewObject]) {
    staged.withLock { staged in
      for new in objects { staged[new.id, default: (new.object, 0)].uses += 1 }
    }
    keep(objects)
  }

  func unstage(_ objects: [NewObject]) {
    staged.withLock { staged in
      for new in objects {
        guard let entry = staged[new.id] else { continue }
        staged[new.id] = entry.uses > 1 ? (entry.object, entry.uses - 1) : nil
      }
    }
  }

  /// Lets go of trees; what is being stored stays readable.
  func removeAll() { trees.removeAll() }
}
