import TestSupport
import Testing

@testable import VersionedStore

@Suite struct HybridClockTests {
  private let today: Int64 = 1_790_000_000_000
  private let hour: Int64 = 3_600_000

  @Test func timesRiseWhateverTheTimeOfDayDoes() throws {
    for seed in Soak.seeds(1...50, soak: 5_000) {
      var random = SeededGenerator(seed)
      var clock = HybridClock(node: 1)
      var last: HybridTime?
      for _ in 0..<200 {
        let wall = Bool.random(using: &random) ? today : Int64.random(in: .min ... .max, using: &random)
        if Bool.random(using: &random) {
          clock.observe(HybridTime(wall: .random(in: 0...(2 * today), using: &random), node: 2), wall: today)
        }
        let time = try clock.stamp(wall: wall)
        if let last { #expect(last < time, "seed \(seed)") }
        last = time
      }
    }
  }

  @Test func aWriterIsLaterThanWhatItHasSeen() throws {
    var phone = HybridClock(node: 1), router = HybridClock(node: 2)
    let one = try phone.stamp(wall: today)
    // The router's time of day is an hour behind.
    let followed1 = router.observe(one, wall: today - hour)
    #expect(followed1)
    let two = try router.stamp(wall: today - hour)
    #expect(one < two)
    #expect(two.wall == today)
    // And the phone is later again, though not by the time of day.
    phone.observe(two, wall: today)
    #expect(try phone.stamp(wall: today) > two)
    #expect(try phone.stamp(wall: today + 5).wall == today + 5)
  }

  @Test func aWrongTimeDoesNotCarryTheClockAway() throws {
    var clock = HybridClock(node: 1, maximumLead: 24 * hour)
    let wrong = HybridTime(wall: today * 2, node: 9)
    let followed2 = clock.observe(wrong, wall: today)
    #expect(!followed2)
    #expect(try clock.stamp(wall: today).wall == today)
    // A value with that time can be overwritten, and other values are as before.
    let over = try clock.stamp(wall: today, after: wrong)
    #expect(over > wrong)
    #expect(over.wall == wrong.wall)
    #expect(try clock.stamp(wall: today).wall == today)
    let followed3 = clock.observe(HybridTime(wall: today + 24 * hour, node: 9), wall: today)
    #expect(followed3)
    let followed4 = clock.observe(HybridTime(wall: today + 24 * hour + 1, node: 9), wall: today)
    #expect(!followed4)
  }

  @Test func aRouterThatBootsIn1970CountsFromWhatItKnows() throws {
    var router = HybridClock(node: 1, notBefore: today)
    #expect(try router.stamp(wall: 5_000).wall == today)
    // What the household wrote meanwhile is not refused.
    let followed5 = router.observe(HybridTime(wall: today + hour, node: 2), wall: 6_000)
    #expect(followed5)
    #expect(try router.stamp(wall: 7_000).wall == today + hour)
    // Without anything known, a later value is still overwritten.
    var empty = HybridClock(node: 1)
    var register = MergeableRegister([UInt8](text: "phone"), at: HybridTime(wall: today, node: 2))
    try register.write([UInt8](text: "router"), clock: &empty, wall: 5_000)
    #expect(register.time > HybridTime(wall: today, node: 2))
  }

  @Test func theEndOfTimeIsAnErrorAndNoTrap() throws {
    var clock = HybridClock(node: 1)
    let last = HybridTime(wall: .max, counter: .max, node: .max)
    #expect(last.wall == HybridTime.maximumWall)
    #expect(throws: StoreError.self) { try clock.stamp(wall: today, after: last) }
    #expect(try clock.stamp(wall: .max).wall < HybridTime.maximumWall)
  }

  @Test func timesAreReadAsTheyAreWritten() throws {
    #expect(HybridTime(wall: 0, node: 0).description == "1970-01-01T00:00:00.000Z#0@0")
    #expect(HybridTime(wall: 1_795_366_174_123, counter: 7, node: 0x1f).description == "2026-11-22T16:49:34.123Z#7@1f")
    #expect(HybridTime(wall: .max, node: 0).description == "9999-12-31T23:59:59.999Z#0@0")
    #expect(HybridTime(wall: 951_782_400_000, node: 0).description == "2000-02-29T00:00:00.000Z#0@0")
    var random = SeededGenerator(Soak.seed(7))
    for _ in 0..<Soak.count(2_000, soak: 1_000_000) {
      let time = HybridTime(
        wall: .random(in: 0...HybridTime.maximumWall, using: &random), counter: .random(in: 0...(.max), using: &random),
        node: .random(in: 0...(.max), using: &random))
      #expect(try HybridTime(decoding: Array(time.description.utf8)) == time)
    }
  }

  @Test(arguments: [
    "", "2026-11-22T16:49:34.123Z#0@", "2026-13-22T16:49:34.123Z#0@1", "2026-02-30T16:49:34.123Z#0@1",
    "2026-11-22T24:00:00.000Z#0@1", "2026-11-22T16:49:34.123Z#00@1", "2026-11-22T16:49:34.123Z#4294967296@1",
    "2026-11-22T16:49:34.123Z#0@1F", "1969-12-31T23:59:59.999Z#0@1", "2026-11-22T16:49:34.123+#0@1",
    "-026-11-22T16:49:34.123Z#0@1", "2026-11-22T16:49:34.123Z#-1@1", "2026-11-22T16:49:34.123Z@0#1",
  ]) func otherSpellingsAreRefused(_ text: String) {
    #expect(throws: (any Error).self) { try HybridTime(decoding: Array(text.utf8)) }
  }
}
