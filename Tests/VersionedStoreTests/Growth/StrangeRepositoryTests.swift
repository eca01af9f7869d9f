import GitFormat
import HostSystem
import TestSupport
import Testing
import Wire

@testable import VersionedStore

/// Repositories of stock Git's with what is rare.
@Suite struct StrangeRepositoryTests {
  let folder: TemporaryFolder
  var path: String { folder.path + "/store.git" }

  init() throws { folder = try TemporaryFolder() }

  private static var collectNow: CollectOptions {
    var options = CollectOptions(now: 4_000_000_000)
    options.graceSeconds = 0
    options.reflogs = ReflogExpiry()
    return options
  }

  /// Git's names are bytes, and longer than ours may be: what only such a reference reaches must not be taken for garbage,
  /// nor be left out of a list.
  @Test(arguments: ["caf\\351", String(repeating: "x", count: 230)], [false, true])
  func aReferenceWhoseNameIsNotUnderstoodLosesNothing(_ name: String, _ isPacked: Bool) throws {
    let store = try GitBackend.create(path)
    try commit(store, "a", "1")
    let lost = try commit(store, "a", "2", on: .branch("side")!)
    try store.publish()
    try store.commit(Batch(refs: [RefChange(.branch("side")!, from: lost, to: nil, who: ada, why: "gone")]))
    try store.publish()
    let update = "git -C '\(path)' update-ref \"$(printf 'refs/heads/\(name)')\" \(lost)"
    #expect(try runCommand(["sh", "-c", update], environment: ["PATH": "/usr/bin:/bin"]).isSuccess)
    if isPacked { try git(path, "pack-refs", "--all") }
    #expect(throws: StoreError.self) { try store.collect(Self.collectNow) }
    #expect(throws: StoreError.self) { try store.references(under: "refs/heads/") }
    #expect(try git(path, "cat-file", "-t", lost.hex) == "commit\n")
  }

  /// Stock Git knows the empty tree without having it.
  @Test(arguments: ObjectFormat.allCases) func aCommitOfTheEmptyTreeNeedsNoObject(_ format: ObjectFormat) throws {
    let store = try GitBackend.create(path, format: format)
    let empty = ObjectID.emptyTree(format)
    let text = try git(path, "commit-tree", empty.hex, "-m", "empty")
    let id = try #require(ObjectID(format, hex: text.utf8.prefix(format.digits)))
    try git(path, "update-ref", "refs/heads/main", id.hex)
    #expect(try store.object(empty) == GitObject(.tree, []))
    #expect(try store.contains(empty))
    #expect(try store.kindAndSize(empty) == (.tree, 0))
    try commit(store, "a", "1")
    try store.collect(Self.collectNow)
    #expect(try git(path, "log", "--format=%T", "main").hasSuffix("\(empty)\n"))
  }

  /// Who keeps objects does so until that one lets go, whoever keeps the same.
  @Test func theSameObjectsAreHeldByEachForItself() throws {
    let store = try GitBackend.create(path)
    try commit(store, "a", "1")
    let buffer = ObjectBuffer(over: store)
    let blob = try buffer.write(.blob, Array("kept by two".utf8))
    let first = try store.hold(buffer.objects)
    do {
      let second = try store.hold(buffer.objects)
      withExtendedLifetime(second) {}
    }
    try store.collect(Self.collectNow)
    #expect(try git(path, "cat-file", "blob", blob.hex) == "kept by two")
    withExtendedLifetime(first) {}
  }

  /// A person's `.keep` beside a pack that somebody sends again.
  @Test func aPackThatAPersonKeepsStaysKept() throws {
    let store = try GitBackend.create(path)
    let id = try commit(store, "a", "1")
    try store.publish()
    let name = try #require(File.list(path + "/objects/pack").first { $0.hasSuffix(".pack") })
    let keep = "\(path)/objects/pack/\(name.dropLast(5)).keep"
    try File.replace(keep, with: [], durable: false)
    let pack = try File.read("\(path)/objects/pack/\(name)"), index = try File.read(keep.dropLast(5) + ".idx")
    let folder = try store.makeQuarantine()
    try File.makeFolder(folder + "/pack")
    try File.replace("\(folder)/pack/\(name)", with: pack, durable: false)
    try File.replace("\(folder)/pack/\(name.dropLast(5)).idx", with: index, durable: false)
    let received = ReceivedPack(
      folder: folder, .sha1, checksum: try #require(ObjectID(hex: String(name.dropFirst(5).dropLast(5)))), count: 3,
      byteCount: pack.count)
    try store.adopt(received, refs: [], shallow: ShallowChange())
    #expect(File.isThere(keep))
    #expect(try store.object(id).kind == .commit)
  }

  /// What a reference is after a change it may have been before. A copy of the files is what a process that is killed
  /// leaves.
  @Test func changesThatComeBackAreAllLoggedAfterACrash() throws {
    let store = try GitBackend.create(path, publishAfterMilliseconds: 60_000)
    let first = try commit(store, "a", "1")
    try store.publish()
    let second = try commit(store, "a", "2")
    try store.commit(Batch(refs: [RefChange(.main, from: second, to: first, who: ada, why: "back")]))
    let copy = folder.path + "/copy.git"
    #expect(try runCommand(["cp", "-a", path, copy], environment: ["PATH": "/usr/bin:/bin"]).isSuccess)
    let again = try GitBackend(opening: copy)
    #expect(try again.reference(.main) == first)
    let log = try git(copy, "reflog", "show", "--format=%H", "main").split(separator: "\n").map(String.init)
    #expect(log == [first, second, first].map(\.hex))
  }

  /// A process that has old packs in memory, long after another one collected.
  @Test func whatAnotherProcessTookAwayCannotBeNamedEvenDaysLater() throws {
    let store = try GitBackend.create(path)
    try commit(store, "a", "1")
    let side = RefName.branch("side")!
    let id = try commit(store, "a", "2", on: side)
    try store.publish()
    _ = try store.object(id)
    let other = try GitBackend(opening: path)
    try other.commit(Batch(refs: [RefChange(side, from: id, to: nil, who: ada, why: "gone")]))
    #expect(try other.collect(Self.collectNow).dropped > 0)
    store.queue.shared.lastDrop = Clock.now.advanced(milliseconds: -3 * 86_400_000)
    #expect(throws: StoreError.missing(id)) {
      try store.commit(Batch(refs: [RefChange(side, from: nil, to: id, who: ada, why: "again")]))
    }
    #expect(try store.reference(side) == nil)
  }
}
