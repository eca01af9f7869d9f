import GitFormat
import Glibc
import TestSupport
import Testing
import VersionedStore

@Suite struct PublishedByOthersTests {
  /// One process changes a branch, another publishes the change; later the first changes it again.
  @Test(.timeLimit(.minutes(1))) func aBranchThatAnotherPublishedCanBeChangedAgain() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/store.git"
    // The first never publishes by itself.
    let first = try GitBackend.create(path, publishAfterMilliseconds: 1_000_000)
    let second = try GitBackend(opening: path)
    let repository = Repository(first, identity: Identity(name: "a", email: "a@home.arpa"), now: { 1 })
    let branch = try repository.branch("main")
    let info = CommitInfo(author: Signature(name: "a", email: "a@home.arpa", time: 1), message: "x\n")
    for round in 0..<3 {
      try branch.set("file", Array("\(round)".utf8), info)
      try second.publish()
      // Longer than a reference may be kept from others.
      usleep(1_200_000)
    }
    #expect(try branch.find("file") == Array("2".utf8))
  }
}
