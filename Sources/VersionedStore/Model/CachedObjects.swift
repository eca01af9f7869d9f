import GitFormat
import Synchronization

/// Reads through to a back end and keeps the trees read or written last, so that a commit parses and fetches nothing that
/// the one before had in hand.
///
/// Two generations: what is used is in the young one; when that has half of the budget, it becomes the old one, and what was
/// old is forgotten.
final class CachedObjects: ObjectReader {
  private struct Generations {
    var young: [ObjectID: [UInt8]] = [:]
    var old: [ObjectID: [UInt8]] = [:]
    var youngBytes = 0
  }

  let base: any ObjectReader
  let format: ObjectFormat
  private let half: Int
  private let generations = Mutex(Generations())

  /// `budget` is in bytes of tree objects.
  init(over base: any ObjectReader, budget: Int) {
    self.base = base
    format = base.format
    half = max(0, budget / 2)
  }

  func object(_ id: ObjectID) throws(StoreError) -> GitObject {
    if let bytes = cached(id) { return GitObject(.tree, bytes) }
    let object = try base.object(id)
    if object.kind == .tree { keep(id, object.bytes) }
    return object
  }

  func contains(_ id: ObjectID) throws(StoreError) -> Bool {
    if cached(id) != nil { return true }
    return try base.contains(id)
  }

  /// Remembers the trees among objects that have been stored.
  func keep(_ objects: [NewObject]) {
    for new in objects where new.object.kind == .tree { keep(new.id, new.object.bytes) }
  }

  private func cached(_ id: ObjectID) -> [UInt8]? {
    generations.withLock { generations in
      if let bytes = generations.young[id] { return bytes }
      guard let bytes = generations.old[id] else { return nil }
      keep(id, bytes, in: &generations)
      return bytes
    }
  }

  private func keep(_ id: ObjectID, _ bytes: [UInt8]) {
    guard bytes.count <= half / 4 else { return }
    generations.withLock { keep(id, bytes, in: &$0) }
  }

  private func keep(_ id: ObjectID, _ bytes: [UInt8], in generations: inout Generations) {
    guard generations.young.updateValue(bytes, forKey: id) == nil else { return }
    // A dictionary's slot costs about as much as a short tree.
    generations.youngBytes += bytes.count + 128
    guard generations.youngBytes > half else { return }
    generations.old = generations.young
    generations.young = [:]
    generations.youngBytes = 0
  }
}
