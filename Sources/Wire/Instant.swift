/// A point on a clock that never goes back, in nanoseconds from an arbitrary start. What pure state machines take as `now`.
public struct Instant: Hashable, Sendable, Comparable {
  public var nanoseconds: Int64

  public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  public static func seconds(_ count: Int64) -> Instant { Instant(nanoseconds: count * 1_000_000_000) }
  public static func milliseconds(_ count: Int64) -> Instant { Instant(nanoseconds: count * 1_000_000) }

  public static func < (a: Self, b: Self) -> Bool { a.nanoseconds < b.nanoseconds }

  /// The instant `milliseconds` later (earlier where negative).
  public func advanced(milliseconds: Int64) -> Instant {
    Instant(nanoseconds: nanoseconds &+ milliseconds &* 1_000_000)
  }

  /// Milliseconds from `earlier` to here, rounded down.
  public func milliseconds(since earlier: Instant) -> Int64 { (nanoseconds - earlier.nanoseconds) / 1_000_000 }
}
