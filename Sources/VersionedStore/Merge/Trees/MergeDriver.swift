public import GitFormat

/// A merge of one file for stock `git merge`, as gitattributes(5) has it run: `%O %A %B %P` are the base, ours, theirs and
/// the path; what is in `%A` afterwards is the result, and the exit status says whether it is clean.
public enum MergeDriver {
  public struct Result: Equatable, Sendable {
    /// What to leave for Git: the merged contents; in a conflict a text with markers, or ours where it is no text.
    public var bytes: [UInt8]
    /// Why it is a conflict, for people; nil: it is none.
    public var conflict: String?
    public var isClean: Bool { conflict == nil }
  }

  /// - Parameters:
  ///   - base: the common ancestor; Git passes an empty file where there is none.
  ///   - path: where the file stands in the repository.
  ///   - labels: what stands behind the markers of a conflict.
  ///   - markerSize: their length: `%L`.
  public static func merge(
    base: [UInt8], ours: [UInt8], theirs: [UInt8], at path: Path, policy: MergePolicy = .standard,
    labels: (ours: String, base: String?, theirs: String) = ("ours", nil, "theirs"), markerSize: Int = 7
  ) throws(StoreError) -> Result {
    do throws(MergeFailure) {
      if ours == theirs || base == theirs { return Result(bytes: ours) }
      if base == ours { return Result(bytes: theirs) }
      guard max(ours.count, theirs.count) <= policy.maximumSize else {
        throw .conflict("it is too large to merge")
      }
      let old: LazyBase<[UInt8]> = LazyBase(base.isEmpty ? nil : base)
      return Result(bytes: try policy.merge(for: path)(base: old, ours: ours, theirs: theirs))
    } catch {
      switch error {
      case .store(let error): throw error
      case .conflict(let reason):
        let isText = TextMerge.isText(ours) && TextMerge.isText(theirs) && ours.count <= policy.maximumSize
        let marked =
          isText
          ? TextMerge(base: base, ours: ours, theirs: theirs).marked(labels: labels, size: markerSize) : ours
        return Result(bytes: marked, conflict: reason)
      }
    }
  }
}
