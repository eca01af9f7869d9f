import GitFormat
import VersionedStore

/// Says which commits a client has, newest first, until enough of them are common (git-fetch, negotiation "consecutive").
struct Negotiator {
  private let history: History
  private let objects: any ObjectReader
  private var queue = CommitQueue()
  private var seen: Set<ObjectID> = []
  /// What both sides have; its history need not be told.
  private var common: Set<ObjectID> = []
  private var queued = 0
  private var told: Set<ObjectID> = []

  /// - Parameter tips: what the client's references name.
  init(tips: [ObjectID], in objects: any Backend) throws(StoreError) {
    history = History(objects, cut: try objects.shallowCommits)
    self.objects = objects
    for tip in tips {
      let (target, kind, _) = try objects.peel(tip)
      if kind == .commit { try insert(target) }
    }
  }

  private mutating func insert(_ id: ObjectID) throws(StoreError) {
    guard seen.insert(id).inserted, try objects.contains(id) else { return }
    queue.insert(id, time: try history.link(id).time)
  }

  /// The next commits to tell of, at most so many; none when all is told.
  mutating func next(_ count: Int) throws(StoreError) -> [ObjectID] {
    var batch: [ObjectID] = []
    while batch.count < count, let id = queue.popNewest() {
      let isCommon = common.contains(id)
      if !isCommon {
        batch.append(id)
        told.insert(id)
      }
      for parent in try history.link(id).parents {
        if isCommon { common.insert(parent) }
        try insert(parent)
      }
    }
    return batch
  }

  /// The other side has a commit, and with it all before.
  mutating func acknowledge(_ id: ObjectID) throws(StoreError) {
    guard told.contains(id), common.insert(id).inserted else { return }
    for parent in try history.link(id).parents { common.insert(parent) }
  }

  /// What both sides have, of what was told.
  var commonTold: [ObjectID] { told.intersection(common).sorted() }
}
