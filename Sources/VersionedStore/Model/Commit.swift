public import GitFormat

/// A commit that is in a repository.
public final class Commit: Sendable {
  public let id: ObjectID
  public let object: CommitObject
  let objects: any ObjectReader

  init(_ id: ObjectID, _ object: CommitObject, in objects: any ObjectReader) {
    self.id = id
    self.object = object
    self.objects = objects
  }

  /// Reads a commit.
  ///
  /// - Throws: `.missing`, `.wrongKind`, `.malformed`, and what the back end throws.
  public convenience init(_ id: ObjectID, in objects: any ObjectReader) throws(StoreError) {
    let bytes = try objects.bytes(id, .commit)
    do { self.init(id, try CommitObject(bytes, objects.format), in: objects) } catch { throw .malformed(error) }
  }

  /// The files of this commit.
  public var tree: Tree { Tree(object.tree, in: objects) }
  public var parents: [ObjectID] { object.parents }
  public var message: String { object.message }
  public var author: Signature { object.author }
  public var committer: Signature { object.committer }
}

extension Commit: Hashable {
  /// Equal names are equal commits.
  public static func == (left: Commit, right: Commit) -> Bool { left.id == right.id }
  public func hash(into hasher: inout Hasher) { hasher.combine(id) }
}
