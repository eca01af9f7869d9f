import HostSystem
public import Household
import Wire

/// How pushes of the history are started and how patient they are.
public struct HistoryPushSettings: Sendable {
  var pauses = PushSchedule.Pauses()
  /// How long one push may take, in milliseconds.
  var limit: Int64 = 600_000

  public init() {}
}

/// How far the history is on its way to the repository that `[history]` names.
public struct HistoryReport: Codable, Sendable, Equatable {
  public var remote: String
  /// The newest commit that is known to be there; nil: none.
  public var commit: Int?
  /// When it was pushed.
  public var pushed: UnixTime?
  /// Commits that stay and are not there yet.
  public var waiting: Int
  /// Why they are not, and what to do.
  public var problem: String?
  /// When the next push begins by itself; nil: none is to come, or one is under way.
  public var next: UnixTime?
  /// The file with the keys of SSH servers, each as it was at the first contact; nil: there are none.
  public var hostKeys: String?
}

/// Has the history pushed after each commit that stays, in the background.
final class HistoryPusher {
  /// What a push left behind, so that `status` knows it after a restart.
  private struct Record: Codable {
    var remote: String
    var commit: String
    var time: UnixTime
  }

  private let settings: HistoryPushSettings
  private let program: String
  private let folder: String
  private let secrets: SecretStore
  private let loop: EventLoop
  private let log: Log
  private var wanted: HistorySettings?
  private var record: Record?
  private var schedule: PushSchedule
  private var process: PushProcess?
  private var timer: EventLoop.Timer?
  private var problem: String?

  private var recordPath: String { folder + "/pushed" }
  private var knownHosts: String { folder + "/known_hosts" }
  /// A password that is longer is none.
  private static let passwordLimit = 4_096

  /// - Parameters:
  ///   - folder: control's state folder, with the store.
  ///   - program: the executable of `lares`.
  init(
    folder: String, secrets: SecretStore, program: String, settings: HistoryPushSettings, loop: EventLoop, log: Log
  ) {
    self.folder = folder
    self.secrets = secrets
    self.program = program
    self.settings = settings
    self.loop = loop
    self.log = log
    schedule = PushSchedule(settings.pauses)
    record = (try? File.readIfPresent(folder + "/pushed")).flatMap { $0 }.flatMap {
      try? JSON.decode(Record.self, from: $0)
    }
  }

  deinit { timer?.cancel() }

  // MARK: - What is to be done

  /// Pushes to this place from now on; nil: nowhere.
  func apply(_ new: HistorySettings?) {
    guard new != wanted else { return }
    if record?.remote != new?.push { record = nil }
    wanted = new
    problem = nil
    process?.kill()
    schedule.forget(done: record?.commit)
    arm()
  }

  /// Asks for a commit that stays to be pushed.
  func want(_ commit: String) {
    guard wanted != nil else { return }
    schedule.want(commit, now: Clock.now)
    arm()
  }

  /// Tries again at once where a secret was in the way.
  func secretHasChanged(_ name: String) {
    guard wanted?.password?.name == name else { return }
    schedule.retry(now: Clock.now)
    arm()
  }

  /// - Parameter number: of a commit by its name; nil: it is not in the history.
  func report(number: (String) -> Int?) -> HistoryReport? {
    guard let wanted else { return nil }
    let there = record.flatMap { number($0.commit) }
    let last = schedule.wanted.flatMap(number) ?? there ?? 0
    return HistoryReport(
      remote: wanted.push, commit: there, pushed: record?.time, waiting: max(0, last - (there ?? 0)), problem: problem,
      next: schedule.due.map { Clock.wall + max(0, $0.milliseconds(since: Clock.now)) / 1_000 },
      hostKeys: wanted.transport == .ssh && File.owner(of: knownHosts) != nil ? knownHosts : nil)
  }

  // MARK: - Doing it

  private func arm() {
    timer?.cancel()
    timer = schedule.due.map { due in loop.schedule(at: due) { [unowned self] in begin() } }
  }

  private func begin() {
    guard let wanted, let commit = schedule.begin(now: Clock.now) else { return }
    do {
      var arguments = [
        program, "history-push", "--parent", String(ProcessIdentity.current), "--store", folder + "/config.git",
        "--known-hosts", knownHosts, "--commit", commit, "--remote", wanted.push, "--user", wanted.user,
      ]
      let password = try password(wanted)
      if password != nil { arguments.append("--password") }
      process = try PushProcess(
        arguments, input: password ?? [], limitMilliseconds: settings.limit, loop: loop
      ) { [unowned self] in end(commit, of: wanted, $0) }
    } catch {
      end(commit, of: wanted, .failed("\(error)"))
    }
  }

  private func password(_ wanted: HistorySettings) throws -> [UInt8]? {
    guard let name = wanted.password else { return nil }
    guard let value = try secrets.value(of: name), !value.isEmpty else {
      throw ControlError.failed("its password is not set; set it: lares secret set \(name.name)")
    }
    guard value.utf8.count <= Self.passwordLimit else {
      throw ControlError.failed("its password has more than \(Self.passwordLimit) bytes: lares secret set \(name.name)")
    }
    return Array(value.utf8)
  }

  private func end(_ commit: String, of pushed: HistorySettings, _ outcome: HistoryPushOutcome) {
    process = nil
    let counts = schedule.end(succeeded: outcome == .pushed, now: Clock.now)
    if counts { note(outcome, commit, pushed) }
    arm()
  }

  private func note(_ outcome: HistoryPushOutcome, _ commit: String, _ pushed: HistorySettings) {
    let before = problem
    switch outcome {
    case .pushed:
      problem = nil
      let record = Record(remote: pushed.push, commit: commit, time: Clock.wall)
      self.record = record
      do {
        // What is lost with the power is pushed again, which changes nothing.
        try File.replace(recordPath, with: JSON.encode(record), mode: 0o600, durable: false)
      } catch {
        log.warning("that the history was pushed cannot be kept: \(error)")
      }
      log.notice("the history was pushed", ["remote": pushed.push, "commit": commit])
    case .diverged:
      problem =
        "the history cannot be pushed: branch main of \(pushed.push) has other commits, which are not overwritten; "
        + "rename that branch there, or name an empty repository in push of [history]"
    case .failed(let why):
      problem = "the history cannot be pushed to \(pushed.push): \(why); it is tried again by itself"
    }
    if let problem, problem != before { log.warning(problem) }
  }
}
