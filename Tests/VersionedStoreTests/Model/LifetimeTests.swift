import GitFormat
import TestSupport
import Testing

@testable import VersionedStore

@Suite struct LifetimeTests {
  /// A back end has threads and files, which end with it.
  @Test func aRepositoryThatIsLetGoLetsGoOfItsBackEnd() throws {
    weak var backend: MemoryBackend?
    do {
      let own = MemoryBackend()
      backend = own
      let repository = Repository(own, identity: Identity(name: "Store", email: "store@home.arpa")) { 0 }
      try repository.mainBranch().set("a", [1], CommitInfo(author: ada, message: "Set a\n"))
    }
    #expect(backend == nil)
  }
}
