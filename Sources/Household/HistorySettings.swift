/// Where the configuration's history is pushed after each commit that stays.
public struct HistorySettings: Sendable, Equatable {
  /// The address of a Git repository: `https://…`, `ssh://user@host/path`, `user@host:path` or a path. It has no password
  /// in it.
  public var push: String
  /// Who the password is of, at an https remote.
  public var user: String
  /// Name of the secret that holds the password or token for an https remote.
  public var password: SecretName?

  public enum Transport: Sendable { case path, https, ssh }

  /// How the repository is reached.
  public var transport: Transport {
    if push.hasPrefix("/") || push.hasPrefix("file://") { return .path }
    return push.hasPrefix("https://") ? .https : .ssh
  }

  public init(push: String, user: String = "git", password: SecretName? = nil) {
    self.push = push
    self.user = user
    self.password = password
  }
}
