import GitFormat
import TestSupport
import Testing

@testable import VersionedStore

/// A history made for a test: commits by number, each on earlier ones.
struct MadeHistory {
  let repository: Repository
  private(set) var ids: [ObjectID] = []
  private(set) var parents: [[Int]] = []
  private let buffer: ObjectBuffer

  init(_ maker: StoreMaker) throws {
    repository = try maker.repository()
    buffer = ObjectBuffer(over: repository.objects)
  }

  /// Adds a commit; `store()` puts it into the repository.
  @discardableResult
  mutating func add(on parents: [Int], time: Int64? = nil, tree: Tree? = nil) throws -> Int {
    let number = ids.count
    let who = Signature(name: "Ada", email: "ada@home.arpa", time: time ?? 1_700_000_000 + Int64(number))
    let root = try (tree ?? repository.emptyTree).write(into: buffer)
    let commit = CommitObject(tree: root, parents: parents.map { ids[$0] }, author: who, message: "\(number)\n")
    ids.append(try buffer.write(.commit, commit.bytes))
    self.parents.append(parents)
    return number
  }

  func store() throws { try repository.store(Batch(objects: buffer.objects)) }

  /// A commit with all from which it came.
  func reached(from number: Int) -> Set<Int> {
    var reached: Set<Int> = []
    var open = [number]
    while let next = open.popLast() { if reached.insert(next).inserted { open += parents[next] } }
    return reached
  }

  /// By definition: common ancestors that no other common ancestor came from.
  func commonAncestors(_ a: Int, _ b: Int) -> Set<Int> {
    let common = reached(from: a).intersection(reached(from: b))
    return common.filter { one in !common.contains { $0 != one && reached(from: $0).contains(one) } }
  }

  /// Random merges and forks, with clocks that are right, wrong, or all the same.
  static func random(_ maker: StoreMaker, _ random: inout SeededGenerator, count: Int) throws -> MadeHistory {
    var history = try MadeHistory(maker)
    let skew = [0, 3, 1_000].randomElement(using: &random)!
    for number in 0..<count {
      let wanted =
        number == 0 || Int.random(in: 0..<25, using: &random) == 0
        ? 0 : [1, 1, 1, 2, 2, 3].randomElement(using: &random)!
      let recent = max(0, number - [2, 6, count].randomElement(using: &random)!)
      let parents = Set((0..<wanted).map { _ in Int.random(in: recent..<number, using: &random) })
      let time = skew == 1_000 ? 0 : number + Int.random(in: -skew...skew, using: &random)
      try history.add(on: parents.shuffled(using: &random), time: 1_700_000_000 + Int64(time))
    }
    try history.store()
    return history
  }
}

