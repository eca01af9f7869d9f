public import HostSystem
public import Household

/// What `GET /v1/status` answers.
public struct StatusReport: Codable, Sendable {
  public var version: String
  public var commit: CommitSummary?
  public var provisional: ProvisionalReport?
  /// Whether lares.toml says something else than the commit in force.
  public var candidateDiffers: Bool
  public var daemons: [DaemonReport]
  /// The first check that fails, which is the cause of those below it; nil: all is well.
  public var diagnosis: String?
  public var checks: [Check]
  public var uplinks: [UplinkFact]
  public var links: [LinkFact]
  public var paused: [PauseFact]
  /// Where the history is pushed; nil: nowhere.
  public var history: HistoryReport?
  public var folders: FoldersReport?

  /// Everything that is wrong now, a sentence each.
  public var problems: [String] {
    [diagnosis].compactMap(\.self) + daemons.flatMap { daemon in daemon.problems.map { "\(daemon.name): \($0)" } }
      + [history?.problem].compactMap(\.self)
  }
}

/// A commit without its files.
public struct CommitSummary: Codable, Sendable, Equatable {
  public var number: Int
  /// Its name in the store; nil where the store cannot be read.
  public var id: String?
  public var author: String
  public var reason: String
  public var time: UnixTime
  public var undoes: Int?

  init(_ commit: Commit) {
    number = commit.number
    id = commit.id
    author = commit.author
    reason = commit.reason
    time = commit.time
    undoes = commit.undoes
  }
}

public struct ProvisionalReport: Codable, Sendable {
  public var commit: Int
  public var owner: String
  public var secondsLeft: Int
  /// Checks that were good before the commit and are bad now.
  public var worse: [String]
}

public struct DaemonReport: Codable, Sendable {
  public var name: String
  public var isRunning: Bool
  public var appliedCommit: Int
  public var problems: [String]
  public var notes: [String]
}

/// One row of `lares devices`: a configured device, or somebody that only a lease or a neighbour entry tells of.
public struct DeviceReport: Codable, Sendable, Equatable {
  /// The device's name, else the name its lease asked for, else its hardware address.
  public var name: String
  /// Whether lares.toml names it.
  public var isKnown: Bool
  public var network: String?
  public var addresses: [String]
  public var hardware: [String]
  public var isPaused: Bool
  public var lastSeen: UnixTime?
}

/// What `lares dns` shows.
public struct NamesReport: Codable, Sendable {
  public var names: [NameFact]
  public var metrics: [String: Double]
}

/// What `lares firewall` shows.
public struct FirewallReport: Codable, Sendable {
  public var rules: [RuleFact]
}

/// One line of the firewall log. Keys grow; give the last one as `after` to get what came since.
public struct LoggedDrop: Codable, Sendable {
  public var key: String
  public var packet: FirewallLogEntry
}

/// What `GET /v1/log` answers.
public struct LogReport: Codable, Sendable {
  /// Oldest first.
  public var lines: [LogLine]
  /// Give it as `after` to get what came since.
  public var next: String
}

/// The answer to a change of the configuration.
public struct ChangeReport: Codable, Sendable {
  public var commit: Int
  /// Its name in the store.
  public var id: String?
  /// What changed, in words.
  public var changes: [String]
  /// Seconds until it reverts unless confirmed; nil: it stays.
  public var confirmWithin: Int?
}

struct CommitRequest: Codable {
  var reason: String?
  /// Seconds; 0: no window; nil: the default.
  var window: Int?
  /// Files to commit instead of those in the configuration's folder.
  var files: [String: String]?
}

struct RollbackRequest: Codable {
  /// nil: the commit before the one in force; while one is provisional, the end of its window.
  var commit: Revision?
  var reason: String?
  var window: Int?
  /// Whether uncommitted changes in lares.toml may be lost.
  var discard: Bool?
}

struct RestoreRequest: Codable {
  /// In hexadecimal digits; it is in the store already.
  var commit: String
  var secrets: [String: String]
  /// Lines of a file of SSH servers' keys.
  var hostKeys: String?
  var reason: String?
  var window: Int?
  /// Whether uncommitted changes in lares.toml may be lost.
  var discard: Bool?
}

/// Where a running Lares keeps what lasts: absolute paths.
public struct FoldersReport: Codable, Sendable {
  /// With lares.toml.
  public var configuration: String
  public var state: String
}

struct EditRequest: Codable {
  var path: String
  /// TOML, or a bare word where the schema wants text; nil: remove the key.
  var value: String?
}

/// The answer to an edit of lares.toml.
public struct EditReport: Codable, Sendable {
  /// False where the file said so already.
  public var changed: Bool
  /// What is wrong with the edited file, so that it cannot be committed yet; several edits may lead through such states.
  public var diagnostics: [String]
}

struct PauseRequest: Codable {
  /// nil: until resumed.
  var seconds: Int?
}

struct SecretRequest: Codable { var value: String }

/// Every refusal's body.
public struct ErrorReport: Codable, Sendable {
  public var error: String
  public init(error: String) { self.error = error }
}

/// A commit as a person names it: by its number or by its name's beginning; in JSON a number or a text.
public struct Revision: Codable, Sendable, Equatable {
  public var text: String

  public init(_ text: String) { self.text = text }

  public init(from decoder: any Decoder) throws {
    let value = try decoder.singleValueContainer()
    if let number = try? value.decode(Int.self) { text = String(number) } else { text = try value.decode(String.self) }
  }

  public func encode(to encoder: any Encoder) throws {
    var value = encoder.singleValueContainer()
    try value.encode(text)
  }
}

/// What a Git session asks about a push, on the connection that control gave it.
struct PushRequest: Codable {
  /// The newest commit that was pushed.
  var commit: String
  /// Its files, while the store does not have them: they are only checked.
  var files: [String: String]?
  /// Seconds; 0: no window; nil: the default.
  var window: Int?
}

/// What `POST /v1/configuration/bisect` takes.
struct BisectRequest: Codable {
  var action: BisectAction
  /// start: the commit that is known to be bad (default: the one in force) and the one that is known to be good.
  var bad: Revision?
  var good: Revision?
  var window: Int?
}

/// What a person does in a search for the commit that broke something.
public enum BisectAction: String, Codable, Sendable, CaseIterable { case start, good, bad, skip, reset, status }

/// How a search stands.
public struct BisectReport: Codable, Sendable {
  /// The commit whose configuration is in force to be tried; nil: nothing is to be tried any more.
  public var testing: CommitSummary?
  /// How many commits may be the one.
  public var left: Int
  /// The commit that broke it.
  public var found: CommitSummary?
  /// Those among which it is, where all others had to be skipped.
  public var candidates: [CommitSummary]
  /// What came into force for the next step.
  public var change: ChangeReport?
}
