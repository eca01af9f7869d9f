public import GitFormat

/// A repository as somebody may use it: references that the principal may not read, and what only they reach, are not
/// there, and changes that no grant allows are refused.
///
/// For the services of the router; a `Repository` on it is one opened in somebody's name.
public final class GuardedBackend: Backend {
  private let base: any Backend
  private let access: Access
  private let visible: VisibleObjects

  public init(_ base: any Backend, _ access: Access) {
    self.base = base
    self.access = access
    visible = VisibleObjects(of: base) { access.may(.read, $0) }
  }

  public var format: ObjectFormat { base.format }
  public var headTarget: RefName { get throws(StoreError) { try base.headTarget } }

  public func object(_ id: ObjectID) throws(StoreError) -> GitObject { try visible.object(id) }
  public func contains(_ id: ObjectID) throws(StoreError) -> Bool { try visible.contains(id) }

  public func kindAndSize(_ id: ObjectID) throws(StoreError) -> (kind: ObjectKind, size: Int) {
    try visible.kindAndSize(id)
  }

  public func reference(_ name: RefName) throws(StoreError) -> ObjectID? {
    let name = name == .head ? try base.headTarget : name
    return access.may(.read, name) ? try base.reference(name) : nil
  }

  public func references(under prefix: String) throws(StoreError) -> [(name: RefName, id: ObjectID)] {
    try base.references(under: prefix).filter { access.may(.read, $0.name) }
  }

  public var shallowCommits: Set<ObjectID> {
    get throws(StoreError) {
      var seen: Set<ObjectID> = []
      for id in try base.shallowCommits where try visible.contains(id) { seen.insert(id) }
      return seen
    }
  }

  /// - Throws: `.denied` where a change is not within the rights; `.missing` where an object names one that the
  ///   principal cannot know of; as the back end does.
  public func commit(_ batch: Batch) throws(StoreError) {
    let objects = BatchObjects(batch.objects, over: visible)
    for new in batch.objects { try checkLinks(of: new.object, in: objects) }
    try check(batch.refs, objects)
    try base.commit(batch)
    visible.learn(batch.objects.map(\.id))
  }

  /// - Throws: as `commit`.
  public func hold(_ objects: [NewObject]) throws(StoreError) -> ObjectHold {
    let all = BatchObjects(objects, over: visible)
    for new in objects { try checkLinks(of: new.object, in: all) }
    let hold = try base.hold(objects)
    visible.learn(objects.map(\.id))
    return hold
  }

  /// - Throws: as `commit`.
  public func adopt(_ pack: ReceivedPack?, refs: [RefChange], shallow: ShallowChange) throws(StoreError) {
    let objects: any ObjectReader = pack.map { Quarantine(pack: $0, base: visible) } ?? visible
    for id in pack?.ids ?? [] {
      try checkLinks(of: objects.object(id), in: objects, withParents: !shallow.added.contains(id))
    }
    let ids = pack?.ids ?? []
    try check(refs, objects)
    try base.adopt(pack, refs: refs, shallow: shallow)
    visible.learn(ids)
  }

  /// What is stored must not name what is hidden: whoever made it could read that through it afterwards.
  private func checkLinks(
    of object: GitObject, in objects: any ObjectReader, withParents: Bool = true
  ) throws(StoreError) {
    try object.forEachLink(format) { (link) throws(StoreError) in
      if case .parent = link, !withParents { return }
      guard try objects.contains(link.id) else { throw .missing(link.id) }
    }
  }

  private func check(_ changes: [RefChange], _ objects: any ObjectReader) throws(StoreError) {
    let check = ChangeCheck(access, of: self, with: objects)
    for change in changes {
      if let new = change.new, try !objects.contains(new) { throw .missing(new) }
      if let problem = try check.problem(with: change) { throw .denied(problem) }
    }
  }

  public func refuseForgotten(_ pack: ReceivedPack?, tips: [ObjectID]) throws(StoreError) {
    try base.refuseForgotten(pack, tips: tips)
  }

  public func noteFetch(by who: Signature) { base.noteFetch(by: who) }
  public func makeQuarantine() throws(StoreError) -> String { try base.makeQuarantine() }
  public func publish() throws(StoreError) { try base.publish() }
  public func watch(_ onChange: @escaping @Sendable () -> Void) throws(StoreError) -> RefWatch {
    try base.watch(onChange)
  }
}

extension Repository {
  /// A repository opened in somebody's name: what it commits has that somebody as its committer.
  ///
  /// - Parameters:
  ///   - access: what may be done by whom.
  ///   - mail: the address of that somebody.
  ///   - now: the clock, seconds since 1970.
  public convenience init(
    _ backend: any Backend, as access: Access, mail: String, now: @escaping @Sendable () -> Int64
  ) {
    let identity = Identity(name: access.principal.name, email: mail)
    self.init(GuardedBackend(backend, access), identity: identity, now: now)
  }
}

/// A batch's objects before others.
private struct BatchObjects: ObjectReader {
  private let new: [ObjectID: GitObject]
  private let base: any ObjectReader

  init(_ objects: [NewObject], over base: any ObjectReader) {
    new = Dictionary(objects.map { ($0.id, $0.object) }, uniquingKeysWith: { first, _ in first })
    self.base = base
  }

  var format: ObjectFormat { base.format }
  func object(_ id: ObjectID) throws(StoreError) -> GitObject {
    if let object = new[id] { return object }
    return try base.object(id)
  }

  func contains(_ id: ObjectID) throws(StoreError) -> Bool {
    if new[id] != nil { return true }
    return try base.contains(id)
  }
}
