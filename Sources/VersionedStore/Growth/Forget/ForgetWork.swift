import GitFormat
import HostSystem

/// The rewriting of a repository as far as it has come: references are looked at again after others changed them, what was
/// rewritten before stays so.
final class ForgetWork {
  let objects: RewrittenObjects
  private let backend: GitBackend
  private let shallow: Set<ObjectID>
  private(set) var history: HistoryRewriter
  private var survivors: ForgetSurvivors
  /// What references named when they were looked at last.
  private var references: [(name: RefName, id: ObjectID)] = []
  /// Commits that nothing names were looked for. There are none later but those that were rewritten.
  private var knowsGarbage = false
  /// What references and reflogs will name.
  private var tips: Set<ObjectID> = []
  /// References that have been changed.
  var moved: Set<RefName> = []
  private var forgottenIDs: Set<ObjectID>?

  init(_ backend: GitBackend, _ plan: ForgetPlan, isTrial: Bool) throws(StoreError) {
    self.backend = backend
    objects = try RewrittenObjects(over: backend, isTrial: isTrial)
    shallow = try backend.shallowCommits
    history = HistoryRewriter(objects, plan, shallow: shallow)
    survivors = ForgetSurvivors(objects)
  }

  // MARK: - Rewriting

  /// Rewrites what references and reflogs name now, and what nothing names any more.
  func rewrite() throws(StoreError) {
    references = []
    for reference in try backend.references(under: "refs/") where try !backend.isSymbolic(reference.name) {
      references.append(reference)
    }
    for (_, id) in references { _ = try history.rewrite(id) }
    for id in try mentioned().sorted() { try rewriteIfWhole(id) }
    if !knowsGarbage { for id in commitsOfNobody() { try rewriteIfWhole(id) } }
    knowsGarbage = true
    let now = Set(references.map { history.map[$0.id] ?? $0.id }).union(try mentioned().compactMap { history.map[$0] })
    guard now != tips else { return }
    tips = now
    forgottenIDs = nil
    survivors = ForgetSurvivors(objects)
  }

  /// What reflogs name, and files such as ORIG_HEAD.
  private func mentioned() throws(StoreError) -> Set<ObjectID> { try CollectRoots(backend.references).mentions }

  /// Commits and tags that wait for a collection.
  private func commitsOfNobody() -> [ObjectID] {
    var found: [ObjectID] = []
    backend.packs.forEachID { id in
      guard history.map[id] == nil else { return }
      let kind = try? backend.packs.kindAndSize(id)?.kind
      if kind == .commit || kind == .tag { found.append(id) }
    }
    return found
  }

  /// What nothing needs may have lost something it names already.
  private func rewriteIfWhole(_ id: ObjectID) throws(StoreError) {
    do throws(StoreError) {
      _ = try history.rewrite(id)
    } catch {
      switch error {
      case .missing, .malformed, .wrongKind: return
      default: throw error
      }
    }
  }

  // MARK: - What follows from it

  /// The changes of references.
  func changes(_ who: Signature) -> [RefChange] {
    references.compactMap { name, id in
      guard let new = history.map[id], new != id else { return nil }
      return RefChange(name, from: id, to: new, who: who, why: "forget")
    }
  }

  /// How the end of the history moves.
  var shallowChange: ShallowChange {
    var change = ShallowChange()
    for id in shallow.sorted() {
      guard let new = history.map[id], new != id else { continue }
      change.added.append(new)
      change.removed.append(id)
    }
    return change
  }

  /// What is no more afterwards.
  func forgotten() throws(StoreError) -> Set<ObjectID> {
    if let forgottenIDs { return forgottenIDs }
    for (old, new) in history.roots { try survivors.compare(old, new) }
    for (old, new) in history.map where old != new { survivors.add(old) }
    if !survivors.candidates.isEmpty {
      let ends = shallowChange
      try survivors.find(
        from: tips, shallow: shallow.union(ends.added).subtracting(ends.removed))
    }
    // Whoever writes an empty file, or makes an empty directory, is not one who remembers.
    var ids = survivors.forgotten
    for kind in [ObjectKind.blob, .tree] {
      do { ids.remove(try ObjectID.of(kind, [], backend.format)) } catch { throw .malformed(error) }
    }
    forgottenIDs = ids
    return ids
  }

  private var wouldMove: Set<RefName> {
    Set(references.filter { reference in history.map[reference.id].map { $0 != reference.id } ?? false }.map(\.name))
  }

  func result() throws(StoreError) -> ForgetResult {
    var result = ForgetResult()
    result.commits = history.rewrittenCommits
    result.tags = history.rewrittenTags
    result.forgottenObjects = try forgotten().count
    result.references = (moved.isEmpty ? wouldMove : moved).sorted()
    result.paths = history.trees.removed.sorted()
    result.survivors = survivors.contents.compactMap { id in
      // What only moved within a directory that takes another shape has not left.
      guard let kept = survivors.survivors[id], let forgotten = survivors.candidates[id], kept != forgotten else {
        return nil
      }
      return ForgetResult.Survivor(id: id, forgotten: forgotten, kept: kept)
    }.sorted { ($0.forgotten, $0.id) < ($1.forgotten, $1.id) }
    result.unsigned = history.unsigned
    result.copies = try KnownCopies(backend).all()
    return result
  }
}
