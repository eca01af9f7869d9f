/// Commits that wait in a walk, latest first (a binary heap). Of two of one time the one that came first.
struct CommitQueue {
  private struct Item {
    let time: Int64
    let order: Int
    let number: Int

    func precedes(_ other: Item) -> Bool { time != other.time ? time > other.time : order < other.order }
  }

  private var items: [Item] = []
  private var pushed = 0

  var count: Int { items.count }
  var isEmpty: Bool { items.isEmpty }
  /// The number of the latest.
  var first: Int? { items.first?.number }

  mutating func push(_ number: Int, time: Int64) {
    items.append(Item(time: time, order: pushed, number: number))
    pushed += 1
    var child = items.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard items[child].precedes(items[parent]) else { break }
      items.swapAt(child, parent)
      child = parent
    }
  }

  /// The number of the latest, which is taken out.
  mutating func pop() -> Int? {
    guard let first = items.first, let last = items.popLast() else { return nil }
    guard !items.isEmpty else { return first.number }
    items[0] = last
    var parent = 0
    while true {
      var next = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < items.count && items[child].precedes(items[next]) {
        next = child
      }
      guard next != parent else { return first.number }
      items.swapAt(parent, next)
      parent = next
    }
  }
}
