import GitFormat
import VersionedStore

/// One fetch: what to want, the pack, and the references that change by it.
struct Fetch {
  private let session: RemoteSession
  private let backend: any Backend
  private let fetch: FetchOptions
  private let options: RemoteOptions
  private var result = FetchResult()

  init(_ session: RemoteSession, _ backend: any Backend, _ fetch: FetchOptions, _ options: RemoteOptions) {
    self.session = session
    self.backend = backend
    self.fetch = fetch
    self.options = options
  }

  consuming func run() throws(StoreError) -> FetchResult {
    result.remote = try session.references(prefixes: prefixes)
    let wanted = result.remote.filter { item in
      item.id != nil && fetch.refspecs.contains { $0.matches(item.name) }
    }
    for refspec in fetch.refspecs where !refspec.source.contains("*") {
      guard wanted.contains(where: { $0.name.text == refspec.source }) else {
        throw .remote("there is no reference \(refspec.source)")
      }
    }
    try backend.refuseForgotten(nil, tips: wanted.compactMap(\.id))
    let (pack, shallow) = try receive(Set(wanted.compactMap(\.id)))
    try session.end()
    try backend.refuseForgotten(pack, tips: [])
    let objects: any ObjectReader = pack.map { Quarantine(pack: $0, base: backend) } ?? backend
    try checkComplete(wanted, pack, shallow, objects)
    try collectChanges(wanted, objects, shallow)
    if fetch.prunes { try collectPruned() }
    guard pack != nil || !result.changes.isEmpty || !shallow.isEmpty else { return result }
    try backend.adopt(pack, refs: result.changes, shallow: shallow)
    return result
  }

  private var prefixes: [String] {
    let sources = Set(fetch.refspecs.map(\.sourcePrefix))
    return (sources.union(fetch.followsTags ? ["refs/tags/"] : [])).union(["HEAD"]).sorted()
  }

  // MARK: Objects

  private func receive(_ ids: Set<ObjectID>) throws(StoreError) -> (ReceivedPack?, ShallowChange) {
    var request = FetchRequest()
    request.wants = try fetch.deepening == nil ? lacking(ids) : ids.sorted()
    guard !request.wants.isEmpty else { return (nil, ShallowChange()) }
    request.options = [.thinPack, .offsetDelta]
    if fetch.followsTags { request.options.insert(.includeTag) }
    for id in try backend.shallowCommits.sorted() where try backend.contains(id) { request.shallow.append(id) }
    request.deepening = fetch.deepening
    request.filter = fetch.filter
    try checkFeatures(request)
    let tips = try backend.references(under: "refs/").map(\.id)
    var exchange = try FetchExchange(session, into: backend, request, tips: tips, options)
    let pack = try exchange.run()
    var shallow = exchange.shallow
    // Version 2 says itself where the server's history ends.
    for id in session.serverShallow {
      if let pack, try pack.contains(id), !shallow.added.contains(id) { shallow.added.append(id) }
    }
    // A server may tell of ends that nothing it sends leads to.
    let objects: any ObjectReader = pack.map { Quarantine(pack: $0, base: backend) } ?? backend
    let told = shallow.added
    shallow.added = []
    for id in told where try objects.contains(id) { shallow.added.append(id) }
    // Who has not asked for less loses nothing because the other side has no more.
    if fetch.deepening == nil { shallow.added = try unreached(shallow.added) }
    return (pack, shallow)
  }

  /// Those of some objects that are not here with all that they reach. What no reference leads to need not be whole.
  private func lacking(_ ids: Set<ObjectID>) throws(StoreError) -> [ObjectID] {
    let known = try backend.references(under: "refs/").map(\.id)
    var lacking: [ObjectID] = []
    var doubtful: [ObjectID] = []
    for id in ids.subtracting(known).sorted() {
      if try backend.contains(id) { doubtful.append(id) } else { lacking.append(id) }
    }
    guard !doubtful.isEmpty, fetch.filter == nil else { return lacking }
    do throws(StoreError) {
      try ObjectSelection.checkComplete(doubtful, known: known, cut: backend.shallowCommits, in: backend)
      return lacking
    } catch .missing {
      return lacking + doubtful
    }
  }

