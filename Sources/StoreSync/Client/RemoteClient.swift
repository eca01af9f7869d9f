public import GitFormat
public import VersionedStore

/// What a remote says of itself.
public struct RemoteDescription: Equatable, Sendable {
  public var format: ObjectFormat
  public var references: [RemoteReference]

  /// The branch that HEAD names, be it there or not; nil where the remote does not say.
  public var head: RefName? { references.first { $0.name == .head }?.target }
}

/// What to fetch.
public struct FetchOptions: Sendable {
  public var refspecs: [RefSpec] = []
  /// Where history shall end; nil: as it is.
  public var deepening: Deepening?
  /// What to leave out. A back end that is not complete has to be meant for it: what is left out is missing.
  public var filter: ObjectFilter?
  /// Whether annotated tags of what comes are stored under `refs/tags/`.
  public var followsTags = true
  /// Whether references that the refspecs' destinations have and the remote has not are deleted.
  public var prunes = false
  /// For reflogs.
  public var who: Signature

  public init(_ refspecs: [RefSpec], who: Signature) {
    self.refspecs = refspecs
    self.who = who
  }
}

/// What a fetch did.
public struct FetchResult: Sendable {
  /// References that changed.
  public var changes: [RefChange] = []
  /// References that would have lost what they have, by a refspec that does not force.
  public var refused: [RefName] = []
  /// What the remote has.
  public var remote: [RemoteReference] = []
}

/// Talks to a remote repository.
public struct RemoteClient: Sendable {
  let remote: Remote
  let options: RemoteOptions

  public init(_ remote: Remote, options: RemoteOptions = RemoteOptions()) {
    self.remote = remote
    self.options = options
  }

  /// What the remote has, and in which format: `git ls-remote --symref`.
  public func describe() throws(StoreError) -> RemoteDescription {
    let session = try RemoteSession(remote, .uploadPack, options, format: nil)
    do throws(StoreError) {
      let references = try session.references()
      try session.end()
      return RemoteDescription(format: session.format, references: references)
    } catch { throw RemoteSession.explained(error, session.connection) }
  }

  /// Brings references of the remote, and all that they reach.
  ///
  /// Objects and references are stored together: after an error nothing has changed.
  ///
  /// - Throws: `.otherFormat` where the remote names its objects by another hash function; `.remote` with its own words.
  public func fetch(into backend: any Backend, _ fetch: FetchOptions) throws(StoreError) -> FetchResult {
    let session = try RemoteSession(remote, .uploadPack, options, format: backend.format)
    do throws(StoreError) {
      return try Fetch(session, backend, fetch, options).run()
    } catch { throw RemoteSession.explained(error, session.connection) }
  }

  /// Makes an empty repository a copy: the remote's branches under `refs/remotes/<name>/`, its tags, and the branch that
  /// HEAD names here at what the remote's has.
  ///
  /// `describe` tells the format and HEAD that the repository has to be made with.
  public func clone(
    into backend: any Backend, as name: String = "origin", deepening: Deepening? = nil, who: Signature
  ) throws(StoreError) -> FetchResult {
    var options = FetchOptions(
      [try RefSpec("+refs/heads/*:refs/remotes/\(name)/*"), try RefSpec("refs/tags/*:refs/tags/*")], who: who)
    options.deepening = deepening
    var result = try fetch(into: backend, options)
    let head = try backend.headTarget
    guard let id = result.remote.first(where: { $0.name == head })?.id, try backend.reference(head) == nil else {
      return result
    }
    let change = RefChange(head, from: nil, to: id, who: who, why: "clone")
    try backend.commit(Batch(refs: [change]))
    result.changes.append(change)
    return result
  }

  /// Fetches a branch of the remote and brings a branch here up to it.
  ///
  /// - Parameters:
  ///   - merge: called where both sides have commits of their own: makes one that has both, and gives it with its new
  ///     objects. It is called again where the branch moved meanwhile.
  /// - Returns: what the branch names afterwards.
  public func pull(
    _ remoteBranch: RefName, into branch: RefName, of backend: any Backend, who: Signature,
    merge: (_ ours: ObjectID, _ theirs: ObjectID) throws(StoreError) -> (ObjectID, [NewObject])
  ) throws(StoreError) -> ObjectID {
    var options = FetchOptions([try RefSpec(remoteBranch.text)], who: who)
    options.followsTags = false
    let result = try fetch(into: backend, options)
    guard let theirs = result.remote.first(where: { $0.name == remoteBranch })?.id else {
      throw .noBranch(remoteBranch.text)
    }
    for _ in 0..<Self.pullRetries {
      let ours = try backend.reference(branch)
      do throws(StoreError) {
        return try advance(branch, from: ours, to: theirs, of: backend, who, merge)
      } catch {
        guard case .refChanged = error else { throw error }
      }
    }
    throw .tooManyRetries(Self.pullRetries)
  }

  private static let pullRetries = 10

  private func advance(
    _ branch: RefName, from ours: ObjectID?, to theirs: ObjectID, of backend: any Backend, _ who: Signature,
    _ merge: (_ ours: ObjectID, _ theirs: ObjectID) throws(StoreError) -> (ObjectID, [NewObject])
  ) throws(StoreError) -> ObjectID {
    var batch = Batch()
    var new = theirs
    if let ours {
      let history = History(backend, cut: try backend.shallowCommits)
      if try history.descends(ours, from: theirs) { return ours }
      if try !history.descends(theirs, from: ours) { (new, batch.objects) = try merge(ours, theirs) }
    }
    batch.refs = [RefChange(branch, from: ours, to: new, who: who, why: "pull")]
    try backend.commit(batch)
    return new
  }
}
