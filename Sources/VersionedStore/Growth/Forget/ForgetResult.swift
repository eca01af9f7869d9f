public import GitFormat

/// What forgetting did, or would do.
public struct ForgetResult: Equatable, Sendable {
  /// How many commits and annotated tags were made anew.
  public var commits = 0
  public var tags = 0
  /// References that name something else now.
  public var references: [RefName] = []
  /// Paths that were taken out, each once, in order.
  public var paths: [Path] = []
  /// How many objects are no more: contents, directories, commits and tags.
  public var forgottenObjects = 0
  /// Contents that stood at a forgotten path and stay, for another path has them too.
  public var survivors: [Survivor] = []
  /// Commits and tags, by their old names, whose signatures were dropped: nobody can sign the new ones for their makers.
  public var unsigned: [ObjectID] = []
  /// Who is known to have a copy. Copies elsewhere cannot be forgotten from here, and there may be others that are not
  /// known.
  public var copies: [KnownCopy] = []
  /// Files that another program has put into the repository and that were not looked into.
  public var leftovers: [String] = []

  public init() {}

  /// Something that is still there.
  public struct Survivor: Equatable, Sendable {
    public var id: ObjectID
    /// Where it was forgotten, and where it still is.
    public var forgotten: Path
    public var kept: Path
  }

  /// Somebody who has, or had, what this repository has.
  public struct KnownCopy: Hashable, Sendable {
    public enum Kind: String, Sendable {
      /// A remote that this repository fetches from or pushes to.
      case remote
      /// A person who pushed to this repository.
      case pushed
      /// A person who fetched from this repository.
      case fetched
    }

    public var kind: Kind
    /// A name and address of the person, or the remote's name and where it is, without a password.
    public var who: String
  }
}
