import GitFormat
import TestSupport
import Testing

@testable import StoreSync
@testable import VersionedStore

/// What a pack shall have, against a walk that looks at everything, in histories whose trees come back and whose clocks
/// say nothing.
@Suite struct ObjectSelectionTests {
  private static let paths = ["a", "b", "d/a", "d/b", "d/e/a", "f/a"]

  /// Commits of few different trees, with one parent or two among the last ones.
  ///
  /// - Parameter clock: the latest time of a commit; all are equal where it is 0.
  static func history(
    _ count: Int, clock: Int64, _ random: inout SeededGenerator
  ) throws -> (backend: MemoryBackend, commits: [ObjectID]) {
    let repository = SampleRepository()
    var commits: [ObjectID] = []
    for number in 0..<count {
      var files = ["z": "always"]
      for path in paths where Bool.random(using: &random) { files[path] = "\(Int.random(in: 0...2, using: &random))" }
      var parents: Set<ObjectID> = []
      for _ in 0..<Int.random(in: 1...2, using: &random) {
        if let parent = commits.suffix(6).randomElement(using: &random) { parents.insert(parent) }
      }
      commits.append(
        try repository.commit(
          files, parents: parents.sorted(), message: "\(number)", at: Int64.random(in: 0...clock, using: &random)))
    }
    return (repository.backend, commits)
  }

  /// All that an object reaches.
  static func closure(of tips: [ObjectID], in backend: MemoryBackend) throws -> Set<ObjectID> {
    var found = Set(tips)
    var open = tips
    while let id = open.popLast() {
      var links: [ObjectID] = []
      switch try backend.object(id).kind {
      case .commit:
        let commit = try backend.commitLinks(id)
        links = commit.parents + [commit.tree]
      case .tree: links = try backend.links(ofTree: id).map(\.id)
      case .blob, .tag: break
      }
      for link in links where found.insert(link).inserted { open.append(link) }
    }
    return found
  }

  @Test(arguments: Soak.seeds(1...60, soak: 5_000), [0, 5, 1_000] as [Int64])
  func nothingIsMissing(_ seed: UInt64, _ clock: Int64) throws {
    var random = SeededGenerator(seed)
    let (backend, commits) = try Self.history(25, clock: clock, &random)
    var selection = ObjectSelection(in: backend)
    selection.wants = [commits[24], commits[20]]
    try selection.run()
    let all = try Self.closure(of: selection.wants, in: backend)
    #expect(Set(selection.selected.map(\.id)) == all)
    #expect(selection.selected.count == all.count)

    selection = ObjectSelection(in: backend)
    selection.wants = [commits[24], commits[22]]
    selection.haves = [commits[Int.random(in: 0...23, using: &random)], commits[3]]
    try selection.run()
    let (wanted, known) = (
      try Self.closure(of: selection.wants, in: backend), try Self.closure(of: selection.haves, in: backend)
    )
    let selected = Set(selection.selected.map(\.id))
    #expect(wanted.subtracting(known).isSubset(of: selected))
    #expect(selected.isSubset(of: wanted))
    #expect(Set(selection.outside.map(\.id)).isSubset(of: known))
  }

  /// In one second a value is set, changed and changed back on the longer side of a merge: found breadth first, the
  /// commits stand before their parents, and what each shares with the next was left to the other.
  @Test func aRevertInTheSameSecondLosesNothing() throws {
    let repository = SampleRepository()
    func commit(_ motto: String, _ parents: [ObjectID]) throws -> ObjectID {
      try repository.commit(parents.isEmpty ? [:] : ["counter": "1", "motto": motto], parents: parents, at: 7)
    }
    let base = try commit("one", [try commit("", [])])
    var tip = base
    for motto in ["two", "one", "three", "four"] { tip = try commit(motto, [tip]) }
    let merge = try commit("five", [tip, try commit("six", [base])])
    var selection = ObjectSelection(in: repository.backend)
    selection.wants = [merge]
    try selection.run()
    #expect(Set(selection.selected.map(\.id)) == (try Self.closure(of: [merge], in: repository.backend)))
  }

  /// Others' programs write commits of any time.
  @Test func aCommitFromBeforeAllTimeIsReached() throws {
    let repository = SampleRepository()
    let tree = try repository.backend.commitLinks(repository.commit(["a": "b"])).tree
    let who = "Ada <ada@home.arpa> \(Int64.min) +0000"
    let buffer = ObjectBuffer(over: repository.backend)
    let id = try buffer.write(.commit, Array("tree \(tree)\nauthor \(who)\ncommitter \(who)\n\nold\n".utf8))
    try repository.backend.commit(Batch(objects: buffer.objects))
    let next = try repository.commit(["a": "c"], parents: [id])
    #expect(try History(repository.backend, cut: []).everyOne(of: [next, id], reachesOneOf: [id]))
  }
}
