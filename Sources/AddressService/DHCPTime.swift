public import Household
public import Wire

/// Now, on both clocks: waiting is measured on the one that never goes back, leases are dated by the wall.
public struct DHCPTime: Sendable, Equatable {
  public var instant: Instant
  public var wall: UnixTime

  public init(instant: Instant, wall: UnixTime) {
    self.instant = instant
    self.wall = wall
  }
}

/// Notices that the wall clock was set, as it is on a router without a battery when its first NTP answer comes.
struct ClockGuard: Sendable {
  /// A difference that slewing and rounding explain, in seconds.
  static let toleranceSeconds: Int64 = 30
  private var last: DHCPTime

  init(_ now: DHCPTime) { last = now }

  /// Seconds by which the wall clock was moved since the last call; 0 where it only ran.
  mutating func jump(to now: DHCPTime) -> Int64 {
    let ran = now.instant.milliseconds(since: last.instant) / 1_000
    let moved = (now.wall - last.wall) - ran
    guard abs(moved) > Self.toleranceSeconds else {
      // Small drifts add up until they count: the reference moves only when a jump was found, or after a while.
      if ran > 3_600 { last = now }
      return 0
    }
    last = now
    return moved
  }
}
