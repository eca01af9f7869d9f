public import GitFormat

/// Places of a tree with all that is below them, the records of their conflicts included.
public struct PathScope: Hashable, Sendable {
  private let prefixes: [Path]

  /// The root is everywhere.
  public init(_ prefixes: [Path]) {
    self.prefixes = prefixes.contains(.root) ? [.root] : prefixes + prefixes.map(ConflictRecords.place(of:))
  }

  public var isEverything: Bool { prefixes == [.root] }
  public var isEmpty: Bool { prefixes.isEmpty }

  /// Whether a file at a path is in it.
  public func contains(_ path: Path) -> Bool { prefixes.contains { path.hasPrefix($0) } }

  /// Whether something below a path may be in it.
  fileprivate func reaches(below path: Path) -> Bool { prefixes.contains { $0.hasPrefix(path) } }
}

extension PathScope {
  /// The first place outside of the scope where a tree is different from each of some others.
  ///
  /// Of one other tree (a commit with one parent) every difference counts, also a directory without files, or with the
  /// same files in another shape. Of several (a merge), files count that are as in none of the others.
  ///
  /// - Parameters:
  ///   - others: root trees; nil is the empty one. No others at all count as the empty tree.
  ///   - tree: the root of the tree that was made of them.
  /// - Throws: `.tooLarge`, `.limitReached` where it would be too much to look; what the store throws when it reads.
  func firstDifference(
    from others: [ObjectID?], to tree: ObjectID?, in objects: any ObjectReader
  ) throws(StoreError) -> Path? {
    guard !isEverything else { return nil }
    var search = ScopeSearch(scope: self, objects: objects)
    return try search.run(others.isEmpty ? [nil] : others, tree)
  }
}

/// A walk along what differs, until something is outside of a scope.
private struct ScopeSearch {
  let scope: PathScope
  let objects: any ObjectReader
  /// Directories to look at before giving up.
  private var left = 1_000_000

  init(scope: PathScope, objects: any ObjectReader) {
    self.scope = scope
    self.objects = objects
  }

  private struct Step {
    var path: Path
    var old: [ObjectID?]
    var new: ObjectID?
  }

  mutating func run(_ old: [ObjectID?], _ new: ObjectID?) throws(StoreError) -> Path? {
    var stack = [Step(path: .root, old: old, new: new)]
    while let step = stack.popLast() {
      guard step.path.names.count < Path.maximumDepth else {
        throw .tooLarge("the depth of a tree at \(step.path.names[0])…")
      }
      guard left > 0 else { throw .limitReached("more differs between trees than can be looked at") }
      left -= 1
      let (changes, hidden) = try differing(step)
      if let name = hidden.sorted().first(where: { !scope.contains(step.path / $0) }) { return step.path / name }
      for (name, entries, new) in changes {
        let path = step.path / name
        if scope.contains(path) { continue }
        if let new, !new.mode.isTree { return path }
        let files = entries.filter { $0.map { !$0.mode.isTree } ?? false }
        if files.count == entries.count { return path }
        // One parent: nothing outside may be touched, and only what leads to the scope has to be looked into.
        if entries.count == 1, !scope.reaches(below: path) { return path }
        stack.append(
          Step(path: path, old: entries.map { $0.flatMap { $0.mode.isTree ? $0.id : nil } }, new: new?.id))
      }
    }
    return nil
  }

  /// The names at which the new directory differs from each of the old ones, with what is there; and those of which it
  /// hides an entry that none of the old ones has hidden.
  private func differing(
    _ step: Step
  ) throws(StoreError) -> (changes: [(name: EntryName, old: [TreeEntry?], new: TreeEntry?)], hidden: Set<EntryName>) {
    var common: [EntryName: (old: [TreeEntry?], new: TreeEntry?)] = [:]
    var hidden: Set<EntryName> = []
    for (index, old) in step.old.enumerated() {
      var here: [EntryName: (old: [TreeEntry?], new: TreeEntry?)] = [:]
      let found = try Directories.differencesAndHidden(from: old, to: step.new, in: objects)
      for change in found.changes {
        guard index == 0 || common[change.name] != nil else { continue }
        here[change.name] = ((common[change.name]?.old ?? []) + [change.old], change.new)
      }
      common = here
      hidden = index == 0 ? found.hidden : hidden.intersection(found.hidden)
      if common.isEmpty && hidden.isEmpty { return ([], []) }
    }
    return (common.sorted { $0.key < $1.key }.map { ($0.key, $0.value.old, $0.value.new) }, hidden)
  }
}
