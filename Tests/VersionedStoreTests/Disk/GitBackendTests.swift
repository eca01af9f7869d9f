import GitFormat
import Glibc
import HostSystem
import TestSupport
import Testing

@testable import VersionedStore

/// The repository on disk, with stock Git beside it.
@Suite struct GitBackendTests {
  let folder: TemporaryFolder
  var path: String { folder.path + "/store.git" }

  init() throws { folder = try TemporaryFolder() }

  @Test(arguments: ObjectFormat.allCases) func stockGitReadsWhatIsPublished(format: ObjectFormat) throws {
    let store = try GitBackend.create(path, format: format)
    var last: ObjectID?
    for number in 0..<30 { last = try commit(store, "file\(number % 7)", "\(number)\n") }
    #expect(try store.reference(.main) == last)
    try store.publish()
    #expect(try git(path, "rev-parse", "main") == "\(last!.hex)\n")
    #expect(try git(path, "fsck", "--strict") == "")
    #expect(try git(path, "log", "--format=%s", "main").split(separator: "\n").count == 30)
    #expect(try git(path, "cat-file", "blob", "main:file1") == "29\n")
    #expect(try git(path, "reflog", "show", "main").split(separator: "\n").count == 30)
    #expect(try git(path, "blame", "main", "--", "file1").contains("29"))
  }

  @Test func whatIsAcknowledgedIsThereAfterReopening() throws {
    var store: GitBackend? = try GitBackend.create(path)
    let id = try commit(store!, "a", "1")
    store = nil
    let again = try GitBackend(opening: path)
    #expect(again.recoveryNotes == [])
    #expect(try again.reference(.main) == id)
    #expect(try again.object(id).kind == .commit)
    #expect(File.list(path + "/refs/heads") == ["main"])
  }

  @Test func aCommitIsPublishedByItselfWithinMoments() throws {
    let store = try GitBackend.create(path)
    let id = try commit(store, "a", "1")
    #expect(try eventually { try File.readIfPresent(path + "/refs/heads/main") == Array("\(id)\n".utf8) })
    #expect(eventually { File.list(path + "/refs/heads") == ["main"] }, "the lock is released")
    #expect(!File.list(path + "/objects/pack").contains { $0.hasSuffix(".keep") })
  }

  @Test func aLostRaceChangesNothing() throws {
    let store = try GitBackend.create(path)
    let first = try commit(store, "a", "1")
    let (batch, _) = try change(store, "b", "2", on: .main, first)
    let second = try commit(store, "c", "3")
    #expect(throws: StoreError.refChanged(.main, expected: first, found: second)) { try store.commit(batch) }
    #expect(try store.reference(.main) == second)
    try store.publish()
    #expect(throws: StoreError.refChanged(.main, expected: first, found: second)) { try store.commit(batch) }
    #expect(File.list(path + "/refs/heads") == ["main"], "no lock is left")
  }

