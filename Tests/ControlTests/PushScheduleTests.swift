import Testing
import Wire

@testable import Control

/// When the history is pushed, in simulated time.
@Suite struct PushScheduleTests {
  private static let pauses = PushSchedule.Pauses(first: 1_000, longest: 6_000)
  private func at(_ seconds: Int64) -> Instant { .seconds(seconds) }

  @Test func aNewCommitIsPushedAtOnceAndOnlyOnce() {
    var schedule = PushSchedule(Self.pauses)
    #expect(schedule.begin(now: at(0)) == nil)
    schedule.want("a", now: at(1))
    #expect(schedule.begin(now: at(0)) == nil)
    #expect(schedule.begin(now: at(1)) == "a")
    schedule.end(succeeded: true, now: at(2))
    #expect(schedule.done == "a" && schedule.due == nil)
    schedule.want("a", now: at(3))
    #expect(schedule.begin(now: at(9)) == nil)
  }

  @Test func whatCommitsWhileAPushIsUnderWayWaitsForItAndTheNewestWins() {
    var schedule = PushSchedule(Self.pauses)
    schedule.want("a", now: at(0))
    #expect(schedule.begin(now: at(0)) == "a")
    schedule.want("b", now: at(1))
    schedule.want("c", now: at(1))
    #expect(schedule.due == nil && schedule.begin(now: at(1)) == nil)
    schedule.end(succeeded: false, now: at(2))
    #expect(schedule.begin(now: at(2)) == "c", "at once: what failed was another commit")
    schedule.end(succeeded: true, now: at(3))
    #expect(schedule.done == "c" && schedule.due == nil)
  }

  @Test func pausesGrowToABoundAndEndWithTheNextCommit() {
    var schedule = PushSchedule(Self.pauses)
    schedule.want("a", now: at(0))
    var pauses: [Int64] = []
    var now: Int64 = 0
    for _ in 0..<60 {
      #expect(schedule.begin(now: at(now)) == "a")
      schedule.end(succeeded: false, now: at(now))
      let due = schedule.due?.milliseconds(since: at(now)) ?? -1
      pauses.append(due)
      now += due / 1_000
    }
    #expect(pauses.prefix(5) == [1_000, 2_000, 4_000, 6_000, 6_000] && pauses.last == 6_000)
    schedule.want("b", now: at(now - 5))
    #expect(schedule.begin(now: at(now - 5)) == "b")
    schedule.end(succeeded: false, now: at(now))
    #expect(schedule.due == at(now + 1), "counted anew")
    schedule.retry(now: at(now))
    #expect(schedule.begin(now: at(now)) == "b")
  }

  @Test func aPushToTheRemoteBeforeCountsNoMore() {
    var schedule = PushSchedule(Self.pauses)
    schedule.want("a", now: at(0))
    #expect(schedule.begin(now: at(0)) == "a")
    schedule.forget(done: nil)
    schedule.want("a", now: at(1))
    #expect(schedule.begin(now: at(1)) == nil, "the other one has not ended")
    #expect(schedule.end(succeeded: true, now: at(2)) == false)
    #expect(schedule.done == nil && schedule.begin(now: at(2)) == "a")
    schedule.forget(done: nil)
    schedule.end(succeeded: false, now: at(3))
    #expect(schedule.due == nil && !schedule.isRunning)
  }

  @Test func whatIsThereSinceAnEarlierRunIsNotPushedAgain() {
    var schedule = PushSchedule(Self.pauses, done: "a")
    schedule.want("a", now: at(0))
    #expect(schedule.due == nil)
    schedule.want("b", now: at(1))
    #expect(schedule.begin(now: at(1)) == "b")
  }
}
