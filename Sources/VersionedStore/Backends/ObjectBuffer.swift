public import GitFormat

/// New objects before they are stored, read through to what is stored already.
public final class ObjectBuffer: ObjectReader, @unchecked Sendable {
  // Not locked: a buffer belongs to one change, and one thread makes it.
  private let base: any ObjectReader
  private var added: [ObjectID: Int] = [:]
  public private(set) var objects: [NewObject] = []

  public init(over base: any ObjectReader) { self.base = base }

  public var format: ObjectFormat { base.format }

  /// Adds an object and tells its name. One that was added before is not added again.
  public func write(_ kind: ObjectKind, _ bytes: [UInt8]) throws(StoreError) -> ObjectID {
    let object = GitObject(kind, bytes)
    let id: ObjectID
    do { id = try object.id(format) } catch { throw .malformed(error) }
    if added[id] == nil {
      added[id] = objects.count
      objects.append(NewObject(id: id, object: object))
    }
    return id
  }

  public func object(_ id: ObjectID) throws(StoreError) -> GitObject {
    if let index = added[id] { return objects[index].object }
    return try base.object(id)
  }

  public func kindAndSize(_ id: ObjectID) throws(StoreError) -> (kind: ObjectKind, size: Int) {
    if let index = added[id] { return (objects[index].object.kind, objects[index].object.bytes.count) }
    return try base.kindAndSize(id)
  }

  public var chunkLimits: ChunkLimits { base.chunkLimits }

  public func contains(_ id: ObjectID) throws(StoreError) -> Bool {
    if added[id] != nil { return true }
    return try base.contains(id)
  }
}
