import GitFormat
import TestSupport
import Testing

@testable import VersionedStore

/// The functions that merges are put together from.
@Suite struct MergeCombinatorTests {
  private typealias Number = MergeFunction<Int64>

  @Test func theSideThatChangedWins() throws {
    for merge in [Number.changedSide, .idempotent] {
      #expect(try merge(base: 1, ours: 2, theirs: 1) == 2)
      #expect(try merge(base: 1, ours: 1, theirs: 2) == 2)
      #expect(try merge(base: 1, ours: 1, theirs: 1) == 1)
      #expect(throws: MergeFailure.self) { try merge(base: 1, ours: 2, theirs: 3) }
      #expect(throws: MergeFailure.self) { try merge(base: nil, ours: 2, theirs: 3) }
    }
    // The same change twice is one change, or two that nobody can add up.
    #expect(try Number.idempotent(base: 1, ours: 2, theirs: 2) == 2)
    #expect(try Number.idempotent(base: nil, ours: 2, theirs: 2) == 2)
    #expect(throws: MergeFailure.self) { try Number.changedSide(base: 1, ours: 2, theirs: 2) }
  }

  @Test func aCounterAddsBothChanges() throws {
    #expect(try Number.counter(base: 5, ours: 7, theirs: 4) == 6)
    #expect(try Number.counter(base: nil, ours: 7, theirs: 4) == 11)
    #expect(try Number.counter(base: .max, ours: .max, theirs: .max - 1) == .max - 1)
    #expect(throws: MergeFailure.self) { try Number.counter(base: 0, ours: .max, theirs: 1) }
    #expect(throws: MergeFailure.self) { try Number.counter(base: .max, ours: .min, theirs: 0) }
  }

  @Test func whatMayBeAbsentIsRemovedUnlessItChanged() throws {
    let merge = MergeFunction<Int64?>.option(Number.counter)
    let keep = MergeFunction<Int64?>.option(Number.counter, removal: .yieldsToChange)
    #expect(try merge(base: .some(5), ours: 6, theirs: 7) == 8)
    #expect(try merge(base: .some(5), ours: nil, theirs: 5) == nil)
    #expect(try merge(base: .some(nil), ours: nil, theirs: 5) == 5)
    #expect(try merge(base: .some(5), ours: nil, theirs: nil) == nil)
    #expect(throws: MergeFailure.self) { try merge(base: .some(5), ours: nil, theirs: 6) }
    #expect(try keep(base: .some(5), ours: nil, theirs: 6) == 6)
    #expect(try keep(base: .some(5), ours: 5, theirs: nil) == nil)
  }

  @Test func partsAreMergedEachForItself() throws {
    let text = MergeFunction<String>.idempotent
    let pair = try MergeFunction<(Int64, String)>.pair(.counter, text)(
      base: (1, "a"), ours: (2, "a"), theirs: (3, "b"))
    #expect(pair == (4, "b"))
    let triple = try MergeFunction<(Int64, String, Int64)>.triple(.counter, text, .idempotent)(
      base: (1, "a", 1), ours: (2, "a", 1), theirs: (3, "b", 9))
    #expect(triple == (4, "b", 9))
    #expect(throws: MergeFailure.conflict("both sides changed it")) {
      _ = try MergeFunction<(Int64, String)>.pair(.counter, text)(base: (1, "a"), ours: (1, "b"), theirs: (1, "c"))
    }
  }

  @Test func mapsNameTheKeyInConflict() throws {
    let merge = MergeFunction<[String: Int64]>.map(.idempotent)
    #expect(
      try merge(base: ["a": 1, "b": 1], ours: ["a": 2, "c": 1], theirs: ["a": 1, "b": 1, "d": 1])
        == ["a": 2, "c": 1, "d": 1])
    #expect(throws: MergeFailure.conflict("a: both sides changed it")) {
      try merge(base: ["a": 1], ours: ["a": 2], theirs: ["a": 3])
    }
    #expect(throws: MergeFailure.conflict("a: one side removed what the other changed")) {
      try merge(base: ["a": 1], ours: [:], theirs: ["a": 3])
    }
    #expect(try merge(base: nil, ours: ["a": 1], theirs: ["b": 1]) == ["a": 1, "b": 1])
  }

  @Test func theFirstWithoutConflictIsTaken() throws {
    let larger = MergeFunction<Int64>.lastWriteWins(<, at: { $0 })
    let merge = Number.sequence([.idempotent, larger])
    #expect(try merge(base: 1, ours: 2, theirs: 1) == 2)
    #expect(try merge(base: 1, ours: 2, theirs: 3) == 3)
    #expect(throws: MergeFailure.conflict("one; two")) {
      try Number.sequence([.conflict("one"), .conflict("two")])(base: 1, ours: 1, theirs: 1)
    }
    // What cannot be read is no conflict.
    let missing = MergeFailure.store(.notFound("x"))
    let unreadable = Number { (_, _, _) throws(MergeFailure) in throw missing }
    #expect(throws: missing) { try Number.sequence([unreadable, .counter])(base: 1, ours: 1, theirs: 1) }
  }

  @Test func anotherFormIsMergedAndBroughtBack() throws {
    let merge: MergeFunction<String> = Number.counter.like(
      { (text) throws(MergeFailure) in
        guard let number = Int64(text) else { throw .conflict("no number") }
        return number
      }, { (number) in String(number) })
    #expect(try merge(base: "5", ours: "6", theirs: "8") == "9")
    #expect(throws: MergeFailure.conflict("no number")) { try merge(base: "5", ours: "x", theirs: "8") }
  }

  @Test func theAncestorIsReadOnceAndOnlyWhenItIsNeeded() throws {
    var reads = 0
    func base() -> LazyBase<Int64> {
      LazyBase { () throws(MergeFailure) in
        reads += 1
        return 5
      }
    }
    let larger = MergeFunction<Int64>.lastWriteWins(<, at: { $0 })
    #expect(try larger(base: base(), ours: 1, theirs: 2) == 2)
    #expect(reads == 0)
    let merge = MergeFunction<(Int64, Int64)>.pair(.counter, .counter)
    let old = base().map { ($0, $0) }
    #expect(try merge(base: old, ours: (6, 7), theirs: (6, 7)) == (7, 9))
    #expect(reads == 1)
  }

  @Test func multisetsCountNoFurtherThanToNone() throws {
    let merge = MergeFunction<[String: Int64]>.multiset()
    #expect(try merge(base: ["a": 2], ours: ["a": 3], theirs: ["a": 4, "b": 1]) == ["a": 5, "b": 1])
    #expect(try merge(base: ["a": 1], ours: [:], theirs: [:]) == [:])
    #expect(throws: MergeFailure.self) { try merge(base: [:], ours: ["a": .max], theirs: ["a": 1]) }
  }
}
