import GitFormat

/// Writes several packs as one, with deltas between versions that were in different ones.
public enum PackMerge {
  /// Deltas that are there are kept, new ones are looked for among the nearest versions of each path.
  public static var usualOptions: PackBuilder.Options { PackBuilder.Options() }

  /// Writes a pack with all objects of some packs of a repository.
  ///
  /// The packs may be removed once the new one is in place and durable. One of them may have the very name of the new one,
  /// where it holds all that the others do: that one stays.
  ///
  /// - Throws: `.damaged` where an object is, and there is no other copy; what the sink throws.
  public static func write(
    _ packs: [PackSummary], of set: PackSet, _ options: PackBuilder.Options = usualOptions, to sink: @escaping PackSink
  ) throws(StoreError) -> WrittenPack {
    let paths = Set(packs.map(\.path))
    let files = set.openPacks().filter { paths.contains($0.path) }
    guard files.count == paths.count else { throw .invalid("some of the packs to merge are no more") }
    let ids = files.flatMap { file in (0..<file.index.count).map { file.index.id(at: $0) } }
    let items = try HistoryOrder.items(of: ids, from: set)
    return try PackBuilder(options).write(items, from: set, to: sink)
  }
}
