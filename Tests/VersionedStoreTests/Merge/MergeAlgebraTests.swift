import GitFormat
import TestSupport
import Testing

@testable import VersionedStore

/// A check that is done for one mergeable type.
struct TypeCheck: CustomTestStringConvertible, Sendable {
  let testDescription: String
  let run: @Sendable (_ seed: UInt64) throws -> Void
}

/// What every mergeable type promises, on random values.
@Suite struct MergeAlgebraTests {
  private static func every(_ check: some TypeCheckMaker) -> [TypeCheck] {
    [
      check.make(MergeableCounter.self), check.make(MergeableRegister.self), check.make(TimedLog.self),
      check.make(MergeableQueue.self),
      check.make(MergeableSet.self), check.make(MergeableMultiset.self),
      check.make(MergeableMap<MergeableCounter>.self),
      check.make(MergeableMap<MergeableRegister>.self), check.make(MergeableText.self), check.make(JSONDocument.self),
      check.make(TOMLDocument.self), check.make(ContentDocument.self),
    ]
  }

  @Test(arguments: every(Laws()))
  func mergesKeepTheirLaws(_ check: TypeCheck) throws {
    for seed in 0..<UInt64(Soak.count(60, soak: 5_000)) { try check.run(Soak.seed(1) &+ seed) }
  }

  @Test(arguments: every(Convergence()))
  func concurrentHistoriesConverge(_ check: TypeCheck) throws {
    for seed in 0..<UInt64(Soak.count(8, soak: 500)) { try check.run(Soak.seed(1_000) &+ seed) }
  }

  @Test(arguments: every(Codec()))
  func whatIsWrittenIsReadAndWhatIsDamagedIsRefusedOrRead(_ check: TypeCheck) throws {
    for seed in 0..<UInt64(Soak.count(60, soak: 20_000)) { try check.run(Soak.seed(2_000) &+ seed) }
  }

  @Test func aCounterIsTheSumOfAllChanges() throws {
    for seed in Soak.seeds(1...20, soak: 2_000) {
      var editor = Editor(seed: seed)
      var history = MergeHistory<MergeableCounter>()
      let root = history.add(MergeableCounter(100), parents: [])
      var heads = [root, root, root]
      var sum: Int64 = 100
      for _ in 0..<30 {
        let replica = editor.below(3)
        if editor.chance(2) {
          heads[replica] = try history.merge(heads[replica], heads[editor.below(3)])
        } else {
          // The same number everywhere: equal values of different changes.
          var counter = history.commits[heads[replica]].value
          try counter.add(1, change: editor.random.next())
          sum += 1
          heads[replica] = history.add(counter, parents: [heads[replica]])
        }
      }
      let all = try history.merge(try history.merge(heads[0], heads[1]), heads[2])
      #expect(history.commits[all].value.value == sum, "seed \(seed)")
    }
  }
}

protocol TypeCheckMaker {
  func make<Value: Editable>(_ type: Value.Type) -> TypeCheck
}

struct Laws: TypeCheckMaker {
  func make<Value: Editable>(_ type: Value.Type) -> TypeCheck {
    TypeCheck(testDescription: "\(type)") { seed in
      var editors = (1...4).map { Editor(seed: seed, node: $0) }
      var base = Value.empty
      try base.edit(&editors[0], times: editors[0].below(12))
      let sides = try (1...3).map { index in
        var side = base
        try side.edit(&editors[index], times: editors[index].below(6))
        return side
      }
      let (x, y, z) = (sides[0], sides[1], sides[2])
      #expect(try merge(base, x, base) == .success(x), "seed \(seed)")
      #expect(try merge(base, base, x) == .success(x), "seed \(seed)")
      #expect(try merge(base, x, x) == .success(x), "seed \(seed)")
      let (left, right) = (try merge(base, x, y), try merge(base, y, x))
      if case .success(let merged) = left {
        #expect(right == .success(merged), "seed \(seed)")
      } else if case .success = right {
        Issue.record("a conflict in one direction only, seed \(seed)")
      }
      if Value.isAssociative {
        let (xy, yz) = (try merge(base, x, y).get(), try merge(base, y, z).get())
        #expect(try merge(base, xy, z) == merge(base, x, yz), "seed \(seed)")
      }
      // Without an ancestor a merge is a value or a conflict, the same for both.
      #expect(try merge(nil, x, x) == .success(x), "seed \(seed)")
      if case .success(let merged) = try merge(nil, x, y) {
        #expect(try merge(nil, y, x) == .success(merged), "seed \(seed)")
      }
    }
  }

