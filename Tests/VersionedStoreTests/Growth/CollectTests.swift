import GitFormat
import Glibc
import HostSystem
import TestSupport
import Testing

@testable import VersionedStore

/// Collections: what stays, what goes, and that stock Git finds all well after them.
@Suite struct CollectTests {
  let folder: TemporaryFolder
  var path: String { folder.path + "/store.git" }
  private var now: Int64 { Clock.wallMilliseconds / 1_000 }
  /// When all that is written now is older than the grace time.
  private var later: CollectOptions { CollectOptions(now: now + 15 * 86_400) }

  init() throws { folder = try TemporaryFolder() }

  private func branch(_ store: GitBackend, _ name: String, _ old: ObjectID?, _ new: ObjectID?) throws {
    let ref = try #require(RefName.branch(name))
    try store.commit(Batch(refs: [RefChange(ref, from: old, to: new, who: ada, why: "test")]))
  }

  private func isSound() throws {
    #expect(try git(path, "fsck", "--strict", "--no-dangling") == "")
  }

  /// A branch `main` of some commits, and one that was deleted: its commit.
  private func storeWithGarbage(_ format: ObjectFormat) throws -> (GitBackend, garbage: ObjectID) {
    let store = try GitBackend.create(path, format: format)
    for number in 0..<8 { try commit(store, "file\(number % 3)", "\(number)\n") }
    try store.publish()
    let tip = try #require(try store.reference(.main))
    try branch(store, "topic", nil, tip)
    let garbage = try commit(store, "secret", "nobody needs this\n", on: .branch("topic")!)
    try branch(store, "topic", garbage, nil)
    try store.publish()
    return (store, garbage)
  }

  @Test(arguments: ObjectFormat.allCases, [false, true])
  func whatNothingReachesGoesOnceItIsOld(format: ObjectFormat, aggressive: Bool) throws {
    let (store, garbage) = try storeWithGarbage(format)
    let expected = try git(path, "log", "--format=%H %T", "main")

    let early = try store.collect(CollectOptions(now: now))
    #expect(early.young == 3 && early.dropped == 0 && early.reachable == 24)
    #expect(try store.contains(garbage))
    #expect(File.list(path + "/objects/pack").count { $0.hasSuffix(".mtimes") } == 1)
    try isSound()
    // Stock Git reads the times too.
    try git(path, "repack", "-d", "--cruft", "--cruft-expiration=2.weeks.ago", "--quiet")
    #expect(try git(path, "cat-file", "-t", garbage.hex) == "commit\n")

    var options = later
    options.aggressive = aggressive
    let late = try store.collect(options)
    #expect(late.dropped == 3 && late.young == 0 && late.reachable == 24)
    #expect(throws: StoreError.missing(garbage)) { try GitBackend(opening: path).object(garbage) }
    #expect(File.list(path + "/objects/pack").count { $0.hasSuffix(".pack") } == 1)
    try isSound()
    #expect(try git(path, "log", "--format=%H %T", "main") == expected)

    #expect(try store.collect(options) == CollectResult(reachable: 24))
    try isSound()
  }

  @Test(arguments: ObjectFormat.allCases) func stockGitAndOursCollectInTurns(format: ObjectFormat) throws {
    let (store, _) = try storeWithGarbage(format)
    let expected = try git(path, "rev-list", "--objects", "--all")
    for round in 0..<3 {
      try git(path, "gc", "--quiet", "--prune=\(round == 0 ? "2.weeks.ago" : "now")")
      try isSound()
      try store.collect(round == 1 ? later : CollectOptions(now: now))
      try isSound()
      #expect(try git(path, "rev-list", "--objects", "--all") == expected)
    }
  }

  @Test func reflogsKeepWhatTheyNameUntilTheyExpire() throws {
    let (store, _) = try storeWithGarbage(.sha1)
    let tip = try #require(try store.reference(.main))
    let parent = try CommitObject(store.bytes(tip, .commit), .sha1).parents[0]
    // Stock Git moves a branch back; our commits have times of long ago, its reflog entries have not.
    try git(path, "update-ref", "--create-reflog", "refs/heads/moved", tip.hex)
    try git(path, "update-ref", "refs/heads/main", parent.hex)
    try git(path, "branch", "-D", "moved")
    var options = later
    options.reflogs = nil
    try store.collect(options)
    #expect(try store.contains(tip))
    options.now = now + 31 * 86_400
    options.reflogs = ReflogExpiry()
    #expect(try store.collect(options).expiredEntries > 0)
    #expect(throws: StoreError.missing(tip)) { try GitBackend(opening: path).object(tip) }
    try isSound()
    #expect(try git(path, "reflog", "show", "main").contains(parent.hex.prefix(7)) == false)
  }

