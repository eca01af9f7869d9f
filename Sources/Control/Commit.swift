public import Household

/// One state of the configuration in its history.
public struct Commit: Codable, Sendable, Equatable {
  /// 1 for the first; each commit's parent is the one before it.
  public var number: Int
  /// Its name in the store, in hexadecimal digits; nil where it is not in one.
  public var id: String?
  /// Who made it: a user's name, or `lares` for what the router did by itself.
  public var author: String
  /// Why, in the author's words.
  public var reason: String
  public var time: UnixTime
  /// The number of the commit that this one undoes.
  public var undoes: Int?
  /// All files by name relative to the configuration's folder.
  public var files: [String: String]

  public init(
    number: Int, id: String? = nil, author: String, reason: String, time: UnixTime, undoes: Int? = nil,
    files: [String: String]
  ) {
    self.number = number
    self.id = id
    self.author = author
    self.reason = reason
    self.time = time
    self.undoes = undoes
    self.files = files
  }
}

/// The commit that reverts by itself unless somebody confirms it.
public struct Provisional: Codable, Sendable, Equatable {
  /// Number of the provisional commit.
  public var commit: Int
  /// Number of the commit whose files come back.
  public var fallback: Int
  public var owner: String
  /// End of the window, on the monotonic clock of `boot`, in nanoseconds.
  public var deadline: Int64
  /// The boot whose clock `deadline` is on. After another boot the window is over.
  public var boot: String

  public init(commit: Int, fallback: Int, owner: String, deadline: Int64, boot: String) {
    self.commit = commit
    self.fallback = fallback
    self.owner = owner
    self.deadline = deadline
    self.boot = boot
  }
}

/// Where commits are kept. Numbers have no gaps, nothing is ever changed, and what was appended lasts.
public protocol ConfigurationHistory {
  /// Number of the newest commit; 0 where there is none.
  var newest: Int { get }
  /// The commit with a number from 1 to `newest`.
  func commit(_ number: Int) throws -> Commit
  /// Adds a commit whose number is `newest + 1`. When it returns, the commit survives power loss.
  mutating func append(_ commit: Commit) throws
  /// Makes commits that came from outside the newest, all or none. They are in order and go on from `newest`. When it
  /// returns, they survive power loss.
  ///
  /// - Parameter owner: who pushed them.
  mutating func adopt(_ commits: [Commit], by owner: String) throws
  /// The mark of an open window, which lasts like a commit.
  var provisional: Provisional? { get }
  mutating func setProvisional(_ provisional: Provisional?) throws
}
