import GitFormat
import Glibc
import HostSystem
import TestSupport
import Testing
import VersionedStore

@testable import StoreSync

/// What was forgotten does not come back by a push, a fetch, a bundle or an old backup.
@Suite struct ForgottenSyncTests {
  private let git: StockGit
  private let store: GitBackend
  private let repository: Repository
  private static let who = BackupTests.who

  /// A repository whose file `people/ada/phone` a clone, a bundle and a backup have, and that has forgotten it.
  init() throws {
    git = try StockGit()
    store = try GitBackend.create(git.path("store.git"))
    repository = Repository(store, identity: Identity(name: "Lares", email: "lares@home.arpa")) { 1_763_800_100 }
  }

  private func set(_ path: String, _ text: String) throws {
    try repository.mainBranch().set(
      Path(path), Array(text.utf8), CommitInfo(author: Self.who, message: "Set \(path)\n"))
    try store.publish()
  }

  private func forget() throws {
    try store.forget(ForgetRequest(paths: [try ForgottenPath("people/ada/phone")]), who: Self.who)
  }

  private func push(_ arguments: String...) throws -> StockGit.Outcome {
    let serving = try Serving(receive: store)
    let outcome = try git.attempt(["push", "fd::3"] + arguments, in: "work", connection: serving.client)
    serving.wait()
    return outcome
  }

  @Test func aPushIsRefusedWithThePlaceAndWhatToDo() throws {
    try set("notes", "1\n")
    try set("people/ada/phone", "secret\n")
    try set("notes", "2\n")
    let serving = try Serving(upload: store)
    try git.run("clone", "-q", "fd::3", "work", connection: serving.client)
    serving.wait()
    try forget()
    #expect(
      try store.forget(ForgetRequest(paths: [try ForgottenPath("none")]), who: Self.who).copies.map(\.who) == [
        "Ada <ada@home.arpa>"
      ])
    // New work on the old history.
    try File.replace(git.path("work/notes"), with: Array("3\n".utf8), durable: false)
    try git.run("commit", "-q", "-a", "-m", "on the old history", in: "work")
    let old = try push("HEAD:refs/heads/again")
    #expect(!old.isSuccess && old.output.contains("forgotten here for good"), "\(old.output)")
    // The forgotten file in a history of its own.
    try git.run("checkout", "-q", "--orphan", "fresh", in: "work")
    try git.run("commit", "-q", "-m", "all of it anew", in: "work")
    let again = try push("HEAD:refs/heads/again")
    #expect(!again.isSuccess && again.output.contains("people/ada/phone in commit"), "\(again.output)")
    // Without it, it is taken.
    try git.run("rm", "-q", "people/ada/phone", in: "work")
    try git.run("commit", "-q", "--amend", "-m", "without", in: "work")
    let without = try push("HEAD:refs/heads/again")
    #expect(without.isSuccess, "\(without.output)")
    // What is added again here is not refused any more.
    try set("people/ada/phone", "secret\n")
    try git.run("checkout", "-q", "--orphan", "more", in: "work")
    try File.replace(git.path("work/phone"), with: Array("secret\n".utf8), durable: false)
    try git.run("add", ".", in: "work")
    try git.run("commit", "-q", "-m", "the same contents", in: "work")
    let more = try push("HEAD:refs/heads/more")
    #expect(more.isSuccess, "\(more.output)")
    try git.fsck("store.git")
  }

  @Test func aFetchAndABundleAreRefused() throws {
    try set("people/ada/phone", "secret\n")
    let first = try #require(try store.reference(.branch("main")!))
    try git.run("clone", "-q", "--bare", git.path("store.git"), "copy.git")
    let bundle = MemoryStream()
    try Bundle.write([.branch("main")!], of: store, to: bundle)
    try forget()
    let copy = try GitBackend(opening: git.path("copy.git"))
    let remote = RemoteClient(.backend(copy, .test))
    #expect(throws: StoreError.forgotten(first, "commit \(first)")) {
      _ = try remote.fetch(into: store, FetchOptions([RefSpec("refs/heads/*:refs/heads/theirs/*")], who: Self.who))
    }
    #expect(throws: StoreError.forgotten(first, "commit \(first)")) {
      try Bundle.fetch(MemoryStream(bundle.output), into: store, [try RefSpec("refs/*:refs/theirs/*")], who: Self.who)
    }
    #expect(try store.references(under: "refs/").count == 1)
  }

  @Test(arguments: [false, true]) func anOldBackupComesBackWithoutIt(isPerson: Bool) throws {
    try set("notes", "1\n")
    try set("people/ada/phone", "secret\n")
    try set("notes", "2\n")
    let bytes = try BackupTests.backup([.init("store.git", store)])
    let request =
      isPerson
      ? ForgetRequest(people: [ForgottenPerson(email: "ada@home.arpa")])
      : ForgetRequest(paths: [try ForgottenPath("people/ada/phone")])
    try store.forget(request, who: Signature(name: "Eve", email: "eve@home.arpa", time: 0))
    let forgotten = try store.forgotten
    var options = RestoreOptions(who: Signature(name: "Eve", email: "eve@home.arpa", time: 0))
    options.forgotten = { _ in forgotten }
    let entries = try BackupTests.restore(bytes, into: git.path("restored"), BackupTests.passphrase, options)
    #expect(entries[0].rewritten == (isPerson ? 3 : 2))
    let restored = try GitBackend(opening: git.path("restored/store.git"))
    #expect(try restored.reference(.branch("main")!) == store.reference(.branch("main")!))
    #expect(try restored.forgotten == forgotten)
    #expect(try git.run("fsck", "--strict", "--no-dangling", in: "restored/store.git") == "")
    // The list goes with a new backup.
    let next = try BackupTests.backup([.init("store.git", store)])
    try BackupTests.restore(next, into: git.path("next"))
    #expect(try GitBackend(opening: git.path("next/store.git")).forgotten == forgotten)
  }
}