  @Test func referencesAreMadeAndDeletedAsInGit() throws {
    let store = try GitBackend.create(path)
    let id = try commit(store, "a", "1")
    let nested = try #require(RefName.branch("people/ada"))
    try store.commit(Batch(refs: [RefChange(nested, from: nil, to: id, who: ada, why: "branch")]))
    try store.publish()
    try git(path, "pack-refs", "--all")
    #expect(try store.references(under: "refs/heads/").map(\.name) == [.main, nested])
    #expect(throws: StoreError.self) {
      try store.commit(Batch(refs: [RefChange(.branch("people")!, from: nil, to: id, who: ada, why: "in the way")]))
    }
    try store.commit(Batch(refs: [RefChange(nested, from: id, to: nil, who: ada, why: "gone")]))
    #expect(try store.reference(nested) == nil)
    try store.publish()
    #expect(try git(path, "for-each-ref", "--format=%(refname)") == "refs/heads/main\n")
    #expect(try store.references(under: "refs/").map(\.name) == [.main])
    try git(path, "fsck", "--strict")
  }

  @Test func aForeignLockIsReportedWithItsAgeAndLeftAlone() throws {
    let store = try GitBackend.create(path)
    let id = try commit(store, "a", "1")
    try store.publish()
    try File.replace(path + "/refs/heads/main.lock", with: [], durable: false)
    let references = References(folder: path, format: .sha1, layer: .system)
    #expect { _ = try references.lock(.main) } throws: { error in
      guard case .locked(let file, let seconds) = error as? StoreError else { return false }
      return file.hasSuffix("main.lock") && seconds < 60
    }
    #expect(try store.reference(.main) == id)
    #expect(File.isThere(path + "/refs/heads/main.lock"))
  }

  @Test func severalWritersShareOneStore() throws {
    let store = try GitBackend.create(path)
    let path = path
    let threads = try (0..<4).map { writer in
      // The second half opens the repository once more, as another process would.
      let own = writer < 2 ? store : try GitBackend(opening: path)
      return try BackgroundThread {
        for number in 0..<25 {
          while true {
            do {
              try commit(own, "\(writer)-\(number)", "x")
              break
            } catch {
              guard case .refChanged = error as? StoreError else {
                Issue.record(error)
                return
              }
            }
          }
        }
      }
    }
    withExtendedLifetime(threads) {}
    _ = consume threads
    try store.publish()
    let head = try #require(try store.reference(.main))
    #expect(try git(path, "ls-tree", "--name-only", head.hex).split(separator: "\n").count == 100)
    #expect(try git(path, "rev-list", "--count", "main") == "100\n")
    try git(path, "fsck", "--strict")
  }

  @Test func aWriterIsNotRefusedByWhatAnotherIsStillSyncing() throws {
    // Another process that is kept from its processor between appending and the end of its sync.
    let begun = Semaphore(), isToEnd = Semaphore()
    let isSlow = Guarded(false)
    let layer = FileLayer { operation in
      guard case .syncing(let call, _, _) = operation, call.point == .journal, isSlow.withLock({ $0 }) else { return }
      isSlow.withLock { $0 = false }
      begun.signal()
      isToEnd.wait()
    }
    let slow = try GitBackend.create(path, layer: layer, publishAfterMilliseconds: 60_000)
    let store = try GitBackend(opening: path)
    isSlow.withLock { $0 = true }
    let thread = try BackgroundThread {
      do { try commit(slow, "slow", "1") } catch { Issue.record(error) }
    }
    begun.wait()
    defer { isToEnd.signal() }
    let repository = Repository(store, identity: Identity(name: "Ada", email: "ada@home.arpa"), now: { 1 })
    let branch = try repository.branch("main")
    try branch.set("fast", [1], CommitInfo(author: ada, message: "Set fast\n"))
    #expect(try branch.find("slow") == Array("1".utf8))
    withExtendedLifetime(thread) {}
  }

  /// Whoever waits for one that opens the repository opens it itself where that one fails.
  @Test func whatIsSharedIsBelievedOnlyIfSomebodyWroteIt() throws {
    var first: GitBackend? = try GitBackend.create(path, publishAfterMilliseconds: 60_000)
    let id = try commit(first!, "a", "1")
    // As another start of the machine left it, or an opening that was cut off.
    try SharedState(path: path + "/lares/shared").isKnown = false
    let path = path
    let opened = Guarded(nil as GitBackend?)
    let thread = try BackgroundThread {
      do {
        let second = try GitBackend(opening: path)
        opened.withLock { $0 = second }
      } catch { Issue.record(error) }
    }
    usleep(50_000)
    #expect(opened.withLock { $0 == nil })
    withExtendedLifetime(first) {}
    first = nil
    #expect(try eventually { try opened.withLock { try $0?.reference(.main) == id } })
    #expect(try SharedState(path: path + "/lares/shared").isKnown)
    _ = consume thread
  }

  /// What is in the journal is acknowledged, whatever hinders that stock Git sees it.
  @Test func aLargeBatchIsStoredWhereItCannotBePublishedYet() throws {
    let isFull = Guarded(false)
    let layer = FileLayer { operation throws(SystemError) in
      guard case .create(let path, _) = operation, path.contains("/lares/ref-"), isFull.withLock({ $0 }) else { return }
      throw SystemError("writing \(path)", code: ENOSPC)
    }
    let store = try GitBackend.create(path, layer: layer, publishAfterMilliseconds: 60_000)
    isFull.withLock { $0 = true }
    let id = try commit(
      store, "large", String(decoding: randomBytes(2_000_000).map { $0 & 0x3F | 0x40 }, as: UTF8.self))
    #expect(try store.reference(.main) == id)
    #expect(throws: StoreError.self) { try store.publish() }
    isFull.withLock { $0 = false }
    try store.publish()
    #expect(try git(path, "rev-parse", "main") == "\(id)\n")
    try git(path, "fsck", "--strict")
  }

  /// An opening after a crash repairs the end of a log, and nothing else of it.
  @Test func aLogThatStockGitWroteWithoutWordsStays() throws {
    let store = try GitBackend.create(path)
    let ids = try (0..<3).map { try commit(store, "a", "\($0)") }
    try store.publish()
    try git(path, "update-ref", "refs/heads/main", ids[0].hex)
    try git(path, "update-ref", "-m", "back", "refs/heads/main", ids[2].hex)
    let log = try File.read(path + "/logs/refs/heads/main")
    #expect(log.split(separator: 10).count { !$0.contains(9) } == 1)
    let change = RefChange(.main, from: ids[2], to: ids[1], who: ada, why: "next")
    let references = References(folder: path, format: .sha1, layer: .system)
    #expect(try references.loggedCount(.main, of: [change]) == 0)
    #expect(try File.read(path + "/logs/refs/heads/main") == log)
    try File.replace(path + "/logs/refs/heads/main", with: log + Array(ids[0].hex.utf8), durable: false)
    #expect(try references.loggedCount(.main, of: [change]) == 0)
    #expect(try File.read(path + "/logs/refs/heads/main") == log)
  }

  @Test func othersHearOfAChange() throws {
    let store = try GitBackend.create(path)
    let other = try GitBackend(opening: path)
    let changes = Counter()
    let watch = try other.watch { changes.add() }
    try commit(store, "a", "1")
    #expect(eventually { changes.value > 0 })
    #expect(try eventually { try other.reference(.main) != nil })
    let before = changes.value
    try store.publish()
    try git(path, "update-ref", "refs/heads/topic", "main")
    #expect(eventually { changes.value > before })
    withExtendedLifetime(watch) {}
  }

  @Test func aLargeBatchNeedsNoRoomInTheJournal() throws {
    let store = try GitBackend.create(path)
    var generator = SeededGenerator(1)
    let text = (0..<160_000).map { _ in String(generator.next(), radix: 16) }.joined()
    let id = try commit(store, "large", text)
    #expect(try store.reference(.main) == id)
    try store.publish()
    try git(path, "fsck", "--strict")
    #expect(FileIdentity(path: path + "/lares/journal")!.size < 4 << 20)
  }
}

/// Counts from several threads.
final class Counter: Sendable {
  private let monitor = Monitor()
  private nonisolated(unsafe) var count = 0
  var value: Int { monitor.withLock { count } }
  func add() { monitor.withLock { count += 1 } }
}