  @Test func keptPacksLooseObjectsAndOldTemporaryFiles() throws {
    let (store, garbage) = try storeWithGarbage(.sha1)
    try store.collect(CollectOptions(now: now))
    let cruft = try #require(File.list(path + "/objects/pack").first { $0.hasSuffix(".mtimes") })
    let keep = path + "/objects/pack/" + cruft.dropLast(6) + "keep"
    try File.replace(keep, with: [], durable: false)
    let blob = try git(folder.path, "-C", path, "hash-object", "-w", path + "/config").dropLast()
    let temporary = path + "/objects/pack/tmp_pack_abandoned"
    try File.replace(temporary, with: [1], durable: false)
    var times = [timeval(tv_sec: 1, tv_usec: 0), timeval(tv_sec: 1, tv_usec: 0)]
    utimes(temporary, &times)
    #expect(try store.collect(later).dropped == 1)
    #expect(try store.contains(garbage))
    #expect(!File.isThere(temporary))
    #expect(!(try runGit(path, ["cat-file", "-e", String(blob)]).isSuccess))
    // The folders of loose objects stay, for a stock push may be about to use one.
    #expect(
      File.list(path + "/objects").filter { $0.utf8.count == 2 }.allSatisfy { File.list("\(path)/objects/\($0)") == [] }
    )
    try File.remove(keep)
    #expect(try store.collect(later).dropped == 3)
    #expect(!(try GitBackend(opening: path).contains(garbage)))
    try isSound()
  }

  @Test func whatWasJustWantedStays() throws {
    let (store, garbage) = try storeWithGarbage(.sha1)
    try store.collect(CollectOptions(now: now))
    // Stock Git writes the contents again: it finds them, and sets their time anew.
    try File.replace(folder.path + "/text", with: "nobody needs this\n".utf8, durable: false)
    let blob = String(try git(path, "hash-object", "-w", folder.path + "/text").dropLast())
    var options = CollectOptions(now: now + 15 * 86_400)
    let files = path + "/objects/\(blob.prefix(2))/\(blob.dropFirst(2))"
    var times = [timeval(tv_sec: Int(options.now), tv_usec: 0), timeval(tv_sec: Int(options.now), tv_usec: 0)]
    #expect(utimes(files, &times) == 0)
    #expect(try store.collect(options).dropped == 2)
    #expect(try git(path, "cat-file", "-t", blob) == "blob\n")
    #expect(!(try GitBackend(opening: path).contains(garbage)))
    // What is referred to again is reachable.
    let again = try commit(store, "secret", "nobody needs this\n")
    options.now += 30 * 86_400
    options.reflogs = nil
    try store.collect(options)
    #expect(try store.contains(again))
    try isSound()
  }

  @Test func aChangeMadeOfWhatWasTakenAwayIsRefused() throws {
    let (store, garbage) = try storeWithGarbage(.sha1)
    let other = try GitBackend(opening: path)
    #expect(try other.contains(garbage))
    try store.collect(later)
    #expect(throws: StoreError.missing(garbage)) { try branch(other, "again", nil, garbage) }
    let tip = try #require(try other.reference(.main))
    try branch(other, "fine", nil, tip)
    try other.publish()
    try isSound()
  }

  @Test func nothingIsDroppedWhileSomebodyReceives() throws {
    let (store, garbage) = try storeWithGarbage(.sha1)
    let incoming = try store.makeQuarantine()
    let result = try store.collect(later)
    #expect(result.isPostponed && result.dropped == 0)
    #expect(try store.contains(garbage))
    ReceivedPack.remove(incoming)
    #expect(try store.collect(later).dropped == 3)
    try isSound()
  }

  @Test func aMissingObjectEndsTheCollectionBeforeAnythingGoes() throws {
    let (store, garbage) = try storeWithGarbage(.sha1)
    try store.publish()
    let lost = try #require(ObjectID(.sha1, hex: String(repeating: "1", count: 40)))
    try File.replace(path + "/refs/heads/broken", with: "\(lost)\n".utf8, durable: false)
    #expect(throws: StoreError.missing(lost)) { try store.collect(later) }
    #expect(try store.contains(garbage))
  }
}

extension CollectResult {
  fileprivate init(reachable: Int) {
    self.init()
    self.reachable = reachable
  }
}