  private func merge<Value: Editable>(_ base: Value?, _ ours: Value, _ theirs: Value) throws -> Result<
    Value, MergeFailure
  > {
    Result { () throws(MergeFailure) in try Value.merge(base: base, ours: ours, theirs: theirs) }
  }
}

/// Several replicas change their values and pull from each other; at the end all pull from all.
struct Convergence: TypeCheckMaker {
  func make<Value: Editable>(_ type: Value.Type) -> TypeCheck {
    TypeCheck(testDescription: "\(type)") { seed in
      var chooser = Editor(seed: seed, node: 0)
      let count = 2 + chooser.below(3)
      var editors = (0..<count).map { Editor(seed: seed, node: UInt64($0) + 1) }
      var history = MergeHistory<Value>()
      let root = history.add(.empty, parents: [])
      var heads = [Int](repeating: root, count: count)
      for _ in 0..<30 {
        let replica = chooser.below(count)
        if chooser.chance(2) {
          heads[replica] = try history.merge(heads[replica], heads[chooser.below(count)])
        } else {
          var value = history.commits[heads[replica]].value
          try value.edit(&editors[replica])
          heads[replica] = history.add(value, parents: [heads[replica]])
        }
      }
      // Two of them merge each other at the same time: two commits, one value.
      let (one, two) = (try history.merge(heads[0], heads[1]), try history.merge(heads[1], heads[0]))
      #expect(history.commits[one].value == history.commits[two].value, "seed \(seed)")
      (heads[0], heads[1]) = (one, two)
      for _ in 0..<2 {
        for index in heads.indices {
          for other in heads.indices { heads[index] = try history.merge(heads[index], heads[other]) }
        }
      }
      let values = heads.map { history.commits[$0].value }
      #expect(values.allSatisfy { $0 == values[0] }, "seed \(seed)")
      #expect(Set(values.map(\.encoded)).count == 1, "seed \(seed)")
    }
  }
}

struct Codec: TypeCheckMaker {
  func make<Value: Editable>(_ type: Value.Type) -> TypeCheck {
    TypeCheck(testDescription: "\(type)") { seed in
      var editor = Editor(seed: seed)
      var value = Value.empty
      try value.edit(&editor, times: editor.below(12))
      let bytes = value.encoded
      #expect(try Value(decoding: bytes) == value, "seed \(seed)")
      for _ in 0..<10 {
        let damaged = mutated(bytes, &editor)
        guard let read = try? Value(decoding: damaged) else { continue }
        #expect(try Value(decoding: read.encoded) == read, "seed \(seed)")
        _ = try? Value.merge(base: value, ours: read, theirs: value)
      }
    }
  }
}

/// Bytes with a few changed, cut out, doubled or put in.
func mutated(_ bytes: [UInt8], _ editor: inout Editor) -> [UInt8] {
  var bytes = bytes
  for _ in 0...editor.below(3) {
    let start = editor.below(bytes.count + 1)
    let end = min(bytes.count, start + editor.below(9))
    switch editor.below(4) {
    case 0 where start < bytes.count: bytes[start] = UInt8.random(in: 0...255, using: &editor.random)
    case 1: bytes.removeSubrange(start..<end)
    case 2: bytes.insert(contentsOf: bytes[start..<end], at: editor.below(bytes.count + 1))
    default:
      bytes.insert(
        contentsOf: editor.pick(["\n", "\\", "9999999999999999999", "#", " ", "\"", "[", "é"])!.utf8, at: start)
    }
  }
  return bytes
}
