import GitFormat
import TestSupport
import Testing

@Suite struct DeltaTests {
  private static func apply(_ delta: [UInt8], _ base: [UInt8], limit: Int = 1 << 24) throws(FormatError) -> [UInt8] {
    let (delta, base) = (delta.span.bytes, base.span.bytes)
    return try delta.withUnsafeBytes { delta throws(FormatError) in
      try base.withUnsafeBytes { base throws(FormatError) in try Delta.apply(delta, to: base, limit: limit) }
    }
  }

  @Test func instructionsDoWhatTheFormatSays() throws {
    let base = Array(0..<200) as [UInt8]
    // 4 of the base from 0x64, then two new bytes, then 1 from 0.
    let delta: [UInt8] = [200, 1, 7, 0x91, 0x64, 4, 2, 9, 8, 0x90, 1]
    #expect(try Self.apply(delta, base) == [100, 101, 102, 103, 9, 8, 0])
    let large = [UInt8](repeating: 5, count: 0x10000)
    #expect(try Self.apply([0x80, 0x80, 4, 0x80, 0x80, 4, 0x80], large) == large)
  }

  @Test(
    arguments: [
      [], [200], [200, 1], [200, 0x81],  // no header
      [199, 1, 1, 1, 7],  // another base
      [200, 1, 1, 7, 0],  // the reserved instruction
      [200, 1, 2, 2, 7],  // cut off
      [200, 1, 2, 0x91, 1],
      [200, 1, 2, 0x91, 199, 2],  // beyond the base
      [200, 1, 2, 0x90, 3], [200, 1, 2, 1, 7],  // more and less than said
      [200, 1, 2, 0x9F, 0xFF, 0xFF, 0xFF, 0xFF, 2],
      [200, 1, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F],
      [200, 1, 0x80, 0x80, 0x80, 0x80, 0x10, 0x90, 2],  // above the limit
    ] as [[UInt8]])
  func impossibleDeltasAreRefused(_ delta: [UInt8]) {
    #expect(throws: FormatError.self) { try Self.apply(delta, Array(0..<200)) }
  }

  @Test(arguments: Soak.seeds(1...40, soak: 20_000))
  func aDeltaMakesItsTarget(_ seed: UInt64) throws {
    var generator = SeededGenerator(seed)
    let base = Self.bytes(&generator)
    let index = Delta.Index(base)
    for _ in 0..<8 {
      let target = Self.edited(base, &generator)
      let limit = target.count + target.count / 64 + 64
      let delta = try #require(index.delta(to: target, limit: limit))
      #expect(try Self.apply(delta, base, limit: target.count) == target)
      #expect(delta.count <= limit)
      if let shorter = index.delta(to: target, limit: delta.count - 1) { #expect(shorter.count < delta.count) }
      #expect(index.delta(to: target, limit: delta.count) == delta)
    }
  }

  @Test func copiesReachEveryPlaceOfALargeBase() throws {
    var generator = SeededGenerator(3)
    // Copies above 16 MiB take several instructions, and runs are hashed at every 17th place.
    let words = (0..<17 << 17).map { _ in generator.next() }
    let base = words.withUnsafeBytes { Array($0) }
    let target = Array(base[(15 << 20)...]) + [1, 2, 3] + base[..<(16 << 20 + 100)]
    let delta = try #require(Delta.Index(base).delta(to: target, limit: 64))
    #expect(try Self.apply(delta, base, limit: target.count) == target)
  }

  @Test func aChangedLineCostsLittleMoreThanItself() throws {
    var generator = SeededGenerator(4)
    for _ in 0..<100 {
      var lines = (0..<50).map { _ in Self.line(&generator) }
      let base = lines.flatMap(\.self)
      lines[Int.random(in: 0..<50, using: &generator)] = Self.line(&generator)
      let target = lines.flatMap(\.self)
      let delta = try #require(Delta.Index(base).delta(to: target, limit: 1_000))
      // Two sizes, a copy before, the line, a copy after.
      #expect(delta.count <= 4 + 5 + 1 + 41 + 6)
    }
  }

  @Test func aCommitSharesAllButNamesAndTimesWithItsParent() throws {
    func commit(_ number: Int, _ tree: String, _ parent: String) -> [UInt8] {
      let who = "Ada Lovelace <ada@home.arpa> \(1_763_800_000 + number) +0100"
      return Array("tree \(tree)\nparent \(parent)\nauthor \(who)\ncommitter \(who)\n\nChange \(number)\n".utf8)
    }
    var generator = SeededGenerator(5)
    func name() -> String { ObjectID(.sha1, (0..<20).map { _ in UInt8.random(in: 0...255, using: &generator) }).hex }
    let delta = try #require(
      Delta.Index(commit(1, name(), name())).delta(to: commit(2, name(), name()), limit: 1_000))
    #expect(delta.count <= 2 * 40 + 45)
  }

  @Test(arguments: Soak.seeds(1...20, soak: 10_000))
  func noDamagedDeltaTraps(_ seed: UInt64) throws {
    var generator = SeededGenerator(seed)
    let base = Self.bytes(&generator)
    let good = try #require(Delta.Index(base).delta(to: Self.edited(base, &generator), limit: 1 << 24))
    for _ in 0..<200 {
      var delta = good
      for _ in 0..<Int.random(in: 1...3, using: &generator) where !delta.isEmpty {
        delta[Int.random(in: delta.indices, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
        if Int.random(in: 0..<4, using: &generator) == 0 {
          delta.removeLast(Int.random(in: 0...delta.count, using: &generator))
        }
      }
      if let target = try? Self.apply(delta, base, limit: 1 << 20) { #expect(target.count <= 1 << 20) }
    }
  }

  // MARK: - Bytes

  private static func line(_ generator: inout SeededGenerator) -> [UInt8] {
    (0..<40).map { _ in UInt8.random(in: UInt8(ascii: "a")...UInt8(ascii: "z"), using: &generator) } + [0x0A]
  }

  /// Few different bytes, so that there is much to match; small and middling sizes.
  private static func bytes(_ generator: inout SeededGenerator) -> [UInt8] {
    let most = UInt8(1) << UInt8.random(in: 0...7, using: &generator)
    let count = Int.random(in: 0...(1 << Int.random(in: 0...14, using: &generator)), using: &generator)
    return (0..<count).map { _ in UInt8.random(in: 0...most, using: &generator) }
  }

  /// A few replacements, insertions, removals and moves.
  private static func edited(_ base: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
    var target = base
    for _ in 0..<Int.random(in: 0...6, using: &generator) {
      let start = Int.random(in: 0...target.count, using: &generator)
      let end = min(target.count, start + Int.random(in: 0...200, using: &generator))
      let other = Int.random(in: 0...base.count, using: &generator)
      let new: [UInt8] =
        switch Int.random(in: 0..<3, using: &generator) {
        case 0: Array(bytes(&generator).prefix(300))
        case 1: Array(base[other..<min(base.count, other + 300)])
        default: []
        }
      target.replaceSubrange(start..<end, with: new)
    }
    return target
  }
}
