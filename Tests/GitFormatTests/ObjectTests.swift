import GitFormat
import Testing

/// Names of objects that `git hash-object` gives.
@Suite struct ObjectTests {
  @Test func blobsAreNamedAsGitNamesThem() throws {
    let hello = GitObject(.blob, Array("hello\n".utf8))
    #expect(try hello.id(.sha1).hex == "ce013625030ba8dba906f756967f9e9ca394464a")
    #expect(try hello.id(.sha256).hex == "2cf8d83d9ee29543b34a87727421fdecb7e3f3a183d337639025de576db9ebb4")
    #expect(try GitObject(.tree, []).id(.sha1).hex == "4b825dc642cb6eb9a060e54bf8d69288fbee4904")
  }
}
