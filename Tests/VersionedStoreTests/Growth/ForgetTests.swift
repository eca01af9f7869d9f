import GitFormat
import Glibc
import HostSystem
import TestSupport
import Testing

@testable import VersionedStore

/// Forgetting: what goes, what stays, and that nothing of it is left on the disk.
@Suite struct ForgetTests {
  @Test(arguments: ObjectFormat.allCases) func aPathIsGoneFromEveryByteOfTheRepository(format: ObjectFormat) throws {
    let sample = try ForgetSample(format)
    let store = sample.store
    for number in 0..<6 {
      try sample.set("notes/\(number % 2)", "note \(number)\n")
      try sample.set("people/ada/phone", "\(ForgetSample.secret) \(number)\n")
    }
    let early = try #require(try store.reference(.main))
    try sample.set("notes/0", "on a branch\n", on: "main")
    try store.publish()
    // Loose objects, a stock tag, a commit-graph, ORIG_HEAD and unreachable commits.
    try git(sample.path, "tag", "-a", "-m", "a tag", "v1", early.hex)
    try git(sample.path, "tag", "light", early.hex)
    try git(sample.path, "update-ref", "refs/lares/undo/1-abc/heads/main", early.hex)
    try git(sample.path, "commit-graph", "write", "--reachable")
    try File.replace(sample.path + "/ORIG_HEAD", with: Array("\(early)\n".utf8), durable: false)
    try sample.set("people/ada/phone", "\(ForgetSample.secret) dropped\n", on: "topic")
    try sample.repository.deleteBranch("topic")
    let count = try git(sample.path, "rev-list", "--count", "--all")
    #expect(try !ByteSearch([ForgetSample.secret]).find(in: sample.path).isEmpty)

    let request = ForgetRequest(paths: [try ForgottenPath("people/ada/phone")])
    let expected = try store.wouldForget(request)
    #expect(try store.reference(.main) != nil && store.forgotten.isEmpty)
    let result = try store.forget(request, who: ada)

    #expect(try ByteSearch([ForgetSample.secret]).find(in: sample.path) == [])
    #expect(result.paths == ["people/ada/phone"] && result.paths == expected.paths)
    #expect(result.references == expected.references && result.references.count == 4)
    #expect(result.commits == expected.commits && result.forgottenObjects == expected.forgottenObjects)
    #expect(result.leftovers == [])
    #expect(try git(sample.path, "rev-list", "--count", "--all") == count)
    #expect(try sample.fsck() == "")
    #expect(try git(sample.path, "show", "main:notes/0") == "on a branch\n")
    #expect(try git(sample.path, "ls-tree", "-r", "--name-only", "main") == "notes/0\nnotes/1\n")
    #expect(try git(sample.path, "cat-file", "-t", "v1") == "tag\n")
    #expect(try git(sample.path, "log", "--format=%s", "-n", "1", "main") == "Set notes/0\n")
    #expect(try store.forgotten.contains(early))
    #expect(!store.isForgetting)
    // Again there is nothing to do.
    #expect(try store.forget(request, who: ada).references == [])
    try sample.set("notes/after", "goes on\n")
    #expect(try sample.fsck() == "")
  }

  @Test func aPersonIsGoneFromSignaturesReflogsAndTrailers() throws {
    let sample = try ForgetSample()
    try sample.set("a", "1\n")
    try sample.set("a", "2\n", by: eve)
    try sample.set("b", "3\n", message: "With help\n\nCo-authored-by: Eve Example <EVE@example.net>\n")
    try sample.store.publish()
    let moved = try #require(try sample.store.reference(.main))
    try sample.store.commit(
      Batch(refs: [RefChange(RefName("refs/heads/eves")!, from: nil, to: moved, who: eve, why: "by eve@example.net")]))
    try sample.store.publish()
    let request = ForgetRequest(people: [ForgottenPerson(name: "Eve Example", email: "eve@example.net")])
    let result = try sample.store.forget(request, who: ada)
    #expect(try ByteSearch(["Eve Example", "eve@example.net", "EVE@example.net"]).find(in: sample.path) == [])
    #expect(result.commits == 2 && result.references.count == 2)
    #expect(try sample.fsck() == "")
    let log = try git(sample.path, "log", "--format=%an <%ae> %at", "main").split(separator: "\n")
    #expect(
      log.map(String.init) == [
        "Ada <ada@home.arpa> 1763800000", "Somebody <somebody@forgotten.invalid> 1763800050",
        "Ada <ada@home.arpa> 1763800000",
      ])
    #expect(
      try git(sample.path, "log", "-n", "1", "--format=%(trailers)", "main").contains("Co-authored-by: Somebody <"))
    #expect(try git(sample.path, "reflog", "show", "eves").contains("by somebody@forgotten.invalid"))
    #expect(try git(sample.path, "show", "main:a", "main:b") == "2\n3\n")
  }
}
