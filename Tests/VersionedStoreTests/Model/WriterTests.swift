import GitFormat
import Glibc
import HostSystem
import Synchronization
import TestSupport
import Testing

@testable import VersionedStore

/// A back end that takes its time to store, and sometimes fails.
private final class SlowBackend: Backend {
  let base: any Backend
  private let microseconds: UInt32
  private let calls = Mutex((count: 0, failing: Set<Int>()))

  init(_ base: any Backend, microseconds: UInt32, failing: Set<Int> = []) {
    self.base = base
    self.microseconds = microseconds
    calls.withLock { $0.failing = failing }
  }

  /// How often something was stored.
  var commits: Int { calls.withLock { $0.count } }
  var format: ObjectFormat { base.format }
  var headTarget: RefName { get throws(StoreError) { try base.headTarget } }
  func object(_ id: ObjectID) throws(StoreError) -> GitObject { try base.object(id) }
  func contains(_ id: ObjectID) throws(StoreError) -> Bool { try base.contains(id) }
  func reference(_ name: RefName) throws(StoreError) -> ObjectID? { try base.reference(name) }
  func references(under prefix: String) throws(StoreError) -> [(name: RefName, id: ObjectID)] {
    try base.references(under: prefix)
  }
  func publish() throws(StoreError) { try base.publish() }
  func watch(_ onChange: @escaping @Sendable () -> Void) throws(StoreError) -> RefWatch { try base.watch(onChange) }

  func commit(_ batch: Batch) throws(StoreError) {
    let fails = calls.withLock { calls in
      calls.count += 1
      return calls.failing.contains(calls.count)
    }
    usleep(microseconds)
    if fails { throw .system(SystemError("storing", code: ENOSPC)) }
    try base.commit(batch)
  }
}

/// Runs a closure on so many threads at once, and waits for all.
private func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) throws {
  let left = WaitingLock(count)
  for index in 0..<count {
    try startThread {
      body(index)
      left.withLock { $0 -= 1 }
      left.notify()
    }
  }
  left.wait { $0 == 0 ? () : nil }
}

@Suite struct WriterTests {
  private func repository(_ backend: any Backend) -> Repository {
    Repository(backend, identity: Identity(name: "Store", email: "s@home.arpa")) { 1_700_000_000 }
  }

  @Test(arguments: StoreMaker.all) func writersOfOneBranchAreStoredTogether(_ maker: StoreMaker) throws {
    let slow = SlowBackend(try maker.backend(maker.format), microseconds: 5_000)
    let branch = try repository(slow).mainBranch()
    let each = Soak.count(10, soak: 100)
    try onThreads(8) { writer in
      for n in 0..<each {
        do { try branch.set(Path("w\(writer)/\(n)"), [UInt8(n)], .test("\(writer) \(n)")) } catch {
          Issue.record("writer \(writer): \(error)")
        }
      }
    }
    #expect(try branch.tree().files().count == 8 * each)
    let log = try branch.repository.history().log(from: [branch.requireHead().id])
    #expect(log.count == 8 * each)
    #expect(slow.commits < 8 * each / 2)
  }

  /// What failed to be stored is told to whom it belongs, and nobody else's change goes with it.
  @Test(arguments: StoreMaker.all) func aFailureIsToldToThoseWhoseItIs(_ maker: StoreMaker) throws {
    let slow = SlowBackend(try maker.backend(maker.format), microseconds: 2_000, failing: [2, 5, 6, 9])
    let branch = try repository(slow).mainBranch()
    let stored = Mutex<Set<Path>>([]), failed = Mutex<Set<Path>>([])
    try onThreads(6) { writer in
      for n in 0..<8 {
        let path = Path("w\(writer)/\(n)")
        do {
          try branch.set(path, [UInt8(n)], .test("\(path)"))
          _ = stored.withLock { $0.insert(path) }
        } catch { _ = failed.withLock { $0.insert(path) } }
      }
    }
    let files = Set(try branch.tree().files().keys)
    #expect(files == stored.withLock { $0 })
    #expect(failed.withLock { $0.count } >= 4)
    #expect(stored.withLock { $0.count } + failed.withLock { $0.count } == 48)
    // Nothing that failed is read from memory.
    let fresh = repository(slow.base)
    #expect(try Set(fresh.mainBranch().tree().files().keys) == files)
  }

  /// Two repositories on one back end stand for two processes.
  @Test(arguments: StoreMaker.all) func writersWhoDoNotKnowOfEachOtherLoseNothing(_ maker: StoreMaker) throws {
    let slow = SlowBackend(try maker.backend(maker.format), microseconds: 200)
    let branches = [try repository(slow).mainBranch(), try repository(slow).mainBranch()]
    let each = Soak.count(10, soak: 200)
    try onThreads(6) { writer in
      for n in 0..<each {
        do {
          try branches[writer % 2].update(.test("\(writer) \(n)"), retries: 10_000) { tree throws(StoreError) in
            try tree.set(Path("w\(writer)/\(n)"), [UInt8(n & 255)])
          }
        } catch { Issue.record("writer \(writer): \(error)") }
      }
    }
    #expect(try branches[0].tree().files().count == 6 * each)
    #expect(try branches[1].head() == branches[0].head())
  }

  /// One counter, many writers: each sees what it replaces.
  @Test(arguments: StoreMaker.all) func testAndSetCountsRight(_ maker: StoreMaker) throws {
    let slow = SlowBackend(try maker.backend(maker.format), microseconds: 500)
    let branch = try repository(slow).mainBranch()
    try onThreads(4) { _ in
      var done = 0
      while done < 10 {
        do throws(StoreError) {
          let old = try branch.find("n")
          try branch.testAndSet("n", test: old, set: [(old?.first ?? 0) + 1], .test("one more"))
          done += 1
        } catch .testFailed { continue } catch {
          Issue.record("\(error)")
          return
        }
      }
    }
    #expect(try branch.get("n") == [40])
  }
}
