import FuzzTargets
import HostSystem
import Testing

/// What `make fuzz` starts from and found before, without its instrumentation.
@Suite struct CorpusTests {
  private static let folder = File.folderName(of: File.folderName(of: #filePath))

  @Test(arguments: FuzzTarget.all.map(\.name))
  func everyPromiseHoldsOfTheCorpus(_ name: String) throws {
    let target = try #require(FuzzTarget.all.first { $0.name == name })
    let corpus = "\(Self.folder)/\(name)/corpus"
    let files = File.list(corpus)
    #expect(files.count >= 3)
    for file in files {
      let bytes = try File.read("\(corpus)/\(file)")
      #expect(throws: Never.self, "\(corpus)/\(file)") { try target.check(bytes) }
      // Cut anywhere as well: beginnings of good input go deeper than noise.
      for count in stride(from: 0, to: bytes.count, by: max(1, bytes.count / 64)) {
        #expect(throws: Never.self, "the first \(count) bytes of \(corpus)/\(file)") {
          try target.check(Array(bytes.prefix(count)))
        }
      }
    }
  }
}
