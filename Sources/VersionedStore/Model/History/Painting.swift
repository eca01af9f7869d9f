import GitFormat

/// Finds out which commits two sides have come from: a walk down from both that colours what each reaches.
///
/// The latest commits go first, so that the sides soon meet (with a limit of depth, the nearest), but no answer rests on a date: a colour that comes late goes on
/// through what has been walked already. The walk ends early just where that is proven to change nothing: when one commit
/// is left to walk, both sides reach it, and no commit without parents has been met. Then each commit met has come from that one, so
/// none of them can be among its ancestors.
struct Painting {
  struct Colours: OptionSet {
    let rawValue: UInt8

    static let left = Colours(rawValue: 1)
    static let right = Colours(rawValue: 2)
    static let both: Colours = [.left, .right]
    /// An ancestor of a commit that both sides reach.
    static let beyond = Colours(rawValue: 4)
    static let walked = Colours(rawValue: 8)
  }

  let graph: CommitGraph
  private var colours: [Colours] = []
  /// How many steps from the nearer side; `.max` for what has not been reached.
  private var depths: [Int] = []
  private var queue = CommitQueue()
  private var metRoot = false
  private var isDepthLimited = false
  /// Whether the walk ended at its depth before all was known.
  private(set) var isCut = false

  init(_ graph: CommitGraph) { self.graph = graph }

  /// - Parameter maxDepth: how many steps to go from the sides.
  mutating func paint(left: [ObjectID], right: [ObjectID], maxDepth: Int = .max) throws(StoreError) {
    isDepthLimited = maxDepth != .max
    for id in left { try reach(graph.number(id), .left, depth: 0) }
    for id in right { try reach(graph.number(id), .right, depth: 0) }
    while let number = queue.first, !isDecided(number) {
      _ = queue.pop()
      let isRoot = try graph.node(number).parents.isEmpty
      guard depths[number] < maxDepth || isRoot else {
        isCut = true
        continue
      }
      try walk(number)
    }
  }

  /// The colours that a commit has been given.
  subscript(number: Int) -> Colours { number < colours.count ? colours[number] : [] }

  /// All commits with exactly these of the two sides' colours.
  func numbers(_ sides: Colours) -> [Int] {
    colours.indices.filter { colours[$0].intersection(.both) == sides }
  }

  /// The latest commits that both sides reach: those that no other such commit reaches. Latest first.
  var meetings: [Int] {
    numbers(.both).filter { !colours[$0].contains(.beyond) }
      .sorted { graph.nodes[$0].time != graph.nodes[$1].time ? graph.nodes[$0].time > graph.nodes[$1].time : $0 < $1 }
  }

  private func isDecided(_ number: Int) -> Bool {
    queue.count == 1 && !metRoot && !isCut && colours[number].isSuperset(of: .both)
  }

  private mutating func walk(_ number: Int) throws(StoreError) {
    colours[number].insert(.walked)
    let node = try graph.node(number)
    if node.parents.isEmpty { metRoot = true }
    let passed = passedOn(colours[number])
    for parent in node.parents { try reach(parent, passed, depth: depths[number] + 1) }
  }

  private func passedOn(_ own: Colours) -> Colours {
    own.isSuperset(of: .both) ? [.both, .beyond] : own.intersection(.both)
  }

  /// Gives a commit colours; where it has been walked, also all that it reached.
  private mutating func reach(_ number: Int, _ new: Colours, depth: Int) throws(StoreError) {
    var late = [(number: number, colours: new)]
    while let (number, new) = late.popLast() {
      while colours.count <= number {
        colours.append([])
        depths.append(.max)
      }
      guard !colours[number].isSuperset(of: new) else { continue }
      colours[number].formUnion(new)
      if colours[number].contains(.walked) {
        let passed = passedOn(colours[number])
        for parent in try graph.node(number).parents { late.append((parent, passed)) }
      } else if depths[number] == .max {
        depths[number] = depth
        queue.push(number, time: isDepthLimited ? -Int64(depth) : try graph.node(number).time)
      }
    }
  }
}
