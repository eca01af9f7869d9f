import GitFormat
import VersionedStore

/// One client's fetch, as far as it has been negotiated.
final class FetchPlan {
  let backend: any Backend
  let visible: VisibleReferences
  var request: FetchRequest
  /// What the client has and we have, in the order in which it said so.
  private(set) var common: [ObjectID] = []
  private var commonSet: Set<ObjectID> = []
  private let history: History
  /// Where our own history ends.
  private let cut: Set<ObjectID>
  private var reachable: ReachableCommits?
  private var wantedCommits: [ObjectID] = []
  private(set) var boundary: ShallowBoundary?

  init(_ backend: any Backend, _ visible: VisibleReferences, _ request: FetchRequest) throws(StoreError) {
    self.backend = backend
    self.visible = visible
    self.request = request
    cut = try backend.shallowCommits
    history = History(backend, cut: cut)
  }

  // MARK: What is wanted

  /// Looks whether the client may have what it wants, and computes where its history is going to end.
  ///
  /// - Parameter onlyTips: whether it may only ask for what the list of references had (versions 0 and 1).
  func checkWants(onlyTips: Bool) throws(StoreError) {
    let tips = visible.tips
    request.wants = Set(request.wants).sorted()
    let others = request.wants.filter { !tips.contains($0) }
    if onlyTips, let other = others.first { throw Self.notOurs(other) }
    let reachable = try reachable(of: others)
    // What is hidden is refused as what is not there, also where both are asked for.
    if let other = others.first(where: { !reachable.contains($0) }) { throw Self.notOurs(other) }
    for want in request.wants {
      let (target, kind, _) = try backend.peel(want)
      if kind == .commit { wantedCommits.append(target) }
    }
    try computeBoundary()
  }

  private static func notOurs(_ id: ObjectID) -> StoreError { .denied("not our ref \(id)") }

  /// Those of some objects that are in what the person sees.
  private func reachable(of wants: [ObjectID]) throws(StoreError) -> Set<ObjectID> {
    var reached: Set<ObjectID> = []
    var others: Set<ObjectID> = []
    for want in wants where try backend.contains(want) {
      if try backend.object(want).kind != .commit {
        others.insert(want)
      } else if try isReachable(want) {
        reached.insert(want)
      }
    }
    guard !others.isEmpty else { return reached }
    // Trees and blobs one by one are what partial clones ask for later.
    var everything = ObjectSelection(in: backend)
    everything.wants = visible.references.compactMap(\.id)
    everything.cut = cut
    try everything.run()
    return reached.union(others.filter { everything.contains($0) })
  }

  /// Whether a commit is in the history of what the person sees.
  private func isReachable(_ commit: ObjectID) throws(StoreError) -> Bool {
    if reachable == nil {
      var tips: [ObjectID] = []
      for reference in visible.references {
        guard let id = reference.id else { continue }
        let (target, kind, _) = try backend.peel(id)
        if kind == .commit { tips.append(target) }
      }
      reachable = try ReachableCommits(from: tips, history)
    }
    return try reachable!.contains(commit)
  }

  private func computeBoundary() throws(StoreError) {
    let clientShallow = Set(request.shallow)
    guard let deepening = request.deepening else {
      let ends = try ownEnds(upTo: clientShallow)
      if !ends.isEmpty { boundary = ShallowBoundary(serverShallow: ends, clientShallow: clientShallow) }
      return
    }
    var excluded: [ObjectID] = []
    if case .since(_, let names) = deepening {
      for name in names {
        let candidates = [name, "refs/" + name, "refs/tags/" + name, "refs/heads/" + name]
        guard let id = candidates.lazy.compactMap({ self.visible.id(of: $0) }).first else {
          throw .invalid("there is no reference \(Text.readable(name.utf8)) to stop at")
        }
        excluded.append(try backend.peel(id).target)
      }
    }
    var boundary = try ShallowBoundary(
      deepening, tips: wantedCommits, clientShallow: clientShallow, excluded: excluded, history)
    // What they came from is not here either.
    boundary.unshallow.removeAll { cut.contains($0) }
    let ends = clientShallow.union(boundary.shallow).subtracting(boundary.unshallow)
    boundary.end(at: try ownEnds(upTo: ends), clientShallow: clientShallow)
    self.boundary = boundary
  }

  /// Commits whose parents are not here, of those that the client will have whose history ends at some. It is not told of
  /// others: it would take them for there.
  private func ownEnds(upTo ends: Set<ObjectID>) throws(StoreError) -> Set<ObjectID> {
    guard !cut.isEmpty else { return [] }
    var seen = Set(wantedCommits)
    var open = wantedCommits
    while let commit = open.popLast() {
      guard !ends.contains(commit) else { continue }
      for parent in try history.link(commit).parents where seen.insert(parent).inserted { open.append(parent) }
    }
    return cut.intersection(seen)
  }

  // MARK: Negotiation

  /// Notes what the client has. False where that is nothing to us.
  func note(have id: ObjectID) throws(StoreError) -> Bool {
    if commonSet.contains(id) { return true }
    guard try backend.contains(id) else { return false }
    let (target, kind, _) = try backend.peel(id)
    // What the person does not see is not said to be there.
    if visible.someAreHidden {
      guard kind == .commit, try isReachable(target) else { return false }
    }
    commonSet.insert(id)
    common.append(id)
    return true
  }

  /// Whether what is common is enough to make a small pack: all that is wanted comes from it.
  func isReady() throws(StoreError) -> Bool {
    guard !common.isEmpty else { return false }
    var targets: Set<ObjectID> = []
    for id in common {
      let (target, kind, _) = try backend.peel(id)
      if kind == .commit { targets.insert(target) }
    }
    return try history.everyOne(of: wantedCommits, reachesOneOf: targets)
  }

  // MARK: The pack

  /// Sends the pack, with progress beside it.
  func send(to band: SideBandWriter) throws(StoreError) {
    var selection = ObjectSelection(in: backend) { (count) throws(StoreError) in
      try band.progress("Enumerating objects: \(count)\r")
    }
    selection.wants = request.wants
    selection.haves = common
    selection.filter = request.filter
    selection.cut = cut.union(request.shallow)
    if let boundary {
      selection.cut.formUnion(boundary.shallow)
      for commit in boundary.unshallow {
        selection.wants += try history.link(commit).parents
        selection.haves.append(commit)
      }
    }
    try selection.run()
    if request.options.contains(.includeTag) { try selection.addTags(of: visible.references) }
    let total = selection.selected.count
    try band.progress("Enumerating objects: \(total), done.\n")
    let options = PackOptions(
      offsetDeltas: request.options.contains(.offsetDelta),
      isThin: request.options.contains(.thinPack) && request.filter == nil)
    var shown = 0
    try selection.writePack(to: band, from: backend, options) { (written) throws(StoreError) in
      guard written >= shown + 1 << 20 else { return }
      shown = written
      try band.progress("Sending: \(written >> 20) MiB\r")
    }
    try band.progress("Sent \(total) objects.\n")
    try band.sendPending()
  }
}

extension ObjectSelection {
  /// Adds the annotated tags of objects that are sent.
  mutating func addTags(of references: [RemoteReference]) throws(StoreError) {
    for reference in references {
      guard let id = reference.id, let peeled = reference.peeled, contains(peeled) else { continue }
      try addTag(id)
    }
  }
}
