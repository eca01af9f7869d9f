import TestSupport
import Testing
import Wire

@testable import NameService

/// The cache against a dictionary, and at its limits.
@Suite struct AnswerCacheTests {
  private static func secret(_ seed: UInt64 = 1) -> HashSecret {
    var generator = SeededGenerator(seed)
    return HashSecret(using: &generator)
  }

  private func fill(_ key: inout QuestionKey, _ name: [UInt8], _ traits: QuestionTraits = QuestionTraits(type: .a)) {
    (name + [UInt8](repeating: 0xee, count: 8)).withUnsafeBytes {
      key.fill(name: $0.baseAddress!, length: name.count, traits: traits)
    }
  }

  private func answer(_ number: Int, size: Int = 16, stored: UInt32 = 0) -> StoredAnswer {
    var body = [UInt8](repeating: 0, count: max(size, 4))
    for index in 0..<4 { body[index] = UInt8(truncatingIfNeeded: number >> (8 * index)) }
    return StoredAnswer(
      records: AnswerRecords(flags: .response, answerCount: 1, body: body), origin: .upstream, stored: stored,
      expires: stored + 100, generation: 1)
  }

  private func number(in entry: CacheEntry) -> Int { (0..<4).reduce(0) { $0 | Int(entry.body[$1]) << (8 * $1) } }

  @Test func namesAreEqualWhateverTheirCaseAndNothingElseIs() {
    var key = QuestionKey(secret: Self.secret())
    var hashes: Set<UInt64> = []
    let names = [
      "a.example", "b.example", "a.examplf", "aa.example", "@.example", "[.example", "`.example", "{.example",
    ]
    for text in names {
      fill(&key, name(text).wire)
      let hash = key.hash
      hashes.insert(hash)
      fill(&key, name(text.uppercased()).wire)
      let upper = key.hash
      #expect(upper == hash)
    }
    #expect(hashes.count == names.count)
  }

  @Test func everyByteIsLoweredAsTheWireTypeDoes() {
    var key = QuestionKey(secret: Self.secret())
    for byte in UInt8.min...UInt8.max {
      fill(&key, [3, byte, byte, byte, 1, byte, 0])
      let lowered = Array(key.name)
      #expect(lowered == [3, byte, byte, byte, 1, byte, 0].map(lowercased))
    }
  }

  @Test func typeOptionsAndGroupTellAnswersApart() {
    var cache = AnswerCache(capacity: 100)!
    var key = QuestionKey(secret: Self.secret())
    let wire = name("www.example").wire
    let traits = [
      QuestionTraits(type: .a), QuestionTraits(type: .aaaa), QuestionTraits(type: .a, options: .wantsDNSSEC),
      QuestionTraits(type: .a, options: .checkingDisabled), QuestionTraits(type: .a, group: 1),
    ]
    for (index, traits) in traits.enumerated() {
      fill(&key, wire, traits)
      cache.insert(answer(index), for: key)
    }
    for (index, traits) in traits.enumerated() {
      fill(&key, wire, traits)
      let found = cache.find(key).map(number)
      #expect(found == index)
    }
  }

  @Test(arguments: 1...8 as ClosedRange<UInt64>)
  func whatIsFoundIsWhatWasLastPutIn(_ seed: UInt64) {
    var dice = SeededGenerator(seed)
    var cache = AnswerCache(capacity: 300)!
    var key = QuestionKey(secret: Self.secret(seed))
    var model: [Int: Int] = [:]
    var found = 0
    for step in 0..<20_000 {
      let number = Int.random(in: 0..<600, using: &dice)
      fill(&key, name("n\(number).example").wire)
      switch Int.random(in: 0..<10, using: &dice) {
      case 0...3:
        // From tiny to far beyond the average, so that the ring wraps at odd places.
        let size = [4, 30, 200, 900, 5_000, 16_000].randomElement(using: &dice)!
        cache.insert(answer(step, size: size), for: key)
        model[number] = step
      case 4:
        cache.remove(key)
        model[number] = nil
      default:
        guard let entry = cache.find(key) else { continue }
        found += 1
        #expect(self.number(in: entry) == model[number])
        entry.isUsed = true
      }
      let count = cache.count
      #expect(count <= 300)
    }
    #expect(found > 200)
    var seen = 0
    cache.visitAll { _ in seen += 1 }
    let count = cache.count
    #expect(seen == count)
  }

  @Test func memoryStaysFixedHoweverManyNamesCome() {
    var cache = AnswerCache(capacity: 1_000)!
    var key = QuestionKey(secret: Self.secret())
    for number in 0..<50_000 {
      fill(&key, name("n\(number).example").wire)
      cache.insert(answer(number, size: 120), for: key)
    }
    let (count, evictions) = (cache.count, cache.evictions)
    #expect((701...1_000).contains(count))
    #expect(evictions > 48_000)
  }

  @Test func whatIsAskedForStaysWhileTheRestFallsOut() {
    var cache = AnswerCache(capacity: 1_000)!
    var key = QuestionKey(secret: Self.secret())
    func touch(_ number: Int) -> Bool {
      fill(&key, name("favourite\(number).example").wire)
      guard let entry = cache.find(key) else { return false }
      entry.isUsed = true
      return true
    }
    for number in 0..<50 {
      fill(&key, name("favourite\(number).example").wire)
      cache.insert(answer(number), for: key)
    }
    var lost = 0
    for number in 0..<20_000 {
      fill(&key, name("n\(number).example").wire)
      cache.insert(answer(number), for: key)
      if number % 4 == 0, !touch(number / 4 % 50) { lost += 1 }
    }
    let kept = (0..<50).count { touch($0) }
    #expect(kept >= 45)
    #expect(lost < 500)
  }

  @Test func answersThatAreTooLongAreNotKept() {
    var cache = AnswerCache(capacity: 100)!
    var key = QuestionKey(secret: Self.secret())
    fill(&key, name("big.example").wire)
    let isKept = cache.insert(answer(1, size: 30_000), for: key)
    let isFound = cache.find(key) != nil
    #expect(!isKept && !isFound)
  }

  @Test func aCacheWithoutEntriesTakesNoMemoryButItsMap() {
    let cache = AnswerCache(capacity: 10_000_000)!
    let count = cache.count
    #expect(count == 0)
  }
}
