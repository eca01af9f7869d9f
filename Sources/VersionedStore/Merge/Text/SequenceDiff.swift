/// One place where two sequences differ: these elements of the old one stand for those of the new one.
struct DiffHunk: Equatable {
  var old: Range<Int>
  var new: Range<Int>
}

/// The difference of two sequences of symbols, by Myers' algorithm in linear space ("An O(ND) difference algorithm and its
/// variations", 1986), with a bound on its work: where that is used up, what is left is matched by elements that occur
/// once on each side (Cohen's patience diff), and then not at all. The result is always right; beyond the bound it may be
/// larger than it has to be.
struct SequenceDiff {
  private let a, b: [Int32]
  private var removed, added: [Bool]
  private var forward, backward: [Int]
  private var budget: Int

  /// The hunks that turn `old` into `new`, in order, never touching each other.
  static func hunks(from old: [Int32], to new: [Int32], budget: Int = 20_000_000) -> [DiffHunk] {
    var diff = SequenceDiff(old, new, budget)
    diff.mark()
    return diff.slidDown()
  }

  private init(_ a: [Int32], _ b: [Int32], _ budget: Int) {
    (self.a, self.b, self.budget) = (a, b, budget)
    removed = Array(repeating: false, count: a.count)
    added = Array(repeating: false, count: b.count)
    forward = Array(repeating: 0, count: a.count + b.count + 4)
    backward = forward
  }

  private typealias Block = (old: Range<Int>, new: Range<Int>)

  /// Marks what is removed and added, block by block.
  private mutating func mark() {
    var blocks: [Block] = [(a.indices, b.indices)]
    while var block = blocks.popLast() {
      trim(&block)
      if block.old.isEmpty || block.new.isEmpty {
        for index in block.old { removed[index] = true }
        for index in block.new { added[index] = true }
      } else if let (head, tail) = middle(of: block) {
        blocks += [head, tail]
      } else {
        let between = aroundUniqueElements(of: block)
        if between.count == 1 {
          for index in block.old { removed[index] = true }
          for index in block.new { added[index] = true }
        } else {
          blocks += between
        }
      }
    }
  }

  private func trim(_ block: inout Block) {
    var (low, high) = ((block.old.lowerBound, block.new.lowerBound), (block.old.upperBound, block.new.upperBound))
    while low.0 < high.0, low.1 < high.1, a[low.0] == b[low.1] { low = (low.0 + 1, low.1 + 1) }
    while low.0 < high.0, low.1 < high.1, a[high.0 - 1] == b[high.1 - 1] { high = (high.0 - 1, high.1 - 1) }
    block = (low.0..<high.0, low.1..<high.1)
  }

  /// Splits a block around the middle of a shortest path through it; nil where the budget does not reach so far.
  private mutating func middle(of block: Block) -> (Block, Block)? {
    let (n, m) = (block.old.count, block.new.count)
    let (x0, y0) = (block.old.lowerBound, block.new.lowerBound)
    let delta = n - m, isOdd = delta & 1 != 0
    let origin = m + 1
    forward[origin + 1] = 0
    backward[origin + 1] = 0
    for d in 0...(n + m + 1) / 2 {
      budget -= d + 1
      guard budget > 0 else { return nil }
      for k in stride(from: -(d - 2 * max(0, d - m)), through: d - 2 * max(0, d - n), by: 2) {
        let start = Self.furthest(forward, origin + k, isLowest: k == -d, isHighest: k == d)
        var (x, y) = (start, start - k)
        while x < n, y < m, a[x0 + x] == b[y0 + y] { (x, y) = (x + 1, y + 1) }
        budget -= x - start
        forward[origin + k] = x
        if isOdd, abs(delta - k) <= d - 1, x + backward[origin + delta - k] >= n {
          return split(block, start, start - k, x, y)
        }
      }
      for k in stride(from: -(d - 2 * max(0, d - m)), through: d - 2 * max(0, d - n), by: 2) {
        let start = Self.furthest(backward, origin + k, isLowest: k == -d, isHighest: k == d)
        var (x, y) = (start, start - k)
        while x < n, y < m, a[x0 + n - 1 - x] == b[y0 + m - 1 - y] { (x, y) = (x + 1, y + 1) }
        budget -= x - start
        backward[origin + k] = x
        if !isOdd, abs(delta - k) <= d, x + forward[origin + delta - k] >= n {
          return split(block, n - x, m - y, n - start, m - start + k)
        }
      }
    }
    return nil
  }

