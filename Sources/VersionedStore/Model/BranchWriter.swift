import GitFormat

/// All who change one branch in this process. While a commit is being stored, the next ones are made on top of it, and
/// then stored together: many writers of one branch share the back end's waits, as writers of several branches do.
///
/// Nobody is told of a commit before it is stored. Where storing fails, those built on it are made anew.
final class BranchWriter: Sendable {
  /// Commits that are stored together, each on the one before.
  private final class Group {
    let base: ObjectID?
    var last: Commit
    var objects: [NewObject] = []
    var outcome: Result<Void, StoreError>?

    init(on base: ObjectID?, _ first: Commit) {
      self.base = base
      last = first
    }
  }

  private struct State {
    /// Being stored.
    var current: Group?
    /// Stored next.
    var next: Group?
    /// The last commit that was stored here.
    var stored: ObjectID?
    var latest: Group? { next ?? current }
  }

  // Who calls a writer holds its repository.
  private unowned let repository: Repository
  private let reference: RefName
  private let state = Guarded(State())

  init(_ reference: RefName, in repository: Repository) {
    self.reference = reference
    self.repository = repository
  }

  /// The commit to build on: the last one made here, be it stored yet or not, else what the back end has.
  func head() throws(StoreError) -> Commit? {
    try state.withLock { state throws(StoreError) in try head(state) }
  }

  /// Makes a commit and stores it.
  ///
  /// - Parameters:
  ///   - seen: what the back end had as head a moment ago.
  ///   - make: makes a commit on the given head and the objects that it needs; nil where there is no need for one. Runs
  ///     while other writers wait, so it must not change the branch.
  /// - Returns: the commit, which is stored now.
  /// - Throws: `.refChanged` where somebody else, or a failure, took away the ground it was made on; what `make` and
  ///   the back end throw.
  func commit(
    seeing seen: Commit?,
    _ make: (_ head: Commit?) throws(StoreError) -> (commit: Commit, objects: [NewObject])?
  ) throws(StoreError) -> Commit? {
    let (made, group) = try state.withLock { state throws(StoreError) in
      // The back end is asked again only if the branch is not where it was left; if that is wrong, it will refuse.
      let isWhereItWasLeft = state.latest == nil && seen != nil && seen?.id == state.stored
      let head = isWhereItWasLeft ? seen : try head(state)
      let made: Result<Commit?, StoreError>
      do throws(StoreError) {
        let new = try make(head)
        if let new { append(new.commit, new.objects, on: head, &state) }
        made = .success(new?.commit)
      } catch { made = .failure(error) }
      return (made, state.latest)
    }
    // Also who found nothing to do, or a conflict, found that in what may not be stored yet.
    if let group { try finish(group) }
    return try made.get()
  }

  private func head(_ state: State) throws(StoreError) -> Commit? {
    if let latest = state.latest { return latest.last }
    return try repository.head(reference)
  }

  private func append(_ commit: Commit, _ objects: [NewObject], on head: Commit?, _ state: inout State) {
    let group = state.next ?? Group(on: head?.id, commit)
    group.last = commit
    group.objects += objects
    state.next = group
    repository.cache.stage(objects)
  }

  /// Waits until a group is stored, or stores it.
  private func finish(_ group: Group) throws(StoreError) {
    let outcome: Result<Void, StoreError>? = state.wait { state in
      if let outcome = group.outcome { return .some(outcome) }
      guard state.current == nil else { return nil }
      state.current = group
      state.next = nil
      return .some(nil)
    }
    if let outcome { return try outcome.get() }
    let stored = store(group)
    state.withLock { state in
      group.outcome = stored
      state.current = nil
      repository.cache.unstage(group.objects)
      if case .success = stored { state.stored = group.last.id } else { state.stored = nil }
      if case .failure = stored, let next = state.next {
        next.outcome = .failure(.refChanged(reference, expected: next.base, found: group.base))
        repository.cache.unstage(next.objects)
        state.next = nil
      }
    }
    state.notify()
    try stored.get()
  }

  private func store(_ group: Group) -> Result<Void, StoreError> {
    let commit = group.last
    let change = commit.becoming(head: reference, from: group.base)
    do {
      try repository.backend.commit(Batch(objects: group.objects, refs: [change]))
      repository.remember(commit, at: reference)
      return .success(())
    } catch { return .failure(error) }
  }
}
