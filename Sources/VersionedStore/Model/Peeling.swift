public import GitFormat

extension ObjectReader {
  /// What a chain of annotated tags ends at, and the tags on the way, the first one first.
  ///
  /// - Throws: `.tooLarge` for more than 64 tags of tags; what the store throws when it reads.
  public func peel(_ id: ObjectID) throws(StoreError) -> (target: ObjectID, kind: ObjectKind, tags: [ObjectID]) {
    var tags: [ObjectID] = []
    var id = id
    while true {
      let object = try object(id)
      guard object.kind == .tag else { return (id, object.kind, tags) }
      guard tags.count < 64 else { throw .tooLarge("the chain of tags at \(id)") }
      tags.append(id)
      id = try object.tagged(format)
    }
  }
}

extension GitObject {
  /// The object that an annotated tag is of; nothing else of it is looked at.
  ///
  /// - Throws: `.malformed` where its first line names none.
  func tagged(_ format: ObjectFormat) throws(StoreError) -> ObjectID {
    guard bytes.starts(with: "object ".utf8),
      let target = ObjectID(format, hex: bytes.dropFirst(7).prefix(format.digits))
    else { throw .malformed(FormatError("tag object", "its first line names no object")) }
    return target
  }
}
