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
  private let user: String
  private let password: String?
  var options = RemoteOptions()

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
    self.user = user
    self.password = password
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
      let who = Signature(name: "lares", email: "lares@lares", time: Clock.wall)
      let client = RemoteClient(try Remote(remote, openedBy: who) { Clock.wall }, options: options)
      let result = try client.push(
        [PushSpec(commit, to: ConfigurationStore.main)], from: GitBackend(opening: store), who: who)
      guard let reason = result.outcomes[ConfigurationStore.main] ?? nil else { return .pushed }
      return reason == PushResult.wouldLose ? .diverged : .failed("it refuses the push: \(reason)")
    } catch {
      return .failed("\(error)")
    }
  }
}