@Suite struct HistoryTests {
  @Test(arguments: Soak.seeds(1...16, soak: 5_000)) func ancestryIsWhatTheDefinitionSays(seed: UInt64) throws {
    var random = SeededGenerator(seed)
    let made = try MadeHistory.random(.memory, &random, count: Int.random(in: 2...30, using: &random))
    let history = made.repository.history()
    for _ in 0..<30 {
      let a = made.ids.indices.randomElement(using: &random)!, b = made.ids.indices.randomElement(using: &random)!
      let (fromA, fromB) = (made.reached(from: a), made.reached(from: b))
      guard case .found(let found) = try history.commonAncestors(of: made.ids[a], and: made.ids[b]) else {
        Issue.record("no limit was set")
        return
      }
      #expect(Set(found) == Set(made.commonAncestors(a, b).map { made.ids[$0] }))
      #expect(try history.isAncestor(made.ids[a], of: made.ids[b]) == fromB.contains(a))
      let (ahead, behind) = try history.divergence(made.ids[a], from: made.ids[b])
      #expect(ahead == fromA.subtracting(fromB).count)
      #expect(behind == fromB.subtracting(fromA).count)
      for order in [LogOptions.Order.date, .topological] {
        let log = try history.log(from: [made.ids[a]], LogOptions(order: order, excluding: [made.ids[b]])).map(\.id)
        #expect(Set(log) == Set(fromA.subtracting(fromB).map { made.ids[$0] }))
        #expect(log.count == Set(log).count)
        guard order == .topological else { continue }
        let places = Dictionary(uniqueKeysWithValues: zip(log, log.indices))
        for (child, parents) in zip(made.ids, made.parents) {
          for parent in parents {
            if let one = places[child], let other = places[made.ids[parent]] { #expect(one < other) }
          }
        }
      }
    }
  }

  @Test(arguments: StoreMaker.all) func crissCrossHasTwoCommonAncestors(_ maker: StoreMaker) throws {
    var made = try MadeHistory(maker)
    for parents in [[], [0], [0], [1, 2], [2, 1], [3], [4]] as [[Int]] { try made.add(on: parents) }
    let alone = try made.add(on: [])
    try made.store()
    let history = made.repository.history()
    let (a, b) = (made.ids[5], made.ids[6])
    #expect(try history.commonAncestors(of: a, and: b) == .found([made.ids[2], made.ids[1]]))
    #expect(try history.commonAncestors(of: a, and: b, limit: 1) == .tooMany)
    #expect(try history.commonAncestors(of: a, and: b, maxDepth: 1) == .depthReached)
    #expect(try history.commonAncestors(of: a, and: b, maxDepth: 3) == .found([made.ids[2], made.ids[1]]))
    #expect(try history.commonAncestors(of: a, and: made.ids[alone]) == .found([]))
    #expect(try history.commonAncestors(of: a, and: a) == .found([a]))
  }

  /// A router that boots without the time makes commits that are older than what they stand on.
  @Test func answersDoNotRestOnClocks() throws {
    var made = try MadeHistory(.memory)
    try made.add(on: [], time: 5_000)
    for number in 1..<10 { try made.add(on: [number - 1], time: 5_000 + Int64(number)) }
    let late = try made.add(on: [9], time: 1)
    let fork = try made.add(on: [3], time: 9_000)
    let merge = try made.add(on: [late, fork], time: 2)
    try made.store()
    let history = made.repository.history()
    #expect(try history.commonAncestors(of: made.ids[late], and: made.ids[fork]) == .found([made.ids[3]]))
    #expect(try history.isAncestor(made.ids[5], of: made.ids[merge]))
    #expect(try !history.isAncestor(made.ids[fork], of: made.ids[late]))
    #expect(try history.divergence(made.ids[late], from: made.ids[fork]) == (7, 1))
  }

  @Test func aLongHistoryIsWalkedWithoutRecursion() throws {
    var made = try MadeHistory(.memory)
    let count = Soak.count(1_000, soak: 100_000)
    try made.add(on: [])
    for number in 1..<count { try made.add(on: [number - 1]) }
    let side = try made.add(on: [count - 10])
    try made.store()
    let history = made.repository.history()
    let head = made.ids[count - 1]
    #expect(try history.commonAncestors(of: head, and: made.ids[side]) == .found([made.ids[count - 10]]))
    #expect(try history.divergence(head, from: made.ids[0]) == (count - 1, 0))
    var told = 0
    try history.forEachCommit(from: [head]) { _ in
      told += 1
      return true
    }
    #expect(told == count)
    #expect(
      try history.log(from: [head], LogOptions(order: .topological, limit: 2)).map(\.id) == [head, made.ids[count - 2]])
    var bisection = try history.bisection(bad: head, good: [made.ids[0]])
    var tests = 0
    while case .test(let id, _) = bisection.step {
      tests += 1
      try bisection.mark(id, made.ids.firstIndex(of: id)! >= 777 ? .bad : .good)
    }
    #expect(bisection.step == .found(made.ids[777]))
    #expect(tests <= 17)
  }

  @Test func aShallowBoundaryEndsAWalk() throws {
    var made = try MadeHistory(.memory)
    for number in 0..<6 { try made.add(on: number == 0 ? [] : [number - 1]) }
    let fork = try made.add(on: [4])
    // Only from commit 3 on are there commits here.
    let repository = try StoreMaker.memory.repository()
    let buffer = ObjectBuffer(over: repository.objects)
    _ = try buffer.write(.tree, [])
    try made.store()
    for number in [3, 4, 5, fork] {
      _ = try buffer.write(.commit, try made.repository.objects.bytes(made.ids[number], .commit))
    }
    try repository.store(Batch(objects: buffer.objects))
    let history = repository.history(shallow: [made.ids[3]])
    #expect(try history.log(from: [made.ids[5]]).map(\.id) == [5, 4, 3].map { made.ids[$0] })
    #expect(try history.commonAncestors(of: made.ids[5], and: made.ids[fork]) == .found([made.ids[4]]))
    #expect(try !history.isAncestor(made.ids[fork], of: made.ids[5]))
    #expect(try history.graph(from: [made.ids[5]]).boundary == [made.ids[2]])
    #expect(throws: StoreError.missing(made.ids[2])) { try repository.history().log(from: [made.ids[5]]) }
  }

