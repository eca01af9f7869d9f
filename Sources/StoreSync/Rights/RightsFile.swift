public import VersionedStore

/// Who may do what, as a file says it: `lares/rights.toml` in a repository, or `rights.toml` in a folder of repositories
/// (docs/store-rights.md).
public struct RightsFile: Equatable, Sendable {
  public var rights: Rights
  /// The addresses that somebody commits by. Who is not named commits by `<name>@lares`.
  public var mails: [Principal: [String]]
  /// Whether commits that somebody pushes, and that are new here, have to be committed by one of the addresses of that
  /// somebody. Their authors may be others.
  public var requiresOwnCommitter: Bool

  public init(_ rights: Rights = Rights(), mails: [Principal: [String]] = [:], requiresOwnCommitter: Bool = false) {
    self.rights = rights
    self.mails = mails
    self.requiresOwnCommitter = requiresOwnCommitter
  }

  /// The file's name, in the folder of repositories, or in a repository's folder `lares`.
  public static let name = "rights.toml"

  public func mails(of principal: Principal) -> [String] { mails[principal] ?? ["\(principal.name)@lares"] }

  /// The addresses that pushed commits have to be committed by; nil: any.
  public func committers(of principal: Principal) -> Set<String>? {
    requiresOwnCommitter ? Set(mails(of: principal)) : nil
  }
}

/// What is wrong with a file of rights, a line each: `rights.toml:12:3: …`.
public struct RightsFileErrors: Error, Equatable, Sendable, CustomStringConvertible {
  public var lines: [String]
  public var description: String { lines.joined(separator: "\n") }
}
