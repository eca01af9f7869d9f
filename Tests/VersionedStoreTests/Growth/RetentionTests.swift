import GitFormat
import Glibc
import HostSystem
import TestSupport
import Testing

@testable import VersionedStore

@Suite struct RetentionTests {
  /// 2025-11-22 10:00 UTC, a Saturday.
  private static let start: Int64 = 1_763_805_600

  @Test func theNewestStay() {
    #expect(RetentionRules(last: 2).kept([30, 10, 40, 20]) == [0, 2])
    #expect(RetentionRules(last: 9).kept([1, 2]) == [0, 1])
    #expect(RetentionRules(last: 1).kept([]) == [])
    #expect(RetentionRules().kept([1, 2, 3]) == [0, 1, 2])
  }

  @Test func oneOfEachPeriodStaysAndItIsTheLast() {
    let hour: Int64 = 3_600
    let times = (0..<48).map { Self.start + Int64($0) * hour / 2 }
    #expect(RetentionRules(hourly: 3).kept(times) == [47, 45, 43])
    // Midnight is after 28 half hours.
    #expect(RetentionRules(daily: 5).kept(times) == [47, 27])
    // The week ends with Sunday.
    let days = (0..<20).map { Self.start + Int64($0) * 86_400 }
    #expect(RetentionRules(weekly: 9).kept(days) == [1, 8, 15, 19])
    #expect(RetentionRules(monthly: 9).kept(days) == [8, 19])
  }

  /// The months by the C library's calendar, over four centuries and before 1970.
  @Test func monthsAreThoseOfTheCalendar() {
    var generator = SeededGenerator(5)
    for _ in 0..<Soak.count(2_000, soak: 200_000) {
      let times = (0..<2).map { _ in Int64.random(in: -2_000_000_000...12_000_000_000, using: &generator) }
      let pair = [times[0], times[0] + Int64.random(in: 0...3_000_000, using: &generator)]
      let months = pair.map { time in
        var seconds = time_t(time)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        return parts.tm_year * 12 + parts.tm_mon
      }
      #expect(RetentionRules(monthly: 5).kept(pair).count == Set(months).count, "\(pair)")
    }
  }

  @Test func snapshotsOfLongAgoStayWhereNothingNewerFillsTheNumber() {
    #expect(
      RetentionRules(daily: 2).kept([Self.start, Self.start - 400 * 86_400, Self.start - 900 * 86_400]) == [0, 1])
  }
}

@Suite struct CuttingHistoryTests {
  @Test(arguments: ObjectFormat.allCases) func oldCommitsGoAndTheRestKeepsItsNames(format: ObjectFormat) throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/store.git"
    let store = try GitBackend.create(path, format: format)
    let commits = try (0..<10).map { try commit(store, "file\($0)", "\($0)") }
    let tag = try #require(RefName("refs/tags/old"))
    try store.commit(Batch(refs: [RefChange(tag, from: nil, to: commits[1], who: ada, why: "tag")]))
    var options = CollectOptions(now: Clock.wallMilliseconds / 1_000)
    options.graceSeconds = 0
    #expect(try store.cutHistory(of: .main, keeping: 10, options) == nil)
    let cut = try #require(try store.cutHistory(of: .main, keeping: 3, options))
    #expect(cut.boundary == [commits[7]])
    #expect(cut.collected.dropped > 0)
    #expect(try git(path, "log", "--format=%H", "main") == commits[7...].reversed().map { "\($0)\n" }.joined())
    #expect(try git(path, "log", "--format=%H", "old") == "\(commits[1])\n\(commits[0])\n")
    #expect(throws: StoreError.missing(commits[4])) { try GitBackend(opening: path).object(commits[4]) }
    #expect(try git(path, "fsck", "--strict", "--no-dangling") == "")
    #expect(try store.cutHistory(of: .main, keeping: 3, options) == nil)
    #expect(throws: StoreError.noBranch("none")) { try store.cutHistory(of: .branch("none")!, keeping: 3, options) }
    #expect(throws: StoreError.self) { try store.cutHistory(of: .main, keeping: 0, options) }
  }
}
