import GitFormat
import Synchronization
import TestSupport
import Testing

@testable import VersionedStore

/// What watches told, in order.
final class ToldChanges: Sendable {
  private let changes = Mutex<[BranchChange]>([])

  func add(_ change: Result<BranchChange, StoreError>) {
    guard case .success(let change) = change else {
      Issue.record("a watch could not read: \(change)")
      return
    }
    changes.withLock { $0.append(change) }
  }

  /// All that was told since the last call, once there are so many.
  func take(atLeast count: Int = 1) async throws -> [BranchChange] {
    #expect(try await eventually { changes.withLock { $0.count >= count } })
    return changes.withLock { changes in
      defer { changes = [] }
      return changes
    }
  }

  var isEmpty: Bool { changes.withLock { $0.isEmpty } }
}

@Suite struct WatchTests {
  @Test(arguments: StoreMaker.all) func branchesAreToldAsTheyComeAndGo(_ maker: StoreMaker) async throws {
    let repository = try maker.repository()
    let told = ToldChanges()
    let watch = try repository.watch { told.add($0) }
    let main = try repository.mainBranch()
    let one = try #require(try main.set("a", [1], .test("one")))
    let added = try await told.take()
    #expect(added.map(\.kind) == [.added])
    #expect(added.map(\.branch.name) == ["main"])
    #expect(added.map(\.old) == [nil])
    #expect(added.map(\.new) == [one])
    let two = try #require(try main.set("a", [2], .test("two")))
    let updated = try await told.take()
    #expect(updated.map(\.kind) == [.updated])
    #expect(updated.map(\.old) == [one])
    #expect(updated.map(\.new) == [two])
    try repository.renameBranch("main", to: "other")
    let renamed = try await told.take(atLeast: 2)
    #expect(renamed.map(\.kind) == [.removed, .added])
    #expect(renamed.map(\.branch.name) == ["main", "other"])
    withExtendedLifetime(watch) {}
  }

  @Test(arguments: StoreMaker.all) func aPathIsToldWithTheFilesThatDiffer(_ maker: StoreMaker) async throws {
    let repository = try maker.repository()
    let main = try repository.mainBranch()
    try main.set("a/x", [1], .test("before"))
    let (directory, file) = (ToldChanges(), ToldChanges())
    let watches = try [
      repository.watch(branch: "main", path: "a") { directory.add($0) },
      repository.watch(branch: "main", path: "a/y") { file.add($0) },
    ]
    try main.set("b", [1], .test("elsewhere"))
    try main.update(.test("here")) { tree throws(StoreError) in
      try tree.set("a/x", [2])
      try tree.set("a/y", [3])
    }
    let changed = try await directory.take()
    #expect(changed.map(\.kind) == [.updated])
    #expect(changed.first?.paths?.map(\.path) == ["a/x", "a/y"])
    #expect(changed.first?.paths?.map(\.kind) == [.changed, .added])
    #expect(try await file.take().map(\.kind) == [.added])
    try main.remove("a", .test("gone"))
    #expect(try await directory.take().map(\.kind) == [.removed])
    let gone = try await file.take()
    #expect(gone.map(\.kind) == [.removed])
    #expect(gone.first?.paths?.map(\.path) == ["a/y"])
    #expect(directory.isEmpty && file.isEmpty)
    withExtendedLifetime(watches) {}
  }

  @Test(arguments: StoreMaker.all) func aWatchEndsWithItsToken(_ maker: StoreMaker) async throws {
    let repository = try maker.repository()
    let main = try repository.mainBranch()
    let (ended, kept) = (ToldChanges(), ToldChanges())
    var watch: Watch? = try repository.watch { ended.add($0) }
    let other = try repository.watch { kept.add($0) }
    watch = nil
    try main.set("a", [1], .test("unseen"))
    #expect(try await kept.take().count == 1)
    #expect(ended.isEmpty)
    withExtendedLifetime((watch, other)) {}
  }

  /// One who is told and writes at once is told of that too, after the first call has ended.
  @Test(arguments: StoreMaker.all) func whoIsToldMayWrite(_ maker: StoreMaker) async throws {
    let repository = try maker.repository()
    let main = try repository.mainBranch()
    let told = ToldChanges()
    let watch = try repository.watch(branch: "main", path: "n") { change in
      told.add(change)
      let value = try? main.find("n")?.first
      if let value, value < 5 { _ = try? main.set("n", [value + 1], .test("\(value + 1)")) }
    }
    try main.set("n", [1], .test("1"))
    var changes: [BranchChange] = []
    while changes.last?.new?.message != "5" {
      let more = try await told.take()
      try #require(!more.isEmpty)
      changes += more
    }
    // In order and without gaps, though not each commit has to be told.
    for (one, next) in zip(changes, changes.dropFirst()) { #expect(one.new == next.old) }
    #expect(try main.get("n") == [5])
    withExtendedLifetime(watch) {}
  }
}
