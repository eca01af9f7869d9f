public import GitFormat
public import VersionedStore

/// References with all that they reach, in one file, as `git bundle` has it (gitformat-bundle): the fetch without a
/// connection.
public enum Bundle {
  /// Writes a bundle.
  ///
  /// - Parameters:
  ///   - references: what it has; all of them have to be there.
  ///   - excluded: commits whose history its reader has already; empty: it has everything.
  ///   - version: 2 or 3. Bundles of SHA-256 are of version 3 always.
  /// - Throws: `.invalid` where nothing is left to write.
  public static func write(
    _ references: [RefName], of backend: any Backend, excluding excluded: [ObjectID] = [], version: Int = 2,
    to sink: any ByteSink
  ) throws(StoreError) {
    guard version == 2 || version == 3 else { throw .invalid("bundles are of version 2 or 3") }
    guard try backend.shallowCommits.isEmpty else {
      throw .invalid("a bundle cannot have a history without its beginning; fetch all of it first")
    }
    var header = BundleHeader(version: backend.format == .sha256 ? 3 : version, format: backend.format)
    var selection = ObjectSelection(in: backend)
    selection.haves = excluded
    for name in references {
      guard let id = try backend.reference(name) else { throw .noBranch(name.text) }
      header.references.append(.init(name: name, id: id))
      selection.wants.append(id)
    }
    try selection.run()
    let selected = Set(selection.selected.map(\.id))
    header.references.removeAll { !selected.contains($0.id) }
    guard !header.references.isEmpty else { throw .invalid("the bundle would be empty") }
    header.prerequisites = try prerequisites(of: selection, in: backend)
    try sink.write(header.bytes)
    let options = PackOptions(isThin: !header.prerequisites.isEmpty)
    try selection.writePack(to: sink, from: backend, options) { _ throws(StoreError) in }
  }

  /// Commits that the selected ones come from and that are not among them.
  private static func prerequisites(
    of selection: ObjectSelection, in backend: any Backend
  ) throws(StoreError) -> [BundleHeader.Prerequisite] {
    let selected = Set(selection.selectedCommits)
    var found: Set<ObjectID> = []
    for commit in selection.selectedCommits {
      for parent in try backend.commitLinks(commit).parents where !selected.contains(parent) { found.insert(parent) }
    }
    var list: [BundleHeader.Prerequisite] = []
    for id in found.sorted() {
      let bytes = try backend.bytes(id, .commit)
      let commit: CommitObject
      do { commit = try CommitObject(bytes, backend.format) } catch { throw .malformed(error) }
      list.append(.init(id: id, comment: Text.readable(commit.message.utf8.prefix { $0 != UInt8(ascii: "\n") })))
    }
    return list
  }

  /// What a bundle begins with.
  public static func header(of source: any ByteSource) throws(StoreError) -> BundleHeader {
    try BundleHeader(BufferedInput(source))
  }

  /// Reads a whole bundle and looks whether it is sound and can be fetched from here. Nothing changes.
  public static func verify(
    _ source: any ByteSource, for backend: any Backend, limits: ReceiveLimits = ReceiveLimits()
  ) throws(StoreError) -> BundleHeader {
    try receive(source, backend, limits).header
  }

  /// Takes references out of a bundle, with all that they reach.
  ///
  /// - Parameters:
  ///   - refspecs: which of its references become which here.
  ///   - refused: called with each reference that is left as it is because it would lose what it has.
  /// - Returns: the references that changed. One that would lose what it has, and that no refspec forces, is left as it is.
  @discardableResult
  public static func fetch(
    _ source: any ByteSource, into backend: any Backend, _ refspecs: [RefSpec], limits: ReceiveLimits = ReceiveLimits(),
    who: Signature, refused: (RefName) -> Void = { _ in }
  ) throws(StoreError) -> [RefChange] {
    let (header, pack) = try receive(source, backend, limits)
    let objects: any ObjectReader = pack.map { Quarantine(pack: $0, base: backend) } ?? backend
    let history = History(objects, cut: try backend.shallowCommits)
    var changes: [RefChange] = []
    for item in header.references {
      for refspec in refspecs {
        guard let name = refspec.destination(for: item.name), !changes.contains(where: { $0.name == name }) else {
          continue
        }
        let old = try backend.reference(name)
        guard old != item.id else { continue }
        let isForward = try history.isForward(name, from: old, to: item.id)
        guard refspec.isForced || isForward else {
          refused(name)
          continue
        }
        changes.append(RefChange(name, from: old, to: item.id, who: who, why: "bundle"))
      }
    }
    if pack != nil || !changes.isEmpty { try backend.adopt(pack, refs: changes, shallow: ShallowChange()) }
    return changes
  }

  private static func receive(
    _ source: any ByteSource, _ backend: any Backend, _ limits: ReceiveLimits
  ) throws(StoreError) -> (header: BundleHeader, pack: ReceivedPack?) {
    let input = BufferedInput(source)
    let header = try BundleHeader(input)
    guard header.format == backend.format else { throw .otherFormat(ours: backend.format, theirs: header.format) }
    try backend.refuseForgotten(nil, tips: (header.prerequisites.map(\.id) + header.references.map(\.id)))
    for item in header.prerequisites {
      guard try backend.contains(item.id) else {
        throw .invalid("the bundle builds on commit \(item.id) (\(item.comment)), which is not here")
      }
    }
    let pack = try PackReceiver(for: backend, limits: limits).receive(from: input)
    try backend.refuseForgotten(pack, tips: [])
    let objects: any ObjectReader = pack.map { Quarantine(pack: $0, base: backend) } ?? backend
    // What it builds on is here, but not all of that need be unless a reference leads there.
    try ObjectSelection.checkComplete(
      header.references.map(\.id), known: backend.references(under: "refs/").map(\.id), cut: backend.shallowCommits,
      in: objects)
    return (header, pack)
  }
}
