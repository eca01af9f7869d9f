public import GitFormat
import HostSystem

/// A branch's way from one commit to another, or that of what is at a path of it.
public struct BranchChange: Sendable {
  public enum Kind: Sendable { case added, updated, removed }

  public var branch: Branch
  /// nil: there was no such branch.
  public var old: Commit?
  /// nil: there is no such branch any more.
  public var new: Commit?
  /// Of the branch; where a path is watched, of what is at the path.
  public var kind: Kind
  /// Where a path is watched: the files that differ at or below it. nil: so many that they are not told.
  public var paths: [TreeChange]?
}

/// Keeps a watch alive: no call begins after this has gone.
public final class Watch: Sendable {
  fileprivate let observer: BranchObserver

  fileprivate init(_ observer: BranchObserver) { self.observer = observer }
  deinit { observer.end() }
}

extension Repository {
  /// Calls back when branches change, whoever changes them.
  ///
  /// Calls come one after the other, in the order of the changes of each branch, on a thread of the watch's own.
  /// Changes that follow each other fast may come as one. What fails to be read is told as a failure, and the watch
  /// goes on.
  ///
  /// - Parameters:
  ///   - branch: its name; nil: all branches, those that are yet to come too.
  ///   - path: tell only changes of what is at this path, and which files they are.
  ///   - pathLimit: how many files to tell of one change.
  public func watch(
    branch name: String? = nil, path: Path? = nil, pathLimit: Int = 100_000,
    _ onChange: @escaping @Sendable (Result<BranchChange, StoreError>) -> Void
  ) throws(StoreError) -> Watch {
    let observer = BranchObserver(
      self, try name.map { name throws(StoreError) in try branch(name).reference }, path, pathLimit, onChange)
    try observer.start()
    return Watch(observer)
  }
}

/// Compares branches with what they were, each time that the back end says something has changed, on a thread of its
/// own: who is told may write, and who writes does not wait for those that are told.
private final class BranchObserver: Sendable {
  private struct State {
    var isStale = false
    var hasEnded = false
    var source: RefWatch?
    /// Let go by the thread itself, so that nobody who ends a watch waits for one who is being told.
    var thread: BackgroundThread?
  }

  private let repository: Repository
  private let reference: RefName?
  private let path: Path?
  private let pathLimit: Int
  private let onChange: @Sendable (Result<BranchChange, StoreError>) -> Void
  private let state = Guarded(State())

  init(
    _ repository: Repository, _ reference: RefName?, _ path: Path?, _ pathLimit: Int,
    _ onChange: @escaping @Sendable (Result<BranchChange, StoreError>) -> Void
  ) {
    self.repository = repository
    self.reference = reference
    self.path = path
    self.pathLimit = pathLimit
    self.onChange = onChange
  }

  func start() throws(StoreError) {
    let source = try repository.backend.watch { [weak self] in self?.noticed() }
    let references = try references()
    state.withLock { $0.source = source }
    do {
      let thread = try BackgroundThread { self.run(references) }
      state.withLock { $0.thread = thread }
    } catch { throw .system(error) }
  }

  func end() {
    let source = state.withLock { state in
      state.hasEnded = true
      defer { state.source = nil }
      return state.source
    }
    state.notify()
    // Goes here and not under the lock: the back end may be calling `noticed` just now.
    _ = consume source
  }

  private func noticed() {
    state.withLock { $0.isStale = true }
    state.notify()
  }

  private func run(_ references: [RefName: ObjectID]) {
    var known = references
    while state.wait(for: { state -> Bool? in
      guard state.isStale || state.hasEnded else { return nil }
      state.isStale = false
      return !state.hasEnded
    }) {
      do { known = try tellChanges(since: known) } catch { tell(.failure(error)) }
    }
    state.withLock { $0.thread = nil }
  }

  /// Tells what has changed, and answers with what is now.
  private func tellChanges(since before: [RefName: ObjectID]) throws(StoreError) -> [RefName: ObjectID] {
    let now = try references()
    for name in Set(before.keys).union(now.keys).sorted() where before[name] != now[name] {
      do throws(StoreError) {
        if let change = try change(name, from: before[name], to: now[name]) { tell(.success(change)) }
      } catch { tell(.failure(error)) }
    }
    return now
  }

  private func tell(_ change: Result<BranchChange, StoreError>) {
    guard !state.withLock({ $0.hasEnded }) else { return }
    onChange(change)
  }

  private func references() throws(StoreError) -> [RefName: ObjectID] {
    guard let reference else {
      let all = try repository.backend.references(under: "refs/heads/")
      return Dictionary(all.map { ($0.name, $0.id) }) { one, _ in one }
    }
    guard let id = try repository.backend.reference(reference) else { return [:] }
    return [reference: id]
  }

  /// nil where nothing at the watched path has changed.
  private func change(
    _ name: RefName, from oldID: ObjectID?, to newID: ObjectID?
  ) throws(StoreError) -> BranchChange? {
    let old = try oldID.map { id throws(StoreError) in try repository.commit(id) }
    let new = try newID.map { id throws(StoreError) in try repository.commit(id) }
    let branch = Branch(name, in: repository)
    guard let path else {
      return BranchChange(branch: branch, old: old, new: new, kind: Self.kind(old != nil, new != nil), paths: nil)
    }
    let (before, after) = (old?.tree ?? repository.emptyTree, new?.tree ?? repository.emptyTree)
    let kinds = (try before.kind(path), try after.kind(path))
    let paths: [TreeChange]?
    do throws(StoreError) {
      paths = try before.differences(to: after, below: path, limit: pathLimit)
    } catch .limitReached { paths = nil }
    guard paths?.isEmpty != true else { return nil }
    // A branch without files has a root too.
    let kind = path.isRoot ? Self.kind(old != nil, new != nil) : Self.kind(kinds.0 != nil, kinds.1 != nil)
    return BranchChange(branch: branch, old: old, new: new, kind: kind, paths: paths)
  }

  private static func kind(_ was: Bool, _ isNow: Bool) -> BranchChange.Kind {
    was ? isNow ? .updated : .removed : .added
  }
}
