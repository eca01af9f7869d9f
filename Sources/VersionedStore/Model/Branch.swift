public import GitFormat

/// A name for the newest commit of a line of work.
public struct Branch: Sendable {
  public let repository: Repository
  public let reference: RefName

  init(_ reference: RefName, in repository: Repository) {
    self.reference = reference
    self.repository = repository
  }

  /// Without `refs/heads/`.
  public var name: String { reference.branchName ?? reference.text }

  /// The newest commit; nil where there is none yet.
  public func head() throws(StoreError) -> Commit? { try repository.head(reference) }

  /// The newest commit.
  ///
  /// - Throws: `.noBranch` where there is none yet.
  public func requireHead() throws(StoreError) -> Commit {
    guard let head = try head() else { throw .noBranch(name) }
    return head
  }

  /// The files of the newest commit; none where there is no commit yet.
  public func tree() throws(StoreError) -> Tree { try head()?.tree ?? repository.emptyTree }

  /// The bytes of a file of the newest commit; nil where there is none.
  public func find(_ path: Path) throws(StoreError) -> [UInt8]? { try tree().find(path) }

  /// The bytes of a file of the newest commit.
  ///
  /// - Throws: `.notFound` where there is none.
  public func get(_ path: Path) throws(StoreError) -> [UInt8] { try tree().get(path) }

  /// Moves the branch if it is where it is expected to be (compare and set).
  ///
  /// - Parameters:
  ///   - old: where it has to be; nil: nowhere.
  ///   - new: where it shall be; nil: nowhere, which deletes it.
  ///   - why: for the reflog.
  /// - Throws: `.refChanged` where it is elsewhere; `.missing` or `.wrongKind` where `new` is no commit of this
  ///   repository.
  public func testAndSet(head old: ObjectID?, to new: ObjectID?, why: String) throws(StoreError) {
    if let new { _ = try repository.commit(new) }
    try move(from: old, to: new, why: why)
  }

  func move(from old: ObjectID?, to new: ObjectID?, why: String) throws(StoreError) {
    let change = RefChange(reference, from: old, to: new, who: repository.signature(), why: why)
    try repository.store(Batch(refs: [change]))
  }

  /// Commits a tree if the branch is where it is expected to be.
  ///
  /// - Parameters:
  ///   - old: where it has to be; nil: nowhere. It is the first parent.
  ///   - others: further parents, for a merge.
  /// - Throws: `.refChanged` where the branch is elsewhere.
  @discardableResult
  public func commit(
    _ tree: Tree, on old: ObjectID?, merging others: [ObjectID] = [], _ info: CommitInfo
  ) throws(StoreError) -> Commit {
    let buffer = ObjectBuffer(over: repository.objects)
    let root = try tree.write(into: buffer)
    let parents = (old.map { [$0] } ?? []) + others
    let commit = try repository.makeCommit(of: root, parents: parents, info, in: buffer)
    let change = commit.becoming(head: reference, from: old)
    try repository.store(Batch(objects: buffer.objects, refs: [change]))
    repository.remember(commit, at: reference)
    return commit
  }
}

extension Commit {
  /// The change of a reference that makes this commit its head, with the reflog's words as `git commit` has them.
  func becoming(head reference: RefName, from old: ObjectID?) -> RefChange {
    let kind = old == nil ? "commit (initial)" : parents.count > 1 ? "commit (merge)" : "commit"
    let summary = object.messageBytes.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
    let why = "\(kind): \(String(decoding: summary, as: UTF8.self))"
    return RefChange(reference, from: old, to: id, who: committer, why: why)
  }
}
