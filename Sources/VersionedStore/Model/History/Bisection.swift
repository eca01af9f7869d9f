public import GitFormat

/// The search for the commit that broke something: tells which commit to test, takes the answer, and halves what is left.
///
/// A value without a store: it holds the commits that are in question and what they came from.
public struct Bisection: Sendable, Equatable {
  public enum Answer: Sendable { case good, bad, skip }

  public enum Step: Equatable, Sendable {
    /// Try this one. So many commits are in question, it among them.
    case test(ObjectID, left: Int)
    /// This one broke it: it is bad, and all it came from are good.
    case found(ObjectID)
    /// One of these did; all but the bad one had to be skipped.
    case undecided([ObjectID])
  }

  /// The commits in question, none before one that it came from.
  private var commits: [ObjectID]
  /// Of each, those in question that it came from, by place in `commits`.
  private var parents: [[Int]]
  private var skipped: Set<ObjectID> = []

  /// - Parameters:
  ///   - bad: a commit that is known to be bad.
  ///   - parents: of each commit in question (that `bad` came from, itself included, and that is not known to be good) what it
  ///     came from. Parents that are no keys are not in question.
  /// - Throws: `.invalid` where `bad` is not in question, because something good came from it.
  public init(bad: ObjectID, parents: [ObjectID: [ObjectID]]) throws(StoreError) {
    guard parents[bad] != nil else { throw .invalid("\(bad) is in the history of a commit that is said to be good") }
    commits = []
    self.parents = []
    var places: [ObjectID: Int] = [:]
    // Depth first without recursion: a commit is placed when those it came from are.
    var open: [(id: ObjectID, isEntered: Bool)] = [(bad, false)]
    while let (id, isEntered) = open.popLast() {
      guard places[id] == nil, let above = parents[id] else { continue }
      if isEntered {
        places[id] = commits.count
        commits.append(id)
        self.parents.append(above.compactMap { places[$0] })
      } else {
        open.append((id, true))
        for parent in above where places[parent] == nil { open.append((parent, false)) }
      }
    }
  }

  /// How many commits are in question.
  public var count: Int { commits.count }

  /// What to do now.
  public var step: Step {
    guard let bad = commits.last, commits.count > 1 else { return commits.first.map(Step.found) ?? .undecided([]) }
    let weights = weights()
    var best: (place: Int, score: Int)?
    for place in 0..<(commits.count - 1) where !skipped.contains(commits[place]) {
      let score = min(weights[place], commits.count - weights[place])
      if score > best?.score ?? 0 { best = (place, score) }
    }
    guard let best else { return .undecided(commits.dropLast() + [bad]) }
    return .test(commits[best.place], left: commits.count)
  }

  /// Takes an answer. What is known already is no news.
  ///
  /// - Throws: `.invalid` where it contradicts another: the bad commit said to be good, or one said to be bad that is known to be good.
  public mutating func mark(_ id: ObjectID, _ answer: Answer) throws(StoreError) {
    guard let place = commits.firstIndex(of: id) else {
      guard answer == .bad else { return }
      throw .invalid("\(id) is not among the commits in question, so it cannot be the one that broke it")
    }
    switch answer {
    case .skip: skipped.insert(id)
    case .bad: keep(reached(from: place))
    case .good:
      guard place != commits.count - 1 else { throw .invalid("\(id) is known to be bad") }
      let good = reached(from: place)
      keep(good.map { !$0 })
    }
  }

  /// Of each commit, how many of those in question it came from, itself included.
  private func weights() -> [Int] {
    var weights = Array(repeating: 1, count: commits.count)
    for place in commits.indices {
      switch parents[place].count {
      case 0: break
      case 1: weights[place] = weights[parents[place][0]] + 1
      default: weights[place] = reached(from: place).count { $0 }
      }
    }
    return weights
  }

  private func reached(from place: Int) -> [Bool] {
    var isReached = Array(repeating: false, count: commits.count)
    isReached[place] = true
    for place in (0...place).reversed() where isReached[place] {
      for parent in parents[place] { isReached[parent] = true }
    }
    return isReached
  }

  private mutating func keep(_ isKept: [Bool]) {
    var places = Array(repeating: -1, count: commits.count)
    var kept: [ObjectID] = []
    var keptParents: [[Int]] = []
    for place in commits.indices where isKept[place] {
      places[place] = kept.count
      kept.append(commits[place])
      keptParents.append(parents[place].map { places[$0] }.filter { $0 >= 0 })
    }
    commits = kept
    parents = keptParents
  }
}

extension History {
  /// The search for the first bad commit between good ones and a bad one.
  ///
  /// - Throws: `.invalid` where the bad one is in the history of a good one.
  public func bisection(bad: ObjectID, good: [ObjectID]) throws(StoreError) -> Bisection {
    var painting = Painting(graph())
    try painting.paint(left: [bad], right: good)
    var parents: [ObjectID: [ObjectID]] = [:]
    for number in painting.numbers(.left) {
      let node = try painting.graph.node(number)
      parents[node.id] = node.parents.map { painting.graph.nodes[$0].id }
    }
    return try Bisection(bad: bad, parents: parents)
  }
}
