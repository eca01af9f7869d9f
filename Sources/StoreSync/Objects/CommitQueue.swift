import GitFormat

/// Commits on the way of a walk, the newest first.
struct CommitQueue {
  private struct Item {
    var time: Int64
    /// Of two commits of one second, the one that was found first comes first.
    var order: Int
    var id: ObjectID
  }

  private var heap: [Item] = []
  private var added = 0

  var isEmpty: Bool { heap.isEmpty }
  /// The time of the next commit.
  var newestTime: Int64? { heap.first?.time }

  mutating func insert(_ id: ObjectID, time: Int64) {
    heap.append(Item(time: time, order: added, id: id))
    added += 1
    var index = heap.count - 1
    while index > 0, precedes(index, (index - 1) / 2) {
      heap.swapAt(index, (index - 1) / 2)
      index = (index - 1) / 2
    }
  }

  mutating func popNewest() -> ObjectID? {
    guard let first = heap.first else { return nil }
    let last = heap.removeLast()
    if !heap.isEmpty {
      heap[0] = last
      sink()
    }
    return first.id
  }

  private mutating func sink() {
    var index = 0
    while true {
      var newest = index
      for child in [2 * index + 1, 2 * index + 2] where child < heap.count && precedes(child, newest) { newest = child }
      if newest == index { return }
      heap.swapAt(index, newest)
      index = newest
    }
  }

  private func precedes(_ left: Int, _ right: Int) -> Bool {
    (heap[right].time, heap[left].order) < (heap[left].time, heap[right].order)
  }
}
