public import GitFormat

/// Which commits a log tells, and in which order.
public struct LogOptions: Sendable {
  public enum Order: Sendable {
    /// The latest by the committer's clock first, as `git log` has it. Begins at once, also in a long history.
    case date
    /// None before all those that came from it, and lines of work one after the other, as `git log --topo-order` has it.
    /// Begins when the whole history has been walked.
    case topological
  }

  public var order: Order
  /// How many commits to tell.
  public var limit: Int
  /// Only those that changed what is at this path, as `git log -- path` tells them: of a merge that took one parent's version,
  /// only that parent's history.
  public var path: Path?
  /// Nothing that is in the history of these.
  public var excluding: [ObjectID]

  public init(order: Order = .date, limit: Int = .max, path: Path? = nil, excluding: [ObjectID] = []) {
    self.order = order
    self.limit = limit
    self.path = path
    self.excluding = excluding
  }
}

extension History {
  /// The commits from which these have come, with themselves.
  public func log(from heads: [ObjectID], _ options: LogOptions = LogOptions()) throws(StoreError) -> [Commit] {
    var commits: [Commit] = []
    try forEachCommit(from: heads, options) { commit in
      commits.append(commit)
      return true
    }
    return commits
  }

  /// Calls with each commit of the log, until the closure says no.
  public func forEachCommit(
    from heads: [ObjectID], _ options: LogOptions = LogOptions(), _ body: (Commit) throws(StoreError) -> Bool
  ) throws(StoreError) {
    var walk = try LogWalk(self, from: heads, options)
    var left = options.limit
    while left > 0, let id = try walk.next() {
      guard try body(Commit(id, in: objects)) else { return }
      left -= 1
    }
  }

  /// The latest commits that changed what is at a path.
  ///
  /// - Parameter count: how many at most.
  public func lastModified(
    _ path: Path, from head: ObjectID, count: Int = 1
  ) throws(StoreError) -> [Commit] {
    try log(from: [head], LogOptions(limit: count, path: path))
  }
}

/// A log under way.
private struct LogWalk {
  private let graph: CommitGraph
  private let objects: any ObjectReader
  private let path: Path?
  /// The commits to stay within; nil: all.
  private var included: Set<Int>?
  private var traces: [Int: PathTrace] = [:]
  private var seen: Set<Int> = []
  private var queue = CommitQueue()
  /// The whole answer in topological order, last first.
  private var ordered: [Int]?

  init(_ history: History, from heads: [ObjectID], _ options: LogOptions) throws(StoreError) {
    graph = history.graph()
    objects = history.objects
    path = options.path
    if !options.excluding.isEmpty {
      var painting = Painting(graph)
      try painting.paint(left: heads, right: options.excluding)
      included = Set(painting.numbers(.left))
    }
    for head in heads { try push(graph.number(head)) }
    guard options.order == .topological else { return }
    ordered = try topological().reversed()
  }

  mutating func next() throws(StoreError) -> ObjectID? {
    if let number = ordered?.popLast() { return graph.nodes[number].id }
    guard ordered == nil else { return nil }
    while let number = queue.pop() {
      let step = try step(number)
      for parent in step.parents { try push(parent) }
      if step.isShown { return graph.nodes[number].id }
    }
    return nil
  }

  private mutating func push(_ number: Int) throws(StoreError) {
    guard included?.contains(number) != false, seen.insert(number).inserted else { return }
    queue.push(number, time: try graph.node(number).time)
  }

  /// Whether a commit is told, and which of its parents the walk goes on to.
  private mutating func step(_ number: Int) throws(StoreError) -> (isShown: Bool, parents: [Int]) {
    let node = try graph.node(number)
    guard let path else { return (true, node.parents) }
    let trace: PathTrace
    if let known = traces.removeValue(forKey: number) {
      trace = known
    } else {
      trace = try PathTrace(path, in: node.tree, near: nil, objects)
    }
    let end = trace.end(of: path)
    guard !node.parents.isEmpty else { return (end != nil, []) }
    for parent in node.parents {
      let before = try PathTrace(path, in: graph.node(parent).tree, near: trace, objects)
      if !seen.contains(parent) { traces[parent] = before }
      if before.end(of: path) == end { return (false, [parent]) }
    }
    return (true, node.parents)
  }

  /// Git's order: a commit comes when all that came from it have, the latest to become free first (sort_in_topological_order).
  private mutating func topological() throws(StoreError) -> [Int] {
    var steps: [Int: (isShown: Bool, parents: [Int])] = [:]
    var tips: [Int] = []
    var awaited: [Int: Int] = [:]
    while let number = queue.pop() {
      tips.append(number)
      let step = try step(number)
      steps[number] = step
      for parent in step.parents {
        try push(parent)
        awaited[parent, default: 0] += 1
      }
    }
    var free = Array(tips.filter { awaited[$0] == nil }.reversed())
    var order: [Int] = []
    while let number = free.popLast() {
      guard let step = steps[number] else { continue }
      if step.isShown { order.append(number) }
      for parent in step.parents {
        let left = (awaited[parent] ?? 0) - 1
        awaited[parent] = left
        if left == 0 { free.append(parent) }
      }
    }
    return order
  }
}
