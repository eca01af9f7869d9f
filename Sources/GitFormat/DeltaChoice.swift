/// Chooses the base of one object among candidates: a small delta, and not deep in a chain.
///
/// A candidate deep in its chain has to make a smaller delta than one near its end, as it leaves less room for what comes
/// after: the allowed size shrinks with the depth that is left, first against half of the object, then against the best
/// delta so far (Git's `try_delta`).
public struct DeltaChoice {
  /// What was chosen.
  public struct Best {
    /// The candidate's number, as the caller counts them.
    public var base: Int
    /// How many deltas have to be applied to get the object.
    public var depth: Int
    public var delta: [UInt8]
  }

  private let size: Int
  private let height: Int
  private let deepest: Int
  private let wholeLimit: Int
  public private(set) var best: Best?

  /// - Parameters:
  ///   - size: of the object, in bytes.
  ///   - height: the longest chain of deltas that is already made on the object.
  ///   - deepest: the longest chain that may come out.
  ///   - limit: what a delta of a base that is no delta has to be below.
  public init(size: Int, height: Int, deepest: Int, limit: Int) {
    self.size = size
    self.height = height
    self.deepest = deepest
    wholeLimit = limit
  }

  /// Tries a candidate.
  ///
  /// - Parameters:
  ///   - base: its number, which `best` gives back.
  ///   - depth: of the candidate in its own chain.
  ///   - baseSize: its size in bytes.
  ///   - index: makes its index; called only where it may be worth it.
  public mutating func consider(
    _ base: Int, depth: Int, baseSize: Int, target: [UInt8], index: () -> Delta.Index
  ) {
    guard depth + 1 + height <= deepest, size - baseSize < wholeLimit, baseSize / 32 <= size else { return }
    let (reference, referenceDepth) = best.map { ($0.delta.count, $0.depth) } ?? (wholeLimit, 1)
    let room = deepest - depth
    let limit = reference * room / (deepest - referenceDepth + 1)
    guard limit > 0, size - baseSize < limit, let delta = index().delta(to: target, limit: limit) else { return }
    if let best, delta.count == best.delta.count, depth + 1 >= best.depth { return }
    best = Best(base: base, depth: depth + 1, delta: delta)
  }
}
