import GitFormat
import Synchronization

/// Reads through to a back end and keeps the trees read or written last, so that a commit parses and fetches nothing
/// that the one before had in hand. What is on its way into the back end can be read here already.
///
/// Two generations: what is used is in the young one; when that has half of the budget, it becomes the old one, and
/// what was old is forgotten.
final class CachedObjects: ObjectReader {
  private struct Generations {
    var young: [ObjectID: [UInt8]] = [:]
    var old: [ObjectID: [UInt8]] = [:]
    var youngBytes = 0
    /// Objects that are being stored, and for how many commits.
    var staged: [ObjectID: (object: GitObject, uses: Int)] = [:]
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
    if let object = known(id) { return object }
    let object = try base.object(id)
    if object.kind == .tree { keep(id, object.bytes) }
    return object
  }

  func contains(_ id: ObjectID) throws(StoreError) -> Bool {
    if known(id) != nil { return true }
    return try base.contains(id)
  }

  /// Remembers the trees among objects that have been stored.
  func keep(_ objects: [NewObject]) {
    for new in objects where new.object.kind == .tree { keep(new.id, new.object.bytes) }
  }

  /// Makes objects readable before they are stored, until `unstage`.
  func stage(_ objects: [NewObject]) {
    generations.withLock { generations in
      for new in objects { generations.staged[new.id, default: (new.object, 0)].uses += 1 }
    }
  }

  func unstage(_ objects: [NewObject]) {
    generations.withLock { generations in
      for new in objects {
        guard let staged = generations.staged[new.id] else { continue }
        generations.staged[new.id] = staged.uses > 1 ? (staged.object, staged.uses - 1) : nil
      }
    }
  }

  /// Lets go of trees; what is being stored stays readable.
  func removeAll() {
    generations.withLock { generations in
      generations.young = [:]
      generations.old = [:]
      generations.youngBytes = 0
    }
  }

  private func known(_ id: ObjectID) -> GitObject? {
    generations.withLock { generations in
      if let bytes = generations.young[id] { return GitObject(.tree, bytes) }
      if let staged = generations.staged[id] { return staged.object }
      guard let bytes = generations.old[id] else { return nil }
      keep(id, bytes, in: &generations)
      return GitObject(.tree, bytes)
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