  @Test(arguments: StoreMaker.all) func aBranchGoesForwardOnly(_ maker: StoreMaker) throws {
    var made = try MadeHistory(maker)
    for parents in [[], [0], [1], [1]] as [[Int]] { try made.add(on: parents) }
    try made.store()
    let branch = try made.repository.mainBranch()
    #expect(try branch.fastForward(to: made.ids[0]) == .moved)
    #expect(try branch.fastForward(to: made.ids[2]) == .moved)
    #expect(try branch.fastForward(to: made.ids[1]) == .upToDate)
    #expect(try branch.fastForward(to: made.ids[3]) == .diverged)
    #expect(try branch.head()?.id == made.ids[2])
  }

  @Test(arguments: StoreMaker.all) func theLogOfAPathTellsWhatChangedIt(_ maker: StoreMaker) throws {
    let branch = try maker.repository().mainBranch()
    let one = try #require(try branch.set("a/x", [1], .test("1")))
    try branch.set("a/y", [2], .test("2"))
    let three = try #require(try branch.set("a/x", [3], .test("3")))
    try branch.set("b", [4], .test("4"))
    let five = try #require(try branch.remove("a/x", .test("5")))
    let head = try branch.requireHead().id
    let history = branch.repository.history()
    #expect(try history.log(from: [head], LogOptions(path: "a/x")) == [five, three, one])
    #expect(try history.lastModified("a/x", from: head, count: 2) == [five, three])
    #expect(try history.lastModified("b", from: head).map(\.message) == ["4"])
    #expect(try history.log(from: [head], LogOptions(path: "a")).map(\.message) == ["5", "3", "2", "1"])
    #expect(try history.lastModified("nowhere", from: head).isEmpty)
    #expect(try history.log(from: [head], LogOptions(limit: 2)).map(\.message) == ["5", "4"])
  }

  @Test func theGraphIsBoundedAndDrawn() throws {
    var made = try MadeHistory(.memory)
    for parents in [[], [0], [0], [1, 2], [3]] as [[Int]] { try made.add(on: parents) }
    try made.store()
    let history = made.repository.history()
    let graph = try history.graph(from: [made.ids[4]], depth: 1)
    #expect(graph.commits.map(\.id) == [made.ids[4], made.ids[3]])
    #expect(graph.boundary == [made.ids[1], made.ids[2]])
    let dot = graph.dot(names: [("main \"x\"", made.ids[4])])
    #expect(dot.contains("\"\(made.ids[4])\" -> \"\(made.ids[3])\";"))
    #expect(dot.contains("\"main \\\"x\\\"\" -> \"\(made.ids[4])\""))
    #expect(try history.graph(from: [made.ids[4]], limit: 3).commits.count == 3)
    #expect(try history.graph(from: [made.ids[4]]).boundary.isEmpty)
  }

  @Test(arguments: Soak.seeds(1...30, soak: 3_000)) func bisectionFindsTheFirstBadCommit(seed: UInt64) throws {
    var random = SeededGenerator(seed)
    let made = try MadeHistory.random(.memory, &random, count: Int.random(in: 2...60, using: &random))
    let bad = made.ids.count - 1
    let culprit = made.reached(from: bad).randomElement(using: &random)!
    func isBad(_ number: Int) -> Bool { made.reached(from: number).contains(culprit) }
    let good = made.ids.indices.filter { !isBad($0) }.shuffled(using: &random).prefix(1)
    let skips = Bool.random(using: &random) ? 0 : 4
    var bisection = try made.repository.history().bisection(bad: made.ids[bad], good: good.map { made.ids[$0] })
    let first = bisection.count
    var tests = 0
    var skipped: Set<ObjectID> = []
    while case .test(let id, let left) = bisection.step {
      #expect(left == bisection.count)
      let number = made.ids.firstIndex(of: id)!
      if skipped.count < skips, Bool.random(using: &random) {
        skipped.insert(id)
        try bisection.mark(id, .skip)
      } else {
        tests += 1
        try bisection.mark(id, isBad(number) ? .bad : .good)
      }
    }
    #expect(tests <= first)
    switch bisection.step {
    case .found(let id): #expect(id == made.ids[culprit])
    case .undecided(let ids):
      #expect(ids.contains(made.ids[culprit]))
      #expect(ids.dropLast().allSatisfy { skipped.contains($0) })
    case .test: Issue.record("the search has ended")
    }
    #expect(throws: StoreError.self) { try bisection.mark(.zero(.sha1), .bad) }
  }
}
