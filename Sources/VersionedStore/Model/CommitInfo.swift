public import GitFormat

/// What a maker says about a commit: who wanted the change, and why. The committer is the repository's own identity.
public struct CommitInfo: Hashable, Sendable {
  public var author: Signature
  public var message: String
  /// Header lines beside Git's own, as `CommitObject.extraHeaders` has them.
  public var extraHeaders: [UInt8]

  /// A NUL in the message is left out, since Git's readers end there.
  public init(author: Signature, message: String, extraHeaders: [UInt8] = []) {
    self.author = author
    self.message = message.utf8.contains(0) ? String(decoding: message.utf8.filter { $0 != 0 }, as: UTF8.self) : message
    self.extraHeaders = extraHeaders
  }
}

/// Whom a repository names as the committer of what it writes.
public struct Identity: Hashable, Sendable {
  public var name: String
  public var email: String

  public init(name: String, email: String) {
    self.name = name
    self.email = email
  }
}
