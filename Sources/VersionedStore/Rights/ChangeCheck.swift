import GitFormat

/// Looks at changes of references before they are made: whether somebody may make them.
///
/// A change of a branch by somebody who may write only some paths is within them when every commit that was not on the
/// branch before is (compared with its parents; a merge where it is like none of them), and when the branch as a whole
/// is: so nothing gets onto a branch by a detour over another one. A new branch may begin anywhere in what the person
/// sees; the commits that are new to the person's view are looked at.
public struct ChangeCheck {
  private let access: Access
  private let committers: Set<String>?
  private let backend: any Backend
  private let objects: any ObjectReader

  /// - Parameters:
  ///   - access: what may be done by whom.
  ///   - committers: the addresses that commits have to be committed by which nobody has seen here; nil: any.
  ///   - backend: the repository as it is.
  ///   - objects: its objects as they would be.
  public init(
    _ access: Access, committers: Set<String>? = nil, of backend: any Backend, with objects: any ObjectReader
  ) {
    self.access = access
    self.committers = committers
    self.backend = backend
    self.objects = objects
  }

  /// Why a change may not be made, for the person; nil where it may.
  ///
  /// - Throws: what the store throws when it reads.
  public func problem(with change: RefChange) throws(StoreError) -> String? {
    let name = change.name
    guard access.may(.read, name), access.mayChange(name) else { return cannot("change", name) }
    guard let new = change.new else {
      return change.old == nil || access.may(.delete, name) ? nil : cannot("delete", name)
    }
    guard let old = change.old else {
      guard access.may(.create, name) else { return cannot("create", name) }
      return try problem(with: new, replacing: nil, name)
    }
    guard old != new else { return nil }
    let isForward = try isForward(from: old, to: new)
    guard access.may(isForward ? .write : .rewind, name) else { return cannot(isForward ? "write" : "rewind", name) }
    return try problem(with: new, replacing: old, name)
  }

  private func cannot(_ verb: String, _ name: RefName) -> String { "\(access.principal) may not \(verb) \(name)" }

  private var history: History { get throws(StoreError) { History(in: objects, shallow: try backend.shallowCommits) } }

  private func isForward(from old: ObjectID, to new: ObjectID) throws(StoreError) -> Bool {
    guard try objects.object(old).kind == .commit, try objects.object(new).kind == .commit else { return false }
    return try history.isAncestor(old, of: new)
  }

  // MARK: What the new value brings

  private func problem(
    with new: ObjectID, replacing old: ObjectID?, _ name: RefName
  ) throws(StoreError) -> String? {
    let scope = access.writable(name)
    guard !scope.isEverything || committers != nil else { return nil }
    let (target, kind, _) = try objects.peel(new)
    guard kind == .commit else {
      return scope.isEverything ? nil : "\(name) would name a \(kind), which has no paths to have rights to"
    }
    let seen = try seenCommits()
    if let committers {
      let known = seen + (try old.flatMap { (id) throws(StoreError) in try commit(of: id) }.map { [$0] } ?? [])
      if let problem = try problemWithCommitters(of: target, except: known, committers) { return problem }
    }
    guard !scope.isEverything else { return nil }
    let before = try old.flatMap { (id) throws(StoreError) in try commit(of: id) }
    if let before, let path = try firstDifference(scope, from: [before], to: target) {
      return cannot("write \(path) in", name) + " (from \(before.short) to \(target.short))"
    }
    return try problemWithPaths(of: target, except: before.map { [$0] } ?? seen, scope, name)
  }

  private func problemWithCommitters(
    of tip: ObjectID, except known: [ObjectID], _ committers: Set<String>
  ) throws(StoreError) -> String? {
    var problem: String?
    try history.forEachCommit(from: [tip], LogOptions(excluding: known)) { commit in
      guard !committers.contains(commit.committer.email) else { return true }
      problem =
        "commit \(commit.id.short) was committed by <\(commit.committer.email)>, not by \(access.principal): commit it "
        + "anew in your own name (git rebase); its author stays"
      return false
    }
    return problem
  }

  private func problemWithPaths(
    of tip: ObjectID, except known: [ObjectID], _ scope: PathScope, _ name: RefName
  ) throws(StoreError) -> String? {
    let shallow = try backend.shallowCommits
    var problem: String?
    try history.forEachCommit(from: [tip], LogOptions(excluding: known)) { (commit) throws(StoreError) in
      let parents = shallow.contains(commit.id) ? [] : commit.parents
      guard let path = try firstDifference(scope, from: parents, to: commit.id) else { return true }
      problem = cannot("write \(path) in", name) + " (commit \(commit.id.short))"
      return false
    }
    return problem
  }

  private func firstDifference(
    _ scope: PathScope, from commits: [ObjectID], to commit: ObjectID
  ) throws(StoreError) -> Path? {
    var trees: [ObjectID?] = []
    for commit in commits { trees.append(try Commit(commit, in: objects).object.tree) }
    return try scope.firstDifference(from: trees, to: Commit(commit, in: objects).object.tree, in: objects)
  }

  // MARK: What was there

  private func commit(of id: ObjectID) throws(StoreError) -> ObjectID? {
    let (target, kind, _) = try objects.peel(id)
    return kind == .commit ? target : nil
  }

  /// The commits that the person's references name.
  private func seenCommits() throws(StoreError) -> [ObjectID] {
    var commits: Set<ObjectID> = []
    for (name, id) in try backend.references(under: "refs/") where access.may(.read, name) {
      if let commit = try commit(of: id) { commits.insert(commit) }
    }
    return commits.sorted()
  }
}

extension ObjectID {
  /// Enough of it for people.
  fileprivate var short: String { String(hex.prefix(12)) }
}
