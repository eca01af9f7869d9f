/// Which of many snapshots stay as they grow old. Pure: times in, a choice out; nothing is deleted here.
///
/// A snapshot stays if any rule wants it. Of each hour, day, week and month the last snapshot counts, in UTC; empty ones do
/// not use up a rule's number, so that a store that was off for a year keeps its history.
public struct RetentionRules: Equatable, Sendable {
  /// The newest so many.
  public var last = 0
  /// One for each of so many hours, days, weeks (from Monday) and months of the Gregorian calendar, the newest first.
  public var hourly = 0
  public var daily = 0
  public var weekly = 0
  public var monthly = 0

  public init(last: Int = 0, hourly: Int = 0, daily: Int = 0, weekly: Int = 0, monthly: Int = 0) {
    self.last = last
    self.hourly = hourly
    self.daily = daily
    self.weekly = weekly
    self.monthly = monthly
  }

  /// Whether no rule wants anything: such rules are refused rather than obeyed.
  public var isEmpty: Bool { [last, hourly, daily, weekly, monthly].allSatisfy { $0 <= 0 } }

  /// Which snapshots stay.
  ///
  /// - Parameter times: when each was made, in seconds since 1970, in any order.
  /// - Returns: positions in `times`. All of them where no rule wants anything.
  public func kept(_ times: [Int64]) -> Set<Int> {
    guard !isEmpty else { return Set(times.indices) }
    // Of two at one time the later one in the list counts as newer.
    let newestFirst = times.indices.sorted { (times[$0], $0) > (times[$1], $1) }
    var kept = Set(newestFirst.prefix(max(last, 0)))
    let rules: [(count: Int, period: (Int64) -> Int64)] = [
      (hourly, { Self.floor($0, 3_600) }), (daily, { Self.floor($0, 86_400) }),
      // 1970 began on a Thursday.
      (weekly, { Self.floor(Self.floor($0, 86_400) + 3, 7) }), (monthly, { Self.month($0) }),
    ]
    for rule in rules {
      var left = rule.count
      var current: Int64?
      for index in newestFirst where left > 0 {
        let period = rule.period(times[index])
        guard period != current else { continue }
        current = period
        left -= 1
        kept.insert(index)
      }
    }
    return kept
  }

  private static func floor(_ value: Int64, _ divisor: Int64) -> Int64 {
    value / divisor - (value % divisor < 0 ? 1 : 0)
  }

  /// Months since March of the year 0 (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days).
  private static func month(_ time: Int64) -> Int64 {
    let days = floor(time, 86_400) + 719_468
    let era = floor(days, 146_097)
    let day = days - era * 146_097
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365
    let dayOfYear = day - (365 * year + year / 4 - year / 100)
    return (era * 400 + year) * 12 + (5 * dayOfYear + 2) / 153
  }
}