  /// Those of some commits that no reference here leads to.
  private func unreached(_ commits: [ObjectID]) throws(StoreError) -> [ObjectID] {
    guard !commits.isEmpty else { return [] }
    var tips: [ObjectID] = []
    for (_, id) in try backend.references(under: "refs/") {
      let (target, kind, _) = try backend.peel(id)
      if kind == .commit { tips.append(target) }
    }
    let reachable = try ReachableCommits(from: tips, History(backend, cut: backend.shallowCommits))
    var rest: [ObjectID] = []
    for commit in commits where try !reachable.contains(commit) { rest.append(commit) }
    return rest
  }

  private func checkFeatures(_ request: FetchRequest) throws(StoreError) {
    guard session.version == .two else { return }
    let features = session.capabilities.features(of: "fetch")
    if request.deepening != nil, !features.contains("shallow") {
      throw .invalid("the server cannot send a part of the history")
    }
    if request.filter != nil, !features.contains("filter") { throw .invalid("the server cannot leave objects out") }
  }

  /// Nothing is stored unless everything that the references reach is there.
  private func checkComplete(
    _ wanted: [RemoteReference], _ pack: ReceivedPack?, _ shallow: ShallowChange, _ objects: any ObjectReader
  ) throws(StoreError) {
    guard pack != nil || !shallow.isEmpty, fetch.filter == nil else { return }
    // What was cut off here before may lead on now: then all of it is looked at, whoever leads there.
    let known = try shallow.removed.isEmpty ? backend.references(under: "refs/").map(\.id) : []
    var tips = wanted.compactMap(\.id)
    for id in shallow.removed where try backend.contains(id) { tips.append(id) }
    try ObjectSelection.checkComplete(tips, known: known, cut: cut(with: shallow), in: objects)
  }

  /// Commits that are here without their parents afterwards.
  private func cut(with shallow: ShallowChange) throws(StoreError) -> Set<ObjectID> {
    try backend.shallowCommits.union(shallow.added).subtracting(shallow.removed)
  }

  // MARK: References

  private mutating func collectChanges(
    _ wanted: [RemoteReference], _ objects: any ObjectReader, _ shallow: ShallowChange
  ) throws(StoreError) {
    let history = History(objects, cut: try cut(with: shallow))
    var seen: Set<RefName> = []
    for item in wanted {
      for refspec in fetch.refspecs {
        guard let id = item.id, let name = refspec.destination(for: item.name), seen.insert(name).inserted else {
          continue
        }
        try collect(name, id, isForced: refspec.isForced, history)
      }
    }
    guard fetch.followsTags else { return }
    for item in result.remote where item.name.text.hasPrefix("refs/tags/") && !seen.contains(item.name) {
      guard let id = item.id, try objects.contains(id), try backend.reference(item.name) == nil,
        try objects.object(id).kind == .tag, try objects.contains(objects.peel(id).target)
      else { continue }
      result.changes.append(RefChange(item.name, from: nil, to: id, who: fetch.who, why: "fetch"))
    }
  }

  private mutating func collect(
    _ name: RefName, _ id: ObjectID, isForced: Bool, _ history: History
  ) throws(StoreError) {
    let old = try backend.reference(name)
    guard old != id else { return }
    let isForward = try history.isForward(name, from: old, to: id)
    if isForced || isForward {
      result.changes.append(RefChange(name, from: old, to: id, who: fetch.who, why: "fetch"))
    } else {
      result.refused.append(name)
    }
  }

  private mutating func collectPruned() throws(StoreError) {
    let there = Set(result.remote.map(\.name))
    for refspec in fetch.refspecs {
      guard let prefix = refspec.destinationPrefix else { continue }
      for (name, id) in try backend.references(under: prefix) {
        guard let source = refspec.source(for: name), !there.contains(source),
          !result.changes.contains(where: { $0.name == name })
        else { continue }
        // `refs/remotes/origin/HEAD` comes from no reference of that name.
        if try (backend as? GitBackend)?.isSymbolic(name) == true { continue }
        result.changes.append(RefChange(name, from: id, to: nil, who: fetch.who, why: "prune"))
      }
    }
  }
}
