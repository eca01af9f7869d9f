import GitFormat
import TestSupport
import Testing

@testable import VersionedStore

/// Replicas of one store that change files of every mergeable type and pull from each other in random order. At the end all
/// have pulled from all, and hold the same tree.
@Suite struct StoreConvergenceTests {
  /// A change of one file of a type, at random.
  private typealias Change = @Sendable (inout Tree, inout Editor) throws(StoreError) -> Void

  private static func change<Value: Editable>(_ type: Value.Type, _ path: Path) -> Change {
    { (tree, editor) throws(StoreError) in
      do {
        var value = try tree.find(path).map { try Value(decoding: $0) } ?? .empty
        try value.edit(&editor)
        try tree.set(path, value.encoded)
      } catch let error as StoreError {
        throw error
      } catch {
        throw .invalid("\(path): \(error)")
      }
    }
  }

  private static let changes: [Change] = [
    change(MergeableCounter.self, "a/visits.counter"), change(MergeableRegister.self, "a/name.register"),
    change(TimedLog.self, "a/events.timedlog"), change(MergeableQueue.self, "b/jobs.queue"),
    change(MergeableSet.self, "b/tags.set"), change(MergeableMultiset.self, "b/stock.multiset"),
    change(MergeableMap<MergeableCounter>.self, "b/votes.counters"),
    change(MergeableMap<MergeableRegister>.self, "c/prefs.registers"),
  ]

  @Test func allTypesConvergeThroughTheStore() throws {
    for seed in Soak.seeds(1...6, soak: 500) {
      var chooser = Editor(seed: seed, node: 0)
      let repository = try StoreMaker.memory.repository()
      let count = 2 + chooser.below(3)
      let root = try repository.branch("r0").commit(.empty(in: repository.objects), on: nil, .test("root"))
      var replicas = [try repository.branch("r0")]
      for number in 1..<count { replicas.append(try repository.createBranch("r\(number)", at: root.id)) }
      var editors = (0..<count).map { Editor(seed: seed, node: UInt64($0) + 1) }
      for _ in 0..<25 {
        let index = chooser.below(count)
        if chooser.chance(2) {
          try pull(replicas[index], from: replicas[chooser.below(count)])
        } else {
          var tree = try replicas[index].tree()
          try chooser.pick(Self.changes)!(&tree, &editors[index])
          try replicas[index].commit(tree, on: try replicas[index].requireHead().id, .test("change"))
        }
      }
      // Two merge each other at once; then each takes what the others have.
      let (left, right) = (try replicas[0].requireHead().id, try replicas[1].requireHead().id)
      try pull(replicas[0], from: right)
      try pull(replicas[1], from: left)
      #expect(try replicas[0].requireHead().object.tree == replicas[1].requireHead().object.tree, "seed \(seed)")
      for _ in 0..<2 {
        for one in replicas { for other in replicas { try pull(one, from: other) } }
      }
      let trees = try replicas.map { try $0.requireHead().object.tree }
      #expect(Set(trees).count == 1, "seed \(seed)")
    }
  }

  private func pull(_ replica: Branch, from other: Branch) throws {
    try pull(replica, from: try other.requireHead().id)
  }

  private func pull(_ replica: Branch, from other: ObjectID) throws {
    let outcome = try replica.merge(other, .test("pull"))
    if case .conflicts(_, let paths) = outcome { Issue.record("a conflict at \(paths)") }
  }
}
