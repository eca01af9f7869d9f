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

@Suite struct RetainingTests {
  /// A branch with a commit a day, each with a snapshot, the last of them today.
  private func sample(_ format: ObjectFormat = .sha1) throws -> (ForgetSample, now: Int64, days: [ObjectID]) {
    let sample = try ForgetSample(format)
    let now: Int64 = 1_763_805_600
    var days: [ObjectID] = []
    for day in 0..<10 {
      let time = now - Int64(9 - day) * 86_400
      let repository = Repository(sample.store, identity: sample.repository.identity) { time }
      try repository.mainBranch().set("file", Array("\(day)".utf8), CommitInfo(author: ada, message: "day \(day)\n"))
      days.append(try #require(try sample.store.reference(.main)))
      let buffer = ObjectBuffer(over: sample.store)
      let tag = TagObject(
        object: days[day], kind: .commit, name: "d\(day)", tagger: Signature(name: "Ada", email: "a", time: time),
        message: "snapshot\n")
      let id = try day % 2 == 0 ? buffer.write(.tag, tag.bytes) : days[day]
      let change = RefChange(RefName("refs/tags/s/d\(day)")!, from: nil, to: id, who: ada, why: "snapshot")
      try sample.store.commit(Batch(objects: buffer.objects, refs: [change]))
    }
    return (sample, now, days)
  }

  @Test func snapshotsThatNoRuleWantsGoAndBranchesLoseNothing() throws {
    let (sample, now, days) = try sample()
    var plan = RetentionPlan()
    plan.snapshots = "refs/tags/s/"
    plan.rules = RetentionRules(last: 2, weekly: 2)
    var options = CollectOptions(now: now)
    let trial = try sample.store.retain(plan, options, who: ada, isTrial: true)
    #expect(try sample.store.references(under: "refs/tags/").count == 10)
    let result = try sample.store.retain(plan, options, who: ada)
    #expect(result == trial)
    // 22 November 2025 is a Saturday: the week before ended six days earlier.
    #expect(result.keptSnapshots.map(\.name.text) == ["refs/tags/s/d3", "refs/tags/s/d8", "refs/tags/s/d9"])
    #expect(result.droppedSnapshots.count == 7)
    options.graceSeconds = 0
    try sample.store.collect(options)
    #expect(try git(sample.path, "rev-list", "--count", "main") == "10\n")
    #expect(try sample.store.contains(days[0]))
    #expect(try sample.fsck() == "")
  }

  @Test func historyIsCutByCountAndAgeUnlessAnotherBranchNeedsIt() throws {
    let (sample, now, days) = try sample()
    var plan = RetentionPlan()
    plan.branch = .main
    plan.depth = 2
    plan.seconds = 3 * 86_400
    plan.snapshots = "refs/tags/s/"
    plan.rules = RetentionRules(last: 1)
    var options = CollectOptions(now: now + 60)
    options.graceSeconds = 0
    try sample.repository.createBranch("other", at: days[8])
    let needed = try sample.store.retain(plan, options, who: ada)
    #expect(needed.neededBy == [.branch("other")!] && needed.cut == nil && needed.boundary == [days[7]])
    #expect(try git(sample.path, "rev-list", "--count", "main") == "10\n")
    try sample.repository.deleteBranch("other")
    let result = try sample.store.retain(plan, options, who: ada)
    #expect(result.cut?.boundary == [days[7]])
    #expect(try git(sample.path, "rev-list", "--count", "main") == "3\n")
    #expect(try git(sample.path, "show", "s/d9:file") == "9")
    #expect(try sample.fsck() == "")
    #expect(throws: StoreError.self) { try sample.store.retain(RetentionPlan(), options, who: ada) }
    plan.rules = RetentionRules()
    #expect(throws: StoreError.self) { try sample.store.retain(plan, options, who: ada) }
  }
}