  private static func furthest(_ row: [Int], _ index: Int, isLowest: Bool, isHighest: Bool) -> Int {
    isLowest || (!isHighest && row[index - 1] < row[index + 1]) ? row[index + 1] : row[index - 1] + 1
  }

  /// Around the run of equal elements from (x, y) to (u, v), counted from the block's start.
  private func split(_ block: Block, _ x: Int, _ y: Int, _ u: Int, _ v: Int) -> (Block, Block) {
    let (x0, y0) = (block.old.lowerBound, block.new.lowerBound)
    return (
      (x0..<x0 + x, y0..<y0 + y), (x0 + u..<block.old.upperBound, y0 + v..<block.new.upperBound)
    )
  }

  /// The blocks between the longest rising chain of elements that occur exactly once on each side.
  private func aroundUniqueElements(of block: Block) -> [Block] {
    var places: [Int32: (old: Int, new: Int, count: Int)] = [:]
    for index in block.old { places[a[index], default: (index, -1, 0)].count += 1 }
    for index in block.new where places[b[index]]?.count == 1 {
      // A second one on this side makes the count 3, and so unlike 1.
      if places[b[index]]!.new >= 0 { places[b[index]]!.count = 3 } else { places[b[index]]!.new = index }
    }
    let pairs = places.values.filter { $0.count == 1 && $0.new >= 0 }.sorted { $0.old < $1.old }
    var between: [Block] = []
    var low = (block.old.lowerBound, block.new.lowerBound)
    for (old, new) in Self.longestRising(pairs.map { ($0.old, $0.new) }) {
      between.append((low.0..<old, low.1..<new))
      low = (old + 1, new + 1)
    }
    between.append((low.0..<block.old.upperBound, low.1..<block.new.upperBound))
    return between
  }

  /// The longest subsequence whose second members rise, by patience sorting.
  private static func longestRising(_ pairs: [(Int, Int)]) -> [(Int, Int)] {
    var tops: [Int] = []
    var before = [Int?](repeating: nil, count: pairs.count)
    for (index, pair) in pairs.enumerated() {
      var (low, high) = (0, tops.count)
      while low < high {
        let half = (low + high) / 2
        if pairs[tops[half]].1 < pair.1 { low = half + 1 } else { high = half }
      }
      before[index] = low > 0 ? tops[low - 1] : nil
      if low == tops.count { tops.append(index) } else { tops[low] = index }
    }
    var chain: [(Int, Int)] = []
    var next = tops.last
    while let index = next {
      chain.append(pairs[index])
      next = before[index]
    }
    return chain.reversed()
  }

  /// The hunks that are marked. One that only removes or only adds stands as far down as it can, so that the same edit is
  /// found at the same place in two comparisons.
  private mutating func slidDown() -> [DiffHunk] {
    var hunks: [DiffHunk] = []
    var (x, y) = (a.count, b.count)
    while x > 0 || y > 0 {
      if (x == 0 || !removed[x - 1]) && (y == 0 || !added[y - 1]) {
        (x, y) = (x - 1, y - 1)
        continue
      }
      let end = (x, y)
      while x > 0, removed[x - 1] { x -= 1 }
      while y > 0, added[y - 1] { y -= 1 }
      append(DiffHunk(old: x..<end.0, new: y..<end.1), to: &hunks)
    }
    return hunks.reversed()
  }

  /// Appends a hunk that stands above those that are there, slid down towards the last of them and joined with it where
  /// they meet.
  private func append(_ hunk: DiffHunk, to hunks: inout [DiffHunk]) {
    var hunk = hunk
    while true {
      let limit = hunks.last.map { ($0.old.lowerBound, $0.new.lowerBound) } ?? (a.count, b.count)
      if hunk.new.isEmpty || hunk.old.isEmpty {
        let isRemoval = hunk.new.isEmpty
        while hunk.old.upperBound < limit.0,
          isRemoval
            ? a[hunk.old.lowerBound] == a[hunk.old.upperBound] : b[hunk.new.lowerBound] == b[hunk.new.upperBound]
        {
          hunk.old = hunk.old.lowerBound + 1..<hunk.old.upperBound + 1
          hunk.new = hunk.new.lowerBound + 1..<hunk.new.upperBound + 1
        }
      }
      guard let last = hunks.last, hunk.old.upperBound == last.old.lowerBound else { break }
      hunk = DiffHunk(
        old: hunk.old.lowerBound..<last.old.upperBound, new: hunk.new.lowerBound..<last.new.upperBound)
      hunks.removeLast()
    }
    hunks.append(hunk)
  }
}
