/// A three-way merge of sequences (Khanna, Kunal and Pierce, "A formal investigation of diff3", 2007): which parts of
/// three sequences belong together, and who changed them.
struct SequenceMerge {
  enum Change { case none, ours, theirs, same, both }

  /// A part of each sequence; together the regions cover all three in order.
  struct Region {
    var change: Change
    var base, ours, theirs: Range<Int>
  }

  /// Whether changes that touch without overlapping are one region, as in texts, where each line depends on its
  /// neighbours.
  var joinsNeighbours: Bool
  /// Changes of one side with fewer unchanged elements than this between them count as one change: chance matches within a
  /// rewritten word keep nothing apart.
  var minimumGap = 1
  /// The work that each of the two comparisons may do, in steps.
  var budget = 20_000_000

  func regions<Element: Hashable>(base: [Element], ours: [Element], theirs: [Element]) -> [Region] {
    var symbols: [Element: Int32] = [:]
    func intern(_ elements: [Element]) -> [Int32] {
      elements.map { element in
        if let symbol = symbols[element] { return symbol }
        let symbol = Int32(truncatingIfNeeded: symbols.count)
        symbols[element] = symbol
        return symbol
      }
    }
    return regions(symbols: (intern(base), intern(ours), intern(theirs)))
  }

  private func regions(symbols: (base: [Int32], ours: [Int32], theirs: [Int32])) -> [Region] {
    let (base, ours, theirs) = symbols
    var left = hunks(base, ours)[...]
    var right = hunks(base, theirs)[...]
    var regions: [Region] = []
    var (b, o, t) = (0, 0, 0)
    /// Adds the next part, given by its ends.
    func add(_ change: Change, _ ends: (Int, Int, Int)) {
      let region = Region(change: change, base: b..<ends.0, ours: o..<ends.1, theirs: t..<ends.2)
      (b, o, t) = ends
      if !region.base.isEmpty || !region.ours.isEmpty || !region.theirs.isEmpty { regions.append(region) }
    }
    while let first = Self.first(left.first, right.first) {
      let start = first.lowerBound
      add(.none, (start, o + start - b, t + start - b))
      var end = start
      var mine: [DiffHunk] = [], yours: [DiffHunk] = []
      while true {
        let isFirst = mine.isEmpty && yours.isEmpty
        if let hunk = left.first, isFirst ? hunk.old == first : belongs(hunk.old, to: start..<end, with: yours) {
          mine.append(left.removeFirst())
          end = max(end, hunk.old.upperBound)
        } else if let hunk = right.first, isFirst ? hunk.old == first : belongs(hunk.old, to: start..<end, with: mine) {
          yours.append(right.removeFirst())
          end = max(end, hunk.old.upperBound)
        } else {
          break
        }
      }
      let ends = (end, o + Self.newCount(mine, end - start), t + Self.newCount(yours, end - start))
      let isSame = ours[o..<ends.1] == theirs[t..<ends.2]
      add(yours.isEmpty ? .ours : mine.isEmpty ? .theirs : isSame ? .same : .both, ends)
    }
    add(.none, (base.count, ours.count, theirs.count))
    return regions
  }

  /// The upper one of two hunks; at one place the shorter, so that an insertion comes before what follows it.
  private static func first(_ left: DiffHunk?, _ right: DiffHunk?) -> Range<Int>? {
    guard let left, let right else { return left?.old ?? right?.old }
    let isLeft = (left.old.lowerBound, left.old.upperBound) <= (right.old.lowerBound, right.old.upperBound)
    return isLeft ? left.old : right.old
  }

  /// Whether a hunk is part of the region that has been found so far.
  private func belongs(_ hunk: Range<Int>, to region: Range<Int>, with others: [DiffHunk]) -> Bool {
    if hunk.lowerBound < region.upperBound { return true }
    guard hunk.lowerBound == region.upperBound else { return false }
    // Two insertions at one place always meet.
    return joinsNeighbours || (hunk.isEmpty && others.contains { $0.old == hunk })
  }

  /// A side's hunks, joined where fewer than `minimumGap` unchanged elements are between them.
  private func hunks(_ old: [Int32], _ new: [Int32]) -> [DiffHunk] {
    let hunks = SequenceDiff.hunks(from: old, to: new, budget: budget)
    guard minimumGap > 1 else { return hunks }
    return hunks.reduce(into: []) { joined, hunk in
      if let last = joined.last, hunk.old.lowerBound - last.old.upperBound < minimumGap {
        joined[joined.count - 1] = DiffHunk(
          old: last.old.lowerBound..<hunk.old.upperBound, new: last.new.lowerBound..<hunk.new.upperBound)
      } else {
        joined.append(hunk)
      }
    }
  }

  /// How many elements a side has where the base has `count`.
  private static func newCount(_ hunks: [DiffHunk], _ count: Int) -> Int {
    hunks.reduce(count) { $0 + $1.new.count - $1.old.count }
  }
}

extension SequenceMerge {
  /// Merges the elements of arrays. What both sides put in at one place is all kept, the smaller bytes first. Where both
  /// sides changed as many elements as there were, each is merged with its counterpart.
  ///
  /// - Parameter name: what the array is called in a conflict.
  static func elements<Element: Hashable>(
    _ base: [Element], _ ours: [Element], _ theirs: [Element], of name: String,
    bytes: (ArraySlice<Element>) -> [UInt8],
    each: (_ base: Element, _ ours: Element, _ theirs: Element) throws(MergeFailure) -> Element
  ) throws(MergeFailure) -> [Element] {
    var merged: [Element] = []
    for region in SequenceMerge(joinsNeighbours: false).regions(base: base, ours: ours, theirs: theirs) {
      let (old, mine, yours) = (base[region.base], ours[region.ours], theirs[region.theirs])
      switch region.change {
      case .none, .ours, .same: merged += mine
      case .theirs: merged += yours
      case .both:
        if old.isEmpty {
          merged += [UInt8].precedes(bytes(yours), bytes(mine)) ? yours + mine : mine + yours
        } else if old.count == mine.count, old.count == yours.count {
          for (old, (mine, yours)) in zip(old, zip(mine, yours)) { merged.append(try each(old, mine, yours)) }
        } else {
          throw .conflict("both sides changed the same elements of \(name)")
        }
      }
    }
    return merged
  }
}
