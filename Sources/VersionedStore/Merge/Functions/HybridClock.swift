/// Gives the times of one writer. The time of day is passed in.
///
/// A wrong or hostile time from elsewhere moves this clock ahead of the time of day by `maximumLead` at most; a value with
/// a time beyond that can still be overwritten, for a stamp is always later than the value that it replaces. A router that
/// boots in 1970 counts from `notBefore`: the time of the newest commit it holds, or of its image.
public struct HybridClock: Sendable {
  public let node: UInt64
  /// Milliseconds since 1970 that the time of day is certainly not before.
  public private(set) var notBefore: Int64
  /// How far ahead of the time of day times from elsewhere are followed, in milliseconds.
  public let maximumLead: Int64
  private var last: HybridTime

  public init(node: UInt64, notBefore: Int64 = 0, maximumLead: Int64 = 24 * 3_600_000) {
    self.node = node
    self.notBefore = HybridTime(wall: notBefore, node: node).wall
    self.maximumLead = min(max(0, maximumLead), HybridTime.maximumWall)
    last = HybridTime(wall: 0, node: node)
  }

  /// Takes note of a time that came with a value from elsewhere.
  ///
  /// - Returns: whether the clock follows it; false where it is too far ahead.
  @discardableResult
  public mutating func observe(_ time: HybridTime, wall: Int64) -> Bool {
    guard time.wall <= floor(wall) + maximumLead else { return false }
    last = max(last, time)
    return true
  }

  /// A new time: later than all that this clock gave or follows, and than `replaced`, the time of the value that is
  /// overwritten.
  ///
  /// - Throws: `.invalid` where the value that is overwritten carries the last time of the year 9999.
  public mutating func stamp(wall: Int64, after replaced: HybridTime? = nil) throws(StoreError) -> HybridTime {
    if let replaced { observe(replaced, wall: wall) }
    let now = HybridTime(wall: floor(wall), node: node)
    // Compared without the node: two writers' times within one millisecond are told apart by their counters.
    if now.wall > last.wall {
      last = now
    } else if let next = last.successor(node: node) {
      last = next
    } else {
      throw Self.exhausted
    }
    guard let replaced, replaced >= last else { return last }
    guard let next = replaced.successor(node: node) else { throw Self.exhausted }
    return next
  }

  private static let exhausted = StoreError.invalid(
    "the value to overwrite is dated at the end of the year 9999; remove it and write it anew")

  private func floor(_ wall: Int64) -> Int64 {
    min(max(wall, notBefore), HybridTime.maximumWall - maximumLead)
  }
}
