public import GitFormat

/// A repository: objects and branches in a back end, and who changes them here.
///
/// Safe to use from several threads; calls block until they are done.
public final class Repository: Sendable {
  public let backend: any Backend
  /// Whom commits made here name as their committer.
  public let identity: Identity
  /// The back end's objects, with the trees that were used last kept in memory.
  public var objects: any ObjectReader { cache }
  let cache: CachedObjects
  private let now: @Sendable () -> Int64
  private let heads = Guarded<[RefName: Commit]>([:])
  private let writers = Guarded<[RefName: BranchWriter]>([:])

  /// - Parameters:
  ///   - cacheBytes: how many bytes of directories to keep in memory.
  ///   - chunks: how large values are stored; all who write a repository have to use the same.
  ///   - now: the clock: seconds since 1970.
  public init(
    _ backend: any Backend, identity: Identity, cacheBytes: Int = 8 << 20, chunks: ChunkLimits = .standard,
    now: @escaping @Sendable () -> Int64
  ) {
    self.backend = backend
    self.identity = identity
    self.now = now
    cache = CachedObjects(over: backend, budget: cacheBytes, chunks)
  }

  public var format: ObjectFormat { backend.format }

  /// This repository's signature for something that happens now.
  public func signature() -> Signature { Signature(name: identity.name, email: identity.email, time: now()) }

  /// The commit with this name.
  ///
  /// - Throws: `.missing`, `.wrongKind`, `.malformed`.
  public func commit(_ id: ObjectID) throws(StoreError) -> Commit { try Commit(id, in: objects) }

  /// The tree with this name. Nothing is read yet.
  public func tree(_ id: ObjectID) -> Tree { Tree(id, in: objects) }

  public var emptyTree: Tree { .empty(in: objects) }

  /// Makes a commit of a tree, into the buffer. The buffer has to read from this repository.
  public func makeCommit(
    of tree: ObjectID, parents: [ObjectID], _ info: CommitInfo, in buffer: ObjectBuffer
  ) throws(StoreError) -> Commit {
    let object = CommitObject(
      tree: tree, parents: parents, author: info.author, committer: signature(), extraHeaders: info.extraHeaders,
      message: info.message)
    return Commit(try buffer.write(.commit, object.bytes), object, in: objects)
  }

  /// Stores a batch, and remembers its directories.
  ///
  /// - Throws: as `Backend.commit`.
  public func store(_ batch: Batch) throws(StoreError) {
    try backend.commit(batch)
    cache.keep(batch.objects)
  }

  /// The commit that a reference names; nil where there is none.
  func head(_ name: RefName) throws(StoreError) -> Commit? {
    guard let id = try backend.reference(name) else { return nil }
    if let known = heads.withLock({ $0[name] }), known.id == id { return known }
    let commit = try commit(id)
    remember(commit, at: name)
    return commit
  }

  /// Lets go of what is kept in memory of a history that is no more.
  func letGo() {
    heads.withLock { $0 = [:] }
    cache.removeAll()
  }

  func remember(_ commit: Commit?, at name: RefName) {
    heads.withLock { heads in
      // Names come and go; what is kept of them is bounded.
      if heads.count > 64 { heads = [:] }
      heads[name] = commit
    }
  }
}

extension Repository {
  /// What orders the writers of a branch.
  func writer(_ name: RefName) -> BranchWriter {
    writers.withLock { writers in
      if let writer = writers[name] { return writer }
      // One that is forgotten while in use does no harm: the back end orders what two of them write.
      if writers.count > 64 { writers = [:] }
      let writer = BranchWriter(name, in: self)
      writers[name] = writer
      return writer
    }
  }
}

// Branches.
extension Repository {
  /// The branch with this name, be there a commit on it yet or not.
  ///
  /// - Throws: `.invalid` where Git would refuse the name.
  public func branch(_ name: String) throws(StoreError) -> Branch {
    guard let reference = RefName.branch(name) else { throw .invalid("“\(name)” cannot be the name of a branch") }
    return Branch(reference, in: self)
  }

  /// The branch that HEAD names.
  public func mainBranch() throws(StoreError) -> Branch { Branch(try backend.headTarget, in: self) }

  /// All branches that have a commit, in order of name.
  public func branches() throws(StoreError) -> [Branch] {
    try backend.references(under: "refs/heads/").map { Branch($0.name, in: self) }
  }

  /// Makes a branch at a commit.
  ///
  /// - Throws: `.refChanged` where there is one already; `.missing` or `.wrongKind` where there is no such commit.
  @discardableResult
  public func createBranch(_ name: String, at id: ObjectID) throws(StoreError) -> Branch {
    let branch = try branch(name)
    _ = try commit(id)
    try branch.move(from: nil, to: id, why: "branch: Created from \(id)")
    return branch
  }

  /// Deletes a branch. Its commits stay until garbage collection.
  ///
  /// - Parameter head: what it has to be at; nil: wherever it is.
  /// - Throws: `.noBranch`; `.refChanged` where it is elsewhere.
  public func deleteBranch(_ name: String, at head: ObjectID? = nil) throws(StoreError) {
    let branch = try branch(name)
    let expected: ObjectID
    if let head { expected = head } else { expected = try branch.requireHead().id }
    try branch.move(from: expected, to: nil, why: "branch: deleted")
  }

  /// Gives a branch another name, in one step.
  ///
  /// - Throws: `.noBranch`; `.refChanged` where the new name is taken, or the branch changed meanwhile.
  @discardableResult
  public func renameBranch(_ name: String, to newName: String) throws(StoreError) -> Branch {
    let old = try branch(name), new = try branch(newName)
    let head = try old.requireHead().id
    guard old.reference != new.reference else { return new }
    let why = "branch: renamed \(old.reference) to \(new.reference)"
    let who = signature()
    try store(
      Batch(refs: [
        RefChange(old.reference, from: head, to: nil, who: who, why: why),
        RefChange(new.reference, from: nil, to: head, who: who, why: why),
      ]))
    return new
  }
}
