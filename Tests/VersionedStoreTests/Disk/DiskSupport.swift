import GitFormat
import Glibc
import HostSystem
import TestSupport
import Testing

@testable import VersionedStore

let ada = Signature(name: "Ada", email: "ada@home.arpa", time: 1_763_800_000, zone: 60)

extension RefName {
  static let main = RefName.branch("main")!
}

/// Runs stock Git in a repository. What fails is thrown.
@discardableResult
func git(_ folder: String, _ arguments: String...) throws -> String {
  try StockGit.run(arguments, at: folder)
}

func runGit(
  _ folder: String, _ arguments: [String], environment: [String: String] = [:]
) throws -> StockGit.Outcome {
  try StockGit.attempt(arguments, at: folder, variables: environment)
}

/// Makes a commit with one file more or changed, on whatever a branch is at, and stores it.
///
/// - Returns: the commit.
@discardableResult
func commit(
  _ backend: some Backend, _ file: String, _ text: String, on branch: RefName = .main
) throws(StoreError) -> ObjectID {
  let old = try backend.reference(branch)
  let (batch, new) = try change(backend, file, text, on: branch, old)
  try backend.commit(batch)
  _ = old
  return new
}

/// The batch of such a commit.
func change(
  _ backend: some Backend, _ file: String, _ text: String, on branch: RefName, _ old: ObjectID?
) throws(StoreError) -> (Batch, ObjectID) {
  let buffer = ObjectBuffer(over: backend)
  let blob = try buffer.write(.blob, Array(text.utf8))
  var tree: ObjectID?
  if let old {
    do { tree = try CommitObject(try backend.bytes(old, .commit), backend.format).tree } catch let error as FormatError
    {
      throw .malformed(error)
    } catch {
      throw error as! StoreError
    }
  }
  let name = EntryName(file)
  let changed = try Directories.applying(
    [EntryChange(name, from: nil, to: TreeEntry(name, .file, blob))], to: tree, in: buffer)
  let object = CommitObject(tree: changed!, parents: old.map { [$0] } ?? [], author: ada, message: "Set \(file)\n")
  let id = try buffer.write(.commit, object.bytes)
  return (
    Batch(objects: buffer.objects, refs: [RefChange(branch, from: old, to: id, who: ada, why: "commit: Set \(file)")]),
    id
  )
}
