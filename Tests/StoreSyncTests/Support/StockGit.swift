import GitFormat
import TestSupport
import Testing

extension StockGit {
  /// An object of a repository, as git prints it.
  func object(_ id: ObjectID, in name: String) throws -> GitObject {
    let kind = try run("cat-file", "-t", id.hex, in: name)
    let object = try #require(ObjectKind.allCases.first { "\($0)" == kind })
    return GitObject(object, try attempt(["cat-file", kind, id.hex], in: name).bytes)
  }
}
