import GitFormat
import VersionedStore

/// A repository of one commit with many large blobs, each of which is made when it is asked for.
final class SyntheticBackend: Backend {
  let format = ObjectFormat.sha1
  let headTarget = RefName.branch("main")!
  private let seeds: [ObjectID: UInt64]
  private let others: [ObjectID: GitObject]
  private let commit: ObjectID

  init(blobs: Int) throws {
    var seeds: [ObjectID: UInt64] = [:]
    var entries: [TreeEntry] = []
    for seed in 0..<UInt64(blobs) {
      let id = try GitObject(.blob, Self.blob(seed)).id(.sha1)
      seeds[id] = seed
      entries.append(TreeEntry(EntryName("\(seed)"), .file, id))
    }
    let tree = GitObject(.tree, TreeObject.serialize(entries))
    let treeID = try tree.id(.sha1)
    let ada = Signature(name: "Ada", email: "ada@home.arpa", time: 1_763_800_000)
    let commit = GitObject(.commit, CommitObject(tree: treeID, parents: [], author: ada, message: "all\n").bytes)
    self.commit = try commit.id(.sha1)
    self.seeds = seeds
    others = [treeID: tree, self.commit: commit]
  }

  /// A mebibyte that hardly gets smaller by compression.
  private static func blob(_ seed: UInt64) -> [UInt8] {
    var state = seed &* 0x9e37_79b9_7f4a_7c15 | 1
    return [UInt8](unsafeUninitializedCapacity: 1 << 20) { buffer, count in
      let words = UnsafeMutableRawBufferPointer(buffer)
      for place in stride(from: 0, to: 1 << 20, by: 8) {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        words.storeBytes(of: state, toByteOffset: place, as: UInt64.self)
      }
      count = 1 << 20
    }
  }

  func object(_ id: ObjectID) throws(StoreError) -> GitObject {
    if let seed = seeds[id] { return GitObject(.blob, Self.blob(seed)) }
    guard let object = others[id] else { throw .missing(id) }
    return object
  }

  func contains(_ id: ObjectID) throws(StoreError) -> Bool { seeds[id] != nil || others[id] != nil }

  func reference(_ name: RefName) throws(StoreError) -> ObjectID? {
    name == .head || name == headTarget ? commit : nil
  }

  func references(under prefix: String) throws(StoreError) -> [(name: RefName, id: ObjectID)] {
    headTarget.text.hasPrefix(prefix) ? [(headTarget, commit)] : []
  }

  func commit(_ batch: Batch) throws(StoreError) { throw .denied("this repository cannot be changed") }
  func publish() throws(StoreError) {}
  func watch(_ onChange: @escaping @Sendable () -> Void) throws(StoreError) -> RefWatch { RefWatch {} }
}
