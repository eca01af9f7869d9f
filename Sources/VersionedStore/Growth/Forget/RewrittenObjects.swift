import GitFormat
import HostSystem

/// Objects that a rewriting makes: kept in memory up to a bound, then in packs, and readable all the time together with
/// those of the repository.
final class RewrittenObjects: ObjectReader, @unchecked Sendable {
  // Not locked: a rewriting has one thread.
  private static let mostBytes = 16 << 20

  let backend: GitBackend
  var format: ObjectFormat { backend.format }
  /// Where packs are for a rewriting that only tries what would be; nil where they go into the repository.
  private let trial: (folder: String, packs: PackSet)?
  private var pack = PublishedPack()
  private var pending: [ObjectID: GitObject] = [:]
  /// The files that keep collectors from the packs.
  private var keeps: [String] = []

  /// - Parameter isTrial: nothing is stored in the repository.
  init(over backend: GitBackend, isTrial: Bool) throws(StoreError) {
    self.backend = backend
    guard isTrial else {
      trial = nil
      return
    }
    let folder = try backend.makeQuarantine()
    trial = (folder, PackSet(objects: folder, backend.format))
    try onDisk { () throws(SystemError) in try File.makeFolder(folder + "/pack", mode: 0o700) }
  }

  deinit { if let trial { ReceivedPack.remove(trial.folder) } }

  func write(_ kind: ObjectKind, _ bytes: [UInt8]) throws(StoreError) -> ObjectID {
    let object = GitObject(kind, bytes)
    let id: ObjectID
    do { id = try object.id(format) } catch { throw .malformed(error) }
    try add(NewObject(id: id, object: object))
    return id
  }

  func add(_ new: NewObject) throws(StoreError) {
    guard pending.updateValue(new.object, forKey: new.id) == nil else { return }
    var entry: [UInt8] = []
    PackEntry.append(new.object.kind, new.object.bytes, level: 1, to: &entry)
    pack.add(new.id, entry: entry[...])
    if pack.bytes.count > Self.mostBytes { try flush() }
  }

  /// Puts what is in memory into a pack.
  func flush() throws(StoreError) {
    guard pack.count > 0 else { return }
    if let trial { try writeTrial(into: trial.folder) } else { keeps.append(try backend.publisher.install(pack)) }
    pack = PublishedPack()
    pending = [:]
  }

  private func writeTrial(into folder: String) throws(StoreError) {
    var whole = pack
    let index: [UInt8]
    let name: ObjectID
    do { (index, name) = try whole.finish(format) } catch { throw .malformed(error) }
    let bytes = whole.bytes
    try onDisk { () throws(SystemError) in
      try File.replace("\(folder)/pack/pack-\(name).pack", with: bytes, durable: false)
      try File.replace("\(folder)/pack/pack-\(name).idx", with: index, durable: false)
    }
  }

  /// Lets collectors have the packs, once references name what is in them, or nothing ever will.
  func release() throws(StoreError) {
    for keep in keeps { try backend.publisher.release(keep) }
    keeps = []
  }

  func object(_ id: ObjectID) throws(StoreError) -> GitObject {
    if let object = pending[id] { return object }
    if let object = try trial?.packs.object(id) { return object }
    return try backend.object(id)
  }

  func contains(_ id: ObjectID) throws(StoreError) -> Bool {
    if pending[id] != nil || trial?.packs.contains(id) == true { return true }
    return try backend.contains(id)
  }
}
