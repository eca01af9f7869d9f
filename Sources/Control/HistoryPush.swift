import GitFormat
import HostSystem
import StoreSync
import VersionedStore

/// What became of a push of the history.
public enum HistoryPushOutcome: Codable, Equatable, Sendable {
  case pushed
  /// The remote's branch has commits that the history has not.
  case diverged
  case failed(String)
}

/// One push of the history to a repository elsewhere, in a process of its own: it reads what the other side sends, and
/// waits for it.
public struct HistoryPush {
  private let store: String
  private let commit: String
  private let remote: String
  private let knownHosts: String
  var options = RemoteOptions()

  /// So much of what the other side says stands in `status`, in characters.
  private static let wordsLimit = 500
  /// How long the other side may say nothing.
  private static let idleSeconds = 60

  /// - Parameters:
  ///   - store: the history's repository.
  ///   - commit: what the remote's branch is to be, in hexadecimal digits.
  ///   - remote: the address.
  ///   - user: who the password is of.
  ///   - knownHosts: the file with the keys of SSH servers. A server that is not in it is added; one with another key is
  ///     refused.
  ///   - attached: what is put before a program so that it dies with this process.
  public init(
    store: String, commit: String, remote: String, user: String, password: String?, knownHosts: String,
    attached: [String] = []
  ) {
    self.store = store
    self.commit = commit
    self.remote = remote
    self.knownHosts = knownHosts
    options.idleSeconds = Self.idleSeconds
    options.gitCommand = attached + ["git"]
    let settings = [
      "BatchMode=yes", "StrictHostKeyChecking=accept-new", "UserKnownHostsFile=\"\(knownHosts)\"", "HashKnownHosts=no",
      "ConnectTimeout=30",
    ]
    options.sshCommand = attached + ["ssh"] + settings.flatMap { ["-o", $0] }
    if let password { options.credentials = { _ in Credentials(user: user, password: password) } }
  }

  /// Pushes without force.
  public func run() -> HistoryPushOutcome {
    do {
      guard let commit = ObjectID(hex: commit) else { throw StoreError.invalid("\(commit) is no name of a commit") }
      let who = Signature(person: "lares")
      let client = RemoteClient(try Remote(remote, openedBy: who) { Clock.wall }, options: options)
      let result = try client.push(
        [PushSpec(commit, to: ConfigurationStore.main)], from: GitBackend(opening: store), who: who)
      guard let reason = result.outcomes[ConfigurationStore.main] ?? nil else { return .pushed }
      return reason == PushResult.wouldLose
        ? .diverged : .failed(String("it refuses the push: \(reason)".prefix(Self.wordsLimit)))
    } catch {
      return .failed(Self.words(error, knownHosts))
    }
  }

  private static func words(_ error: any Error, _ knownHosts: String) -> String {
    switch error as? StoreError {
    case .denied(let what): return "\(what); check user and password in [history]"
    case .remote(let what) where what.contains("Host key verification failed"):
      return
        "its SSH host key is not the one of the first contact; if that is right, remove its line from \(knownHosts)"
    default: return String("\(error)".prefix(wordsLimit))
    }
  }
}
