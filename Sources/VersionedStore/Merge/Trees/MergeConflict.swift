public import GitFormat

/// A place that both sides of a merge changed, so that people have to decide.
public struct MergeConflict: Hashable, Sendable {
  public typealias Side = TreeChange.Side

  public enum Kind: String, Sendable, CaseIterable {
    /// Both changed the contents.
    case contents
    /// Both added something, and not the same.
    case added
    /// One removed what the other changed.
    case removed
    /// A file here, a directory there.
    case fileAndDirectory = "file and directory"
    /// A file here, a link or a submodule there; or both changed what may be done with it.
    case mode
  }

  public var path: Path
  public var kind: Kind
  /// For people; one line.
  public var reason: String
  /// What was there before; nil: nothing, or there is no common ancestor.
  public var base: Side?
  /// What the side has that merges; nil: nothing.
  public var ours: Side?
  /// What the side has that is merged in; nil: nothing.
  public var theirs: Side?

  public init(_ path: Path, _ kind: Kind, _ reason: String, base: Side?, ours: Side?, theirs: Side?) {
    self.path = path
    self.kind = kind
    self.reason = String(decoding: reason.utf8.map { $0 < 0x20 || $0 == 0x7F ? 0x20 : $0 }, as: UTF8.self)
    self.base = base
    self.ours = ours
    self.theirs = theirs
  }

  /// The side with a name, as `lares store resolve` takes it.
  public func side(_ choice: Choice) -> Side? {
    switch choice {
    case .base: base
    case .ours: ours
    case .theirs: theirs
    }
  }

  /// One of the three versions.
  public enum Choice: String, Sendable, CaseIterable { case base, ours, theirs }
}
