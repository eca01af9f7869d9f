import GitFormat
import Glibc
import HostSystem
import TestSupport
import Testing

@testable import VersionedStore

/// References whose names stand in each other's way while they are on their way into Git's files, and other programs
/// that move references from file to file meanwhile.
@Suite struct ReferenceRaceTests {
  let folder: TemporaryFolder
  var path: String { folder.path + "/store.git" }
  let folderName = RefName.branch("a")!
  let fileName = RefName.branch("a/b")!

  init() throws { folder = try TemporaryFolder() }

  /// A store that publishes only when it is told to, with a commit.
  private func store() throws -> (GitBackend, ObjectID) {
    let store = try GitBackend.create(path, publishAfterMilliseconds: 60_000)
    let id = try commit(store, "file", "1")
    try store.publish()
    return (store, id)
  }

  private func change(_ name: RefName, from old: ObjectID? = nil, to new: ObjectID? = nil) -> RefChange {
    RefChange(name, from: old, to: new, who: ada, why: "test")
  }

  @Test(arguments: [false, true]) func namesThatAreNotPublishedYetStandInTheWayToo(_ isDeepFirst: Bool) throws {
    let (store, id) = try store()
    let (first, second) = isDeepFirst ? (fileName, folderName) : (folderName, fileName)
    try store.commit(Batch(refs: [change(first, to: id)]))
    #expect(throws: StoreError.self) { try store.commit(Batch(refs: [change(second, to: id)])) }
    try store.publish()
    #expect(try store.references(under: "refs/heads/").map(\.name) == [first, .main].sorted())
    #expect(try git(path, "for-each-ref", "--format=%(refname)", first.text) == "\(first)\n")
    #expect(throws: StoreError.self) {
      try store.commit(Batch(refs: [change(.branch("x")!, to: id), change(.branch("x/y")!, to: id)]))
    }
    try commit(store, "file", "2")
    try store.publish()
    #expect(try git(path, "rev-parse", "main") == "\(try store.reference(.main)!)\n")
  }

  @Test(arguments: [false, true], [false, true])
  func aNameIsFreeOnceWhatStoodInItsWayIsDeleted(_ isDeepFirst: Bool, _ isPublished: Bool) throws {
    let (store, id) = try store()
    let (first, second) = isDeepFirst ? (fileName, folderName) : (folderName, fileName)
    try store.commit(Batch(refs: [change(first, to: id)]))
    if isPublished { try store.publish() }
    try store.commit(Batch(refs: [change(first, from: id)]))
    try store.commit(Batch(refs: [change(second, to: id)]))
    try store.publish()
    #expect(try git(path, "for-each-ref", "--format=%(refname)") == "\(second)\nrefs/heads/main\n")
    #expect(!File.isThere("\(path)/\(first).lock") && !File.isThere("\(path)/\(second).lock"))
  }

  @Test func aStaleLockOfPackedReferencesHindersDeletionsAlone() throws {
    let (store, id) = try store()
    try store.commit(Batch(refs: [change(folderName, to: id)]))
    try store.publish()
    try File.replace(path + "/packed-refs.lock", with: [], durable: false)
    let (folderName, change) = (folderName, change(folderName, from: id))
    let deletion = try BackgroundThread { try? store.commit(Batch(refs: [change])) }
    usleep(100_000)
    let next = try commit(store, "file", "2")
    try store.publish()
    #expect(try git(path, "rev-parse", "main", folderName.text) == "\(next)\n\(id)\n")
    #expect(try store.reference(folderName) == id)
    unlink(path + "/packed-refs.lock")
    let isDeleted = eventually { (try? store.reference(folderName)) == .some(nil) }
    #expect(isDeleted)
    withExtendedLifetime(deletion) {}
    try store.publish()
    #expect(try git(path, "for-each-ref", "--format=%(refname)") == "refs/heads/main\n")
  }

  @Test func aNameThatStockGitTakesMeanwhileDoesNotEndPublishing() throws {
    let (store, id) = try store()
    try store.commit(Batch(refs: [change(folderName, to: id)]))
    try git(path, "update-ref", fileName.text, id.hex)
    try store.publish()
    let rescued = try store.references(under: "refs/lares/rescued/")
    #expect(rescued.map(\.id) == [id])
    let next = try commit(store, "file", "2")
    try store.publish()
    #expect(try git(path, "rev-parse", "main") == "\(next)\n")
    #expect(try store.reference(fileName) == id)
  }

  /// Stock Git's `pack-refs` reads the loose files, and some time later puts what it read where `packed-refs` was.
  @Test func aReferenceThatIsDeletedWhileOthersArePackedStaysDeleted() throws {
    let (store, id) = try store()
    try store.commit(Batch(refs: [change(folderName, to: id)]))
    try store.publish()
    let packed = path + "/packed-refs"
    try store.commit(Batch(refs: [change(folderName, from: id)]))
    try File.replace(packed + ".lock", with: Array("\(id) \(folderName)\n".utf8), durable: false)
    let packer = try BackgroundThread {
      usleep(300_000)
      rename(packed + ".lock", packed)
    }
    try store.publish()
    withExtendedLifetime(packer) {}
    _ = consume packer
    #expect(try store.reference(folderName) == nil)
    #expect(try git(path, "for-each-ref", "--format=%(refname)") == "refs/heads/main\n")
  }

  /// A look at all references stands still at one while stock Git packs another: that one was there all the time.
  @Test func aReferenceThatIsPackedDuringALookIsSeen() throws {
    let (store, id) = try store()
    // Folders are looked at from the last to the first.
    let (packed, last) = (RefName.branch("one/x")!, RefName.branch("two/x")!)
    for name in [packed, last] { try store.commit(Batch(refs: [change(name, to: id)])) }
    try store.publish()
    let path = path
    let waiting = "\(path)/\(last)"
    unlink(waiting)
    #expect(mkfifo(waiting, 0o600) == 0)
    let packer = try BackgroundThread {
      let fifo = open(waiting, O_WRONLY)
      try? File.replace(path + "/packed-refs", with: Array("\(id) \(packed)\n".utf8), durable: false)
      unlink("\(path)/\(packed)")
      let line = Array("\(id)\n".utf8)
      _ = write(fifo, line, line.count)
      close(fifo)
    }
    #expect(try store.references(under: "refs/heads/").map(\.name) == [.main, packed, last])
    withExtendedLifetime(packer) {}
    _ = consume packer
  }
}
