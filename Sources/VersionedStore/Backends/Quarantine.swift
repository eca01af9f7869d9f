public import GitFormat

/// A repository as it would be with a received pack.
public struct Quarantine: ObjectReader {
  private let pack: ReceivedPack
  private let base: any ObjectReader

  public init(pack: ReceivedPack, base: any ObjectReader) {
    self.pack = pack
    self.base = base
  }

  public var format: ObjectFormat { base.format }

  public func object(_ id: ObjectID) throws(StoreError) -> GitObject {
    try pack.contains(id) ? pack.object(id) : base.object(id)
  }

  public func kindAndSize(_ id: ObjectID) throws(StoreError) -> (kind: ObjectKind, size: Int) {
    try pack.contains(id) ? pack.kindAndSize(id) : base.kindAndSize(id)
  }

  public func contains(_ id: ObjectID) throws(StoreError) -> Bool {
    if try pack.contains(id) { return true }
    return try base.contains(id)
  }
}
